/**
 * CPU that waiting costs: four processes that wait for a lock in one form, against as many that wait without us.
 *
 * Of all threads of the process, V8's included: it compiles what it first runs, and some eight seconds after a program has
 * become quiet it collects garbage twice, in any program. So two figures: the first seconds, and the ten after them.
 */
import { fork } from 'node:child_process';
import { Lock, Process, SharedArray } from '../dist/index.js';
import { table } from './measure.mjs';

const periods = [3, 10];
const waiters = 4;

/** Waits for each period in turn; what the process used in each, in milliseconds. */
const measure = async (periods, wait) => {
  const used = [];
  for (const seconds of periods) {
    const before = process.cpuUsage();
    await wait(seconds * 1000);
    const { user, system } = process.cpuUsage(before);
    used.push((user + system) / 1000);
  }
  return used;
};

const bare = {
  blocked(timeout) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, timeout);
  },
  timer: (timeout) => new Promise((resolve) => setTimeout(resolve, timeout)),
};

if (process.send !== undefined) {
  // One of those that wait without us: this file, started once more.
  process.send(await measure(periods, bare[process.argv[2]]));
  process.exit();
}

/** The sums of all waiters, for each period. */
const sums = (each) => periods.map((_, k) => each.reduce((sum, used) => sum + used[k], 0));

const withoutUs = async (how) =>
  sums(
    await Promise.all(
      Array.from({ length: waiters }, () => {
        const child = fork(new URL(import.meta.url), [how]);
        return new Promise((resolve) => child.once('message', resolve));
      }),
    ),
  );

const waitForLock = async (sync, lock, used, index, measure, periods) => {
  const wait = sync ? (timeout) => lock.acquireSync({ timeout }) : (timeout) => lock.acquire({ timeout });
  used.array.set(await measure(periods, wait), index * periods.length);
};

const withLock = async (sync) => {
  const lock = new Lock();
  lock.acquireSync();
  const used = new SharedArray('d', waiters * periods.length);
  const all = Array.from(
    { length: waiters },
    (_, i) => new Process({ target: waitForLock, args: [sync, lock, used, i, measure, periods] }),
  );
  for (const p of all) p.start();
  for (const p of all) await p.join();
  const row = (i) => used.array.slice(i * periods.length, (i + 1) * periods.length);
  return sums(Array.from({ length: waiters }, (_, i) => row(i)));
};

for (const [sync, how, title, ours, theirs] of [
  [true, 'blocked', 'blocked threads', 'acquireSync', 'Atomics.wait on memory of its own'],
  [false, 'timer', 'tasks', 'await acquire()', 'setTimeout'],
]) {
  const [withUs, without] = await Promise.all([withLock(sync), withoutUs(how)]);
  for (const [period, seconds] of periods.entries()) {
    const when = period === 0 ? `the first ${seconds} s` : `the ${seconds} s after that`;
    process.stdout.write(
      table(`CPU of ${waiters} ${title}, together, in ${when}`, 'ms', 'less', [
        [ours, withUs[period]],
        [theirs, without[period]],
      ]),
    );
  }
}
