/** CPU that waiting costs: processes that wait for a lock in both forms, against as many that wait for a timer. */
import { Lock, Process, SharedArray } from '../dist/index.js';
import { table } from './measure.mjs';

const seconds = 10;
const waiters = 4;

/** Waits in one way; what the process used meanwhile, of all its threads, in milliseconds. */
const wait = async (how, lock, used, index, seconds) => {
  const timeout = seconds * 1000;
  const before = process.cpuUsage();
  if (how === 'sync') lock.acquireSync({ timeout });
  else if (how === 'async') await lock.acquire({ timeout });
  else if (how === 'timer') await new Promise((resolve) => setTimeout(resolve, timeout));
  else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, timeout);
  const { user, system } = process.cpuUsage(before);
  used.array[index] = (user + system) / 1000;
};

const lock = new Lock();
lock.acquireSync();
const kinds = ['sync', 'async', 'timer', 'blocked'];
const used = new SharedArray('d', kinds.length * waiters);
const all = kinds.flatMap((how, k) =>
  Array.from(
    { length: waiters },
    (_, i) => new Process({ target: wait, args: [how, lock, used, k * waiters + i, seconds] }),
  ),
);
for (const p of all) p.start();
for (const p of all) await p.join();
const sum = (k) => used.array.slice(k * waiters, (k + 1) * waiters).reduce((a, b) => a + b, 0);
const rows = (k, peer, title) => [
  [title, sum(k)],
  [peer, sum(k + 2)],
];
const out = (...args) => process.stdout.write(table(...args));
const what = `${waiters} processes for ${seconds} s, from the beginning of the wait`;
out(
  `CPU of blocked threads: ${what}`,
  'ms',
  'less',
  rows(0, 'Atomics.wait on memory of its own', 'acquireSync'),
);
out(`CPU of tasks: ${what}`, 'ms', 'less', rows(1, 'setTimeout', 'await acquire()'));
