/** CPython's rows for Pool, with real worker processes; each call in its waiting and in its blocking form. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import {
  activeChildren,
  MaybeEncodingError,
  Pool,
  ProcessError,
  TimeoutError,
  Value,
} from '../../src/index.ts';
import { library, start, startProgram, temporaryDirectory } from '../support/run.ts';

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const sqr = async (x: number, wait = 0): Promise<number> => {
  await new Promise((done) => setTimeout(done, wait));
  return x * x;
};
const mul = (x: number, y: number): number => x * y;
const squares = (n: number): number[] => range(n).map((x) => x * x);

class SayWhenError extends Error {}
function* gen(total: number, when: number): Generator<number> {
  if (when === -1) throw new SayWhenError('Somebody said when');
  for (let i = 0; i < total; i++) {
    if (i === when) throw new SayWhenError('Somebody said when');
    yield i;
  }
}

type AnyCall = (...args: never[]) => unknown;
/** Calls of a pool in one form, by the name of the waiting one. */
interface Form {
  readonly form: string;
  call(pool: Pool, name: 'apply' | 'map' | 'starmap', ...args: unknown[]): Promise<unknown>;
  get<R>(
    result: { get(o?: object): Promise<R>; getSync(o?: object): R },
    options?: { timeout: number },
  ): Promise<R>;
  wait(result: { wait(): Promise<unknown>; waitSync(): unknown }): Promise<void>;
  join(pool: Pool): Promise<void>;
}
const forms: readonly Form[] = [
  {
    form: 'waiting',
    call: async (pool, name, ...args) => (pool[name] as AnyCall).apply(pool, args as never[]),
    get: (result, options) => result.get(options),
    wait: async (result) => void (await result.wait()),
    join: (pool) => pool.join(),
  },
  {
    form: 'blocking',
    call: async (pool, name, ...args) => (pool[`${name}Sync`] as AnyCall).apply(pool, args as never[]),
    get: async (result, options) => result.getSync(options),
    wait: async (result) => void result.waitSync(),
    join: async (pool) => pool.joinSync(),
  },
];

