import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { type Child, signalNumber } from '../../src/platform/child.ts';
import { launch } from '../../src/platform/launch.ts';
import { pythons } from '../support/python.ts';

const sh = (script: string): Child => launch({ file: 'sh', args: ['sh', '-c', script], fds: new Map() });
const ended = (child: Child): Promise<number> => new Promise((resolve) => child.onExit(resolve));

test('the exit code of a program, and the negated signal of one that was ended by it', async () => {
  for (const [script, code] of [
    ['exit 0', 0],
    ['exit 255', 255],
    ['kill -TERM $$', -15],
    ['kill -KILL $$', -9],
  ] as const) {
    assert.equal(await ended(sh(script)), code);
    assert.equal(sh(script).waitSync(), code);
  }
});

test('waiting has a limit, and may be done again', () => {
  const child = launch({ file: 'sleep', args: ['sleep', '60'], fds: new Map() });
  assert.deepEqual([child.waitSync(0), child.waitSync(20), child.poll()], [null, null, null]);
  assert.equal(child.kill('SIGKILL'), true);
  assert.equal(child.waitSync(60_000), -9);
  assert.deepEqual([child.poll(), child.waitSync(), child.returncode], [-9, -9, -9]);
});

test('no signal is sent once the exit code has been collected: the pid may be somebody else’s', () => {
  const child = sh('exit 3');
  assert.equal(child.waitSync(), 3);
  assert.equal(child.kill('SIGTERM'), false);
});

test('everyone who listens hears, also late; who has unsubscribed does not', async () => {
  const child = sh('exit 4');
  const heard: string[] = [];
  const first = new Promise<void>((resolve) => child.onExit((code) => resolve(void heard.push(`a${code}`))));
  const cancel = child.onExit(() => heard.push('never'));
  cancel();
  await first;
  assert.equal(await ended(child), 4);
  assert.deepEqual(heard, ['a4']);
});

test('names and numbers of signals; what is none is refused', () => {
  assert.deepEqual([signalNumber('SIGTERM'), signalNumber(0), signalNumber(64)], [15, 0, 64]);
  for (const wrong of ['SIGNONE', 65, -1, 1.5])
    assert.throws(() => signalNumber(wrong), { name: 'ValueError', message: /no such signal/ });
});

test('a program that a tracer has not let go yet is waited for, in time', {
  skip: pythons.length === 0 && 'no python3 here',
}, async () => {
  const traced = launch({
    file: pythons[0]!.file,
    args: [
      'python3',
      '-c',
      'import ctypes, time; ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1)); time.sleep(2)', // whoever wants may trace it
    ],
    fds: new Map(),
  });
  const tracer = spawn(pythons[0]!.file, [
    '-c',
    `
import ctypes, os, time
SEIZE, pid = 0x4206, ${traced.pid}
time.sleep(0.7)
print(ctypes.CDLL(None).ptrace(SEIZE, pid, None, None), flush=True)
time.sleep(2.5)
os.waitpid(pid, 0x40000000)
`,
  ]);
  assert.equal(String((await once(tracer.stdout, 'data'))[0]).trim(), '0');
  assert.equal(traced.waitSync(60_000), 0);
});
