/**
 * Queues and pipes between two processes, against CPython's and `process.send`.
 *
 * `node channel.bench.mjs [integers] [objects] [pipe] [large]` measures some of it; all without a name.
 */
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Pipe, Process, Queue } from '../dist/index.js';
import { inTurns, median, python, table } from './measure.mjs';

const names = process.argv.slice(2);
const wanted = (name) => names.length === 0 || names.includes(name);
const when = (name, measure) => (wanted(name) ? measure() : undefined);

// So many that each takes about as long as the others: the machine is not equally fast at all times.
const messages = 400_000;
const fewerMessages = 100_000;
const trips = 20_000;
const megabytes = 300;
const object = { id: 12345, name: 'a small object', tags: ['x', 'y'], at: { x: 1.5, y: 2.5 } };

// Queues: a producer in another process, the consumer here. Time from the first message to the last.
const produce = (count, value, start, q) => {
  while (start.getSync()) for (let i = 0; i < count; i++) q.putSync(value ?? i);
};

/** Gives messages a second, as often as it is called. */
function openQueue(value, consume) {
  const q = new Queue();
  const start = new Queue();
  const p = new Process({ target: produce, args: [messages, value, start, q] });
  p.start();
  return {
    async rate() {
      start.putSync(true);
      await consume(q, 1);
      const begin = performance.now();
      await consume(q, messages - 1);
      return ((messages - 1) / (performance.now() - begin)) * 1000;
    },
    end() {
      start.putSync(false);
      return p.join();
    },
  };
}

const bySync = (q, count) => {
  for (let i = 0; i < count; i++) q.getSync();
};
const byIteration = async (q, count) => {
  let i = 0;
  for await (const _ of q) if (++i === count) break;
};

// process.send: the same, child to parent.
const childFile = path.join(os.tmpdir(), `multiproc-bench-${process.pid}-send.mjs`);
writeFileSync(
  childFile,
  `import { setImmediate as turn } from 'node:timers/promises';
   const object = ${JSON.stringify(object)};
   const big = Buffer.alloc(2 ** 20, 1);
   process.on('message', async ({ kind, count }) => {
     if (kind === 'echo') return process.send(0);
     const send = (value) => new Promise((done) => process.send(value, done));
     for (let i = 0; i < count; i++) {
       const value = kind === 'int' ? i : kind === 'object' ? object : big;
       if (i % 1000 === 0 || kind === 'big') await send(value);
       else process.send(value);
     }
   });`,
);
function openSend(serialization) {
  const child = fork(childFile, { serialization });
  /** Messages a second. */
  const rate = (kind, count) =>
    new Promise((done) => {
      let seen = 0;
      let begin = 0;
      child.on('message', function onMessage() {
        if (++seen === 1) begin = performance.now();
        if (seen < count) return;
        child.off('message', onMessage);
        done(((count - 1) / (performance.now() - begin)) * 1000);
      });
      child.send({ kind, count });
    });
  /** Microseconds there and back. */
  const trip = async () => {
    const begin = performance.now();
    for (let i = 0; i < 5000; i++) {
      const answered = new Promise((done) => child.once('message', done));
      child.send({ kind: 'echo' });
      await answered;
    }
    return ((performance.now() - begin) / 5000) * 1000;
  };
  return { rate, trip, end: () => child.kill() };
}
const json = openSend('json');
const advanced = openSend('advanced');

const cpython = python(`
import json, multiprocessing, time
mp = multiprocessing.get_context('fork')
def produce(q, value, count, rounds, start):
    for r in range(rounds):
        start.get()
        for i in range(count): q.put(i if value is None else value)
def echo(c):
    while True: c.send(c.recv())
def flood(c, count, rounds):
    data = b'x' * 2**20
    for r in range(rounds):
        c.recv()
        for i in range(count): c.send_bytes(data)
def rate(value, count=50000):
    q, start = mp.Queue(), mp.Queue()
    p = mp.Process(target=produce, args=(q, value, count, 4, start)); p.start()
    result = []
    for r in range(4):
        start.put(1); q.get()
        t = time.perf_counter()
        for i in range(count - 1): q.get()
        result.append((count - 1) / (time.perf_counter() - t))
    p.join()
    return sorted(result)[2]
def trip(n=10000):
    a, b = mp.Pipe()
    p = mp.Process(target=echo, args=(b,), daemon=True); p.start()
    result = []
    for r in range(4):
        t = time.perf_counter()
        for i in range(n): a.send(1); a.recv()
        result.append((time.perf_counter() - t) / n * 1e6)
    p.terminate()
    return sorted(result)[1]
def megabytes(n=${megabytes}):
    a, b = mp.Pipe()
    p = mp.Process(target=flood, args=(b, n, 4)); p.start()
    result = []
    for r in range(4):
        a.send(1); a.recv_bytes()
        t = time.perf_counter()
        for i in range(n - 1): a.recv_bytes()
        result.append((n - 1) / (time.perf_counter() - t))
    p.join()
    return sorted(result)[2]
obj = {'id': 12345, 'name': 'a small object', 'tags': ['x', 'y'], 'at': {'x': 1.5, 'y': 2.5}}
print(json.dumps({
    'int': rate(None) if ${Number(wanted('integers'))} else None,
    'object': rate(obj) if ${Number(wanted('objects'))} else None,
    'trip': trip() if ${Number(wanted('pipe'))} else None,
    'big': megabytes() if ${Number(wanted('large'))} else None,
}))
`);

