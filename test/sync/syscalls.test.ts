/** What is free costs no system call: counted by strace, where it is installed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../support/run.ts';

const rounds = 50_000;

const program = `
import { writeSync } from 'node:fs';
import { BoundedSemaphore, Event, Lock, RLock, Semaphore, Value } from './dist/index.js';
const [lock, rlock, semaphore, event, value] = [new Lock(), new RLock(), new BoundedSemaphore(3), new Event(), new Value('i', 0)];
event.set();
const work = {
  'Lock Sync': (n) => { for (let i = 0; i < n; i++) { lock.acquireSync(); lock.release(); } },
  'Lock async': async (n) => { for (let i = 0; i < n; i++) { await lock.acquire(); lock.release(); } },
  'Lock with options': (n) => { for (let i = 0; i < n; i++) { lock.acquireSync({ timeout: 100 }); lock.release(); } },
  'RLock Sync': (n) => { for (let i = 0; i < n; i++) { rlock.acquireSync(); rlock.acquireSync(); rlock.release(); rlock.release(); } },
  'RLock scope': async (n) => { for (let i = 0; i < n; i++) await rlock.runExclusive(() => {}); },
  'Semaphore': async (n) => { for (let i = 0; i < n; i++) { semaphore.acquireSync(); await semaphore.acquire(); semaphore.release(2); } },
  'Event': async (n) => { for (let i = 0; i < n; i++) { await event.wait(); event.waitSync(); event.clear(); event.set(); } },
  'Value': (n) => { for (let i = 0; i < n; i++) { value.value++; value.add(1); } },
};
for (const [name, run] of Object.entries(work)) {
  await run(${rounds});
  writeSync(1, 'begin ' + name);
  await run(${rounds});
  writeSync(1, 'end ' + name);
}
process.exit();
`;

test('taking and giving back what is free makes no system call', (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'multiproc-strace-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'calls');
  const args = ['-f', '-o', file, process.execPath, '--input-type=module', '-e', program];
  const { status, stderr, error } = spawnSync('strace', args, { cwd: root, encoding: 'utf8' });
  if (error !== undefined || /ptrace|Operation not permitted/.test(stderr)) {
    t.skip('strace cannot be run here');
    return;
  }
  assert.equal(status, 0, stderr);
  const lines = readFileSync(file, 'utf8').split('\n');
  const main = lines.find((line) => line.includes('begin '))!.split(' ')[0];
  let counting: string | undefined;
  const calls = new Map<string, string[]>();
  for (const line of lines.filter((l) => l.startsWith(`${main} `))) {
    const marker = /"(begin|end) (.*?)"/.exec(line);
    if (marker !== null) {
      counting = marker[1] === 'begin' ? marker[2] : undefined;
      if (counting !== undefined) calls.set(counting, []);
    } else if (counting !== undefined) calls.get(counting)!.push(line);
  }
  assert.equal(calls.size, 8);
  for (const [name, made] of calls) {
    // V8's own: collecting garbage, putting compiled code in its place.
    assert.ok(
      made.length < rounds / 100,
      `${name}: ${made.length} calls, such as ${made.slice(0, 5).join('\n')}`,
    );
    assert.deepEqual(
      made.filter((line) => /futex\(.*FUTEX_WAKE,|write\(|read\(|epoll/.test(line)),
      [],
      `${name} wakes nobody and asks nobody`,
    );
  }
});
