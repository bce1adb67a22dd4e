import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import {
  Empty,
  Event,
  Full,
  fromHandle,
  JoinableQueue,
  Lock,
  Pool,
  Process,
  Queue,
  SerializationError,
  SharedArray,
  ShutDown,
  SimpleQueue,
  shareHandle,
  ValueError,
} from '../../src/index.ts';
import { startProgram } from '../support/run.ts';

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe('a queue in one process', () => {
  test('gives back what was put, in order, of any kind', async () => {
    class Point {
      constructor(readonly_: number) {
        this.x = readonly_;
      }
      x: number;
    }
    const values: unknown[] = [
      ...[
        0,
        -0,
        1.5,
        2 ** 31,
        Number.NaN,
        '',
        'ascii',
        'ä€🙂',
        'x'.repeat(5000),
        '\ud800',
        true,
        false,
        null,
        undefined,
      ],
      ...[
        1n,
        new Date(5),
        /x/g,
        new Map([[1, { a: [1, 2] }]]),
        new Set(['a']),
        Buffer.from('bytes'),
        new Float64Array([1, 2]),
      ],
      ...[[1, 2, 3], { nested: { deep: [null] } }, new Error('kept', { cause: 1 }), new Point(4)],
    ];
    const q = new Queue<unknown>();
    for (const value of values) await q.put(value);
    assert.equal(q.qsize(), values.length);
    for (const value of values) assert.deepStrictEqual(await q.get(), value);
    for (const value of values) q.putSync(value);
    for (const value of values) assert.deepStrictEqual(q.getSync(), value);
    assert.equal(q.empty(), true);
  });

  test('says Empty and Full, at once and when time is up', async () => {
    const q = new Queue<number>(2);
    assert.throws(() => q.getNowait(), Empty);
    await assert.rejects(q.get({ timeout: 20 }), Empty);
    assert.throws(() => q.getSync({ timeout: 20 }), Empty);
    assert.throws(() => q.getSync(true, 20), Empty);
    q.putNowait(1);
    await q.put(2);
    assert.equal(q.full(), true);
    assert.throws(() => q.putNowait(3), Full);
    await assert.rejects(q.put(3, { timeout: 20 }), Full);
    assert.throws(() => q.putSync(3, { timeout: 20 }), Full);
    assert.deepEqual([q.getSync(), q.getSync()], [1, 2]);
  });

  test('an aborted wait takes and puts nothing', async () => {
    const q = new Queue<number>(1);
    const controller = new AbortController();
    const getting = q.get({ signal: controller.signal });
    controller.abort(new Error('enough'));
    await assert.rejects(getting, /enough/);
    await q.put(1);
    await assert.rejects(q.put(2, { signal: AbortSignal.abort(new Error('before')) }), /before/);
    assert.equal(q.qsize(), 1);
  });

  test('a put that waits for room goes on when there is some', async () => {
    const q = new Queue<number>(1);
    await q.put(1);
    const second = q.put(2);
    assert.equal(await q.get(), 1);
    await second;
    assert.equal(await q.get(), 2);
  });

  test('shutdown: nothing more is put; what is there can be got, or is dropped', async () => {
    const q = new Queue<number>();
    await q.put(1);
    q.shutdown();
    await assert.rejects(q.put(2), ShutDown);
    assert.equal(await q.get(), 1);
    await assert.rejects(q.get(), ShutDown);
    const dropped = new Queue<number>();
    await dropped.put(1);
    dropped.shutdown(true);
    assert.throws(() => dropped.getNowait(), ShutDown);
    const waited = new Queue<number>();
    const waiting = waited.get();
    waited.shutdown();
    await assert.rejects(waiting, ShutDown);
  });

  test('closing ends what waits here, and refuses what comes after', async () => {
    const q = new Queue<number>();
    const waiting = q.get();
    await sleep(10);
    q.close();
    await assert.rejects(waiting, ValueError);
    await assert.rejects(q.put(1), ValueError);
    q.close();
    await q.joinThread();
  });

  test('what cannot travel fails at once, and nothing was put', async () => {
    const q = new Queue<unknown>();
    await assert.rejects(q.put({ a: [new WeakMap()] }), (e: Error) => {
      assert.ok(e instanceof SerializationError);
      assert.match(e.message, /message/);
      return true;
    });
    assert.equal(q.qsize(), 0);
  });
});

