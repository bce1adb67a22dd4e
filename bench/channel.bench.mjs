/** Queues and pipes between two processes, against CPython's and `process.send`. */
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Pipe, Process, Queue } from '../dist/index.js';
import { median, python, table } from './measure.mjs';

const messages = 100_000;
const trips = 20_000;
const megabytes = 300;
const object = { id: 12345, name: 'a small object', tags: ['x', 'y'], at: { x: 1.5, y: 2.5 } };

// Queues: a producer in another process, the consumer here. Time from the first message to the last.
const produce = (count, rounds, value, start, q) => {
  for (let r = 0; r <= rounds; r++) {
    start.getSync();
    for (let i = 0; i < count; i++) q.putSync(value ?? i);
  }
};

/** Messages a second, median of five rounds after one to warm up. */
async function queueRate(value, consume) {
  const q = new Queue();
  const start = new Queue();
  const p = new Process({ target: produce, args: [messages, 5, value, start, q] });
  p.start();
  const rate = await median(async () => {
    start.putSync(1);
    await consume(q, 1);
    const begin = performance.now();
    await consume(q, messages - 1);
    return ((messages - 1) / (performance.now() - begin)) * 1000;
  });
  await p.join();
  return rate;
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
async function sendPeer(serialization) {
  const child = fork(childFile, { serialization });
  const flood = (kind, count) =>
    new Promise((done) => {
      let seen = 0;
      let begin = 0;
      child.on('message', function onMessage() {
        if (++seen === 1) begin = performance.now();
        if (seen < count) return;
        child.off('message', onMessage);
        done((count - 1) / (performance.now() - begin));
      });
      child.send({ kind, count });
    });
  const count = 20_000;
  const result = {
    int: (await median(() => flood('int', count), 3)) * 1000,
    object: (await median(() => flood('object', count), 3)) * 1000,
    big: (await median(() => flood('big', 100), 3)) * 1000,
    trip: await median(async () => {
      const begin = performance.now();
      for (let i = 0; i < 5000; i++) {
        const answered = new Promise((done) => child.once('message', done));
        child.send({ kind: 'echo' });
        await answered;
      }
      return ((performance.now() - begin) / 5000) * 1000;
    }, 3),
  };
  child.kill();
  return result;
}

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
print(json.dumps({'int': rate(None), 'object': rate(obj), 'trip': trip(), 'big': megabytes()}))
`);

const ints = await queueRate(undefined, bySync);
const objects = await queueRate(object, bySync);
const iterated = await queueRate(undefined, byIteration);

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
const tripSync = await tripTime(echoSync, (a) => {
  for (let i = 0; i < trips; i++) {
    a.sendSync(1);
    a.recvSync();
  }
});
const tripAsync = await tripTime(echoAsync, async (a) => {
  for (let i = 0; i < trips; i++) {
    await a.send(1);
    await a.recv();
  }
});

// Large messages, one way.
const flood = (count, rounds, c) => {
  const data = Buffer.alloc(2 ** 20, 1);
  for (let r = 0; r <= rounds; r++) {
    c.recvSync();
    for (let i = 0; i < count; i++) c.sendBytesSync(data);
  }
};
const [here, there] = Pipe();
const flooder = new Process({ target: flood, args: [megabytes, 5, there] });
flooder.start();
const big = await median(() => {
  here.sendSync(1);
  here.recvBytesSync();
  const begin = performance.now();
  for (let i = 1; i < megabytes; i++) here.recvBytesSync();
  return ((megabytes - 1) / (performance.now() - begin)) * 1000;
});
await flooder.join();
const into = await (async () => {
  const [a, b] = Pipe();
  const p = new Process({ target: flood, args: [megabytes, 5, b] });
  p.start();
  const target = Buffer.alloc(2 ** 20);
  const rate = await median(() => {
    a.sendSync(1);
    a.recvBytesIntoSync(target);
    const begin = performance.now();
    for (let i = 1; i < megabytes; i++) a.recvBytesIntoSync(target);
    return ((megabytes - 1) / (performance.now() - begin)) * 1000;
  });
  await p.join();
  return rate;
})();
const source = Buffer.alloc(2 ** 26, 1);
const target = Buffer.alloc(2 ** 26);
const memcpy = await median(() => {
  const begin = performance.now();
  source.copy(target);
  return (64 / (performance.now() - begin)) * 1000;
});

const json = await sendPeer('json');
const advanced = await sendPeer('advanced');

process.stdout.write(
  table('a queue, one producer and one consumer, integers', 'messages/s', 'more', [
    ['multiproc Queue, getSync', ints],
    ['multiproc Queue, for await', iterated],
    ['CPython Queue', cpython?.int],
    ['process.send, json', json.int],
    ['process.send, advanced', advanced.int],
  ]),
);
process.stdout.write(
  table('a queue, small objects', 'messages/s', 'more', [
    ['multiproc Queue, getSync', objects],
    ['CPython Queue', cpython?.object],
    ['process.send, json', json.object],
    ['process.send, advanced', advanced.object],
  ]),
);
process.stdout.write(
  table('a pipe, there and back', 'µs', 'less', [
    ['multiproc Pipe, Sync', tripSync],
    ['multiproc Pipe, async on both ends', tripAsync],
    ['CPython Pipe', cpython?.trip],
    ['process.send, json', json.trip],
    ['process.send, advanced', advanced.trip],
  ]),
);
process.stdout.write(
  table('1 MiB messages, one way', 'MiB/s', 'more', [
    ['multiproc Pipe, recvBytesSync', big],
    ['multiproc Pipe, recvBytesIntoSync', into],
    ['CPython Pipe', cpython?.big],
    ['process.send, advanced', advanced.big],
    ['memcpy of this machine', memcpy],
  ]),
);
