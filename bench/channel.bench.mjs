/** Queue and Pipe between two processes, against CPython's and `process.send`: streams, round trips, large messages. */
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Pipe, Process, Queue } from '../dist/index.js';
import { median, python, table, timed } from './measure.mjs';

const MiB = 2 ** 20;
const record = (i) => ({ id: i, name: 'something', ok: true });
const rate = (n, ms) => (n / ms) * 1000;

/** Rate at which a child puts `n` messages of a kind and this process gets them. */
async function stream(kind, n, consume, produceAsync = false) {
  const go = new Queue();
  const q = new Queue();
  const child = new Process({
    target: async (go, q, kind, n, produceAsync) => {
      const make = kind === 'integers' ? (i) => i : (i) => ({ id: i, name: 'something', ok: true });
      while (go.getSync()) {
        if (produceAsync) for (let i = 0; i < n; i++) await q.put(make(i));
        else for (let i = 0; i < n; i++) q.putSync(make(i));
      }
    },
    args: [go, q, kind, n, produceAsync],
  });
  child.start();
  const result = await median(async () =>
    rate(
      n,
      await timed(() => {
        go.putSync(true);
        return consume(q, n);
      }),
    ),
  );
  go.putSync(false);
  await child.join();
  return result;
}

const consumeSync = (q, n) => {
  for (let i = 0; i < n; i++) q.getSync();
};
const consumeIterating = async (q, n) => {
  let i = 0;
  for await (const _ of q) if (++i === n) break;
};

async function roundTripSync(n) {
  const [left, right] = Pipe();
  const child = new Process({
    target: (end) => {
      for (let x = end.recvSync(); x !== null; x = end.recvSync()) end.sendSync(x);
    },
    args: [right],
  });
  child.start();
  const result = await median(
    async () =>
      ((await timed(() => {
        for (let i = 0; i < n; i++) {
          left.sendSync(i);
          left.recvSync();
        }
      })) /
        n) *
      1000,
  );
  left.sendSync(null);
  await child.join();
  return result;
}

async function roundTrip(n) {
  const [left, right] = Pipe();
  const child = new Process({
    target: async (end) => {
      for (let x = await end.recv(); x !== null; x = await end.recv()) await end.send(x);
    },
    args: [right],
  });
  child.start();
  const result = await median(
    async () =>
      ((await timed(async () => {
        for (let i = 0; i < n; i++) {
          await left.send(i);
          await left.recv();
        }
      })) /
        n) *
      1000,
  );
  await left.send(null);
  await child.join();
  return result;
}

/** MiB/s of `n` messages of one MiB from a child to this process; `into` receives into memory that is there. */
async function large(n, into) {
  const [left, right] = Pipe();
  const child = new Process({
    target: (end, n) => {
      const block = Buffer.alloc(2 ** 20, 1);
      while (end.recvSync()) for (let i = 0; i < n; i++) end.sendBytesSync(block);
    },
    args: [right, n],
  });
  child.start();
  const target = Buffer.alloc(MiB);
  const result = await median(async () =>
    rate(
      n,
      await timed(() => {
        left.sendSync(true);
        for (let i = 0; i < n; i++) {
          if (into) left.recvBytesIntoSync(target);
          else left.recvBytesSync();
        }
      }),
    ),
  );
  left.sendSync(false);
  await child.join();
  return result;
}

/** MiB/s of this machine's memcpy, block by block through 64 MiB: nothing is in a cache. */
async function memcpy() {
  const from = Buffer.alloc(64 * MiB, 1);
  const to = Buffer.alloc(64 * MiB, 2);
  return median(async () =>
    rate(
      64,
      await timed(() => {
        for (let i = 0; i < 64 * MiB; i += MiB) from.copy(to, i, i, i + MiB);
      }),
    ),
  );
}