describe('between processes', () => {
  test('each message arrives once, in the order of its producer, whoever consumes in whatever form', async () => {
    const [producers, each] = [3, 2000];
    const q = new Queue<[number, number]>();
    const results = new Queue<[number, number][]>();
    const produce = (id: number, queue: typeof q): void => {
      for (let i = 0; i < 2000; i++) queue.putSync([id, i]);
    };
    const consume = async (sync: boolean, queue: typeof q, out: typeof results): Promise<void> => {
      const mine: [number, number][] = [];
      for (;;) {
        const got = sync ? queue.getSync() : await queue.get();
        if (got[0] === -1) break;
        mine.push(got);
      }
      await out.put(mine);
    };
    const consumers = [true, false].map((sync) => new Process({ target: consume, args: [sync, q, results] }));
    const makers = range(producers).map((id) => new Process({ target: produce, args: [id, q] }));
    for (const p of [...consumers, ...makers]) p.start();
    for (const p of makers) await p.join();
    for (const _ of consumers) await q.put([-1, 0]);
    const got = [await results.get(), await results.get()];
    for (const p of consumers) await p.join();
    const all = got.flat();
    assert.equal(all.length, producers * each);
    assert.equal(new Set(all.map(([id, i]) => id * each + i)).size, producers * each);
    for (const mine of got)
      for (let id = 0; id < producers; id++) {
        const numbers = mine.filter(([from]) => from === id).map(([, i]) => i);
        assert.deepEqual(
          numbers,
          numbers.toSorted((a, b) => a - b),
        );
      }
  });

  test('a producer may end right after its put, or be killed: the message is there', async () => {
    const q = new Queue<string>();
    const ends = new Process({
      target: async (queue: typeof q) => {
        await queue.put('x'.repeat(1_000_000));
        process.exit(0);
      },
      args: [q],
    });
    ends.start();
    await ends.join();
    assert.equal((await q.get()).length, 1_000_000);
    const killed = new Process({
      target: async (queue: typeof q) => {
        await queue.put('last words');
        process.kill(process.pid, 'SIGKILL');
      },
      args: [q],
    });
    killed.start();
    await killed.join();
    assert.equal(killed.exitcode, -9);
    assert.equal(await q.get(), 'last words');
  });

  test('maxsize holds a producer back', async () => {
    const q = new Queue<number>(5);
    const most = new SharedArray('i', 1);
    const p = new Process({
      target: (queue: typeof q, counter: typeof most) => {
        for (let i = 0; i < 200; i++) {
          queue.putSync(i);
          (counter.array as Int32Array)[0] = i;
        }
      },
      args: [q, most],
    });
    p.start();
    for (let i = 0; i < 200; i++) {
      assert.equal(await q.get(), i);
      assert.ok((most.array as Int32Array)[0]! <= i + 6);
    }
    await p.join();
  });

  test('locks, queues and arrays inside of messages stay shared', async () => {
    const q = new Queue<unknown>();
    const answers = new Queue<string>();
    const lock = new Lock();
    const array = new SharedArray('d', 4);
    const p = new Process({
      target: async (queue: typeof q) => {
        const got = (await queue.get()) as { lock: Lock; array: SharedArray<'d'>; answers: Queue<string> };
        await got.lock.acquire();
        (got.array.array as Float64Array)[1] = 2.5;
        await got.answers.put('done');
        got.lock.release();
      },
      args: [q],
    });
    p.start();
    await q.put({ lock, array, answers });
    assert.equal(await answers.get(), 'done');
    await p.join();
    assert.equal((array.array as Float64Array)[1], 2.5);
    assert.equal(await lock.acquire({ timeout: 5000 }), true);
  });

  test('a message whose class is missing here fails with its path, and the queue goes on', async () => {
    const q = new Queue<unknown>();
    const p = new Process({
      target: async (queue: typeof q) => {
        const { writeFileSync, rmSync, mkdtempSync } = await import('node:fs');
        const dir = mkdtempSync('/tmp/multiproc-test-');
        writeFileSync(`${dir}/gone.mjs`, 'export class Gone { x = 1 }');
        const { Gone } = (await import(`${dir}/gone.mjs`)) as { Gone: new () => object };
        rmSync(dir, { recursive: true });
        await queue.put(new Gone());
        await queue.put('next');
      },
      args: [q],
    });
    p.start();
    await assert.rejects(q.get(), { name: 'SerializationError', message: /gone\.mjs/ });
    assert.equal(await q.get(), 'next');
    await p.join();
  });

  test('large messages arrive whole', async () => {
    const q = new Queue<Buffer>();
    const p = new Process({
      target: (queue: typeof q) => {
        const big = queue.getSync();
        queue.putSync(Buffer.concat([big, Buffer.from('!')]));
      },
      args: [q],
    });
    const big = Buffer.alloc(64 * 2 ** 20, 'abc');
    await q.put(big);
    p.start();
    await p.join();
    const back = await q.get();
    assert.equal(back.length, big.length + 1);
    assert.ok(back.subarray(0, -1).equals(big));
  });

  test('iteration ends when nobody is left who might put something, also when the last one was killed', async () => {
    const q = new Queue<number>();
    const makers = [1, 2].map(
      (id) =>
        new Process({
          target: (queue: typeof q, n: number) => {
            for (let i = 0; i < 100; i++) queue.putSync(i);
            if (n === 2) process.kill(process.pid, 'SIGKILL');
          },
          args: [q, id],
        }),
    );
    for (const p of makers) p.start();
    let count = 0;
    for await (const _ of q) count++;
    assert.equal(count, 200);
    for (const p of makers) await p.join();
  });

  test('a pool has it through its initializer', async () => {
    const q = new Queue<number>();
    const pool = new Pool(2, {
      initializer: (queue: typeof q) => {
        (globalThis as { queue?: unknown }).queue = queue;
      },
      initargs: [q],
    });
    await pool.map(
      (x: number) => (globalThis as unknown as { queue: Queue<number> }).queue.put(x),
      range(50),
    );
    pool.close();
    await pool.join();
    const got = range(50).map(() => q.getSync());
    assert.deepEqual(
      got.toSorted((a, b) => a - b),
      range(50),
    );
  });

  test('a program that only awaits a message that nobody can send comes to its end', async (t) => {
    const program = startProgram(
      t,
      'idle.mts',
      `import { Queue } from LIBRARY; const q = new Queue(); console.log('waiting'); await q.get();`,
    );
    const { code, stdout } = await program.ended;
    assert.equal(stdout, 'waiting\n');
    assert.equal(code, 13, 'as Node says of a top-level await that is never settled');
  });
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

describe('JoinableQueue', () => {
  test('join waits for as many taskDone as there were puts', async () => {
    const q = new JoinableQueue<number>();
    const started = new Event();
    const p = new Process({
      target: async (queue: typeof q, event: Event) => {
        event.set();
        for (let i = 0; i < 20; i++) {
          await queue.get();
          queue.taskDone();
        }
      },
      args: [q, started],
    });
    p.start();
    await started.wait();
    for (let i = 0; i < 20; i++) await q.put(i);
    await q.join();
    assert.equal(q.qsize(), 0);
    await p.join();
    assert.throws(() => q.taskDone(), ValueError);
  });
});

describe('SimpleQueue', () => {
  test('puts, gets, and says whether it is empty', async () => {
    const q = new SimpleQueue<number>();
    assert.equal(q.empty(), true);
    await q.put(1);
    q.putSync(2);
    assert.equal(q.empty(), false);
    assert.deepEqual([q.getSync(), await q.get()], [1, 2]);
  });
});
