/**
 * CPU that waiting costs: four processes that wait for a lock in one form, against as many that wait without us.
 *
 * Of all threads of the process, V8's included: it compiles what it first runs, and some eight seconds after a program that has
 * allocated a megabyte or more has become quiet it collects garbage twice (its "memory reducer", which puts the second time off now
 * and then). Neither is waiting, and both happen in any program. So three figures: the first seconds, those in which V8 collects, and
 * the ten after them; and two that wait without us: one that has loaded multiproc, hence with as large a heap, and a bare one.
 */
import { fork } from 'node:child_process';
import { table } from './measure.mjs';

const library = '../dist/index.js';
const periods = [3, 25, 10];
const titles = [
  'in the first 3 s',
  'in the 25 s after that, in which V8 tidies up',
  'in the 10 s after those: nothing but waiting',
];
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
  const [how, loaded] = process.argv.slice(2);
  if (loaded === 'loaded') {
    const { Lock } = await import(library);
    new Lock().acquireSync();
  }
  process.send(await measure(periods, bare[how]));
  process.exit();
}

const { Lock, Process, SharedArray } = await import(library);

/** The sums of all waiters, for each period. */
const sums = (each) => periods.map((_, k) => each.reduce((sum, used) => sum + used[k], 0));

const withoutUs = async (...args) =>
  sums(
    await Promise.all(
      Array.from({ length: waiters }, () => {
        const child = fork(new URL(import.meta.url), args);
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

const forms = [
  { sync: true, how: 'blocked', title: 'blocked threads', ours: 'acquireSync', theirs: 'Atomics.wait' },
  { sync: false, how: 'timer', title: 'tasks', ours: 'await acquire()', theirs: 'setTimeout' },
];
const results = await Promise.all(
  forms.map(({ sync, how }) => Promise.all([withLock(sync), withoutUs(how, 'loaded'), withoutUs(how)])),
);
for (const [i, { title, ours, theirs }] of forms.entries()) {
  const [withUs, asLarge, without] = results[i];
  for (const [period, when] of titles.entries()) {
    process.stdout.write(
      table(`CPU of ${waiters} ${title}, together, ${when}`, 'ms', 'less', [
        [ours, withUs[period]],
        [`${theirs}, multiproc loaded`, asLarge[period]],
        [`${theirs}, bare Node`, without[period]],
      ]),
    );
  }
}