/** The same things with `process.send`. */
async function ipc(serialization) {
  const file = path.join(os.tmpdir(), `multiproc-bench-${process.pid}-ipc.cjs`);
  writeFileSync(
    file,
    `const block = Buffer.alloc(2 ** 20, 1);
     process.on('message', ([what, n]) => {
       if (what === 'echo') process.send(n);
       else if (what === 'integers') for (let i = 0; i < n; i++) process.send(i);
       else if (what === 'objects') for (let i = 0; i < n; i++) process.send({ id: i, name: 'something', ok: true });
       else for (let i = 0; i < n; i++) process.send(block);
     });`,
  );
  const child = fork(file, { serialization });
  const receive = (what, n, count = n) =>
    new Promise((resolve) => {
      const onMessage = () => {
        if (--count > 0) return;
        child.off('message', onMessage);
        resolve();
      };
      child.on('message', onMessage);
      child.send([what, n]);
    });
  const streamed = (what, n, runs) => median(async () => rate(n, await timed(() => receive(what, n))), runs);
  const n = 2000;
  const found = {
    integers: await streamed('integers', 10_000),
    objects: await streamed('objects', 10_000),
    trip: await median(
      async () =>
        ((await timed(async () => {
          for (let i = 0; i < n; i++) await receive('echo', i, 1);
        })) /
          n) *
        1000,
    ),
    // As JSON a Buffer is a list of numbers, in text.
    large: serialization === 'json' ? await streamed('large', 2, 1) : await streamed('large', 32, 3),
  };
  child.kill();
  return found;
}

const cpython = python(`
import json, multiprocessing, time
context = multiprocessing.get_context('fork')
def median(f):
    f()
    return sorted(f() for _ in range(5))[2]
def stream(make, n):
    go, q = context.Queue(), context.Queue()
    def produce():
        while go.get():
            for i in range(n): q.put(make(i))
    child = context.Process(target=produce); child.start()
    def once():
        t = time.perf_counter(); go.put(True)
        for i in range(n): q.get()
        return n / (time.perf_counter() - t)
    result = median(once); go.put(False); child.join()
    return result
def trip(n):
    left, right = context.Pipe()
    def echo():
        while (x := right.recv()) is not None: right.send(x)
    child = context.Process(target=echo); child.start()
    def once():
        t = time.perf_counter()
        for i in range(n): left.send(i); left.recv()
        return (time.perf_counter() - t) / n * 1e6
    result = median(once); left.send(None); child.join()
    return result
def large(n):
    left, right = context.Pipe()
    def produce():
        block = bytes(2 ** 20)
        while right.recv():
            for i in range(n): right.send_bytes(block)
    child = context.Process(target=produce); child.start()
    def once():
        t = time.perf_counter(); left.send(True)
        for i in range(n): left.recv_bytes()
        return n / (time.perf_counter() - t)
    result = median(once); left.send(False); child.join()
    return result
print(json.dumps({
    'integers': stream(lambda i: i, 30000),
    'objects': stream(lambda i: {'id': i, 'name': 'something', 'ok': True}, 30000),
    'trip': trip(3000),
    'large': large(200),
}))
`);

const integers = [
  ['multiproc putSync, getSync', await stream('integers', 300_000, consumeSync)],
  ['multiproc await put, for await', await stream('integers', 300_000, consumeIterating, true)],
  ['multiproc putSync, for await', await stream('integers', 300_000, consumeIterating)],
];
const objects = [
  ['multiproc putSync, getSync', await stream('objects', 100_000, consumeSync)],
  ['multiproc await put, for await', await stream('objects', 100_000, consumeIterating, true)],
];
const tripsSync = [['multiproc sendSync, recvSync', await roundTripSync(20_000)]];
const trips = [['multiproc await send, await recv', await roundTrip(10_000)]];
const larges = [
  ['multiproc sendBytesSync, recvBytesSync', await large(500, false)],
  ['multiproc sendBytesSync, recvBytesIntoSync', await large(500, true)],
];

const advanced = await ipc('advanced');
const json = await ipc('json');
const peers = (key) => [
  ['CPython', cpython?.[key]],
  ['process.send, json', json[key]],
  ['process.send, advanced', advanced[key]],
];
const show = (...args) => process.stdout.write(table(...args));
show('Queue, integers, one producer, one consumer', 'messages/s', 'more', [
  ...integers,
  ...peers('integers'),
]);
show('the same, of multiproc both sides awaiting', 'messages/s', 'more', [integers[1], ...peers('integers')]);
show(`Queue, ${JSON.stringify(record(1))}`, 'messages/s', 'more', [...objects, ...peers('objects')]);
show('the same, of multiproc both sides awaiting', 'messages/s', 'more', [objects[1], ...peers('objects')]);
show('Pipe, there and back, threads that block', 'µs', 'less', [...tripsSync, ...peers('trip')]);
show('Pipe, there and back, awaiting', 'µs', 'less', [...trips, ...peers('trip')]);
show('1 MiB messages, one way', 'MiB/s', 'more', [
  ...larges,
  ...peers('large'),
  ["this machine's memcpy, one copy", await memcpy()],
]);
