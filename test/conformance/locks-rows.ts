/**
 * CPython's rows for locks, semaphores, conditions, events and barriers, of test_multiprocessing and of lock_tests.
 *
 * Only a list: locks.test.ts runs it with every crew. Where threading and multiprocessing differ, ours is
 * multiprocessing's behaviour, since one class serves both.
 */
import assert from 'node:assert/strict';
import {
  Barrier,
  BoundedSemaphore,
  Condition,
  Event,
  Lock,
  RLock,
  Semaphore,
  SharedArray,
  Value,
} from '../../src/index.ts';
import { aWhile, type Crew, until } from './crew.ts';

/** One row: its id, and the check. */
export interface Row {
  readonly id: string;
  readonly check: (crew: Crew) => Promise<void>;
}

export const rows: Row[] = [];
const row = (id: string, check: Row['check']): void => void rows.push({ id, check });
/** Rows that lock_tests runs for Lock and RLock. */
const lockRow = (id: string, check: (crew: Crew, lock: Lock | RLock) => Promise<void>): void => {
  for (const Class of [Lock, RLock])
    row(`BaseLockTests.${id} (${Class.name})`, (c) => check(c, new Class() as Lock));
};
/** Rows that lock_tests runs for Semaphore and BoundedSemaphore. */
const semaphoreRow = (id: string, check: (crew: Crew, Class: typeof Semaphore) => Promise<void>): void => {
  for (const Class of [Semaphore, BoundedSemaphore])
    row(`BaseSemaphoreTests.${id} (${Class.name})`, (c) => check(c, Class));
};

// Lock and RLock

row('_TestLock.test_lock', async ({ kit }) => {
  const lock = new Lock();
  assert.equal(await kit.acquire(lock), true);
  assert.equal(await kit.acquire(lock, false), false);
  assert.equal(lock.release(), undefined);
  assert.throws(() => lock.release(), { name: 'ValueError', message: /released too many times/ });
});

lockRow('test_try_acquire', async ({ kit }, lock) => {
  assert.equal(await kit.acquire(lock, false), true);
  lock.release();
});

lockRow('test_try_acquire_contended', async (crew, lock) => {
  await crew.kit.acquire(lock);
  assert.equal(await crew.run(0, (_mp, lock, _s, k) => k.acquire(lock, false), lock), false);
  lock.release();
});

lockRow('test_acquire_contended', async (crew, lock) => {
  await crew.kit.acquire(lock);
  const done = new Value('i', 0);
  const jobs = crew.runAll(
    5,
    async (_mp, { lock, done }, _s, k) => {
      await k.acquire(lock);
      done.add(1);
      lock.release();
    },
    { lock, done },
  );
  await aWhile();
  assert.equal(done.value, 0);
  lock.release();
  await jobs;
  assert.equal(done.value, 5);
});

lockRow('test_with', async (crew, lock) => {
  const acquireAndRelease = () =>
    crew.run(
      0,
      async (_mp, lock, _s, k) => {
        await k.acquire(lock, { timeout: 5000 });
        lock.release();
        return true;
      },
      lock,
    );
  {
    using _held = crew.form === 'blocking' ? lock.guardSync() : await lock.guard();
    assert.equal(lock.locked(), true);
  }
  assert.equal(await acquireAndRelease(), true);
  const body = async () => {
    await crew.kit.acquire(lock);
    using _held = lock;
    throw new TypeError('body');
  };
  await assert.rejects(body(), { name: 'TypeError', message: 'body' });
  assert.equal(await acquireAndRelease(), true);
});

row('LockTests.test_reacquire', async (crew) => {
  const lock = new Lock();
  const phase = new Value('i', 0);
  const job = crew.run(
    0,
    async (_mp, { lock, phase }, _s, k) => {
      await k.acquire(lock);
      phase.add(1);
      await k.acquire(lock);
      phase.add(1);
    },
    { lock, phase },
  );
  await until(() => phase.value === 1, 'the first acquire');
  await aWhile();
  assert.equal(phase.value, 1);
  lock.release();
  await job;
  assert.equal(phase.value, 2);
});

