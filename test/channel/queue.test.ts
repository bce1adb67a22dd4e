/** Queue: order, limits, ends and errors, with processes and worker threads, in waiting and blocking calls. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import {
  fromHandle,
  Lock,
  Pool,
  Process,
  Queue,
  SharedArray,
  SharedMemory,
  shareHandle,
  Value,
} from '../../src/index.ts';
import { Empty, Full, ShutDown } from '../../src/queue.ts';
import { Peer } from '../fixtures/peer.ts';
import { startProgram, temporaryDirectory } from '../support/run.ts';

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Two processes and a worker thread, for all tests that leave them alive. */
let peers: Peer[];
before(async () => {
  peers = await Promise.all([Peer.start(), Peer.start(), Peer.startThread()]);
});
after(async () => {
  for (const peer of peers) await peer.kill();
});

const putMany = async (
  _mp: unknown,
  { q, id, count, sync }: { q: Queue; id: number; count: number; sync: boolean },
): Promise<void> => {
  for (let n = 0; n < count; n++) {
    const message = n % 3 === 0 ? { id, n } : [id, n, 'x'.repeat(n % 50)];
    if (sync) q.putSync(message);
    else await q.put(message);
  }
  q.close();
};

const getMany = async (_mp: unknown, { q, how }: { q: Queue; how: string }): Promise<number[][]> => {
  const got: number[][] = [];
  const add = (m: unknown): void => {
    const { id, n } = Array.isArray(m) ? { id: m[0], n: m[1] } : (m as { id: number; n: number });
    got.push([id, n]);
  };
  if (how === 'for') for (const m of q) add(m);
  else for await (const m of q) add(m);
  return got;
};

for (const maxsize of [0, 5]) {
  test(`many producers and consumers, maxsize ${maxsize}: each message once, in its producer's order`, async () => {
    const q = new Queue(maxsize);
    const count = 2000;
    const extra = await Promise.all([Peer.start(), Peer.startThread()]);
    try {
      const consumers = [
        peers[0]!.run(getMany, { q, how: 'for' }),
        peers[2]!.run(getMany, { q, how: 'for await' }),
      ];
      const producers = [
        peers[1]!.run(putMany, { q, id: 0, count, sync: true }),
        extra[0].run(putMany, { q, id: 1, count, sync: false }),
        extra[1].run(putMany, { q, id: 2, count, sync: true }),
      ];
      consumers.push(getMany(undefined, { q, how: 'for await' }));
      await Promise.all(producers);
      const all = await Promise.all(consumers);
      for (const got of all) {
        for (const id of [0, 1, 2]) {
          const mine = got.filter((m) => m[0] === id).map((m) => m[1]!);
          assert.deepEqual(
            mine,
            mine.toSorted((a, b) => a - b),
            `order of producer ${id}`,
          );
        }
      }
      const seen = all
        .flat()
        .map(([id, n]) => id! * count + n!)
        .sort((a, b) => a - b);
      assert.deepEqual(
        seen,
        Array.from({ length: 3 * count }, (_, i) => i),
      );
    } finally {
      for (const peer of extra) await peer.kill();
    }
  });
}

/** Unlike `AbortSignal.timeout`, keeps the program alive until then. */
function abortedAfter(milliseconds: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('enough')), milliseconds);
  return controller.signal;
}

test('values of every kind arrive as they were put', async () => {
  const q = new Queue();
  const echo = new Queue();
  const echoing = peers[0]!.run(
    async (_mp, { q, echo }) => {
      for await (const v of q) await echo.put(v);
    },
    { q, echo },
  );
  const anything = fc.oneof(
    fc.integer(),
    fc.double(),
    fc.string({ unit: 'binary', maxLength: 600 }),
    fc.string({ maxLength: 600 }),
    fc.bigInt(),
    fc.boolean(),
    fc.constantFrom<unknown>(undefined, null, -0, Number.NaN, '', '\ud800', 2 ** 31, -(2 ** 31), 'é'),
    fc.uint8Array({ maxLength: 100 }),
    fc.uint8Array({ maxLength: 100 }).map((a) => Buffer.from(a)),
    fc.float64Array(),
    fc.bigInt64Array(),
    fc.int16Array(),
    fc.dictionary(
      fc.string().filter((k) => k !== '__proto__'),
      fc.jsonValue(),
    ),
    fc.array(fc.date({ noInvalidDate: true })),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(anything, { minLength: 1, maxLength: 20 }), async (values) => {
      for (const value of values) await q.put(value);
      for (const value of values) {
        const back = await echo.get();
        assert.deepEqual(back, value);
        assert.equal(Object.getPrototypeOf(back ?? 0), Object.getPrototypeOf(value ?? 0));
      }
    }),
    { numRuns: 150 },
  );
  q.shutdown();
  await echoing;
});

