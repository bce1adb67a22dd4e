/**
 * CPU that waiting costs: four processes that wait for a lock, or for a message, in one form, against as many that wait without us.
 *
 * Of all threads of the process, V8's included: it compiles what it first runs, and some eight seconds after a program whose heap
 * has grown by a megabyte has become quiet, some versions collect garbage twice (the "memory reducer"), which takes as much as two
 * minutes of waiting. A child with a lock stays below that, one that has loaded all of multiproc does not. So three figures; and two that wait
 * without us, one that has loaded multiproc and a bare one. All as the kernel counts it, looked at from outside.
 */
import { fork } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { table } from './measure.mjs';

const library = '../dist/index.js';
const periods = [1.5, 10, 10];
const titles = ['in the first 1.5 s', 'in the 10 s after that', 'in the next 10 s'];
const waiters = 4;

/** Those that wait without us end by themselves if nobody ends them: milliseconds, more than all periods. */
const longest = 60_000;

const bare = {
  blocked: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, longest),
  timer: () => sleep(longest),
};

if (process.send !== undefined) {
  // One of those that wait without us: this file, started once more.
  const [how, loaded] = process.argv.slice(2);
  if (loaded === 'loaded') {
    const { Lock } = await import(library);
    new Lock().acquireSync();
  }
  process.send('ready');
  await sleep(10);
  await bare[how]();
  process.exit();
}

const { Event, Lock, Process, Queue } = await import(library);

/** Milliseconds of CPU that the threads of a process have used. */
const usedBy = (pid) =>
  readdirSync(`/proc/${pid}/task`)
    .map((id) => Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'latin1').split(' ')[0]))
    .reduce((sum, ns) => sum + ns / 1e6, 0);

/** To be ended when all has been measured: those who wait are told of the end of others. */
const pids = [];

/** What processes that have started to wait use together, in each period in turn. */
const measure = async (waiting) => {
  const sums = [];
  const now = () => waiting.reduce((sum, { pid }) => sum + usedBy(pid), 0);
  for (const seconds of periods) {
    const before = now();
    await sleep(seconds * 1000);
    sums.push(now() - before);
  }
  pids.push(...waiting.map(({ pid }) => pid));
  return sums;
};

const withoutUs = async (...args) => {
  const children = Array.from({ length: waiters }, () => fork(new URL(import.meta.url), args));
  await Promise.all(children.map((child) => new Promise((resolve) => child.once('message', resolve))));
  for (const child of children) child.disconnect();
  return measure(children);
};

const blocked = (lock, started) => {
  started.set();
  lock.acquireSync();
};
const task = async (lock, started) => {
  started.set();
  await lock.acquire();
};

const consumer = (queue, started) => {
  started.set();
  queue.getSync();
};
const iteration = async (queue, started) => {
  started.set();
  for await (const _ of queue);
};

const withUs = async (what, target) => {
  const all = [];
  for (let i = 0; i < waiters; i++) {
    const started = new Event();
    const p = new Process({ target, args: [what, started], daemon: true });
    p.start();
    await started.wait();
    all.push(p);
  }
  return measure(all);
};

const lock = new Lock();
lock.acquireSync();
const forms = [
  {
    how: 'blocked',
    title: 'blocked threads',
    theirs: 'Atomics.wait',
    ours: [
      ['acquireSync', lock, blocked],
      ['getSync', new Queue(), consumer],
    ],
  },
  {
    how: 'timer',
    title: 'tasks',
    theirs: 'setTimeout',
    ours: [
      ['await acquire()', lock, task],
      ['for await', new Queue(), iteration],
    ],
  },
];
const results = await Promise.all(
  forms.map(({ how, ours }) =>
    Promise.all([
      ...ours.map(([, what, target]) => withUs(what, target)),
      withoutUs(how, 'loaded'),
      withoutUs(how),
    ]),
  ),
);
for (const pid of pids) process.kill(pid, 'SIGKILL');
for (const [i, { title, ours, theirs }] of forms.entries()) {
  const [asLarge, bareOnes] = results[i].slice(ours.length);
  for (const [n, [name]] of ours.entries()) {
    for (const [period, when] of titles.entries()) {
      process.stdout.write(
        table(`CPU of ${waiters} ${title}, together, ${when}`, 'ms', 'less', [
          [name, results[i][n][period]],
          [`${theirs}, multiproc loaded`, asLarge[period]],
          [`${theirs}, bare Node`, bareOnes[period]],
        ]),
      );
    }
  }
}