row('LockTests.test_different_thread', async (crew) => {
  const lock = new Lock();
  await crew.kit.acquire(lock);
  await crew.run(0, (_mp, lock) => lock.release(), lock);
  assert.equal(await crew.kit.acquire(lock, { timeout: 5000 }), true);
  lock.release();
});

row('RLockTests.test_reacquire', async ({ form }) => {
  const lock = new RLock();
  const steps = async (acquire: () => Promise<unknown> | unknown) => {
    await acquire();
    await acquire();
    lock.release();
    await acquire();
    lock.release();
    lock.release();
  };
  if (form === 'blocking') await steps(() => lock.acquireSync());
  else await lock.runExclusive(() => steps(() => lock.acquire()));
  assert.equal(lock.locked(), false);
});

row('RLockTests.test_different_thread', async (crew) => {
  // Tasks of one thread are told apart by their scope: test/sync/rlock.test.ts.
  if (crew.kind === 'tasks') return;
  const lock = new RLock();
  await crew.run(0, (_mp, lock, _s, k) => k.acquire(lock), lock);
  assert.throws(() => lock.release(), {
    name: 'AssertionError',
    message: /attempt to release recursive lock not owned by thread/,
  });
  await crew.run(0, (_mp, lock) => lock.release(), lock);
  assert.equal(lock.locked(), false);
});

lockRow('test_repr', async (_crew, lock) => {
  assert.equal(String(lock), lock instanceof Lock ? '<Lock(owner=None)>' : '<RLock(None, 0)>');
});

lockRow('test_locked_repr', async (crew, lock) => {
  await crew.kit.acquire(lock);
  const plain = lock instanceof Lock;
  assert.equal(String(lock), plain ? '<Lock(owner=MainProcess)>' : '<RLock(MainProcess, 1)>');
  if (crew.kind === 'tasks') return;
  const other = crew.kind === 'threads' ? 'SomeOtherThread' : 'SomeOtherProcess';
  assert.equal(
    await crew.run(0, (_mp, lock) => String(lock), lock),
    plain ? `<Lock(owner=${other})>` : `<RLock(${other}, nonzero)>`,
  );
});

// Semaphores

row('_TestSemaphore.test_semaphore', async ({ kit }) => {
  const semaphore = new Semaphore(2);
  await upAndDown(kit, semaphore);
  semaphore.release();
  assert.equal(semaphore.getValue(), 3);
  semaphore.release();
  assert.equal(semaphore.getValue(), 4);
});

row('_TestSemaphore.test_bounded_semaphore', async ({ kit }) => {
  const semaphore = new BoundedSemaphore(2);
  await upAndDown(kit, semaphore);
  assert.throws(() => semaphore.release(), { name: 'ValueError' });
  assert.equal(semaphore.getValue(), 2);
});

async function upAndDown(kit: Crew['kit'], semaphore: Semaphore): Promise<void> {
  assert.equal(semaphore.getValue(), 2);
  assert.equal(await kit.acquire(semaphore), true);
  assert.equal(semaphore.getValue(), 1);
  assert.equal(await kit.acquire(semaphore), true);
  assert.equal(semaphore.getValue(), 0);
  assert.equal(await kit.acquire(semaphore, false), false);
  assert.equal(semaphore.getValue(), 0);
  assert.equal(semaphore.release(), undefined);
  assert.equal(semaphore.getValue(), 1);
  semaphore.release();
  assert.equal(semaphore.getValue(), 2);
}

semaphoreRow('test_constructor', async (_crew, Class) => {
  for (const value of [-1, -(2 ** 31), Number.MIN_SAFE_INTEGER])
    assert.throws(() => new Class(value), { name: 'ValueError' });
});