test('what is put is a copy: changing it afterwards changes nothing, also behind a full queue', async () => {
  const q = new Queue<Buffer>(1);
  const bytes = Buffer.from('one');
  await q.put(bytes);
  bytes.write('two');
  const later = q.put(bytes);
  bytes.write('xxx');
  assert.equal(String(await q.get()), 'one');
  await later;
  assert.equal(String(q.getSync()), 'two');
});

for (const sync of [false, true]) {
  test(`a full queue holds its producers back, ${sync ? 'blocking' : 'waiting'}`, async () => {
    const q = new Queue<number>(3);
    const progress = new Value('i', 0);
    const run = peers[0]!.run(
      async (_mp, { q, progress, sync }) => {
        for (let n = 0; n < 50; n++) {
          if (sync) q.putSync(n);
          else await q.put(n);
          progress.value = n + 1;
        }
      },
      { q, progress, sync },
    );
    while (!q.full()) await delay(1);
    await delay(20);
    assert.equal(progress.value, 3);
    for (let n = 0; n < 50; n++) {
      assert.equal(await q.get(), n);
      assert.ok(q.qsize() <= 3);
      assert.ok(progress.value <= n + 4);
    }
    await run;
    assert.equal(q.empty(), true);
  });
}

test('an unbounded put blocks for nothing, and qsize counts', () => {
  const q = new Queue<number>();
  for (let n = 0; n < 100_000; n++) q.putSync(n);
  assert.equal(q.qsize(), 100_000);
  assert.equal(q.full(), false);
  let n = 0;
  while (!q.empty()) assert.equal(q.getNowait(), n++);
  assert.equal(n, 100_000);
});

test('Empty and Full: at once, and when time is up; nothing is taken or put', async () => {
  const q = new Queue<number>(1);
  for (const call of [
    () => q.get(false),
    () => q.get({ block: false }),
    () => q.get(false, 1e9),
    () => q.get(true, 20),
    () => q.get({ timeout: 20 }),
    () => q.get({ timeout: 0 }),
    () => q.get({ timeout: -1 }),
  ]) {
    await assert.rejects(call(), (e) => e instanceof Empty && e.code === 'ERR_MULTIPROC_QUEUE_EMPTY');
  }
  for (const call of [
    () => q.getNowait(),
    () => q.getSync(false),
    () => q.getSync(true, 20),
    () => q.getSync({ timeout: 20 }),
  ]) {
    assert.throws(call, Empty);
  }
  q.putNowait(1);
  for (const call of [
    () => q.put(2, false),
    () => q.put(2, true, 20),
    () => q.put(2, { timeout: 20 }),
    () => q.put(2, { block: false }),
  ]) {
    await assert.rejects(call(), (e) => e instanceof Full && e.code === 'ERR_MULTIPROC_QUEUE_FULL');
  }
  for (const call of [
    () => q.putNowait(2),
    () => q.putSync(2, false),
    () => q.putSync(2, true, 20),
    () => q.putSync(2, { timeout: 20 }),
  ]) {
    assert.throws(call, Full);
  }
  assert.equal(q.qsize(), 1);
  assert.equal(q.getNowait(), 1);
  const begun = performance.now();
  assert.throws(() => q.getSync(true, 50), Empty);
  assert.ok(performance.now() - begun >= 49);
});