for (const { form, call, get, wait, join } of forms) {
  describe(`in the ${form} form`, () => {
    const pool = new Pool(4);
    after(async () => {
      pool.terminate();
      await join(pool);
    });

    test('_TestPool.test_apply', async () => {
      assert.equal(await call(pool, 'apply', sqr, [5]), 25);
      assert.equal(await call(pool, 'apply', ({ x }: { x: number }) => x * x, [], { kwargs: { x: 3 } }), 9);
    });

    test('_TestPool.test_map', async () => {
      assert.deepEqual(await call(pool, 'map', sqr, range(10)), squares(10));
      assert.deepEqual(await call(pool, 'map', sqr, range(100), { chunksize: 20 }), squares(100));
    });

    test('_TestPool.test_starmap', async () => {
      const pairs = (n: number): [number, number][] => range(n).map((i) => [i, n - 1 - i]);
      const products = (n: number): number[] => range(n).map((i) => i * (n - 1 - i));
      assert.deepEqual(await call(pool, 'starmap', mul, pairs(10)), products(10));
      assert.deepEqual(await call(pool, 'starmap', mul, pairs(100), { chunksize: 20 }), products(100));
    });

    test('_TestPool.test_starmap_async', async () => {
      const pairs = range(100).map((i): [number, number] => [i, 99 - i]);
      assert.deepEqual(
        await get(pool.starmapAsync(mul, pairs)),
        range(100).map((i) => i * (99 - i)),
      );
    });

    test('_TestPool.test_map_async', async () => {
      assert.deepEqual(
        await get(pool.mapAsync(sqr as (x: number) => Promise<number>, range(10))),
        squares(10),
      );
    });

    test('_TestPool.test_map_async_callbacks', async () => {
      const calls: unknown[] = [];
      const append = (x: unknown): void => void calls.push(x);
      const toInt = (s: string): number => {
        const n = Number.parseInt(s, 10);
        if (Number.isNaN(n)) throw new RangeError(`invalid literal: ${s}`);
        return n;
      };
      await wait(pool.mapAsync(toInt, ['1'], { callback: append, errorCallback: append }));
      assert.deepEqual(calls, [[1]]);
      await wait(pool.mapAsync(toInt, ['a'], { callback: append, errorCallback: append }));
      assert.equal(calls.length, 2);
      assert.ok(calls[1] instanceof RangeError);
    });

    test('_TestPool.test_map_handle_iterable_exception[generator]', async () => {
      for (const input of [gen(1, -1), gen(1, -1), gen(10, 3)]) {
        await assert.rejects(call(pool, 'map', sqr, input, 1), (e) => e instanceof SayWhenError);
      }
    });

    test('_TestPool.test_map_handle_iterable_exception[sized iterable]', async () => {
      const sized = {
        length: 1,
        [Symbol.iterator]: () => ({
          next(): never {
            throw new SayWhenError('said');
          },
        }),
      };
      for (let i = 0; i < 2; i++) {
        await assert.rejects(call(pool, 'map', sqr, sized, 1), (e) => e instanceof SayWhenError);
      }
    });

    test('_TestPool.test_async', async () => {
      const result = pool.applyAsync(sqr, [7, 100]);
      assert.equal(result.ready(), false);
      assert.equal(await get(result), 49);
    });

    test('_TestPool.test_async_timeout', async () => {
      const mine = new Pool(3);
      const result = mine.applyAsync(sqr, [6, 30_100]);
      await assert.rejects(get(result, { timeout: 100 }), (e) => {
        return e instanceof TimeoutError && e instanceof ProcessError;
      });
      mine.terminate();
      await join(mine);
      assert.equal(activeChildren().filter((p) => p.name.includes('sqr')).length, 0);
    });

    test('_TestPool.test_empty_iterable', async () => {
      const mine = new Pool(1);
      const collect = async (results: AsyncIterable<unknown>): Promise<unknown[]> => {
        const all: unknown[] = [];
        for await (const x of results) all.push(x);
        return all;
      };
      const one = sqr as (x: number) => Promise<number>;
      assert.deepEqual(await call(mine, 'map', sqr, []), []);
      assert.deepEqual(await collect(mine.imap(one, [])), []);
      assert.deepEqual(await collect(mine.imapUnordered(one, [])), []);
      assert.deepEqual(await get(mine.mapAsync(one, [])), []);
      mine.close();
      await join(mine);
    });

    test('_TestPool.test_terminate', async () => {
      const mine = new Pool(3);
      const long = (): Promise<void> => new Promise((done) => setTimeout(done, 300_000));
      const result = mine.mapAsync(long, range(10_000), { chunksize: 1 });
      await sleep(200);
      mine.terminate();
      await join(mine);
      await assert.rejects(get(result), { name: 'RuntimeError', message: /terminated/ });
    });

    test('_TestPool.test_wrapped_exception', async () => {
      class RuntimeError extends Error {}
      const failing = (): never => {
        throw new RuntimeError('foo');
      };
      await assert.rejects(
        call(pool, 'apply', failing),
        (e) => e instanceof RuntimeError && e.message === 'foo',
      );
    });

    test('_TestPool.test_map_no_failfast', async () => {
      const mine = new Pool(2);
      const done = new Value('i', 0);
      const failing = async (x: number, counter: typeof done): Promise<never> => {
        if (x === 1) await new Promise((resolve) => setTimeout(resolve, 1000));
        counter.add(1);
        throw new RangeError('x'.repeat(1 << 20));
      };
      const items = [0, 1].map((x) => [x, done] as const);
      await assert.rejects(call(mine, 'starmap', failing, items, 1), (e) => {
        assert.equal(done.value, 2, 'both jobs are finished');
        return e instanceof RangeError && e.message.length === 1 << 20;
      });
      await sleep(500);
      mine.close();
      await join(mine);
    });

    test('_TestPoolWorkerErrors.test_async_error_callback', async () => {
      const mine = new Pool(2);
      class KeyError extends Error {}
      let seen: unknown;
      const result = mine.applyAsync(
        () => {
          throw new KeyError('key');
        },
        [],
        {
          errorCallback: (e) => {
            seen = e;
          },
        },
      );
      await assert.rejects(get(result), KeyError);
      assert.ok(seen instanceof KeyError);
      mine.close();
      await join(mine);
    });

    test('_TestPoolWorkerErrors.test_unpickleable_result', async () => {
      const mine = new Pool(2);
      const before = new Set(
        await call(mine, 'map', () => process.pid, range(8), 1).then((p) => p as number[]),
      );
      for (let i = 0; i < 20; i++) {
        let seen: unknown;
        const result = mine.applyAsync(() => new WeakMap(), [], {
          errorCallback: (e) => {
            seen = e;
          },
        });
        await assert.rejects(get(result), MaybeEncodingError);
        assert.ok(seen instanceof MaybeEncodingError);
        assert.ok(seen.exc.length > 0 && seen.value.length > 0);
        assert.equal(seen.message, `Error sending result: '${seen.value}'. Reason: '${seen.exc}'`);
      }
      for (const pid of (await call(mine, 'map', () => process.pid, range(8), 1)) as number[]) {
        assert.ok(before.size < 2 || before.has(pid), 'no worker is lost');
      }
      mine.close();
      await join(mine);
    });

    test('_TestPoolWorkerLifetime.test_pool_worker_lifetime_early_close', async () => {
      const mine = new Pool(3, { maxTasksPerChild: 1 });
      const results = range(6).map((i) => mine.applyAsync(sqr, [i, 300]));
      mine.close();
      await join(mine);
      for (const [i, result] of results.entries()) {
        assert.equal(result.ready(), true);
        assert.equal(await get(result), i * i);
      }
    });

    test('TestInitializers.test_pool_initializer', async () => {
      assert.throws(
        // @ts-expect-error wrong on purpose
        () => new Pool(1, { initializer: 1 }),
        (e) => e instanceof TypeError && /initializer must be a callable/.test(e.message),
      );
      const ran = new Value('i', 0);
      const mine = new Pool(1, {
        initializer: (v: typeof ran) => {
          v.value += 1;
        },
        initargs: [ran],
      });
      mine.close();
      await join(mine);
      assert.equal(ran.value, 1);
    });
  });
}