/** 10 workers acquire twice each; told how many got through so far. */
async function semaphoreCrowd(
  crew: Crew,
  Class: typeof Semaphore,
  release: (semaphore: Semaphore, n: number) => void,
): Promise<void> {
  const semaphore = new Class(7);
  await crew.kit.acquire(semaphore);
  const through = new Value('i', 0);
  const all = new Value('i', 0);
  const workers = 10;
  const jobs = crew.runAll(
    workers,
    async (_mp, { semaphore, through, all }, _s, k) => {
      for (let n = 0; n < 2; n++) {
        if (await k.acquire(semaphore)) all.add(1);
        through.add(1);
      }
    },
    { semaphore, through, all },
  );
  for (const [units, sum] of [
    [0, 6],
    [7, 13],
    [6, 19],
  ] as const) {
    if (units > 0) release(semaphore, units);
    await until(() => through.value === sum, `${sum} got through`);
    await aWhile();
    assert.equal(through.value, sum);
  }
  assert.equal(await crew.kit.acquire(semaphore, false), false);
  semaphore.release();
  await jobs;
  assert.equal(all.value, 20);
}

semaphoreRow('test_acquire_contended', (crew, Class) =>
  // A bounded one may not be raised above its first value; what is taken meanwhile keeps it below.
  semaphoreCrowd(crew, Class, (semaphore, n) => {
    for (let i = 0; i < n; i++) semaphore.release();
  }),
);

semaphoreRow('test_multirelease', (crew, Class) =>
  semaphoreCrowd(crew, Class, (semaphore, n) => semaphore.release(n)),
);

semaphoreRow('test_try_acquire_contended', async (crew, Class) => {
  const semaphore = new Class(4);
  await crew.kit.acquire(semaphore);
  const results = await crew.runAll(
    5,
    async (_mp, { semaphore }, _s, k) => [
      await k.acquire(semaphore, false),
      await k.acquire(semaphore, false),
    ],
    { semaphore },
  );
  assert.equal(results.flat().filter(Boolean).length, 3);
  assert.equal(results.flat().length, 10);
});

semaphoreRow('test_default_value', async (crew, Class) => {
  const semaphore = new Class();
  await crew.kit.acquire(semaphore);
  const done = new Value('i', 0);
  const job = crew.run(
    0,
    async (_mp, { semaphore, done }, _s, k) => {
      await k.acquire(semaphore);
      done.value = 1;
    },
    { semaphore, done },
  );
  await aWhile();
  assert.equal(done.value, 0);
  semaphore.release();
  await job;
  assert.equal(done.value, 1);
});

semaphoreRow('test_with', async ({ kit, form }, Class) => {
  const semaphore = new Class(2);
  const guard = async () => (form === 'blocking' ? semaphore.guardSync() : semaphore.guard());
  const nested = async (body: () => void) => {
    using _outer = await guard();
    assert.equal(await kit.acquire(semaphore, false), true);
    semaphore.release();
    using _inner = await guard();
    assert.equal(await kit.acquire(semaphore, false), false);
    body();
  };
  await nested(() => {});
  assert.equal(semaphore.getValue(), 2);
  await assert.rejects(
    nested(() => {
      throw new TypeError('body');
    }),
    { name: 'TypeError' },
  );
  assert.equal(await kit.acquire(semaphore, false), true);
  assert.equal(semaphore.getValue(), 1);
});

row('SemaphoreTests.test_release_unacquired', async ({ kit }) => {
  const semaphore = new Semaphore(1);
  semaphore.release();
  assert.equal(await kit.acquire(semaphore), true);
  assert.equal(await kit.acquire(semaphore), true);
  semaphore.release();
});

row('SemaphoreTests.test_repr', async ({ kit }) => {
  const semaphore = new Semaphore(3);
  assert.equal(String(semaphore), '<Semaphore(value=3)>');
  await kit.acquire(semaphore);
  assert.equal(String(semaphore), '<Semaphore(value=2)>');
  semaphore.release();
  semaphore.release();
  assert.equal(String(semaphore), '<Semaphore(value=4)>');
});

