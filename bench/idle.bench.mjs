/**
 * CPU that waiting costs: processes that wait for a lock in both forms, against as many that wait without us.
 *
 * Of all threads of the process, V8's included: it compiles what it first runs, and some eight seconds after a program has
 * become quiet it collects garbage twice, in any program. So two figures: the first seconds, and the ten after them.
 */
import { Lock, Process, SharedArray } from '../dist/index.js';
import { table } from './measure.mjs';

const periods = [3, 10];
const waiters = 4;

/** Waits in one way; what the process used in each period, in milliseconds. */
const wait = async (how, lock, used, index, periods) => {
  const word = new Int32Array(new SharedArrayBuffer(4));
  for (const [k, seconds] of periods.entries()) {
    const timeout = seconds * 1000;
    const before = process.cpuUsage();
    if (how === 'sync') lock.acquireSync({ timeout });
    else if (how === 'async') await lock.acquire({ timeout });
    else if (how === 'timer') await new Promise((resolve) => setTimeout(resolve, timeout));
    else Atomics.wait(word, 0, 0, timeout);
    const { user, system } = process.cpuUsage(before);
    used.array[index + k] = (user + system) / 1000;
  }
};

const lock = new Lock();
lock.acquireSync();
const kinds = ['sync', 'blocked', 'async', 'timer'];
const used = new SharedArray('d', kinds.length * waiters * periods.length);
const at = (kind, i) => (kind * waiters + i) * periods.length;
const all = kinds.flatMap((how, kind) =>
  Array.from({ length: waiters }, (_, i) => {
    return new Process({ target: wait, args: [how, lock, used, at(kind, i), periods] });
  }),
);
for (const p of all) p.start();
for (const p of all) await p.join();
const sum = (kind, period) =>
  Array.from({ length: waiters }, (_, i) => used.array[at(kind, i) + period]).reduce((a, b) => a + b, 0);
for (const [kind, title, ours, theirs] of [
  [0, 'blocked threads', 'acquireSync', 'Atomics.wait on memory of its own'],
  [2, 'tasks', 'await acquire()', 'setTimeout'],
]) {
  for (const [period, seconds] of periods.entries()) {
    const when = period === 0 ? `the first ${seconds} s` : `the ${seconds} s after that`;
    process.stdout.write(
      table(`CPU of ${waiters} ${title}, together, in ${when}`, 'ms', 'less', [
        [ours, sum(kind, period)],
        [theirs, sum(kind + 1, period)],
      ]),
    );
  }
}