test('an aborted wait rejects with the reason, and takes or puts nothing', async () => {
  const q = new Queue<number>(1);
  const controller = new AbortController();
  const waiting = q.get({ signal: controller.signal });
  setTimeout(() => controller.abort(new Error('enough')), 10);
  await assert.rejects(waiting, { message: 'enough' });
  q.putSync(1);
  assert.equal(await q.get(), 1);
  await assert.rejects(q.get({ signal: AbortSignal.abort(new Error('before')) }), { message: 'before' });
  q.putSync(2);
  await assert.rejects(q.get({ signal: AbortSignal.abort(new Error('before')) }), { message: 'before' });
  await assert.rejects(q.put(3, { signal: AbortSignal.abort(new Error('before')) }), { message: 'before' });
  const putting = q.put(3, { signal: abortedAfter(10) });
  await assert.rejects(putting, { message: 'enough' });
  assert.equal(q.qsize(), 1);
  assert.equal(q.getNowait(), 2);
  await assert.rejects(q.put(4, { signal: AbortSignal.abort(new Error('before')) }), { message: 'before' });
  assert.equal(q.empty(), true);
});

test('bad arguments are typed errors, also when there is no need to wait', async () => {
  for (const bad of ['1', Number.NaN, {}, null]) {
    assert.throws(() => new Queue(bad as never), { name: 'TypeError', message: /maxsize/ });
  }
  assert.equal(new Queue(-1).full(), false);
  const q = new Queue<number>();
  for (const there of [false, true]) {
    for (const bad of ['yes', 1, { timeout: 'x' }, { timeout: Number.NaN }, { block: 'maybe' }]) {
      if (there) q.putSync(1);
      const left = q.qsize();
      await assert.rejects(q.get(bad as never), { name: 'TypeError' }, `get ${JSON.stringify(bad)}`);
      assert.throws(() => q.getSync(bad as never), { name: 'TypeError' });
      await assert.rejects(q.put(1, bad as never), { name: 'TypeError' });
      assert.throws(() => q.putSync(1, bad as never), { name: 'TypeError' });
      assert.equal(q.qsize(), left);
    }
    await assert.rejects(q.get(true, 'x' as never), { name: 'TypeError' });
    assert.throws(() => q.getSync(true, 'x' as never), { name: 'TypeError' });
    await assert.rejects(q.get({ signal: {} as never }), { name: 'TypeError' });
  }
});

test('shutdown: what is in it can be got, then ShutDown; who waits is woken, everywhere', async () => {
  const q = new Queue<number>(2);
  q.putSync(1);
  q.putSync(2);
  const putter = peers[0]!.run((_mp, q) => q.putSync(3), q);
  const waiter = assert.rejects(q.put(3), ShutDown);
  const refused = assert.rejects(putter, { name: 'ShutDown', code: 'ERR_MULTIPROC_QUEUE_SHUT_DOWN' });
  await delay(30);
  q.shutdown();
  await Promise.all([waiter, refused]);
  await assert.rejects(q.put(3), ShutDown);
  assert.throws(() => q.putNowait(3), ShutDown);
  assert.equal(q.getSync(), 1);
  assert.equal(await q.get(), 2);
  await assert.rejects(q.get(), ShutDown);
  assert.throws(() => q.getSync(), ShutDown);
  assert.throws(() => q.getNowait(), ShutDown);
  await assert.rejects(
    peers[1]!.run((_mp, q) => q.get(), q),
    { name: 'ShutDown' },
  );
});

test('shutdown wakes consumers that wait, and ends iterations', async () => {
  const q = new Queue();
  const getting = [
    peers[0]!.run((_mp, q) => q.getSync(), q),
    peers[1]!.run((_mp, q) => q.get(), q),
    peers[2]!.run((_mp, q) => q.getSync(), q),
    q.get(),
  ].map((p) => assert.rejects(p, { name: 'ShutDown' }));
  const iterating = getMany(undefined, { q, how: 'for await' });
  await delay(30);
  q.shutdown(true);
  await Promise.all(getting);
  assert.deepEqual(await iterating, []);
});

test('shutdown(true) drops what is in it', () => {
  const q = new Queue();
  for (let n = 0; n < 10; n++) q.putSync(n);
  q.shutdown();
  q.shutdown(true);
  assert.equal(q.qsize(), 0);
  assert.throws(() => q.getNowait(), ShutDown);
});

