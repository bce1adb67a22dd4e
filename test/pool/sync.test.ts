import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { Pool, SerializationError, TimeoutError, ValueError, WorkerLostError } from '../../src/index.ts';
import { Peer } from '../fixtures/peer.ts';
import { threadOf, untilResting } from '../support/resting.ts';

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const square = (x: number): number => x * x;

describe('the blocking forms', () => {
  const pool = new Pool(2);
  after(async () => {
    pool.terminate();
    await pool.join();
  });

  test('applySync, mapSync and starmapSync give what the waiting forms give', () => {
    assert.equal(pool.applySync(square, [7]), 49);
    assert.equal(
      pool.applySync((a: number, { b }: { b: number }) => a - b, [5] as never, { kwargs: { b: 3 } }),
      2,
    );
    assert.deepEqual(pool.mapSync(square, range(1000)), range(1000).map(square));
    assert.deepEqual(pool.mapSync(square, range(1000), 1), range(1000).map(square));
    assert.deepEqual(pool.mapSync(square, new Set([1, 2, 3])), [1, 4, 9]);
    assert.deepEqual(pool.mapSync(square, []), []);
    assert.deepEqual(
      pool.starmapSync(
        (a: number, b: number) => a * b,
        [
          [2, 3],
          [4, 5],
        ],
      ),
      [6, 20],
    );
    assert.equal(
      pool.applySync(async (x: number) => x + 1, [1]),
      2,
    );
  });

  test("a task's own error is thrown, with its class", () => {
    assert.throws(
      () =>
        pool.applySync(() => {
          throw new RangeError('too far');
        }),
      { name: 'RangeError', message: 'too far' },
    );
    assert.throws(
      () =>
        pool.mapSync((x: number) => {
          if (x > 3) throw new TypeError(`no ${x}`);
          return x;
        }, range(100)),
      { name: 'TypeError', message: 'no 4' },
    );
  });

  test('getSync waits as long as it is told, and the task goes on', async () => {
    const result = pool.applyAsync(async () => {
      await new Promise((done) => setTimeout(done, 300));
      return 'late';
    });
    assert.throws(() => result.getSync({ timeout: 20 }), TimeoutError);
    assert.throws(() => result.getSync({ timeout: 0 }), TimeoutError);
    assert.equal(result.ready(), false);
    result.waitSync();
    assert.equal(result.ready(), true);
    assert.equal(result.getSync(), 'late');
    assert.equal(await result, 'late');
  });

  test('callbacks are called while the thread is blocked', () => {
    const seen: unknown[] = [];
    const result = pool.mapAsync(square, range(10), { callback: (all) => seen.push(all.length) });
    result.getSync();
    assert.deepEqual(seen, [10]);
  });

  test('a callback may block again', () => {
    let inner: number | undefined;
    pool
      .applyAsync(square, [3], {
        callback: () => {
          inner = pool.applySync(square, [4]);
        },
      })
      .waitSync();
    assert.equal(inner, 16);
  });

  for (const timeout of [0, 0.5]) {
    test(`whoever asks again and again, for ${timeout} ms each time, learns that a worker was lost`, () => {
      const result = pool.applyAsync(() => process.kill(process.pid, 'SIGKILL'));
      for (const end = performance.now() + 20_000; !result.ready() && performance.now() < end; ) {
        result.waitSync({ timeout });
      }
      assert.throws(() => result.getSync({ timeout: 0 }), WorkerLostError);
    });
  }

  test('a worker that is lost meanwhile fails its task, and is replaced', () => {
    assert.throws(() => pool.applySync(() => process.kill(process.pid, 'SIGKILL')), WorkerLostError);
    assert.deepEqual(pool.mapSync(square, range(20), 1), range(20).map(square));
    assert.equal(
      pool.applySync(
        (pid: number) => {
          if (process.pid === pid) process.exit(3);
          return 'again';
        },
        [pool.applySync(() => process.pid)],
        { retries: 3 },
      ),
      'again',
    );
  });

  test("a task's timeout holds although no timer can fire", () => {
    assert.throws(
      () =>
        pool.applySync(
          () => {
            for (;;);
          },
          [],
          { timeout: 100 },
        ),
      TimeoutError,
    );
    assert.equal(pool.applySync(square, [2]), 4);
  });

  test('results whose module is not loaded here are decoded nevertheless', () => {
    const url = new URL('../fixtures/pool/point.mjs', import.meta.url).href;
    const x = pool.applySync(
      async (file: string) => {
        const { Point } = (await import(file)) as { Point: new (x: number) => { x: number } };
        return new Point(5);
      },
      [url],
    );
    assert.equal(x.constructor.name, 'Point');
    assert.equal(x.x, 5);
  });

  test('an async iterable is refused', () => {
    async function* later(): AsyncGenerator<number> {
      yield 1;
    }
    assert.throws(() => pool.mapSync(square, later() as never), {
      name: 'TypeError',
      message: /async iterable/,
    });
  });

  test('what cannot travel fails at once', () => {
    assert.throws(() => pool.mapSync((x: unknown) => x, [1, new WeakMap()]), SerializationError);
  });
});

test('joinSync waits for the end, and refuses while the pool is running', () => {
  const pool = new Pool(1);
  const result = pool.mapAsync(square, range(5000), 1);
  assert.throws(() => pool.joinSync(), ValueError);
  pool.close();
  pool.joinSync();
  assert.deepEqual(result.getSync(), range(5000).map(square));
  assert.throws(() => pool.applySync(square, [1]), ValueError);
});

test('a pool that is broken by its initializer says so to those who block', () => {
  const pool = new Pool(1, {
    initializer: () => {
      throw new Error('no database');
    },
  });
  assert.throws(() => pool.applySync(square, [1]), { message: 'no database' });
  assert.throws(() => pool.applySync(square, [1]), { message: 'no database' });
  pool.terminate();
  pool.joinSync();
});

test('what cannot travel in the middle of a long map fails the map, and the pool goes on', async () => {
  const pool = new Pool(2);
  const items: unknown[] = range(300_000);
  items[299_000] = new WeakMap();
  await assert.rejects(
    pool.map((x: unknown) => x, items, 1),
    SerializationError,
  );
  assert.equal(await pool.apply(square, [3]), 9);
  pool.close();
  await pool.join();
});

test('a long map is finished although the pool was closed meanwhile, and fails when it was terminated', async () => {
  const closing = new Pool(2);
  const whole = closing.map(square, range(200_000), 1);
  closing.close();
  assert.equal((await whole).length, 200_000);
  await closing.join();
  const ending = new Pool(2);
  const cut = ending.map(square, range(200_000), 1);
  ending.terminate();
  await assert.rejects(cut, /terminated/);
  // Before any worker is ready, too.
  const unready = new Pool(1);
  const never = unready.map(square, range(20_000), 1);
  await new Promise((done) => setImmediate(done));
  unready.terminate();
  await assert.rejects(never, /terminated/);
  await unready.join();
  await ending.join();
});

test('a thread that waits for a long task does not wake up', async () => {
  await using peer = await Peer.start();
  const thread = await threadOf(peer);
  peer
    .run((mp) => {
      const pool = new mp.Pool(1);
      return pool.applySync(() => new Promise((resolve) => setTimeout(resolve, 100_000)), []);
    })
    .catch(() => {});
  await untilResting(thread);
});