/** Messages of one kind, by all in turns. */
async function queueRates(kind, value) {
  const sync = openQueue(value, bySync);
  const iteration = openQueue(value, byIteration);
  const rates = await inTurns({
    'multiproc Queue, getSync': sync.rate,
    'multiproc Queue, for await': iteration.rate,
    'process.send, json': () => json.rate(kind, fewerMessages),
    'process.send, advanced': () => advanced.rate(kind, fewerMessages),
  });
  await sync.end();
  await iteration.end();
  return rates;
}
const integers = await when('integers', () => queueRates('int', undefined));
const objects = await when('objects', () => queueRates('object', object));

// A pipe, there and back.
const echoSync = (c) => {
  try {
    for (;;) c.sendSync(c.recvSync());
  } catch {
    // The other side has gone.
  }
};
const echoAsync = async (c) => {
  try {
    for (;;) await c.send(await c.recv());
  } catch {
    // The other side has gone.
  }
};
async function tripTime(target, once) {
  const [a, b] = Pipe();
  const p = new Process({ target, args: [b] });
  p.start();
  b.close();
  const time = await median(async () => {
    const begin = performance.now();
    await once(a);
    return ((performance.now() - begin) / trips) * 1000;
  });
  a.close();
  await p.join();
  return time;
}
const tripSync = await when('pipe', () =>
  tripTime(echoSync, (a) => {
    for (let i = 0; i < trips; i++) {
      a.sendSync(1);
      a.recvSync();
    }
  }),
);
const tripAsync = await when('pipe', () =>
  tripTime(echoAsync, async (a) => {
    for (let i = 0; i < trips; i++) {
      await a.send(1);
      await a.recv();
    }
  }),
);

// Large messages, one way.
const flood = (count, rounds, c) => {
  const data = Buffer.alloc(2 ** 20, 1);
  for (let r = 0; r <= rounds; r++) {
    c.recvSync();
    for (let i = 0; i < count; i++) c.sendBytesSync(data);
  }
};
async function largeRate(receive) {
  const [a, b] = Pipe();
  const p = new Process({ target: flood, args: [megabytes, 5, b] });
  p.start();
  const rate = await median(() => {
    a.sendSync(1);
    receive(a);
    const begin = performance.now();
    for (let i = 1; i < megabytes; i++) receive(a);
    return ((megabytes - 1) / (performance.now() - begin)) * 1000;
  });
  await p.join();
  return rate;
}
const big = await when('large', () => largeRate((c) => c.recvBytesSync()));
const room = Buffer.alloc(2 ** 20);
const into = await when('large', () => largeRate((c) => c.recvBytesIntoSync(room)));
const memcpy = await when('large', () => {
  const source = Buffer.alloc(2 ** 26, 1);
  const target = Buffer.alloc(2 ** 26);
  return median(() => {
    const begin = performance.now();
    source.copy(target);
    return (64 / (performance.now() - begin)) * 1000;
  });
});

const sent = {
  json: await when('pipe', () => median(json.trip, 3)),
  advanced: await when('pipe', () => median(advanced.trip, 3)),
  // In MiB/s, too.
  large: await when('large', () => median(() => advanced.rate('big', 100), 3)),
};
json.end();
advanced.end();

const report = (name, title, unit, better, rows) => {
  if (wanted(name)) process.stdout.write(table(title, unit, better, rows()));
};
report('integers', 'a queue, one producer and one consumer, integers', 'messages/s', 'more', () => [
  ...integers,
  ['CPython Queue', cpython?.int],
]);
report('objects', 'a queue, small objects', 'messages/s', 'more', () => [
  ...objects,
  ['CPython Queue', cpython?.object],
]);
report('pipe', 'a pipe, there and back', 'µs', 'less', () => [
  ['multiproc Pipe, Sync', tripSync],
  ['multiproc Pipe, async on both ends', tripAsync],
  ['CPython Pipe', cpython?.trip],
  ['process.send, json', sent.json],
  ['process.send, advanced', sent.advanced],
]);
report('large', '1 MiB messages, one way', 'MiB/s', 'more', () => [
  ['multiproc Pipe, recvBytesSync', big],
  ['multiproc Pipe, recvBytesIntoSync', into],
  ['CPython Pipe', cpython?.big],
  ['process.send, advanced', sent.large],
  ['memcpy of this machine', memcpy],
]);