test('close: own calls that wait are ended, later ones refused; the others go on', async () => {
  const q = new Queue<number>(1);
  const other = peers[0]!.run((_mp, q) => q.get(), q);
  const wasClosed = { name: 'ValueError', message: /is closed/ };
  await delay(20);
  const getting = assert.rejects(q.get(), wasClosed);
  const iterating = getMany(undefined, { q, how: 'for await' });
  const elsewhere = await Peer.start();
  try {
    await elsewhere.run((_mp, q, state) => void Object.assign(state, { q }), q);
    q.close();
    q.close();
    await getting;
    assert.deepEqual(await iterating, []);
    await assert.rejects(q.put(1), wasClosed);
    await assert.rejects(q.get(), wasClosed);
    assert.throws(() => q.putNowait(1), wasClosed);
    assert.throws(() => q.getNowait(), wasClosed);
    await elsewhere.run((_mp, _a, state) => (state.q as Queue).put('hello'), undefined);
    assert.equal(await other, 'hello');
    const full = new Queue(1);
    full.putSync(1);
    const putting = assert.rejects(full.put(2), wasClosed);
    await delay(5);
    full.close();
    await putting;
  } finally {
    await elsewhere.kill();
  }
});

test('joinThread only after close; cancelJoinThread does nothing', async () => {
  const q = new Queue();
  await assert.rejects(q.joinThread(), { name: 'AssertionError' });
  assert.throws(() => q.joinThreadSync(), { name: 'AssertionError' });
  q.cancelJoinThread();
  q.close();
  await q.joinThread();
  q.joinThreadSync();
  assert.match(String(new Queue()), /^<multiprocessing\.queues\.Queue object at 0x[0-9a-f]+>$/);
});

test('iteration ends when the last producer has ended, however: closed, returned, exited, killed', async () => {
  const q = new Queue<string>();
  const producers = [
    new Process({
      target: (q: Queue<string>) => {
        q.putSync('closed');
        q.close();
      },
      args: [q],
    }),
    new Process({ target: async (q: Queue<string>) => void (await q.put('returned')), args: [q] }),
    new Process({
      target: (q: Queue<string>) => {
        q.putSync('exited');
        process.exit(3);
      },
      args: [q],
    }),
    new Process({
      target: (q: Queue<string>) => {
        q.putSync('killed');
        process.kill(process.pid, 'SIGKILL');
        for (;;);
      },
      args: [q],
    }),
  ];
  for (const p of producers) p.start();
  const got: string[] = [];
  for await (const m of q) got.push(m);
  assert.deepEqual(got.sort(), ['closed', 'exited', 'killed', 'returned']);
  for (const p of producers) await p.join();
  assert.deepEqual(
    producers.map((p) => p.exitcode),
    [0, 0, 3, -9],
  );
});

test('nothing is lost when a producer exits, or is killed, right after it put', async () => {
  const q = new Queue<number>();
  const count = 20_000;
  const producers = [0, 1].map(
    (id) =>
      new Process({
        target: (q: Queue<number>, count: number, id: number) => {
          for (let n = 0; n < count; n++) q.putSync(n * 2 + id);
          if (id === 0) process.exit(0);
          process.kill(process.pid, 'SIGKILL');
        },
        args: [q, count, id],
      }),
  );
  for (const p of producers) p.start();
  for (const p of producers) await p.join();
  assert.equal(q.qsize(), 2 * count);
  const next = [0, 0];
  for (let n = 0; n < 2 * count; n++) {
    const m = q.getNowait();
    assert.equal(m >> 1, next[m & 1]!++);
  }
});

