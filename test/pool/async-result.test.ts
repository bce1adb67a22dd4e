/** Results on their way: who is told of an error, and what its stack says of who asked. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Event, Pool } from '../../src/index.ts';
import { root } from '../support/run.ts';

const pool = new Pool(1);
after(() => pool.terminate());

const fails = (text: string): never => {
  throw new RangeError(text);
};

/** The functions of this file on the stack below the seam between both processes. */
function callersIn(error: unknown): string[] {
  assert.ok(error instanceof RangeError);
  const [, below = ''] = error.stack!.split(', called from]');
  return [...below.matchAll(/at (?:async )?(?:Object\.)?(\w+) \(.*async-result\.test/g)].map(
    ([, name]) => name!,
  );
}

describe('the stack of an error names who asked for the result', () => {
  const ways: Record<string, (ask: string) => unknown> = {
    'awaits apply': async function asks(text) {
      await pool.apply(fails, [text]);
    },
    'awaits applyAsync': async function asks(text) {
      await pool.applyAsync(fails, [text]);
    },
    'awaits get()': async function asks(text) {
      await pool.applyAsync(fails, [text]).get();
    },
    'awaits get() with a timeout': async function asks(text) {
      await pool.applyAsync(fails, [text]).get({ timeout: 20_000 });
    },
    'awaits several at once': async function asks(text) {
      await Promise.all([pool.applyAsync(fails, [text]), pool.applyAsync(Math.abs, [-1])]);
    },
    'handles it with then()': async function asks(text) {
      await pool.applyAsync(fails, [text]).then((value) => value);
    },
    'awaits it when it has failed already': async function asks(text) {
      const result = pool.applyAsync(fails, [text]);
      await result.wait();
      await result;
    },
    'calls get() when it has failed already': async function asks(text) {
      const result = pool.applyAsync(fails, [text]);
      await result.wait();
      await result.get();
    },
    'blocks for it': async function asks(text) {
      pool.applySync(fails, [text]);
    },
    'blocks for it when it has failed already': async function asks(text) {
      const result = pool.applyAsync(fails, [text]);
      await result.wait();
      result.getSync();
    },
    'awaits map': async function asks(text) {
      await pool.map(fails, [text]);
    },
  };
  for (const [how, asks] of Object.entries(ways)) {
    test(how, async () => {
      const error: unknown = await (async function above() {
        await asks(how);
      })().catch((e: unknown) => e);
      assert.equal((error as Error).message, how);
      assert.match((error as Error).stack!, /at fails .*\n(?:.*\n)*.*\[in process \d+ '/);
      assert.equal(callersIn(error)[0], 'asks', (error as Error).stack);
    });
  }

  test('an errorCallback is told who has called, since nobody may ask', async () => {
    const error: unknown = await new Promise(function calls(resolve) {
      pool.applyAsync(fails, ['callback'], { errorCallback: resolve });
    });
    assert.equal(callersIn(error)[0], 'calls', (error as Error).stack);
  });

  test('the first one who asks is named, once, and all get the same error', async () => {
    const result = pool.applyAsync(fails, ['shared']);
    await result.wait();
    const first: unknown = await (async function asks() {
      await result;
    })().catch((e: unknown) => e);
    const { stack } = first as Error;
    for (const again of [() => result, () => result.get(), async () => result.getSync()]) {
      await assert.rejects(
        async () => again(),
        (e) => e === first,
      );
    }
    assert.equal((first as Error).stack, stack);
    assert.equal(stack!.match(/called from/g)?.length, 1);
  });
});

describe('an error that nobody asks for', () => {
  test('disturbs nobody, also when it was waited for', async () => {
    const said: unknown[] = [];
    const hear = (reason: unknown): void => void said.push(reason);
    process.on('unhandledRejection', hear);
    const result = pool.applyAsync(fails, ['nobody']);
    await result.wait();
    assert.deepEqual([result.ready(), result.successful()], [true, false]);
    await sleep(20);
    process.off('unhandledRejection', hear);
    assert.deepEqual(said, []);
  });

  test('ends the program once it is asked for and not handled', () => {
    const program = `
      const { Pool } = require(${JSON.stringify(path.join(root, 'dist/cjs/index.js'))});
      const fails = () => { throw new RangeError('unhandled'); };
      void new Pool(1).applyAsync(fails).then(() => {});`;
    const { status, stderr } = spawnSync(process.execPath, ['-e', program], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    assert.equal(status, 1);
    assert.match(stderr, /RangeError: unhandled/);
  });
});

test('who waits is told when it is there, or time is up, as often as it is asked', async () => {
  const go = new Event();
  const slow = pool.applyAsync(
    async (event: Event) => {
      await event.wait();
      return 'gone';
    },
    [go],
  );
  for (let i = 0; i < 5; i++) await slow.wait({ timeout: 1 });
  assert.equal(slow.ready(), false);
  await assert.rejects(slow.get({ timeout: 1 }), { name: 'TimeoutError' });
  const all = Promise.all([slow, slow.get(), slow.get({ timeout: 20_000 }), slow.wait()]);
  go.set();
  assert.deepEqual(await all, ['gone', 'gone', 'gone', undefined]);
});

test('callbacks are those of the call, which still find the result not ready, and are called once', async () => {
  const heard: unknown[] = [];
  const options: { callback?: (value: number) => void } = {
    callback: (value) => heard.push(value, result.ready()),
  };
  const result = pool.applyAsync(Math.abs, [-4], options);
  delete options.callback;
  await result;
  await sleep(5);
  assert.deepEqual(heard, [4, false]);
});
