/** Pipes that the helper thread holds, with the built library: the thread is started without a loader. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import type * as Fallback from '../../src/platform/fallback-start.ts';
import { type PipeEnd, type PipeReader, WOULD_BLOCK } from '../../src/platform/pipe-end.ts';
import type { Started, Target } from '../../src/platform/start-request.ts';
import { runNode } from '../support/run.ts';

const built = createRequire(import.meta.url);
const { fallbackStart } = built('../../dist/modules/platform/fallback-start.js') as typeof Fallback;

const PIPE: Target = { kind: 'pipe' };
const NOWHERE: Target = { kind: 'devnull' };

const sh = (script: string, stdio: readonly [Target, Target, Target]): Started =>
  fallbackStart({ file: 'sh', args: ['sh', '-c', script], stdio, passFds: [], pipesize: undefined });

/** Everything up to the end, blocking. */
function all(reader: PipeReader, size = 65_536): string {
  let text = '';
  for (const into = Buffer.alloc(size); ; ) {
    reader.waitAny([reader]);
    const n = reader.read(into);
    if (n === 0) {
      reader.close();
      return text;
    }
    if (n > 0) text += into.toString('latin1', 0, n);
  }
}

const told = (end: PipeEnd): Promise<void> =>
  new Promise((resolve) => {
    const watch = end.watch(() => {
      watch.stop();
      resolve();
    });
  });

test('reads never wait; blocking or by the event loop, everything comes in order, however small the pieces', async () => {
  const { child, stdin, stdout } = sh('read x; printf "%s" "$x"; head -c 300000 /dev/zero | tr "\\0" z', [
    PIPE,
    PIPE,
    NOWHERE,
  ]);
  const into = Buffer.alloc(7);
  assert.equal(stdout!.read(into), WOULD_BLOCK);
  assert.deepEqual(stdout!.waitAny([stdout!], 20), [false]);
  assert.equal(stdin!.write(Buffer.from('abcdefghi\n')), 10);
  stdin!.close();
  await told(stdout!);
  assert.equal(stdout!.read(into), 7);
  assert.equal(String(into), 'abcdefg');
  assert.equal(all(stdout!, 1000), `hi${'z'.repeat(300_000)}`);
  assert.equal(child.waitSync(), 0);
});

test('writes never wait: what there is no room for is not taken, until the program has read', async () => {
  const { child, stdin, stdout } = sh('sleep 0.1; wc -c', [PIPE, PIPE, NOWHERE]);
  let sent = 0;
  for (;;) {
    const n = stdin!.write(Buffer.alloc(40_000));
    if (n === WOULD_BLOCK) break;
    sent += n;
    assert.ok(sent < 4 << 20, 'no end of it');
  }
  await told(stdin!);
  sent += stdin!.write(Buffer.alloc(1));
  stdin!.close();
  assert.equal(Number(all(stdout!)), sent);
  assert.equal(child.waitSync(), 0);
});

for (const [when, pause] of [
  ['at once', 0],
  ['when the helper has noticed', 200],
] as const) {
  test(`nobody reads any more: the first write says so, and each after it, ${when}`, () => {
    const { child, stdin } = sh('exit 0', [PIPE, NOWHERE, NOWHERE]);
    assert.equal(child.waitSync(), 0);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause);
    for (let i = 0; i < 2; i++) {
      assert.throws(() => stdin!.write(Buffer.from('x')), {
        name: 'BrokenPipeError',
        code: 'EPIPE',
        syscall: 'write',
      });
    }
    stdin!.close();
  });
}

test('a write that outlives its program keeps ours alive until it is read, and no longer', async () => {
  const script = 'exec 3<&0; (sleep 0.2; dd bs=10000 count=10; sleep 0.3; wc -c) <&3 3<&- & exit 0';
  const program = `
    const { fallbackStart } = require(${JSON.stringify(built.resolve('../../dist/modules/platform/fallback-start.js'))});
    const { stdin } = fallbackStart({
      file: 'sh',
      args: ['sh', '-c', ${JSON.stringify(script)}],
      stdio: [{ kind: 'pipe' }, { kind: 'inherit' }, { kind: 'devnull' }],
      passFds: [],
    });
    let left = Buffer.alloc(195_536); // more than the pipe holds and the first reader takes
    const watch = stdin.watch(() => {
      const n = stdin.write(left);
      if (n > 0) left = left.subarray(n);
      if (left.length > 0) return;
      watch.stop();
      stdin.close();
    });`;
  const { stdout, code } = await runNode(['-e', program], { timeout: 20_000 });
  assert.equal(code, 0);
  const [, first, rest] = /^(\0*)(\d+)\n$/.exec(stdout)!;
  assert.equal(first!.length + Number(rest), 195_536);
});

test('waiting for any of several tells which; closing, also twice, is heard at the other side', () => {
  const { child, stdin, stdout, stderr } = sh('echo err >&2; cat >/dev/null; echo end', [PIPE, PIPE, PIPE]);
  assert.deepEqual(stdout!.waitAny([stdout!, stderr!]), [false, true]);
  stdin!.close();
  stdin!.close();
  assert.deepEqual([stdin!.closed, stdin!.fd], [true, undefined]);
  assert.equal(all(stdout!), 'end\n');
  assert.equal(all(stderr!), 'err\n');
  assert.equal(child.waitSync(), 0);
});

test('a program that says much waits until it is read', async () => {
  const { child, stdout } = sh('head -c 20000000 /dev/zero', [NOWHERE, PIPE, NOWHERE]);
  await told(stdout!);
  assert.equal(child.waitSync(200), null, 'it has written everything');
  assert.equal(all(stdout!, 1 << 20).length, 20_000_000);
  assert.equal(child.waitSync(), 0);
});

test('output given to another program goes there, and is closed here', () => {
  const first = sh('echo one', [NOWHERE, PIPE, NOWHERE]);
  const second = sh('cat; echo two', [{ kind: 'reader', reader: first.stdout! }, PIPE, NOWHERE]);
  assert.ok(first.stdout!.closed);
  assert.equal(all(second.stdout!), 'one\ntwo\n');
  assert.deepEqual([first.child.waitSync(), second.child.waitSync()], [0, 0]);
});