test('a program that awaits a message nobody can send, ends; one that a child may send, comes', async (t) => {
  const alone = startProgram(
    t,
    'alone.mts',
    `import { Queue } from LIBRARY;
    const q = new Queue();
    q.get().then(() => console.log('got'));
    (async () => { for await (const m of q) console.log(m); })();
    console.log('waiting');`,
  );
  const child = startProgram(
    t,
    'child.mts',
    `import { Process, Queue } from LIBRARY;
    const q = new Queue();
    const target = async (q: Queue) => { await new Promise((r) => setTimeout(r, 100)); await q.put('from the child'); };
    new Process({ target, args: [q] }).start();
    q.get().then((m) => console.log(m));`,
  );
  const consumer = startProgram(
    t,
    'consumer.mts',
    `import { Process, Queue } from LIBRARY;
    const q = new Queue();
    const target = async (q: Queue) => { for await (const m of q) console.log('consumer', m); console.log('over'); };
    const p = new Process({ target, args: [q] });
    p.start();
    await q.put(1);
    q.close();
    await p.join();
    console.log(p.exitcode);`,
  );
  assert.deepEqual(await alone.ended, { stdout: 'waiting\n', stderr: '', code: 0, signal: null });
  assert.deepEqual(await child.ended, { stdout: 'from the child\n', stderr: '', code: 0, signal: null });
  assert.deepEqual(await consumer.ended, {
    stdout: 'consumer 1\nover\n0\n',
    stderr: '',
    code: 0,
    signal: null,
  });
});

test('a message whose class the receiver lacks fails there, with the path, and the queue goes on', async (t) => {
  const dir = path.join(temporaryDirectory(t), 'gone');
  mkdirSync(dir);
  const file = path.join(dir, 'shape.mjs');
  writeFileSync(file, 'export class Shape { constructor() { this.sides = 3; } }\n');
  const { Shape } = await import(pathToFileURL(file).href);
  rmSync(dir, { recursive: true });
  const q = new Queue();
  for (const form of ['waiting', 'blocking'] as const) {
    q.putSync({ list: [1, { shape: new Shape() }] });
    q.putSync('next');
    const get = peers[0]!.run(
      async (_mp, q, _s, kit) => (kit.form === 'waiting' ? q.get() : q.getSync()),
      q,
      form,
    );
    await assert.rejects(get, (e: Error) => {
      assert.equal(e.name, 'SerializationError');
      assert.match(e.message, /shape/);
      return true;
    });
    assert.equal(await peers[0]!.run((_mp, q) => q.get(), q), 'next');
  }
});

test('what cannot travel is refused by put, with the path, and nothing is put', async () => {
  const q = new Queue();
  const bad = { a: [Promise.resolve()] };
  await assert.rejects(q.put(bad), { name: 'SerializationError', message: /a.*Promise/ });
  assert.throws(() => q.putSync(bad), { name: 'SerializationError' });
  assert.throws(() => q.putNowait(bad), { name: 'SerializationError' });
  assert.equal(q.qsize(), 0);
});

test('messages of 64 MiB go there and back whole', async () => {
  const there = new Queue();
  const back = new Queue();
  const run = peers[1]!.run(
    async (_mp, { there, back }) => {
      for (let n = 0; n < 4; n++) await back.put(n % 2 ? there.getSync() : await there.get());
    },
    { there, back },
  );
  const bytes = Buffer.alloc(64 * 2 ** 20);
  for (let i = 0; i < bytes.length; i += 4001) bytes[i] = i;
  const digest = (data: Uint8Array): string => createHash('sha1').update(data).digest('hex');
  await there.put(bytes);
  assert.equal(digest((await back.get()) as Buffer), digest(bytes));
  there.putSync({ inside: [bytes] });
  const { inside } = back.getSync() as { inside: Buffer[] };
  assert.equal(digest(inside[0]!), digest(bytes));
  const text = 'äx'.repeat(22 * 2 ** 20);
  await there.put(text);
  assert.ok((await back.get()) === text, 'the text came back');
  await there.put(new Float64Array(bytes.buffer));
  assert.equal(digest(new Uint8Array(((await back.get()) as Float64Array).buffer)), digest(bytes));
  await run;
});

test('locks, queues and shared memory inside messages stay shared', async () => {
  const q = new Queue();
  const inner = new Queue();
  const lock = new Lock();
  const array = new SharedArray('i', 4);
  using memory = new SharedMemory({ create: true, size: 64 });
  try {
    lock.acquireSync();
    q.putSync({ inner, lock, array, memory });
    const locked = await peers[0]!.run(async (_mp, q) => {
      const m = (await q.get()) as {
        inner: Queue;
        lock: Lock;
        array: SharedArray<'i'>;
        memory: SharedMemory;
      };
      m.array.array[2] = 42;
      m.memory.buf.write('shared');
      m.memory.close();
      await m.inner.put('from inside');
      return m.lock.acquireSync(false);
    }, q);
    assert.equal(locked, false);
    assert.equal(await inner.get(), 'from inside');
    assert.equal(array.array[2], 42);
    assert.equal(memory.buf.toString('latin1', 0, 6), 'shared');
  } finally {
    memory.unlink();
  }
});

