/** Locks, values and arrays between processes, against CPython and against what the kernel itself can do. */
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import { Event, Lock, Process, RawArray, RLock, Semaphore, SharedArray, Value } from '../dist/index.js';
import { median, python, table } from './measure.mjs';

/** Nanoseconds for one call, when `rounds` of them take as long as `work` does. */
function each(rounds, work) {
  const start = performance.now();
  work(rounds);
  return ((performance.now() - start) * 1e6) / rounds;
}

// Uncontended.

const million = 1_000_000;
const lock = new Lock();
/** A loop of its own for each kind of lock, as each place in a program sees mostly one kind. */
const takeAndGive = () =>
  new Function('lock', 'n', 'for (let i = 0; i < n; i++) { lock.acquireSync(); lock.release(); }');
const ourLoop = takeAndGive();
// As in a program that has used several kinds before.
ourLoop(lock, million);
for (const other of [new RLock(), new Semaphore(1), new Value('i', 0).getLock()])
  takeAndGive()(other, 100_000);
/** The floor: what the two steps cost without anything around them. */
const bareSteps = (n) => {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  for (let i = 0; i < n; i++) {
    Atomics.compareExchange(cell, 0, 0, 1);
    Atomics.compareExchange(cell, 0, 1, 0);
  }
};
// In turn: all see the same machine, whatever it is doing.
const rounds = [];
for (let k = 0; k < 8; k++) {
  const ours = each(million, (n) => ourLoop(lock, n));
  const bare = each(million, bareSteps);
  const theirs = python(`
import json, multiprocessing, time
lock = multiprocessing.Lock()
def plain(n):
    acquire, release = lock.acquire, lock.release
    for i in range(n):
        acquire(); release()
def with_lock(n):
    for i in range(n):
        with lock: pass
def each(n, work):
    t = time.perf_counter()
    work(n)
    return (time.perf_counter() - t) * 1e9 / n
plain(100000)
print(json.dumps([each(500000, plain), each(200000, with_lock)]))
`);
  if (k > 0) rounds.push([ours, bare, ...(theirs ?? [])]);
}
const middle = (k) => rounds.map((r) => r[k]).sort((a, b) => a - b)[rounds.length >> 1];
const [sync, floor, cpythonPlain, cpythonWith] = [0, 1, 2, 3].map(middle);
const awaited = await median(async () => {
  const start = performance.now();
  for (let i = 0; i < million / 2; i++) {
    await lock.acquire();
    lock.release();
  }
  return ((performance.now() - start) * 1e6) / (million / 2);
});
const baseAwait = await median(async () => {
  const done = Promise.resolve(true);
  const start = performance.now();
  for (let i = 0; i < million / 2; i++) await done;
  return ((performance.now() - start) * 1e6) / (million / 2);
});
const v = new Value('i', 0);
const valueLock = v.getLock();
const increment = await median(() =>
  each(2 * million, (n) => {
    for (let i = 0; i < n; i++) {
      valueLock.acquireSync();
      v.value++;
      valueLock.release();
    }
  }),
);
const add = await median(() =>
  each(5 * million, (n) => {
    for (let i = 0; i < n; i++) v.add(1);
  }),
);
const cells = 10_000;
// One compiled function for each kind of array, as a program that uses only one kind has.
const sweeper = () =>
  new Function(
    'array',
    'n',
    `for (let round = 0; round < n / ${cells}; round++) for (let i = 0; i < ${cells}; i++) array[i] += 1;`,
  );
const sweep = async (array) => {
  const run = sweeper();
  return median(() => each(20 * million, (n) => run(array, n)));
};
const sharedCells = await sweep(new SharedArray('d', cells).array);
const rawCells = await sweep(RawArray('d', cells));
const plainCells = await sweep(new Float64Array(cells));

// Two processes contending: increments a second under one lock, both together.

