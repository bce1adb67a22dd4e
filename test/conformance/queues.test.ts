/** CPython's rows for Queue, JoinableQueue and SimpleQueue, with real processes; each call in its waiting and its blocking form. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  deserialize,
  Event,
  JoinableQueue,
  Process,
  Queue,
  SimpleQueue,
  serialize,
} from '../../src/index.ts';
import { Empty, Full } from '../../src/queue.ts';

type Limits = [block?: boolean | { timeout?: number }, timeout?: number | null];

/** The calls that may wait, in one form. */
const forms = {
  waiting: {
    put: (q: Queue, value: unknown, ...limits: Limits) => q.put(value, ...limits),
    get: (q: Queue, ...limits: Limits) => q.get(...limits),
    join: (q: JoinableQueue) => q.join(),
  },
  blocking: {
    put: async (q: Queue, value: unknown, ...limits: Limits) => q.putSync(value, ...limits),
    get: async (q: Queue, ...limits: Limits) => q.getSync(...limits),
    join: async (q: JoinableQueue) => q.joinSync(),
  },
};

/** What fails to travel, as in CPython's test: its serializer throws. */
class NotSerializable {
  static calls = 0;
  readonly passed = true;
  static [serialize](): never {
    NotSerializable.calls++;
    throw Object.assign(new Error('on purpose'), { name: 'AttributeError' });
  }
  static [deserialize](): NotSerializable {
    return new NotSerializable();
  }
}