test('iterations of one object, of which one blocks, end together', async () => {
  const q = new Queue<number>();
  const pending = getMany(undefined, { q, how: 'for await' });
  const producer = peers[0]!.run(async (_mp, q) => {
    await q.put([7, 1]);
    await q.put([7, 2]);
    await q.put([7, 3]);
    q.close();
  }, q as Queue);
  for (const m of q) {
    assert.ok(m);
    break;
  }
  await producer;
  const got = await pending;
  assert.equal(got.length, 2);
});

test('a pool has it through its initializer', async () => {
  const q = new Queue<number>();
  const pool = new Pool(2, {
    initializer: (queue: typeof q) => {
      (globalThis as { queue?: unknown }).queue = queue;
    },
    initargs: [q],
  });
  await pool.map((x: number) => (globalThis as unknown as { queue: Queue<number> }).queue.put(x), range(50));
  pool.close();
  await pool.join();
  const got = range(50).map(() => q.getSync());
  assert.deepEqual(
    got.toSorted((a, b) => a - b),
    range(50),
  );
});

test('between worker threads, by a handle', async () => {
  const q = new Queue<string>();
  const worker = new Worker(
    `const { workerData } = require('node:worker_threads');
     const { fromHandle } = require(workerData.library);
     const q = fromHandle(workerData.handle);
     q.putSync('from the thread: ' + q.getSync());`,
    {
      eval: true,
      workerData: {
        handle: shareHandle(q),
        library: new URL('../../dist/cjs/index.js', import.meta.url).pathname,
      },
    },
  );
  await q.put('hello');
  await new Promise((done) => worker.on('exit', done));
  assert.equal(await q.get({ timeout: 5000 }), 'from the thread: hello');
  assert.equal(typeof fromHandle, 'function');
});

test('an iteration gets a message that is there before anybody who comes later gets his turn', async () => {
  const messages = range(300).map((n) => (n % 2 === 0 ? n : { n, text: 'a message' }));
  const q = new Queue<unknown>();
  for (const message of messages) q.putSync(message);
  const iterator = q[Symbol.asyncIterator]();
  let first = 0;
  for (const message of messages) {
    const order: unknown[] = [];
    const next = iterator.next().then(({ value }) => order.push(value));
    const later = Promise.resolve().then(() => order.push('later'));
    await Promise.all([next, later]);
    if (order[1] === 'later') first++;
    assert.deepEqual(order.find((o) => o !== 'later') ?? 0, message);
  }
  // Once in a while the event loop turns before.
  assert.ok(first >= messages.length - 2, `${first} of ${messages.length}`);
});

test('steps of an iteration that are asked for at once give messages in order, there already, to be decoded, or to come', async () => {
  const q = new Queue<unknown>();
  const double = (n: number): number => 2 * n;
  for (const message of [1, { two: 2 }, double, 'four']) q.putSync(message);
  const iterator = q[Symbol.asyncIterator]();
  const steps = range(6).map(() => iterator.next());
  q.putSync(5);
  q.putSync(double);
  const values = (await Promise.all(steps)).map(({ done, value }) => {
    assert.equal(done, false);
    return typeof value === 'function' ? (value as typeof double)(21) : value;
  });
  assert.deepEqual(values.slice(0, 4), [1, { two: 2 }, 42, 'four']);
  // Who waits is woken in turn, but may take its message in any.
  assert.deepEqual(new Set(values.slice(4)), new Set([5, 42]));
  q.putSync('for others');
  q.close();
  assert.deepEqual(await iterator.next(), { value: undefined, done: true });
});

test('an iteration over a backlog lets the event loop turn', async () => {
  const count = 300_000;
  const q = new Queue<number>();
  for (let n = 0; n < count; n++) q.putSync(n);
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  let taken = 0;
  for await (const n of q) {
    assert.equal(n, taken++);
    if (turned || taken === count) break;
  }
  assert.ok(turned);
});