const contend = async (value, start, rounds) => {
  const l = value.getLock();
  start.waitSync();
  for (let i = 0; i < rounds; i++) {
    l.acquireSync();
    value.value++;
    l.release();
  }
};
const contention = await median(async () => {
  const rounds = 300_000;
  const value = new Value('i', 0);
  const start = new Event();
  const workers = [0, 1].map(() => new Process({ target: contend, args: [value, start, rounds] }));
  for (const p of workers) p.start();
  await new Promise((resolve) => setTimeout(resolve, 400));
  const begin = performance.now();
  start.set();
  for (const p of workers) await p.join();
  if (value.value !== 2 * rounds) throw new Error(`lost counts: ${value.value}`);
  // What ending the processes takes is none of the lock's business.
  return (2 * rounds) / ((performance.now() - begin) / 1000);
}, 3);

// From release() here to the waiter running there. Both read one clock, CLOCK_MONOTONIC. Our lock and the bare means of
// the kernel take turns in one pair of processes, so that both see the same machine; CPython, which waits by a futex too, has
// its turns in between: what a wake takes doubles or halves within a minute with what else the machine does.
//
// Each side has a core of its own: left to itself, the kernel wakes some in the core of who wakes them, and all of one kind: by where
// the turn before had left them. That takes but a fraction of what a wake of another core takes.
//
// A bare pipe wake is what any event loop needs at least: write(2) of a byte to a pipe by one process, until in the other
// epoll has reported it and the code that waits for it runs. Three of them, by where that code is: after an `await`, as it is
// with us; in the very callback of the poll; in the callback of Node's own net.Socket.

const turns = 3;
// Until both sides are compiled to the last function: before, what is around our bell costs twice as much (a third more than
// the bare wake instead of a fifth), for interpreted code has to be fetched into a cache that is cold after each sleep.
const warming = 6000;
const measured = 150;
const wakes = warming + measured;
const platform = new URL('../dist/modules/platform/', import.meta.url).href;
const { futexWake } = await import(`${platform}futex.js`);
const { segmentOf } = await import(new URL('../dist/modules/memory/segment.js', import.meta.url).href);
const { createPipe, ring } = await import(`${platform}wake-pipe.js`);

/** Lets the main thread of a process run in these cores alone. */
const pin = (pid, cores) => execFileSync('taskset', ['-p', '-c', cores, String(pid)]);
const allCores = `0-${os.cpus().length - 1}`;

/** Waits in every way in turn; each gives the time at which it ran again. */
const waiter = async (shared, kinds, times, turn, wakes) => {
  const waits = [];
  for (const prepare of kinds) waits.push(await prepare(shared));
  for (let i = 0; i < wakes; i++) {
    for (const [k, wait] of waits.entries()) {
      const n = i * waits.length + k;
      turn.value = n;
      times.array[n] = await wait(i);
    }
  }
  turn.value = wakes * waits.length;
  process.exit();
};

/** Medians in microseconds, one for each kind. `kinds` are pairs: what the waiter does, what wakes it. */
async function latencies(shared, kinds) {
  const count = wakes * kinds.length;
  const times = new SharedArray('q', count);
  const sent = new BigInt64Array(count);
  const turn = new Value('i', -1);
  const p = new Process({ target: waiter, args: [shared, kinds.map(([wait]) => wait), times, turn, wakes] });
  p.start();
  pin(process.pid, '0');
  pin(p.pid, '1');
  while (turn.value < 0) await new Promise((resolve) => setTimeout(resolve, 1));
  for (let n = 0; n < count; n++) {
    const [, wake, before] = kinds[n % kinds.length];
    if (n < warming * kinds.length) {
      // Both sides compile what they run, as in any program that waits more than a few times.
      while (turn.value < n);
      before?.();
      for (const until = performance.now() + 0.1; performance.now() < until; );
    } else {
      while (turn.value < n) await new Promise((resolve) => setTimeout(resolve, 1));
      before?.();
      await new Promise((resolve) => setTimeout(resolve, 2)); // it says so before it sleeps, and looks for a while first
    }
    sent[n] = process.hrtime.bigint();
    wake(Math.floor(n / kinds.length));
  }
  await p.join();
  pin(process.pid, allCores);
  return kinds.map((_, k) => {
    const all = [];
    for (let n = k + warming * kinds.length; n < count; n += kinds.length)
      all.push(Number(times.array[n] - sent[n]));
    return all.sort((a, b) => a - b)[all.length >> 1] / 1000;
  });
}