// Conditions

/** Members that wait on the condition once; `sleeping` and `woken` count them. */
function sleepers(crew: Crew, count: number, condition: Condition, timeout?: number) {
  const sleeping = new Semaphore(0);
  const woken = new Semaphore(0);
  const jobs = crew.runAll(
    count,
    async (_mp, { condition, sleeping, woken, timeout }, _s, k) => {
      await k.acquire(condition);
      sleeping.release();
      const result = await k.wait(condition, timeout < 0 ? undefined : { timeout });
      woken.release();
      condition.release();
      return result;
    },
    { condition, sleeping, woken, timeout: timeout ?? -1 },
  );
  return { sleeping, woken, jobs };
}

async function notify(crew: Crew, condition: Condition, n: number): Promise<void> {
  await crew.kit.acquire(condition);
  condition.notify(n);
  condition.release();
}

const noWaiters = '<Condition(<RLock(None, 0)>, 0)>';

row('_TestCondition.test_notify', async (crew) => {
  const condition = new Condition();
  const { sleeping, woken, jobs } = sleepers(crew, 2, condition);
  await until(() => sleeping.getValue() === 2, 'both sleep');
  await aWhile();
  assert.equal(woken.getValue(), 0);
  for (const sum of [1, 2]) {
    await notify(crew, condition, 1);
    await until(() => woken.getValue() === sum, `${sum} woke`);
    await aWhile();
    assert.equal(woken.getValue(), sum);
  }
  assert.deepEqual(await jobs, [true, true]);
  assert.equal(String(condition), noWaiters);
});

row('_TestCondition.test_notify_all', async (crew) => {
  const condition = new Condition();
  assert.deepEqual(await sleepers(crew, 6, condition, 30).jobs, Array(6).fill(false));
  assert.equal(String(condition), noWaiters);
  const { sleeping, woken, jobs } = sleepers(crew, 6, condition);
  await until(() => sleeping.getValue() === 6, 'all sleep');
  await aWhile();
  assert.equal(woken.getValue(), 0);
  await crew.kit.acquire(condition);
  condition.notifyAll();
  condition.release();
  assert.deepEqual(await jobs, Array(6).fill(true));
  assert.equal(String(condition), noWaiters);
});

row('_TestCondition.test_notify_n', async (crew) => {
  const condition = new Condition();
  const { sleeping, woken, jobs } = sleepers(crew, 6, condition);
  await until(() => sleeping.getValue() === 6, 'all sleep');
  await aWhile();
  for (const [n, sum] of [
    [2, 2],
    [4, 6],
    [3, 6],
  ] as const) {
    await notify(crew, condition, n);
    await until(() => woken.getValue() === sum, `${sum} woke`);
    await aWhile();
    assert.equal(woken.getValue(), sum);
  }
  await jobs;
  assert.equal(String(condition), noWaiters);
});

row('_TestCondition.test_timeout', async ({ kit }) => {
  const condition = new Condition();
  await kit.acquire(condition);
  assert.equal(await kit.wait(condition, { timeout: 30 }), false);
  condition.release();
  assert.equal(condition.locked(), false);
});

row('_TestCondition.test_waitfor', async (crew) => {
  const condition = new Condition();
  const state = new Value('i', -1);
  const job = crew.run(
    0,
    async (_mp, { condition, state }, _s, k) => {
      await k.acquire(condition);
      state.value = 0;
      condition.notify();
      const result = await k.waitFor(condition, () => state.value === 4);
      condition.release();
      return [result, state.value];
    },
    { condition, state },
  );
  await crew.kit.acquire(condition);
  if (crew.kind === 'tasks') assert.equal(await condition.waitFor(() => state.value === 0), true);
  // Our own event loop has to send the job, so it may not be blocked before it runs.
  else assert.equal(await condition.waitFor(() => state.value === 0, { timeout: 10_000 }), true);
  assert.equal(state.value, 0);
  condition.release();
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    await crew.kit.acquire(condition);
    state.value++;
    condition.notify();
    condition.release();
  }
  assert.deepEqual(await job, [true, 4]);
});