describe('in one form only', () => {
  const pool = new Pool(4);
  const one = sqr as (x: number) => Promise<number>;
  after(async () => {
    pool.terminate();
    await pool.join();
  });

  test('_TestPool.test_imap[collect]', async () => {
    for (const [n, chunksize] of [
      [10, 1],
      [1000, 100],
    ] as const) {
      const all: number[] = [];
      for await (const y of pool.imap(one, range(n), { chunksize })) all.push(y);
      assert.deepEqual(all, squares(n));
    }
  });

  test('_TestPool.test_imap[next]', async () => {
    const results = pool.imap(one, range(10));
    for (let i = 0; i < 10; i++) assert.deepEqual(await results.next(), { done: false, value: i * i });
    assert.deepEqual(await results.next(), { done: true, value: undefined });
  });

  test('_TestPool.test_imap_handle_iterable_exception[chunk 1]', async () => {
    await assert.rejects(pool.imap(one, gen(1, -1), 1).next(), SayWhenError);
    const results = pool.imap(one, gen(10, 3), 1);
    for (let i = 0; i < 3; i++) assert.deepEqual(await results.next(), { done: false, value: i * i });
    await assert.rejects(results.next(), SayWhenError);
  });

  test('_TestPool.test_imap_handle_iterable_exception[chunk 2 and 4]', async () => {
    for (const [chunksize, expected] of [
      [2, [0, 1, 4, 9, 16, 25]],
      [4, [0, 1, 4, 9]],
    ] as const) {
      const results = pool.imap(one, gen(20, 7), chunksize);
      for (const y of expected) assert.deepEqual(await results.next(), { done: false, value: y });
      await assert.rejects(results.next(), SayWhenError);
    }
  });

  test('_TestPool.test_imap_unordered', async () => {
    for (const [n, chunksize] of [
      [10, 1],
      [1000, 100],
    ] as const) {
      const all: number[] = [];
      for await (const y of pool.imapUnordered(one, range(n), { chunksize })) all.push(y);
      assert.deepEqual(
        all.sort((a, b) => a - b),
        squares(n),
      );
    }
  });

  test('_TestPool.test_imap_unordered_handle_iterable_exception', async () => {
    await assert.rejects(pool.imapUnordered(one, gen(1, -1), 1).next(), SayWhenError);
    const left = new Set(range(10).map((i) => i * i));
    await assert.rejects(async () => {
      for await (const y of pool.imapUnordered(one, gen(10, 3), 1)) assert.ok(left.delete(y));
    }, SayWhenError);
  });

  test('_TestPool.test_make_pool', async () => {
    for (const n of [-1, 0]) {
      assert.throws(() => new Pool(n), {
        name: 'ValueError',
        message: 'Number of processes must be at least 1',
      });
    }
    const before = activeChildren().length;
    const mine = new Pool(3);
    await sleep(0);
    assert.equal(activeChildren().length - before, 3);
    mine.close();
    await mine.join();
  });

  test('_TestPool.test_context', async () => {
    let mine: Pool;
    {
      using scoped = new Pool(2);
      mine = scoped;
      assert.deepEqual(await mine.mapAsync(one, range(10)).get(), squares(10));
    }
    assert.throws(() => mine.mapAsync(one, range(10)), { name: 'ValueError', message: 'Pool not running' });
    await mine.join();
  });

  test('_TestPool.test_traceback', async () => {
    class RuntimeError extends Error {}
    const raising = (): never => {
      throw new RuntimeError('123'); // some comment
    };
    const error = await pool.apply(raising).catch((e: unknown) => e as RuntimeError);
    assert.ok(error instanceof RuntimeError);
    assert.equal(error.message, '123');
    // The stack tells both sides: where the task threw, and that it was in another process.
    assert.match(
      error.stack!,
      /at raising .*pool\.test\.ts:\d+[\s\S]*\[in process \d+ 'SpawnPoolWorker-[\d:]+', called from\]\n {4}at .*pool\.test\.ts:\d+/,
    );
  });

  test('_TestPool.test_traceback[printed]', async (t) => {
    const { ended } = startProgram(
      t,
      'main.mts',
      `
      import { Pool } from LIBRARY;
      const raising = () => { throw new RangeError('123'); };
      const caller = async () => { const pool = new Pool(1); return await pool.apply(raising); };
      await caller();
    `,
    );
    const { stderr, code } = await ended;
    assert.equal(code, 1);
    assert.match(stderr, /RangeError: 123/);
    assert.match(stderr, /at raising .*main\.mts:3/);
  });

  test('_TestPoolWorkerLifetime.test_pool_worker_lifetime', async () => {
    const mine = new Pool(3, { maxTasksPerChild: 10 });
    const pids = (): Promise<number[]> => mine.map(() => process.pid, range(60), 1);
    const before = new Set(await pids());
    const results = await Promise.all(range(100).map((i) => mine.apply(sqr, [i])));
    assert.deepEqual(results, squares(100));
    const later = new Set(await pids());
    assert.deepEqual(
      [...later].filter((pid) => before.has(pid)),
      [],
    );
    mine.close();
    await mine.join();
  });

  test('_TestPoolWorkerLifetime.test_pool_maxtasksperchild_invalid', () => {
    for (const value of [0, -1, 0.5, '12']) {
      assert.throws(() => new Pool(3, { maxTasksPerChild: value as number }), { name: 'ValueError' });
    }
  });

  test('TestPool: a closed pool refuses calls, a running one cannot be joined, close after terminate does nothing', async () => {
    const mine = new Pool(1);
    await assert.rejects(mine.join(), { name: 'ValueError', message: 'Pool is still running' });
    mine.close();
    for (const call of [
      () => mine.applyAsync(sqr, [1]),
      () => mine.mapAsync(one, [1]),
      () => mine.starmapAsync(mul, [[1, 2]]),
      () => mine.imap(one, [1]),
      () => mine.imapUnordered(one, [1]),
    ]) {
      assert.throws(call, { name: 'ValueError', message: 'Pool not running' });
    }
    mine.terminate();
    mine.close();
    await mine.join();
  });

  test('MiscTestCase.test_large_pool, as large as the machine bears', async (t) => {
    const { ended } = startProgram(
      t,
      'main.mts',
      `
      import { Pool } from LIBRARY;
      const pool = new Pool(20);
      const squares = await pool.map((x: number) => x * x, Array.from({ length: 1000 }, (_, i) => i));
      console.log(squares.reduce((a, b) => a + b));
      pool.close();
      await pool.join();
    `,
    );
    const { stdout, stderr } = await ended;
    assert.equal(stderr, '');
    assert.equal(stdout, '332833500\n');
  });
});