const held = new Lock();
const word = RawArray('i', 100_000); // large: a segment of its own, whose address is known
const { address } = segmentOf(word.buffer);
/** Before another kind's turn the waiter's lock is taken back. */
const takeBack = () => held.acquireSync({ timeout: 5000 });
takeBack();
const threadKinds = [
  [
    ({ held }) =>
      () => {
        held.acquireSync();
        const now = process.hrtime.bigint();
        held.release();
        return now;
      },
    () => held.release(),
  ],
  [
    async ({ word, platform }) => {
      const { futexWait } = await import(`${platform}futex.js`);
      const { segmentOf } = await import(`${platform}../memory/segment.js`);
      const { address } = segmentOf(word.buffer);
      return (i) => {
        while (Atomics.load(word, 0) === i) futexWait(address, i, 10_000);
        return process.hrtime.bigint();
      };
    },
    (i) => {
      Atomics.store(word, 0, i + 1);
      futexWake(address, 1);
    },
    takeBack,
  ],
];
const cpythonWake = () =>
  python(`
import json, multiprocessing, os, time
wakes = ${measured}
def waiter(lock, times, turn):
    os.sched_setaffinity(0, {1})
    for i in range(wakes):
        turn.value = i
        lock.acquire()
        times[i] = time.monotonic_ns()
context = multiprocessing.get_context('fork')
lock = context.Semaphore(0)
times = context.Array('q', wakes, lock=False)
turn = context.Value('i', -1, lock=False)
p = context.Process(target=waiter, args=(lock, times, turn))
p.start()
os.sched_setaffinity(0, {0})
sent = []
for i in range(wakes):
    while turn.value < i: time.sleep(.001)
    time.sleep(.002)
    sent.append(time.monotonic_ns())
    lock.release()
p.join()
print(json.dumps(sorted(times[i] - sent[i] for i in range(wakes))[wakes // 2] / 1000))
`);
const threadTurns = [];
for (let k = 0; k < turns; k++) {
  Atomics.store(word, 0, 0);
  const ours = await latencies({ held, word, platform }, threadKinds);
  if (held.locked()) held.release();
  takeBack();
  threadTurns.push([...ours, cpythonWake()]);
}
const [syncWake, bareFutex, cpythonThread] = [0, 1, 2].map(
  (k) => threadTurns.map((t) => t[k]).sort((a, b) => a - b)[turns >> 1],
);

const pipes = [createPipe(), createPipe(), createPipe()];
const paths = pipes.map(([readFd]) => `/proc/${process.pid}/fd/${readFd}`);
const one = new Uint8Array(1);
const [asyncWake, taskPipe, pollPipe, socketPipe] = await latencies({ held, paths, platform }, [
  [
    ({ held }) =>
      async () => {
        await held.acquire();
        const now = process.hrtime.bigint();
        held.release();
        return now;
      },
    () => held.release(),
  ],
  [
    async ({ paths, platform }) => {
      const { drain } = await import(`${platform}wake-pipe.js`);
      const { watchFd } = await import(`${platform}watch.js`);
      const { openSync, constants } = await import('node:fs');
      const fd = openSync(paths[2], constants.O_RDONLY | constants.O_NONBLOCK);
      const into = new Uint8Array(16);
      let resolve;
      watchFd(fd, 'readable', () => {
        resolve();
        Promise.resolve().then(() => drain(fd, into));
      });
      return async () => {
        await new Promise((r) => {
          resolve = r;
        });
        return process.hrtime.bigint();
      };
    },
    () => ring(pipes[2][1], one),
    takeBack,
  ],
  [
    async ({ paths, platform }) => {
      const { drain } = await import(`${platform}wake-pipe.js`);
      const { watchFd } = await import(`${platform}watch.js`);
      const { openSync, constants } = await import('node:fs');
      const fd = openSync(paths[0], constants.O_RDONLY | constants.O_NONBLOCK);
      const into = new Uint8Array(16);
      let resolve;
      watchFd(fd, 'readable', () => {
        const now = process.hrtime.bigint();
        drain(fd, into);
        resolve(now);
      });
      return () =>
        new Promise((r) => {
          resolve = r;
        });
    },
    () => ring(pipes[0][1], one),
  ],
  [
    async ({ paths }) => {
      const { openSync, constants } = await import('node:fs');
      const { Socket } = await import('node:net');
      const socket = new Socket({
        fd: openSync(paths[1], constants.O_RDONLY | constants.O_NONBLOCK),
        writable: false,
      });
      let resolve;
      socket.on('data', () => resolve(process.hrtime.bigint()));
      return () =>
        new Promise((r) => {
          resolve = r;
        });
    },
    () => ring(pipes[1][1], one),
  ],
]);