row('_TestCondition.test_waitfor_timeout', async (crew) => {
  const condition = new Condition();
  const state = new Value('i', 0);
  const ready = new Semaphore(0);
  const job = crew.run(
    0,
    async (_mp, { condition, state, ready }, _s, k) => {
      await k.acquire(condition);
      ready.release();
      const start = performance.now();
      const result = await k.waitFor(condition, () => state.value === 4, { timeout: 60 });
      condition.release();
      return [result, performance.now() - start] as const;
    },
    { condition, state, ready },
  );
  await until(() => ready.getValue() === 1, 'the other waits');
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    await crew.kit.acquire(condition);
    state.value++;
    condition.notify();
    condition.release();
  }
  const [result, milliseconds] = await job;
  assert.equal(result, false);
  assert.ok(milliseconds >= 59, `${milliseconds}`);
});

row('_TestCondition.test_wait_result', async (crew) => {
  const condition = new Condition();
  await crew.kit.acquire(condition);
  assert.equal(await crew.kit.wait(condition, { timeout: 0 }), false);
  assert.equal(await crew.kit.wait(condition, { timeout: 30 }), false);
  const job = crew.run(
    0,
    async (_mp, condition, _s, k) => {
      await k.acquire(condition);
      condition.notify();
      condition.release();
    },
    condition,
  );
  assert.equal(await condition.wait({ timeout: 60_000 }), true);
  condition.release();
  await job;
});

row('ConditionTests.test_acquire', async ({ kit, form }) => {
  const own = new Condition();
  const twice = async () => {
    await kit.acquire(own);
    await kit.acquire(own);
    own.release();
    own.release();
  };
  if (form === 'blocking') await twice();
  else await own.runExclusive(twice);
  const lock = new Lock();
  const condition = new Condition(lock);
  await kit.acquire(condition);
  assert.equal(await kit.acquire(lock, false), false);
  condition.release();
  assert.equal(await kit.acquire(lock, false), true);
  assert.equal(await kit.acquire(condition, false), false);
  lock.release();
  await condition.runExclusive(async () => assert.equal(await kit.acquire(lock, false), false));
  {
    using _held = condition.guardSync();
    assert.equal(lock.acquireSync(false), false);
  }
  assert.equal(lock.locked(), false);
});

row('ConditionTests.test_unacquired_notify', async () => {
  const condition = new Condition();
  assert.throws(() => condition.notify(), { name: 'AssertionError', message: /lock is not owned/ });
  assert.throws(() => condition.notifyAll(), { name: 'AssertionError', message: /lock is not owned/ });
});

row('ConditionTests.test_notify', async (crew) => {
  const condition = new Condition();
  for (let again = 0; again < 2; again++) {
    const ready = new Semaphore(0);
    const first = new Semaphore(0);
    const second = new Semaphore(0);
    const jobs = crew.runAll(
      5,
      async (_mp, { condition, ready, first, second }, _s, k) => {
        const results: boolean[] = [];
        for (const done of [first, second]) {
          await k.acquire(condition);
          ready.release();
          results.push(await k.wait(condition));
          done.release();
          condition.release();
        }
        return results;
      },
      { condition, ready, first, second },
    );
    const waiting = (n: number) => until(() => ready.getValue() === n, `${n} waits begun`);
    const counts = async (a: number, b: number) => {
      await until(() => first.getValue() === a && second.getValue() === b, `${a} and ${b} done`);
      await aWhile();
      assert.deepEqual([first.getValue(), second.getValue()], [a, b]);
    };
    await waiting(5);
    await counts(0, 0);
    await crew.kit.acquire(condition);
    condition.notify(3);
    const early = [first.getValue(), second.getValue()];
    condition.release();
    assert.deepEqual(early, [0, 0]);
    await waiting(8);
    await counts(3, 0);
    await notify(crew, condition, 5);
    await waiting(10);
    await counts(5, 3);
    await crew.kit.acquire(condition);
    condition.notifyAll();
    condition.release();
    await counts(5, 5);
    assert.deepEqual((await jobs).flat(), Array(10).fill(true));
  }
});