/** The pool main script; `unguarded`: it throws when anything but the program itself loads it. */
const poolMain = (load: string): string => `
${load}
const f = (x) => x * x;
const results = [];
const pool = new Pool(5);
pool.mapAsync(f, [1, 2, 3], { callback: (r) => results.push(...r) });
const deadline = Date.now() + 60000;
const look = () => {
  if (results.length === 0) {
    if (Date.now() > deadline) throw new Error('Timed out waiting for results');
    setTimeout(look, 50);
    return;
  }
  console.log('spawn ->', JSON.stringify(results.sort((a, b) => a - b)));
  pool.close();
  pool.join();
};
look();
`;

describe('the main script', () => {
  const built = path.join(path.dirname(path.dirname(library)), 'dist', 'cjs', 'index.js');
  const esm = poolMain(`import { Pool } from ${JSON.stringify(built)};`);
  const cjs = poolMain(
    `const { Pool } = require(${JSON.stringify(built)}); if (require.main !== module) throw new Error('loaded again');`,
  );
  const run = async (file: string): Promise<void> => {
    const { stdout, stderr, code } = await start([file]).ended;
    assert.deepEqual([stdout, stderr, code], ['spawn -> [1,4,9]\n', '', 0]);
  };

  for (const [row, name, text] of [
    ['test_basic_script', 'script.mjs', esm],
    ['test_basic_script', 'script.cjs', cjs],
    ['test_basic_script_no_suffix', 'script', cjs],
    ['test_script_compiled: a transpiled file without its source', 'script.js', cjs],
  ] as const) {
    test(`SpawnCmdLineTest.${row} (${name})`, async (t) => {
      const file = path.join(temporaryDirectory(t), name);
      writeFileSync(file, text);
      await run(file);
    });
  }

  test('SpawnCmdLineTest.test_directory', async (t) => {
    const dir = temporaryDirectory(t);
    writeFileSync(path.join(dir, 'index.js'), cjs);
    await run(dir);
  });

  test('SpawnCmdLineTest.test_package', async (t) => {
    const dir = temporaryDirectory(t);
    writeFileSync(path.join(dir, 'package.json'), '{ "name": "p", "main": "program.cjs" }');
    writeFileSync(path.join(dir, 'program.cjs'), cjs);
    await run(dir);
  });

  test('SpawnCmdLineTest.test_module_in_package: a relative import of a function from a sibling', async (t) => {
    const dir = temporaryDirectory(t);
    writeFileSync(path.join(dir, 'sibling.mjs'), 'export const square = (x) => x * x;');
    const main = path.join(dir, 'main.mjs');
    writeFileSync(main, `import { square } from './sibling.mjs';\n${esm.replace('x * x', 'square(x)')}`);
    assert.match(readFileSync(main, 'utf8'), /square\(x\)/);
    await run(main);
  });
});