// The same under CPython.

const cpython = python(`
import json, multiprocessing, multiprocessing.sharedctypes, time, threading
def each(rounds, work):
    def once():
        t = time.perf_counter()
        work(rounds)
        return (time.perf_counter() - t) * 1e9 / rounds
    return sorted(once() for _ in range(5))[2]
v = multiprocessing.Value('i', 0)
a = multiprocessing.Array('d', ${cells})
def increment(n):
    for i in range(n):
        with v.get_lock():
            v.value += 1
def sweep(n):
    cells = a.get_obj()
    for i in range(n // ${cells}):
        for k in range(${cells}): cells[k] += 1
def contend(n, start):
    start.wait()
    for i in range(n):
        with v.get_lock():
            v.value += 1
def both(n):
    start = multiprocessing.Event()
    ps = [multiprocessing.Process(target=contend, args=(n, start)) for i in range(2)]
    for p in ps: p.start()
    time.sleep(.4)
    t = time.perf_counter()
    start.set()
    for p in ps: p.join()
    return 2 * n / (time.perf_counter() - t)
print(json.dumps({'increment': each(100000, increment), 'sweep': each(500000, sweep),
  'contention': sorted(both(100000) for _ in range(3))[1]}))
`);

const out = (...args) => process.stdout.write(table(...args));
out('Lock, uncontended: acquireSync + release', 'ns', 'less', [
  ['multiproc', sync],
  ['two Atomics.compareExchange, nothing else', floor],
  ['CPython lock.acquire(); lock.release()', cpythonPlain],
  ['CPython with lock: pass', cpythonWith],
]);
out('Lock, uncontended: await acquire() + release', 'ns', 'less', [
  ['multiproc', awaited],
  ['await of a resolved promise, nothing else', baseAwait],
]);
out("Value('i') += 1 under its lock", 'ns', 'less', [
  ['multiproc', increment],
  ['CPython with v.get_lock(): v.value += 1', cpython?.increment],
]);
out("Value('i').add(1), atomic", 'ns', 'less', [
  ['multiproc', add],
  ['CPython with v.get_lock(): v.value += 1', cpython?.increment],
]);
out("array[i] += 1 over 'd' cells", 'ns', 'less', [
  ['multiproc SharedArray.array', sharedCells],
  ['multiproc RawArray', rawCells],
  ['a plain Float64Array', plainCells],
  ['CPython, Array.get_obj()', cpython?.sweep],
]);
out('2 processes contending: increments under one lock', '1/s', 'more', [
  ['multiproc', contention],
  ['CPython', cpython?.contention],
]);
out('from release() to the waiting thread running in another process', 'µs', 'less', [
  ['multiproc acquireSync', syncWake],
  ['a bare futex wake, same FFI', bareFutex],
  ['CPython Semaphore', cpythonThread],
]);
out('from release() to the waiting task running in another process', 'µs', 'less', [
  ['multiproc await acquire()', asyncWake],
  ['a bare pipe wake of a task, poll and same FFI', taskPipe],
  ['the same, until the callback, before any task', pollPipe],
  ['a bare pipe wake, net.Socket, until the callback', socketPipe],
]);