row('ConditionTests.test_timeout', async (crew) => {
  const condition = new Condition();
  const results = await crew.runAll(
    5,
    async (_mp, { condition }, _s, k) => {
      await k.acquire(condition);
      const start = performance.now();
      const result = await k.wait(condition, { timeout: 50 });
      const milliseconds = performance.now() - start;
      condition.release();
      return [result, milliseconds] as const;
    },
    { condition },
  );
  for (const [result, milliseconds] of results) {
    assert.equal(result, false);
    assert.ok(milliseconds >= 49 && milliseconds < 5000, `${milliseconds}`);
  }
});

for (const [id, increments, expected] of [
  ['ConditionTests.test_waitfor', 4, true],
  ['ConditionTests.test_waitfor_timeout', 3, false],
] as const) {
  row(id, async (crew) => {
    const condition = new Condition();
    const state = new Value('i', 0);
    const ready = new Semaphore(0);
    const job = crew.run(
      0,
      async (_mp, { condition, state, ready, timeout }, _s, k) => {
        await k.acquire(condition);
        ready.release();
        const result = await k.waitFor(condition, () => state.value === 4, timeout < 0 ? {} : { timeout });
        condition.release();
        return result;
      },
      { condition, state, ready, timeout: expected ? -1 : 80 },
    );
    await until(() => ready.getValue() === 1, 'the other waits');
    for (let i = 0; i < increments; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      await crew.kit.acquire(condition);
      state.value++;
      condition.notify();
      condition.release();
    }
    assert.equal(await job, expected);
    assert.equal(state.value, increments);
  });
}

// Events

row('_TestEvent.test_event', async (crew) => {
  const event = new Event();
  assert.equal(event.isSet(), false);
  assert.equal(await crew.kit.wait(event, { timeout: 0 }), false);
  assert.equal(await crew.kit.wait(event, { timeout: 20 }), false);
  event.set();
  assert.equal(event.isSet(), true);
  assert.equal(await crew.kit.wait(event), true);
  assert.equal(await crew.kit.wait(event, { timeout: 20 }), true);
  event.clear();
  assert.equal(event.isSet(), false);
  const job = crew.run(
    0,
    async (_mp, event) => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      event.set();
    },
    event,
  );
  assert.equal(await event.wait(), true);
  await job;
});

row('EventTests.test_is_set', async () => {
  const event = new Event();
  assert.equal(event.isSet(), false);
  for (const expected of [true, true, false, false]) {
    if (expected) event.set();
    else event.clear();
    assert.equal(event.isSet(), expected);
  }
});

row('EventTests.test_notify', async (crew) => {
  const event = new Event();
  for (let again = 0; again < 2; again++) {
    const waited = new Value('i', 0);
    const jobs = crew.runAll(
      5,
      async (_mp, { event, waited }, _s, k) => {
        const results: boolean[] = [];
        for (let n = 0; n < 2; n++) {
          results.push(await k.wait(event));
          waited.add(1);
        }
        return results;
      },
      { event, waited },
    );
    await aWhile();
    assert.equal(waited.value, 0);
    event.set();
    assert.deepEqual((await jobs).flat(), Array(10).fill(true));
    event.clear();
  }
});

row('EventTests.test_repr', async () => {
  const event = new Event();
  assert.match(String(event), /^<Event at 0x[0-9a-f]+ unset>$/);
  event.set();
  assert.match(String(event), /^<Event at 0x[0-9a-f]+ set>$/);
});

