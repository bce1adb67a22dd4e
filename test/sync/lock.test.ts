import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import {
  Barrier,
  fromHandle,
  Lock,
  RLock,
  Semaphore,
  SharedArray,
  shareHandle,
  Value,
} from '../../src/index.ts';
import { type Library, Peer } from '../fixtures/peer.ts';

for (const Class of [Lock, RLock]) {
  test(`${Class.name}: threads and tasks of several processes exclude one another`, async () => {
    const lock: Lock | RLock = new Class();
    const inside = new Semaphore(0);
    const peers = await Peer.startMany(3);
    const job = async (
      _mp: Library,
      { lock, inside, sync }: { lock: Lock | RLock; inside: Semaphore; sync: boolean },
    ) => {
      let wrong = 0;
      for (let i = 0; i < 2000; i++) {
        if (sync) lock.acquireSync();
        else await lock.acquire();
        inside.release();
        if (inside.getValue() !== 1) wrong++;
        if (!inside.acquireSync(false)) wrong++;
        lock.release();
      }
      return wrong;
    };
    try {
      const results = await Promise.all([
        ...peers.map((p, i) => p.run(job, { lock, inside, sync: i % 2 === 0 })),
        job(undefined as never, { lock, inside, sync: false }),
        job(undefined as never, { lock, inside, sync: false }),
      ]);
      assert.deepEqual(results, [0, 0, 0, 0, 0]);
      assert.equal(lock.locked(), false);
    } finally {
      for (const p of peers) await p.kill();
    }
  });

  test(`${Class.name}: two tasks of one process exclude one another across an await`, async () => {
    const lock = new Class();
    const order: string[] = [];
    const task = async (name: string) => {
      await lock.acquire();
      order.push(`${name} in`);
      await turn();
      order.push(`${name} out`);
      lock.release();
    };
    await Promise.all([task('a'), task('b'), task('c')]);
    assert.deepEqual(order, ['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
  });

  test(`${Class.name}: an abort rejects with the reason and leaves the lock to the next in line`, async () => {
    const lock = new Class();
    await lock.acquire();
    const controller = new AbortController();
    const aborted = lock.acquire({ signal: controller.signal });
    const next = lock.acquire();
    controller.abort(new Error('enough'));
    await assert.rejects(aborted, { message: 'enough' });
    lock.release();
    assert.equal(await next, true);
    lock.release();
    assert.equal(lock.locked(), false);
    await assert.rejects(lock.acquire({ signal: AbortSignal.abort(new Error('before')) }), {
      message: 'before',
    });
    assert.equal(lock.locked(), false);
  });

  test(`${Class.name}: aborts and timeouts that race with wakes lose none and hold nothing unasked`, async () => {
    const lock = new Class();
    for (let round = 0; round < 300; round++) {
      await lock.acquire();
      const controller = new AbortController();
      const waits = [
        lock.acquire({ signal: controller.signal }).catch(() => false),
        lock.acquire({ timeout: 1 }),
        lock.acquire({ signal: controller.signal }).catch(() => false),
        lock.acquire(),
      ].map(async (got) => {
        if (await got) lock.release();
      });
      if (round % 3 === 0) controller.abort();
      lock.release();
      if (round % 3 === 1) controller.abort();
      if (round % 3 === 2) queueMicrotask(() => controller.abort());
      await Promise.all(waits);
      assert.equal(lock.locked(), false, `round ${round}`);
    }
  });

  test(`${Class.name}: a timeout of another process's waiter loses no wake`, async () => {
    const lock: Lock | RLock = new Class();
    await using peer = await Peer.start();
    const contend = peer.run(async (_mp, l: Lock | RLock) => {
      let got = 0;
      for (let i = 0; i < 400; i++) {
        if (!(i % 2 === 0 ? l.acquireSync({ timeout: 1 }) : await l.acquire({ timeout: 1 }))) continue;
        got++;
        l.release();
      }
      return got;
    }, lock);
    let over = false;
    contend.finally(() => {
      over = true;
    });
    while (!over) {
      await lock.acquire();
      await turn();
      lock.release();
      await turn();
    }
    await contend;
    assert.equal(await lock.acquire({ timeout: 2000 }), true);
  });

  test(`${Class.name}: a dead holder gives AbandonedLockError until reset()`, async () => {
    const lock: Lock | RLock = new Class();
    await using peer = await Peer.start();
    await peer.run(async (_mp, l: Lock | RLock) => l.acquire(), lock);
    const { pid } = peer;
    const waiting = lock.acquire();
    const killed = peer.kill();
    await assert.rejects(waiting, { name: 'AbandonedLockError', pid, code: 'ERR_MULTIPROC_ABANDONED_LOCK' });
    await killed;
    assert.throws(() => lock.acquireSync(), { name: 'AbandonedLockError', pid });
    assert.throws(() => lock.acquireSync(false), { name: 'AbandonedLockError', pid });
    assert.equal(lock.locked(), true);
    lock.reset();
    assert.equal(lock.locked(), false);
    assert.equal(lock.acquireSync(), true);
    assert.throws(() => lock.reset(), { name: 'ValueError' });
    lock.release();
  });

  test(`${Class.name}: onAbandoned 'acquire' takes over what a dead process held`, async () => {
    const lock: Lock | RLock = new Class({ onAbandoned: 'acquire' });
    for (const how of ['sync', 'async', 'once']) {
      await using peer = await Peer.start();
      await peer.run(async (_mp, l: Lock | RLock) => l.acquire(), lock);
      await peer.kill();
      if (how === 'sync') assert.equal(lock.acquireSync(), true);
      else assert.equal(await lock.acquire(how === 'once' ? { timeout: 0 } : undefined), true);
      lock.release();
    }
  });

  test(`${Class.name}: a worker thread that is terminated with the lock leaves it abandoned`, async () => {
    const lock = new Class();
    const worker = new Worker(
      `const { workerData, parentPort } = require('node:worker_threads');
       import(workerData.library).then((mp) => {
         mp.fromHandle(workerData.lock).acquireSync();
         parentPort.postMessage('held');
         setInterval(() => {}, 1000);
       });`,
      {
        eval: true,
        execArgv: [],
        workerData: {
          library: new URL('../../dist/index.js', import.meta.url).href,
          lock: shareHandle(lock),
        },
      },
    );
    await new Promise((resolve) => worker.once('message', resolve));
    assert.equal(lock.acquireSync(false), false);
    assert.match(String(lock), /SomeOtherThread/);
    const waiting = lock.acquire();
    await worker.terminate();
    await assert.rejects(waiting, { name: 'AbandonedLockError', pid: process.pid });
  });

  test(`${Class.name}: blocking for what a task of this thread holds is a DeadlockError, with a timeout false`, async () => {
    const lock = new Class();
    await lock.acquire();
    assert.throws(() => lock.acquireSync(), { name: 'DeadlockError' });
    assert.equal(lock.acquireSync({ timeout: 20 }), false);
    assert.equal(lock.acquireSync(false), false);
    lock.release();
    assert.equal(lock.acquireSync(), true);
    lock.release();
  });

  test(`${Class.name}: a thread that blocks does not keep what was handed to its tasks`, async () => {
    const lock: Lock | RLock = new Class();
    await using peer = await Peer.start();
    await peer.run((_mp, l: Lock | RLock, state) => {
      state.l = l;
      l.acquireSync();
    }, lock);
    const tasks = [lock.acquire(), lock.acquire()].map(async (got) => {
      await got;
      lock.release();
    });
    const released = peer.run(async (_mp, _args, state) => {
      const l = state.l as Lock;
      for (let i = 0; i < 200; i++) {
        l.release();
        l.acquireSync();
      }
      l.release();
    });
    // Before the tasks get a turn: they stand first in line but cannot run while this blocks.
    assert.equal(lock.acquireSync({ timeout: 5000 }), true);
    lock.release();
    await Promise.all([...tasks, released]);
    assert.equal(lock.locked(), false);
  });

  test(`${Class.name}: guards and runExclusive release, also when the body throws`, async () => {
    const lock = new Class();
    {
      using _held = await lock.guard();
      assert.equal(lock.locked(), true);
      await assert.rejects(lock.guard({ timeout: 0 }), { name: 'TimeoutError' });
    }
    assert.equal(lock.locked(), false);
    {
      using held = lock.guardSync();
      held.release();
      assert.equal(lock.locked(), false);
    }
    await assert.rejects(
      lock.runExclusive(() => {
        assert.equal(lock.locked(), true);
        throw new TypeError('body');
      }),
      { message: 'body' },
    );
    assert.equal(lock.locked(), false);
    assert.equal(await lock.runExclusive(async () => 7), 7);
  });

  test(`${Class.name}: wrong options are a TypeError, even when it is free`, async () => {
    const lock = new Class();
    assert.throws(() => lock.acquireSync({ timeout: 'soon' } as never), { name: 'TypeError' });
    await assert.rejects(lock.acquire({ signal: {} } as never), { name: 'TypeError' });
    assert.throws(() => lock.acquireSync({ onAbandoned: 'explode' } as never), { name: 'TypeError' });
    assert.throws(() => new Class({ onAbandoned: 'explode' } as never), { name: 'TypeError' });
    assert.equal(lock.locked(), false);
  });

  test(`${Class.name}: two processes with two tasks each are all served`, async () => {
    const lock: Lock | RLock = new Class();
    const rounds = process.env.MULTIPROC_STRESS === '1' ? 100_000 : 20_000;
    const left = new Value('i', rounds);
    const served = new SharedArray('i', 4);
    const peers = await Peer.startMany(2);
    const start = new Barrier(2);
    type Args = {
      lock: Lock | RLock;
      left: Value<'i'>;
      served: SharedArray<'i'>;
      start: Barrier;
      index: number;
    };
    const contend = async (_mp: unknown, { lock, left, served, start, index }: Args) => {
      const task = async (k: number) => {
        for (;;) {
          await lock.acquire();
          const more = left.value-- > 0;
          if (more) served.array[k]!++;
          lock.release();
          if (!more) return;
        }
      };
      // Together: alone, the first would be through before the other has begun.
      await start.wait();
      await Promise.all([task(2 * index), task(2 * index + 1)]);
    };
    try {
      await Promise.all(peers.map((p, index) => p.run(contend, { lock, left, served, start, index })));
    } finally {
      for (const p of peers) await p.kill();
    }
    const counts = [...served.array];
    assert.equal(
      counts.reduce((a, b) => a + b),
      rounds,
    );
    if (rounds >= 100_000) console.log(`# served: ${counts}`);
    if (rounds >= 100_000) assert.ok(Math.min(...counts) * 5 >= Math.max(...counts), `${counts}`);
    assert.ok(Math.min(...counts) > 0, `${counts}`);
  });
}

test('Lock: releasing one that nobody holds is a ValueError', () => {
  const lock = new Lock();
  assert.throws(() => lock.release(), { name: 'ValueError' });
  lock.acquireSync();
  lock.release();
  assert.throws(() => lock.release(), { name: 'ValueError' });
});

test('Lock: a second acquireSync of one that only this thread has is a DeadlockError', () => {
  const lock = new Lock();
  lock.acquireSync();
  assert.throws(() => lock.acquireSync(), { name: 'DeadlockError' });
});

test('a handle rebuilds the same lock in the same thread', () => {
  const lock = new Lock();
  const twin = fromHandle<Lock>(structuredClone(shareHandle(lock)));
  twin.acquireSync();
  assert.equal(lock.locked(), true);
  assert.throws(() => fromHandle({} as never), { name: 'TypeError' });
  assert.throws(() => shareHandle({}), { name: 'TypeError' });
});

test('waiting uses next to no CPU: who waits wakes no more than a few times a second', async () => {
  const lock = new Lock();
  lock.acquireSync();
  const peers = await Peer.startMany(4);
  try {
    const waits = peers.map((p, i) =>
      p.run(
        async (_mp, { lock, sync }) => {
          const { readFileSync } = await import('node:fs');
          // Of the thread that waits; the engine's own have their work also while nothing happens.
          const wakes = (): number =>
            Number(
              /^voluntary_ctxt_switches:\s*(\d+)/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))![1],
            );
          await new Promise((resolve) => setTimeout(resolve, 300)); // what starting took is over
          const before = { cpu: process.cpuUsage(), wakes: wakes() };
          const got = sync ? lock.acquireSync({ timeout: 3000 }) : await lock.acquire({ timeout: 3000 });
          const { user, system } = process.cpuUsage(before.cpu);
          return { got, ms: (user + system) / 1000, wakes: wakes() - before.wakes };
        },
        { lock, sync: i % 2 === 0 },
      ),
    );
    const results = await Promise.all(waits);
    console.log(
      `# of 4 waiters in 3 s: ${results.map(({ ms, wakes }) => `${ms.toFixed(1)} ms, ${wakes} wakes`).join('; ')}`,
    );
    for (const { got, ms, wakes } of results) {
      assert.ok(!got);
      assert.ok(wakes < 60, `${wakes} wakes in 3 s: it looks instead of waiting`);
      assert.ok(ms < 1500, `${ms} ms of CPU in 3 s: it spins`);
    }
  } finally {
    for (const p of peers) await p.kill();
  }
});