for (const [form, { put, get, join }] of Object.entries(forms)) {
  describe(`${form} calls`, () => {
    test('_TestQueue.test_put', async () => {
      const q = new Queue(6);
      const [start, done] = [new Event(), new Event()];
      const child = new Process({
        target: (q: Queue, start: Event, done: Event) => {
          start.waitSync();
          for (let n = 0; n < 6; n++) q.getSync();
          done.set();
        },
        args: [q, start, done],
        daemon: true,
      });
      child.start();
      assert.deepEqual([q.empty(), q.full()], [true, false]);
      await put(q, 1);
      await put(q, 2, true);
      await put(q, 3, true, null);
      await put(q, 4, false);
      await put(q, 5, false, null);
      q.putNowait(6);
      assert.deepEqual([q.empty(), q.full()], [false, true]);
      await assert.rejects(put(q, 7, false), Full);
      await assert.rejects(put(q, 7, false, null), Full);
      assert.throws(() => q.putNowait(7), Full);
      await assert.rejects(put(q, 7, false, 100), Full);
      for (const limits of [[true, 100], [{ timeout: 100 }]] as Limits[]) {
        const begun = performance.now();
        await assert.rejects(put(q, 7, ...limits), Full);
        assert.ok(performance.now() - begun >= 99);
      }
      start.set();
      await done.wait();
      assert.deepEqual([q.empty(), q.full()], [true, false]);
      await child.join();
    });

    test('_TestQueue.test_get', async () => {
      const q = new Queue();
      const [start, done] = [new Event(), new Event()];
      const child = new Process({
        target: (q: Queue, start: Event, done: Event) => {
          start.waitSync();
          for (const n of [2, 3, 4, 5]) q.putSync(n);
          done.set();
        },
        args: [q, start, done],
        daemon: true,
      });
      child.start();
      assert.equal(q.empty(), true);
      start.set();
      await done.wait();
      assert.equal(q.empty(), false);
      assert.equal(await get(q, true, null), 2);
      assert.equal(await get(q, true), 3);
      assert.equal(await get(q, { timeout: 1000 }), 4);
      assert.equal(q.getNowait(), 5);
      assert.equal(q.empty(), true);
      await assert.rejects(get(q, false), Empty);
      await assert.rejects(get(q, false, null), Empty);
      assert.throws(() => q.getNowait(), Empty);
      await assert.rejects(get(q, false, 100), Empty);
      for (const limits of [[true, 100], [{ timeout: 100 }]] as Limits[]) {
        const begun = performance.now();
        await assert.rejects(get(q, ...limits), Empty);
        assert.ok(performance.now() - begun >= 99);
      }
      await child.join();
    });

    test('_TestQueue.test_qsize', async () => {
      const q = new Queue();
      assert.equal(q.qsize(), 0);
      await put(q, 1);
      assert.equal(q.qsize(), 1);
      await put(q, 5);
      assert.equal(q.qsize(), 2);
      await get(q);
      assert.equal(q.qsize(), 1);
      await get(q);
      assert.equal(q.qsize(), 0);
    });

    test('_TestQueue.test_fork', async () => {
      const q = new Queue();
      for (let n = 0; n < 10; n++) await put(q, n);
      const child = new Process({
        target: (q: Queue) => {
          for (let n = 10; n < 20; n++) q.putSync(n);
        },
        args: [q],
        daemon: true,
      });
      child.start();
      for (let n = 0; n < 20; n++) assert.equal(await get(q), n);
      assert.throws(() => q.getNowait(), Empty);
      await child.join();
    });

    test('_TestQueue.test_task_done', async () => {
      const q = new JoinableQueue<number | null>();
      const workers = Array.from(
        { length: 4 },
        () =>
          new Process({
            target: async (q: JoinableQueue<number | null>) => {
              for (;;) {
                const n = await q.get();
                if (n === null) return;
                await new Promise((resolve) => setTimeout(resolve, 100));
                q.taskDone();
              }
            },
            args: [q],
            daemon: true,
          }),
      );
      for (const w of workers) w.start();
      for (let n = 0; n < 10; n++) await put(q as Queue, n);
      assert.equal(await join(q as JoinableQueue), true);
      assert.equal(q.empty(), true);
      for (const _ of workers) await put(q as Queue, null);
      for (const w of workers) await w.join();
      assert.deepEqual(
        workers.map((w) => w.exitcode),
        [0, 0, 0, 0],
      );
    });

    test('_TestQueue.test_timeout', async () => {
      const begun = performance.now();
      await assert.rejects(get(new Queue(), true, 200), Empty);
      assert.ok(performance.now() - begun >= 199);
    });

    test('_TestQueue.test_queue_feeder_donot_stop_onexc', async () => {
      // There is no feeder to print the error: put itself throws it.
      for (const q of [new Queue(), new Queue(1)]) {
        await assert.rejects(put(q, new NotSerializable()));
        await put(q, true);
        assert.equal(q.qsize(), 1);
        assert.equal(await get(q, true, 30_000), true);
        assert.equal(q.empty(), true);
      }
    });

    test('_TestQueue.test_queue_feeder_on_queue_feeder_error', async () => {
      const seen: unknown[][] = [];
      class SafeQueue extends Queue {
        static override _onQueueFeederError = (error: Error, value: unknown): void =>
          void seen.push([error, value]);
      }
      const value = new NotSerializable();
      const before = NotSerializable.calls;
      const q = new SafeQueue();
      await put(q, value);
      await put(q, true);
      assert.equal(await get(q, true, 30_000), true);
      assert.equal(NotSerializable.calls, before + 1);
      assert.equal(seen.length, 1);
      assert.match(String(seen[0]![0]), /on purpose/);
      assert.equal(seen[0]![1], value);
    });

    test('_TestQueue.test_closed_queue_empty_exceptions', async () => {
      for (const Class of [Queue, JoinableQueue]) {
        const unused = new Class();
        unused.close();
        await unused.joinThread();
        assert.equal(unused.empty(), true);
        const used = new Class();
        await put(used as Queue, 'foo');
        used.close();
        used.joinThreadSync();
        assert.throws(() => used.empty(), { name: 'OSError', message: /is closed/ });
      }
    });

    test('_TestQueue.test_closed_queue_put_get_exceptions', async () => {
      for (const q of [new Queue(), new JoinableQueue()]) {
        q.close();
        await assert.rejects(put(q as Queue, 'foo'), { name: 'ValueError', message: /is closed/ });
        await assert.rejects(get(q as Queue), { name: 'ValueError', message: /is closed/ });
      }
    });
  });
}

test('TestSimpleQueue.test_empty', async () => {
  const q = new SimpleQueue();
  const [start, done] = [new Event(), new Event()];
  const child = new Process({
    target: (q: SimpleQueue, start: Event, done: Event) => {
      start.waitSync();
      q.putSync(q.empty());
      q.putSync(q.empty());
      done.set();
    },
    args: [q, start, done],
    daemon: true,
  });
  child.start();
  assert.equal(q.empty(), true);
  start.set();
  await done.wait();
  assert.equal(q.empty(), false);
  assert.equal(await q.get(), true);
  assert.equal(q.getSync(), false);
  assert.equal(q.empty(), true);
  await child.join();
});

test('TestSimpleQueue.test_empty_exceptions', async () => {
  for (const used of [false, true]) {
    const q = new SimpleQueue();
    if (used) await q.put(1);
    q.close();
    assert.throws(() => q.empty(), { name: 'OSError', message: /is closed/ });
  }
});

test('TestSimpleQueue.test_close', () => {
  const q = new SimpleQueue();
  q.close();
  q.close();
});

test('TestSimpleQueue.test_closed', async () => {
  const q = new SimpleQueue();
  q.close();
  await assert.rejects(q.put(1), { name: 'OSError', message: /is closed/ });
  await assert.rejects(q.get(), { name: 'OSError', message: /is closed/ });
});