// Barriers

const parties = 5;

/** All pass two gates in each round and look at who came before; returns what was wrong. */
async function throughGates(crew: Crew, rounds: number): Promise<void> {
  const barrier = new Barrier(parties, { timeout: 30_000 });
  const lists = new SharedArray('i', 2);
  const wrong = await crew.runAll(
    parties,
    async (mp, { barrier, lists, rounds }, _s, k) => {
      const wrong: string[] = [];
      const { parties } = barrier;
      const first = lists.array.subarray(0, 1);
      const second = lists.array.subarray(1, 2);
      for (let i = 0; i < rounds; i++) {
        Atomics.add(first, 0, 1);
        if (second[0] !== parties * i) wrong.push(`round ${i}: ${second[0]} before the gate`);
        await k.wait(barrier);
        Atomics.add(second, 0, 1);
        if (first[0] !== parties * (i + 1)) wrong.push(`round ${i}: ${first[0]} after the gate`);
        await k.wait(barrier);
      }
      if (barrier.nWaiting !== 0) wrong.push(`${barrier.nWaiting} wait at the end`);
      if (barrier.broken) wrong.push('broken');
      void mp;
      return wrong;
    },
    { barrier, lists, rounds },
  );
  assert.deepEqual(wrong.flat(), []);
  assert.equal(barrier.parties, parties);
}

for (const suite of ['_TestBarrier', 'BarrierTests']) {
  row(`${suite}.test_barrier`, (crew) => throughGates(crew, 1));
  row(`${suite}.test_barrier_10`, (crew) => throughGates(crew, 10));
  row(`${suite}.test_wait_return`, async (crew) => {
    const barrier = new Barrier(parties);
    const results = await crew.runAll(parties, (_mp, { barrier }, _s, k) => k.wait(barrier), { barrier });
    assert.deepEqual(results.sort(), [0, 1, 2, 3, 4]);
  });
  row(`${suite}.test_single_thread`, async ({ kit }) => {
    const barrier = new Barrier(1);
    assert.equal(await kit.wait(barrier), 0);
    assert.equal(await kit.wait(barrier), 0);
  });
  row(`${suite}.test_abort`, async (crew) => {
    const { barrier, counts } = await breaking(crew, 'abort');
    assert.deepEqual(counts, { passed: 0, broken: 4, failed: 0 });
    assert.equal(barrier.broken, true);
  });
  row(`${suite}.test_timeout`, async (crew) => {
    const { counts } = await breaking(crew, 'late', { timeout: 2000 });
    assert.deepEqual(counts, { passed: 0, broken: 5, failed: 0 });
  });
}

/** After a first pass the one with index 2 does something to the barrier; the others wait a second time. */
async function breaking(
  crew: Crew,
  how: 'abort' | 'late' | 'reset' | 'late by default',
  options: { timeout?: number } = {},
): Promise<{ barrier: Barrier; counts: { passed: number; broken: number; failed: number } }> {
  const barrier = new Barrier(parties, options);
  const outcomes = await crew.runAll(
    parties,
    async (_mp, { barrier, how }, _s, k) => {
      const first = await k.wait(barrier, { timeout: 30_000 });
      try {
        if (first === 2) {
          if (how === 'abort') {
            barrier.abort();
            return 'did it';
          }
          if (how === 'reset') {
            while (barrier.nWaiting < 4) await new Promise((resolve) => setTimeout(resolve, 2));
            barrier.reset();
            return 'did it';
          }
          await new Promise((resolve) => setTimeout(resolve, 250));
        }
        await k.wait(barrier, how === 'late' ? { timeout: 100 } : undefined);
        return 'passed';
      } catch (error) {
        return (error as Error).name === 'BrokenBarrierError' ? 'broken' : String(error);
      }
    },
    { barrier, how },
  );
  const count = (outcome: string) => outcomes.filter((o) => o === outcome).length;
  const [passed, broken] = [count('passed'), count('broken')];
  return { barrier, counts: { passed, broken, failed: parties - passed - broken - count('did it') } };
}

