import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { currentThreadIdentity, isThreadAlive, processExists } from '../../src/platform/liveness.ts';
import { root } from '../support/run.ts';

test('this thread lives; one that started at another time was somebody else', () => {
  const me = currentThreadIdentity();
  assert.equal(isThreadAlive(me), true);
  assert.equal(isThreadAlive({ ...me, start: me.start - 1 }), false);
});

test('who has ended is dead, also before its parent asks', async () => {
  const { pid } = spawnSync('true');
  assert.equal(processExists(pid), false);
  // The shell does not wait for its child, which stays a zombie.
  const shell = spawn('/bin/sh', ['-c', 'true & echo $!; exec sleep 100'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [text] = await once(shell.stdout, 'data');
  while (processExists(Number(text))) await new Promise((resolve) => setTimeout(resolve, 1));
  shell.kill('SIGKILL');
  await once(shell, 'close');
});

test('who cannot look, for want of descriptors, takes nobody for dead', () => {
  const program = `
import { openSync } from 'node:fs';
import { Event, Lock, Process } from './dist/index.js';
const lock = new Lock();
const held = new Event();
const p = new Process({ target: (lock, held) => { lock.acquireSync(); held.set(); setInterval(() => {}, 1000); }, args: [lock, held] });
p.start();
await held.wait();
try { for (;;) openSync('/dev/null'); } catch {}
console.log(lock.acquireSync({ timeout: 500 }), await lock.acquire({ timeout: 1200 }), lock.acquireSync(false));
process.kill(p.pid, 'SIGKILL');
process.exit();
`;
  const { stdout, stderr } = spawnSync(
    '/bin/sh',
    ['-c', 'ulimit -n 96; exec "$0" --input-type=module -e "$1"', process.execPath, program],
    { cwd: root, encoding: 'utf8' },
  );
  assert.equal(stdout, 'false false false\n', stderr);
});
