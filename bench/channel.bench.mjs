/**
 * Queues and pipes between two processes, against CPython's and `process.send`.
 *
 * `node channel.bench.mjs [integers] [objects] [pipe] [large]` measures some of it; all without a name.
 */
import { fork, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Pipe, Process, Queue } from '../dist/index.js';
import { inTurns, table, temporaryFile, usualRounds } from './measure.mjs';

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
const childFile = temporaryFile(
  'send.mjs',
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

// CPython: a process that measures what it is told to, one line for each result, so that it can take its turns.
const program = `
import multiprocessing, sys, time
mp = multiprocessing.get_context('fork')
obj = {'id': 12345, 'name': 'a small object', 'tags': ['x', 'y'], 'at': {'x': 1.5, 'y': 2.5}}
count, trips, megabytes = 50000, 10000, ${megabytes}
def produce(q, value, start):
    while start.get():
        for i in range(count): q.put(i if value is None else value)
def echo(c):
    while True: c.send(c.recv())
def flood(c):
    data = b'x' * 2**20
    while True:
        c.recv()
        for i in range(megabytes): c.send_bytes(data)
def rate(value):
    q, start = mp.Queue(), mp.Queue()
    mp.Process(target=produce, args=(q, value, start), daemon=True).start()
    def once():
        start.put(1); q.get()
        t = time.perf_counter()
        for i in range(count - 1): q.get()
        return (count - 1) / (time.perf_counter() - t)
    return once
def pipe(target):
    a, b = mp.Pipe()
    mp.Process(target=target, args=(b,), daemon=True).start()
    return a
def trip():
    a = pipe(echo)
    def once():
        t = time.perf_counter()
        for i in range(trips): a.send(1); a.recv()
        return (time.perf_counter() - t) / trips * 1e6
    return once
def large():
    a = pipe(flood)
    def once():
        a.send(1); a.recv_bytes()
        t = time.perf_counter()
        for i in range(megabytes - 1): a.recv_bytes()
        return (megabytes - 1) / (time.perf_counter() - t)
    return once
once = {'int': lambda: rate(None), 'object': lambda: rate(obj), 'trip': trip, 'large': large}[sys.argv[1]]()
for line in sys.stdin: print(once(), flush=True)
`;
const hasPython = spawnSync('python3', ['--version']).status === 0;

/** What CPython does; nothing where there is no python3. */
function openPython(kind) {
  if (!hasPython) return { turns: () => ({}), end() {} };
  const child = spawn('python3', ['-c', program, kind], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const rate = async () => {
    child.stdin.write('\n');
    return Number((await lines.next()).value);
  };
  return { rate, turns: (name) => ({ [name]: rate }), end: () => child.stdin.end() };
}

/** Messages of one kind, by all in turns. */
async function queueRates(kind, value) {
  const sync = openQueue(value, bySync);
  const iteration = openQueue(value, byIteration);
  const cpython = openPython(kind);
  const rates = await inTurns({
    'multiproc Queue, getSync': sync.rate,
    'multiproc Queue, for await': iteration.rate,
    'process.send, json': () => json.rate(kind, fewerMessages),
    'process.send, advanced': () => advanced.rate(kind, fewerMessages),
    ...cpython.turns('CPython Queue'),
  });
  await sync.end();
  await iteration.end();
  cpython.end();
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
/** Microseconds there and back, as often as it is called. */
function openPipe(target, trip) {
  const [a, b] = Pipe();
  const p = new Process({ target, args: [b] });
  p.start();
  b.close();
  return {
    async time() {
      const begin = performance.now();
      await trip(a);
      return ((performance.now() - begin) / trips) * 1000;
    },
    end() {
      a.close();
      return p.join();
    },
  };
}
async function tripTimes() {
  const sync = openPipe(echoSync, (a) => {
    for (let i = 0; i < trips; i++) {
      a.sendSync(1);
      a.recvSync();
    }
  });
  const async = openPipe(echoAsync, async (a) => {
    for (let i = 0; i < trips; i++) {
      await a.send(1);
      await a.recv();
    }
  });
  const cpython = openPython('trip');
  const times = await inTurns({
    'multiproc Pipe, Sync': sync.time,
    'multiproc Pipe, async on both ends': async.time,
    ...cpython.turns('CPython Pipe'),
    'process.send, json': json.trip,
    'process.send, advanced': advanced.trip,
  });
  await sync.end();
  await async.end();
  cpython.end();
  return times;
}
const pipe = await when('pipe', tripTimes);

// Large messages, one way.
const flood = (count, c) => {
  const data = Buffer.alloc(2 ** 20, 1);
  try {
    for (;;) {
      c.recvSync();
      for (let i = 0; i < count; i++) c.sendBytesSync(data);
    }
  } catch {
    // The other side has gone.
  }
};
/** MiB a second, as often as it is called. */
function openFlood(receive) {
  const [a, b] = Pipe();
  const p = new Process({ target: flood, args: [megabytes, b] });
  p.start();
  b.close();
  return {
    rate() {
      a.sendSync(1);
      receive(a);
      const begin = performance.now();
      for (let i = 1; i < megabytes; i++) receive(a);
      return ((megabytes - 1) / (performance.now() - begin)) * 1000;
    },
    end() {
      a.close();
      return p.join();
    },
  };
}
/** Each time between two new processes: on which cores the kernel puts the two decides more than all else, and it leaves them there. */
const anew = (open) => async () => {
  const pair = open();
  await pair.rate(); // their memory is new
  const rate = await pair.rate();
  await pair.end();
  return rate;
};
async function largeRates() {
  const room = Buffer.alloc(2 ** 20);
  const source = Buffer.alloc(2 ** 26, 1);
  const target = Buffer.alloc(2 ** 26, 2);
  // Before all else: Node forks to start one, after which this process pays for each page that it writes to first.
  const cpython = hasPython ? Array.from({ length: usualRounds + 1 }, () => openPython('large')) : [];
  return await inTurns({
    'multiproc Pipe, recvBytesSync': anew(() => openFlood((c) => c.recvBytesSync())),
    'multiproc Pipe, recvBytesIntoSync': anew(() => openFlood((c) => c.recvBytesIntoSync(room))),
    ...(hasPython ? { 'CPython Pipe': anew(() => cpython.pop()) } : {}),
    'process.send, advanced': () => advanced.rate('big', 100),
    'memcpy of this machine': () => {
      const begin = performance.now();
      source.copy(target);
      return (64 / (performance.now() - begin)) * 1000;
    },
  });
}
const large = await when('large', largeRates);
json.end();
advanced.end();

const report = (rows, title, unit, better) => {
  if (rows !== undefined) process.stdout.write(table(title, unit, better, rows));
};
report(integers, 'a queue, one producer and one consumer, integers', 'messages/s', 'more');
report(objects, 'a queue, small objects', 'messages/s', 'more');
report(pipe, 'a pipe, there and back', 'µs', 'less');
report(large, '1 MiB messages, one way', 'MiB/s', 'more');