row('_TestBarrier.test_reset', async (crew) => {
  const { barrier, counts } = await breaking(crew, 'reset');
  assert.deepEqual(counts, { passed: 0, broken: 4, failed: 0 });
  const again = await crew.runAll(parties, (_mp, { barrier }, _s, k) => k.wait(barrier), { barrier });
  assert.deepEqual(again.sort(), [0, 1, 2, 3, 4]);
});

row('_TestBarrier.test_abort_and_reset', async (crew) => {
  const { barrier, counts } = await breaking(crew, 'abort');
  assert.deepEqual(counts, { passed: 0, broken: 4, failed: 0 });
  const second = new Barrier(parties);
  const results = await crew.runAll(
    parties,
    async (_mp, { barrier, second }, _s, k) => {
      if ((await k.wait(second)) === 2) barrier.reset();
      await k.wait(second);
      return k.wait(barrier);
    },
    { barrier, second },
  );
  assert.deepEqual(results.sort(), [0, 1, 2, 3, 4]);
  assert.equal(barrier.broken, false);
});

row('_TestBarrier.test_default_timeout', async (crew) => {
  const { counts } = await breaking(crew, 'late by default', { timeout: 100 });
  assert.deepEqual(counts, { passed: 0, broken: 5, failed: 0 });
});

row('_TestBarrier.test_thousand', async (crew) => {
  const rounds = 1000;
  const barrier = new Barrier(parties);
  const lock = new Lock();
  const log = new SharedArray('i', parties * rounds);
  const next = new Value('i', 0);
  await crew.runAll(
    parties,
    async (_mp, { barrier, lock, log, next, rounds }, _s, k) => {
      for (let i = 0; i < rounds; i++) {
        await k.wait(barrier);
        await k.acquire(lock);
        log.array[next.value++] = i;
        lock.release();
      }
    },
    { barrier, lock, log, next, rounds },
  );
  assert.deepEqual(
    [...log.array],
    Array.from({ length: parties * rounds }, (_, i) => Math.floor(i / parties)),
  );
});

row('BarrierTests.test_constructor', async () => {
  for (const n of [0, -1])
    assert.throws(() => new Barrier(n), { name: 'ValueError', message: /parties must be > 0/ });
});

row('BarrierTests.test_action', async (crew) => {
  const runs = new Value('i', 0);
  if (crew.kind === 'tasks') {
    const barrier = new Barrier(parties, () => runs.add(1));
    const seen = await Promise.all(
      Array.from({ length: parties }, async () => {
        await barrier.wait();
        return runs.value;
      }),
    );
    assert.deepEqual(seen, Array(parties).fill(1));
    return;
  }
  // A handle carries no function: each member makes the barrier's action its own. Pools and Processes send it along,
  // see test/sync/travel.test.ts.
  const barrier = new Barrier(parties);
  const seen = await crew.runAll(
    parties,
    async (mp, { barrier, runs }, _s, k) => {
      const data = (mp.Barrier as unknown as Record<symbol, (b: unknown) => object>)[mp.serialize]!(barrier);
      const own = (mp.Barrier as unknown as Record<symbol, (d: unknown) => Barrier>)[mp.deserialize]!({
        ...data,
        action: () => runs.add(1),
      });
      await k.wait(own as Barrier);
      return runs.value;
    },
    { barrier, runs },
  );
  assert.deepEqual(seen, Array(parties).fill(1));
});

row('BarrierTests.test_default_timeout', async ({ kit }) => {
  const barrier = new Barrier(2, { timeout: 50 });
  const start = performance.now();
  await assert.rejects(kit.wait(barrier), { name: 'BrokenBarrierError' });
  assert.ok(performance.now() - start >= 49);
});
