import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { pollFds } from '../../src/platform/blocking-poll.ts';
import { openDeathWatch } from '../../src/platform/deaths.ts';
import { closeFd, duplicate, POLLIN } from '../../src/platform/descriptors.ts';
import { launch } from '../../src/platform/launch.ts';
import { currentThreadIdentity } from '../../src/platform/liveness.ts';
import { openedSince, openFds } from '../support/fds.ts';
import { root } from '../support/run.ts';

const startOf = async (pid: number): Promise<number> => {
  const { readFileSync } = await import('node:fs');
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
  return Number(fields[19]) % 2 ** 31;
};
const sleeper = async () => {
  const child = launch({ file: 'sleep', args: ['sleep', '60'], fds: new Map() });
  return { child, thread: { pid: child.pid, tid: child.pid, start: await startOf(child.pid) } };
};
const readable = (fd: number, timeout: number): boolean =>
  pollFds([{ fd, events: POLLIN }], timeout)[0] !== 0;

test('it can be read from when one of those that are watched has ended, until they are taken', async () => {
  const deaths = openDeathWatch();
  const all = await Promise.all(Array.from({ length: 40 }, sleeper));
  for (const { thread } of all) assert.equal(deaths.watch(thread), 'watched');
  assert.equal(deaths.watch(all[0]!.thread), 'watched', 'once more is no more');
  assert.equal(readable(deaths.fd, 0), false);
  assert.deepEqual(deaths.takeEnded(), []);
  all[3]!.child.kill('SIGKILL');
  assert.equal(readable(deaths.fd, 60_000), true);
  assert.deepEqual(deaths.takeEnded(), [all[3]!.thread]);
  assert.equal(readable(deaths.fd, 0), false);
  all.splice(3, 1)[0]!.child.waitSync();
  for (const { child } of all) child.kill('SIGKILL');
  for (const { child } of all) child.waitSync();
  const ended = deaths.takeEnded().map(({ pid }) => pid);
  assert.deepEqual(ended.sort(), all.map(({ thread }) => thread.pid).sort(), 'more than are told at once');
  closeFd(deaths.fd);
});

test('who is dead already is not watched, nor another thread that has its number now', async () => {
  const before = openFds();
  const deaths = openDeathWatch();
  const { child, thread } = await sleeper();
  assert.equal(deaths.watch({ ...thread, start: thread.start - 1 }), 'dead');
  child.kill('SIGKILL');
  child.waitSync();
  assert.equal(deaths.watch(thread), 'dead');
  closeFd(deaths.fd);
  assert.deepEqual(openedSince(before), []);
});

test('most of the descriptors that a process may have are left to the program', () => {
  const program = `
    const { openSync } = await import('node:fs');
    const { openDeathWatch } = await import('./src/platform/deaths.ts');
    const { currentThreadIdentity } = await import('./src/platform/liveness.ts');
    const few = openDeathWatch().watch(currentThreadIdentity());
    for (let fd = 0; fd < 100; fd = openSync('/dev/null', 'r'));
    console.log(few, openDeathWatch().watch(currentThreadIdentity()));`;
  const { stdout, stderr } = spawnSync(
    'sh',
    [
      '-c',
      'ulimit -n 400; exec "$@"',
      'sh',
      process.execPath,
      '--import',
      import.meta.resolve('tsx'),
      '--input-type=module',
      '-e',
      program,
    ],
    { cwd: root, encoding: 'utf8' },
  );
  assert.equal(stdout, 'watched unwatchable\n', stderr);
});

test('without descriptors nobody can be watched, and nobody is taken for dead', async () => {
  const deaths = openDeathWatch();
  const { child, thread } = await sleeper();
  const { openSync, closeSync } = await import('node:fs');
  const koffi = (await import('koffi')).default;
  const setrlimit = koffi.load(null).func('int setrlimit(int resource, const uint64_t *limits)');
  const getrlimit = koffi.load(null).func('int getrlimit(int resource, _Out_ uint64_t *limits)');
  const limits = [0, 0];
  getrlimit(7, limits);
  const lowest = openSync('/dev/null', 'r');
  closeSync(lowest);
  try {
    setrlimit(7, [lowest, limits[1]!]);
    assert.equal(deaths.watch(thread), 'unwatchable');
  } finally {
    setrlimit(7, limits);
  }
  assert.equal(deaths.watch(thread), 'watched');
  child.kill('SIGKILL');
  child.waitSync();
  assert.deepEqual(deaths.takeEnded(), [thread]);
  closeFd(deaths.fd);
});

test('the calling thread can be watched as any other', () => {
  const deaths = openDeathWatch();
  assert.equal(deaths.watch(currentThreadIdentity()), 'watched');
  assert.equal(readable(deaths.fd, 0), false);
  closeFd(deaths.fd);
});

test('one that has ended is told of once, also while a copy of its descriptor is left', async () => {
  const before = openFds();
  const deaths = openDeathWatch();
  const { child, thread } = await sleeper();
  assert.equal(deaths.watch(thread), 'watched');
  const pidfd = openedSince(before).find((fd) => /pidfd/.test(fd))!;
  const copy = duplicate(Number.parseInt(pidfd, 10));
  child.kill('SIGKILL');
  child.waitSync();
  assert.deepEqual(deaths.takeEnded(), [thread]);
  assert.deepEqual(deaths.takeEnded(), []);
  assert.equal(readable(deaths.fd, 0), false);
  closeFd(copy);
  closeFd(deaths.fd);
});
