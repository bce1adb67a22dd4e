/**
 * Waits on Condition, Event and Barrier that are aborted or time out while another process, thread or task wakes them: every notify
 * is used by exactly one, a round of a barrier ends the same way for all, and the lock is held by one at a time.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Barrier, Condition, Event, Lock, RLock, Value } from '../../src/index.ts';
import type { Arena } from '../../src/memory/arena.ts';
import { parkingLot } from '../../src/sync/parking.ts';
import { Peer } from '../fixtures/peer.ts';
import { until } from '../support/run.ts';

/** How many wait, as the text says. */
const waiters = (condition: Condition): number => Number(/, (\d+)\)>$/.exec(String(condition))?.[1]);

interface Shared {
  readonly condition: Condition;
  /** How many waits have returned `true`. */
  readonly used: Value<'i'>;
  /** How many are between the end of a wait and the next release: never two. */
  readonly inside: Value<'i'>;
  readonly over: Value<'i'>;
}

/** Waits again and again for a millisecond or two; returns how often two held the lock. */
async function impatientTasks(_mp: unknown, { condition, used, inside, over }: Shared): Promise<number> {
  let crowds = 0;
  const enter = (): void => {
    if (++inside.value !== 1) crowds++;
  };
  const task = async (seed: number): Promise<void> => {
    for (let n = seed; over.value === 0; n++) {
      await condition.acquire();
      enter();
      const controller = new AbortController();
      const { signal } = controller;
      if (n % 4 === 0) setImmediate(() => controller.abort());
      if (n % 4 === 1) setTimeout(() => controller.abort(), n % 3);
      const options = n % 4 < 2 ? { signal } : { timeout: n % 3 };
      inside.value--;
      const woken = await condition.wait(options).catch((error) => {
        if (!signal.aborted) throw error;
        return false;
      });
      enter();
      if (woken) used.value++;
      inside.value--;
      condition.release();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.all([task(0), task(1), task(2)]);
  return crowds;
}

/** The same, blocking the thread. */
function impatientThread(_mp: unknown, { condition, used, inside, over }: Shared): number {
  let crowds = 0;
  for (let n = 0; over.value === 0; n++) {
    condition.acquireSync();
    if (++inside.value !== 1) crowds++;
    inside.value--;
    const woken = condition.waitSync({ timeout: n % 3 });
    if (++inside.value !== 1) crowds++;
    if (woken) used.value++;
    inside.value--;
    condition.release();
  }
  return crowds;
}

/** Stands in line all the time, and leaves it only when notified. */
function patientThread(_mp: unknown, { condition, used, inside, over }: Shared): number {
  let crowds = 0;
  condition.acquireSync();
  while (over.value === 0) {
    condition.waitSync();
    if (++inside.value !== 1) crowds++;
    used.value++;
    inside.value--;
  }
  condition.release();
  return crowds;
}

for (const Class of [Lock, RLock]) {
  test(`Condition of a ${Class.name}: a notify that races with aborts and timeouts is used by exactly one, who has the lock`, async () => {
    const shared: Shared = {
      condition: new Condition(new Class()),
      used: new Value('i', 0),
      inside: new Value('i', 0),
      over: new Value('i', 0),
    };
    const { condition, used, over } = shared;
    await using patient = await Peer.start();
    await using tasks = await Peer.start();
    await using process = await Peer.start();
    await using thread = await Peer.startThread();
    const standing = patient.run(patientThread, shared);
    await until(() => waiters(condition) === 1, 'the patient one waits');
    const ends = [
      standing,
      tasks.run(impatientTasks, shared),
      process.run(impatientThread, shared),
      thread.run(impatientThread, shared),
      impatientTasks(undefined, shared),
    ];
    const notifies = 400;
    for (let n = 1; n <= notifies; n++) {
      await condition.acquire();
      condition.notify();
      condition.release();
      await until(() => used.value >= n, `notify ${n} is used`);
      assert.equal(used.value, n);
    }
    over.value = 1;
    await condition.acquire();
    condition.notifyAll();
    condition.release();
    assert.deepEqual(await Promise.all(ends), [0, 0, 0, 0, 0]);
    assert.equal(condition.locked(), false);
  });
}

test('Condition: an abort right after a notify, in the same turn, does not take the notify with it', async () => {
  for (const Class of [Lock, RLock]) {
    const condition = new Condition(new Class());
    const controller = new AbortController();
    let held = 0;
    const waits = async (options = {}): Promise<string> => {
      await condition.acquire();
      try {
        return String(await condition.wait(options));
      } catch (error) {
        return (error as Error).name;
      } finally {
        held++;
        assert.equal(condition.locked(), true);
        condition.release();
      }
    };
    const aborted = waits({ signal: controller.signal });
    const patient = waits();
    await until(() => waiters(condition) === 2, 'both wait');
    await condition.acquire();
    controller.abort();
    condition.notify();
    condition.release();
    // Whoever was told goes on; who was aborted before is not told.
    assert.deepEqual(await Promise.all([aborted, patient]), ['AbortError', 'true']);
    assert.equal(held, 2);
    assert.equal(condition.locked(), false);

    const late = new AbortController();
    const first = waits({ signal: late.signal });
    const second = waits();
    await until(() => waiters(condition) === 2, 'both wait again');
    await condition.acquire();
    condition.notify();
    late.abort();
    condition.release();
    assert.equal(await first, 'true');
    await condition.acquire();
    condition.notify();
    condition.release();
    assert.equal(await second, 'true');
  }
});

test('Condition: a wait that finds no place in line throws and leaves the lock with its caller', async () => {
  const condition = new Condition(new Lock());
  const { slots } = parkingLot((condition as unknown as { block: { arena: Arena } }).block.arena);
  const taken: number[] = [];
  const full = /Cannot wait: 65536 waiters/;
  assert.throws(() => {
    for (;;) taken.push(slots.enqueue(4, 0));
  }, full);
  try {
    await condition.acquire();
    await assert.rejects(condition.wait(), { name: 'RuntimeError', message: full });
    assert.throws(() => condition.waitSync(), { name: 'RuntimeError', message: full });
    assert.equal(condition.locked(), true);
    condition.release();
    assert.equal(condition.locked(), false);
  } finally {
    for (const slot of taken.reverse()) slots.leave(slot);
  }
});

interface Meeting {
  readonly barrier: Barrier;
  /** Without limits: all are done with a round. */
  readonly together: Barrier;
  readonly rounds: number;
  readonly seed: number;
}

/** What came of each round: its index, -1 when the barrier broke, -2 for an abort. The first one resets what is broken. */
async function partyOfTasks(_mp: unknown, { barrier, together, rounds, seed }: Meeting): Promise<number[]> {
  const results: number[] = [];
  for (let n = 0; n < rounds; n++) {
    const controller = new AbortController();
    const { signal } = controller;
    const how = (n + seed) % 4;
    if (how === 0) setTimeout(() => controller.abort(), 1);
    if (how === 1) setImmediate(() => controller.abort());
    const index = await barrier
      .wait(how < 2 ? { signal } : { timeout: (n % 3) + 1 })
      .catch((error) => (error.name === 'BrokenBarrierError' ? -1 : error === signal.reason ? -2 : error));
    results.push(index);
    await together.wait();
    if (seed === 0 && barrier.broken) barrier.reset();
    await together.wait();
  }
  return results;
}

/** The same, blocking the thread. */
function partyOfThreads(_mp: unknown, { barrier, together, rounds, seed }: Meeting): number[] {
  const results: number[] = [];
  for (let n = 0; n < rounds; n++) {
    try {
      results.push(barrier.waitSync({ timeout: ((n + seed) % 3) + 1 }));
    } catch (error) {
      if ((error as Error).name !== 'BrokenBarrierError') throw error;
      results.push(-1);
    }
    together.waitSync();
    together.waitSync();
  }
  return results;
}

/** Each round: all passed, with different numbers, or nobody did. Both have to be among them. */
function checkRounds(all: readonly number[][]): void {
  let passed = 0;
  const rounds = all[0]!.length;
  for (let n = 0; n < rounds; n++) {
    const results = all.map((one) => one[n]!).sort();
    if (results.every((index) => index < 0)) continue;
    assert.deepEqual(results, [0, 1, 2, 3], `round ${n}`);
    passed++;
  }
  assert.ok(passed > 0, 'some rounds passed');
  assert.ok(passed < rounds, 'some rounds broke');
}

test('Barrier: an abort or a timeout that races with the last one breaks a round for all or for none', async () => {
  const barrier = new Barrier(4);
  const together = new Barrier(4);
  await using tasks = await Peer.start();
  await using process = await Peer.start();
  await using thread = await Peer.startThread();
  const meeting = (seed: number): Meeting => ({ barrier, together, rounds: 400, seed });
  checkRounds(
    await Promise.all([
      partyOfTasks(undefined, meeting(0)),
      tasks.run(partyOfTasks, meeting(1)),
      process.run(partyOfThreads, meeting(2)),
      thread.run(partyOfThreads, meeting(3)),
    ]),
  );
});

test('Barrier with an action: who gives up while it runs breaks the round for all, also for who runs it', async () => {
  let runs = 0;
  const action = async (): Promise<void> => {
    if (runs++ % 3 !== 0) await new Promise((resolve) => setTimeout(resolve, runs % 3));
  };
  const barrier = new Barrier(4, { action });
  const together = new Barrier(4);
  const party = (seed: number) => partyOfTasks(undefined, { barrier, together, rounds: 200, seed });
  checkRounds(await Promise.all([party(0), party(1), party(2), party(3)]));
});

interface Flag {
  readonly event: Event;
  /** Odd while the flag is being set. */
  readonly sets: Value<'i'>;
  readonly seen: Value<'i'>;
  readonly over: Value<'i'>;
}

/** Waits for a millisecond or two; returns how often it was told of a set that there was not. */
async function impatientWatchers(_mp: unknown, { event, sets, over }: Flag): Promise<number> {
  let wrong = 0;
  const task = async (seed: number): Promise<void> => {
    for (let n = seed; over.value === 0; n++) {
      const before = sets.value;
      const wasSet = event.isSet();
      const controller = new AbortController();
      if (n % 2 === 0) setImmediate(() => controller.abort());
      const told = await event
        .wait(n % 2 === 0 ? { signal: controller.signal } : { timeout: n % 3 })
        .catch(() => false);
      if (told && before % 2 === 0 && !wasSet && sets.value === before) wrong++;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.all([task(0), task(1), task(2)]);
  return wrong;
}

/** Waits without limits; who sets clears when it was seen, and sets again when that was seen. */
function patientWatcher(_mp: unknown, { event, seen, over }: Flag): void {
  while (over.value === 0) {
    event.waitSync();
    seen.add(1);
    while (event.isSet() && over.value === 0);
    seen.add(1);
  }
}

test('Event: who waits is told while others abort and time out; nobody is told of a set that was not', async () => {
  const count = () => new Value('i', 0);
  const flag: Flag = { event: new Event(), sets: count(), seen: count(), over: count() };
  const { event, sets, seen, over } = flag;
  await using patient = await Peer.start();
  await using tasks = await Peer.start();
  const standing = patient.run(patientWatcher, flag);
  const impatient = [tasks.run(impatientWatchers, flag), impatientWatchers(undefined, flag)];
  const rounds = 300;
  for (let n = 0; n < rounds; n++) {
    sets.add(1);
    event.set();
    sets.add(1);
    await until(() => seen.value > 2 * n, `set ${n} is seen`);
    event.clear();
    await until(() => seen.value > 2 * n + 1, `clear ${n} is seen`);
  }
  over.value = 1;
  sets.add(1);
  event.set();
  await standing;
  assert.deepEqual(await Promise.all(impatient), [0, 0]);
});

test('Event: who dies having been told of a set does not tell who came after the clear', async () => {
  const event = new Event();
  const lot = parkingLot((event as unknown as { block: { arena: Arena } }).block.arena);
  await using peer = await Peer.start();
  peer.run((_mp, event: Event) => event.waitSync(), event).catch(() => {});
  await until(() => lot.slots.keysWaitedFor().size === 1, 'the peer waits');
  process.kill(peer.pid, 'SIGSTOP');
  event.set();
  event.clear();
  const later = event.wait({ timeout: 200 });
  await peer.kill();
  lot.reap(peer.pid);
  assert.equal(await later, false);
});
