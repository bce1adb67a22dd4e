/**
 * SIGKILL at a random instant of a holder, waiter, notifier or allocator: the others go on within two seconds, nothing that
 * a lock guards is off by more than the dead one had in hand, nothing is leaked. `MULTIPROC_STRESS=1` runs a thousand
 * rounds, `MULTIPROC_ROUNDS` as many as it says.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Condition, Event, Lock, RLock, Semaphore, SharedArray, Value } from '../../src/index.ts';
import type { Arena } from '../../src/memory/arena.ts';
import { parkingLot } from '../../src/sync/parking.ts';
import { Peer } from '../fixtures/peer.ts';
import { openedSince, openFds } from '../support/fds.ts';

const stress = process.env.MULTIPROC_STRESS === '1';
const rounds = Number(process.env.MULTIPROC_ROUNDS ?? (stress ? 1000 : 16));
const workers = 4;

interface Shared {
  lock: Lock | RLock;
  counter: Value<'i'>;
  /** Rounds done by each worker. */
  progress: SharedArray<'i'>;
  stop: Event;
  abandoned: Value<'i'>;
}

/**
 * Adds to the counter under the lock until told to stop; repairs the lock when its holder died. `tangled`: as two tasks that
 * wait while their thread blocks for the same lock.
 */
const addForever = async (
  mp: typeof import('../../src/index.ts'),
  { lock, counter, progress, stop, abandoned, index, mode }: Shared & { index: number; mode: string },
): Promise<void> => {
  const work = async (mode: string): Promise<void> => {
    for (let n = 0; !stop.isSet(); n++) {
      try {
        if (mode === 'sync' || (mode === 'mixed' && n % 3 === 0)) lock.acquireSync();
        else if (mode === 'briefly') {
          await new Promise((resolve) => setImmediate(resolve));
          if (!lock.acquireSync({ timeout: n % 3 })) continue;
        } else await lock.acquire(n % 7 === 0 ? { timeout: 5000 } : undefined);
      } catch (error) {
        if ((error as Error).name !== 'AbandonedLockError') throw error;
        abandoned.add(1);
        try {
          lock.reset();
        } catch (e) {
          if ((e as Error).name !== 'ValueError') throw e; // somebody was faster and has it already
        }
        continue;
      }
      const seen = counter.value;
      for (let i = 0; i < (n % 4 === 0 ? 5000 : 20); i++);
      counter.value = seen + 1;
      progress.array[index]!++;
      lock.release();
      // Memory of its own, small and large, given back and asked for while it may be killed.
      if (n % 10 === 0) mp.RawArray('i', n % 100 === 0 ? 20_000 : 10)[0] = n;
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await (mode === 'tangled' ? Promise.all([work('async'), work('async'), work('briefly')]) : work(mode));
};

/** What the dead have left in an object's arena, and in this process. */
function left(shared: object): { slots: number; participants: number } {
  const { arena } = (shared as { block: { arena: Arena } }).block;
  const lot = parkingLot(arena);
  lot.reap();
  const me = arena.participants.index;
  return {
    slots: [...lot.slots.participants()].filter((index) => index !== me).length,
    participants: arena.participants.count(),
  };
}

async function survives(lock: Lock | RLock, modes: readonly string[]): Promise<void> {
  const shared: Shared = {
    lock,
    counter: new Value('i', 0),
    progress: new SharedArray('i', workers),
    stop: new Event(),
    abandoned: new Value('i', 0),
  };
  const before = { ...left(lock), open: openFds() };
  const done: Promise<unknown>[] = [];
  const begin = async (index: number): Promise<Peer> => {
    const peer = await Peer.start();
    const mode = modes[index % modes.length]!;
    const run = peer.run(addForever, { ...shared, index, mode } as never);
    run.catch(() => {});
    done[index] = run;
    return peer;
  };
  const peers = await Promise.all(Array.from({ length: workers }, (_, i) => begin(i)));
  try {
    for (let round = 0; round < rounds; round++) {
      await delay(Math.random() * 10);
      const victim = Math.floor(Math.random() * workers);
      await peers[victim]!.kill();
      const steps = Array.from(shared.progress.array);
      const deadline = performance.now() + 2000;
      for (let i = 0; i < workers; i++) {
        while (i !== victim && shared.progress.array[i] === steps[i]) {
          assert.ok(
            performance.now() < deadline,
            `round ${round}: worker ${i} (${modes[i % modes.length]}) hangs, ${lock}`,
          );
          await delay(2);
        }
      }
      peers[victim] = await begin(victim);
    }
    shared.stop.set();
    await Promise.all(done);
    const sum = shared.progress.array.reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(shared.counter.value - sum) <= rounds, `${shared.counter.value} counted, ${sum} done`);
    if (stress) {
      const deaths = `${shared.abandoned.value} of ${rounds} held the lock`;
      console.log(`# ${lock.constructor.name} ${modes}: ${sum} rounds of work; ${deaths}`);
    }
  } finally {
    for (const p of peers) await p.kill();
  }
  assert.deepEqual(left(lock), { slots: 0, participants: before.participants });
  // Doorbells of the dead are closed when their death is noticed; the parking lot may have opened its own bell.
  assert.ok(openedSince(before.open).length <= 4, openedSince(before.open).join());
}

test('Lock: a killed holder or waiter stops nobody, in Sync use', () => survives(new Lock(), ['sync']));
test('Lock: a killed holder or waiter stops nobody, in async use', () => survives(new Lock(), ['async']));
test('RLock: a killed holder or waiter stops nobody, in mixed use', () =>
  survives(new RLock(), ['sync', 'async', 'mixed']));

test('Lock: a killed holder or waiter stops nobody, while threads block for what their tasks wait for', () =>
  survives(new Lock(), ['tangled']));

test('Condition and Semaphore: a killed notifier, waiter or taker stops nobody', async () => {
  const condition = new Condition(new Lock({ onAbandoned: 'acquire' }));
  const turns = new SharedArray('i', workers);
  const tokens = new Value('i', 0);
  const stop = new Event();
  const pass = async (
    _mp: unknown,
    a: {
      condition: Condition;
      turns: SharedArray<'i'>;
      tokens: Value<'i'>;
      stop: Event;
      index: number;
      sync: boolean;
    },
  ): Promise<void> => {
    while (!a.stop.isSet()) {
      if (a.sync) a.condition.acquireSync();
      else await a.condition.acquire();
      // Everybody makes tokens for the others and takes one: all would stop if a notify were lost for ever.
      if (a.tokens.value < 2) {
        a.tokens.value++;
        a.condition.notify();
      }
      const limit = { timeout: 1000 };
      const got = a.sync
        ? a.condition.waitForSync(() => a.tokens.value > 0, limit)
        : await a.condition.waitFor(() => a.tokens.value > 0, limit);
      if (got) a.tokens.value--;
      a.turns.array[a.index]!++;
      a.condition.release();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const begin = async (index: number): Promise<Peer> => {
    const peer = await Peer.start();
    peer.run(pass, { condition, turns, tokens, stop, index, sync: index % 2 === 0 }).catch(() => {});
    return peer;
  };
  const before = left(condition);
  const open = openFds();
  const peers = await Promise.all(Array.from({ length: workers }, (_, i) => begin(i)));
  try {
    for (let round = 0; round < rounds; round++) {
      await delay(Math.random() * 10);
      const victim = Math.floor(Math.random() * workers);
      await peers[victim]!.kill();
      const seen = Array.from(turns.array);
      const deadline = performance.now() + 2000;
      for (let i = 0; i < workers; i++) {
        while (i !== victim && turns.array[i] === seen[i]) {
          assert.ok(performance.now() < deadline, `round ${round}: worker ${i} hangs: ${condition}`);
          await delay(2);
        }
      }
      peers[victim] = await begin(victim);
    }
    stop.set();
  } finally {
    for (const p of peers) await p.kill();
  }
  assert.deepEqual(left(condition), before);
  assert.ok(openedSince(open).length <= 4, openedSince(open).join());
});

test('Semaphore: a killed waiter gives the unit on that it was given', async () => {
  const semaphore = new Semaphore(0);
  for (let round = 0; round < rounds; round++) {
    await using victim = await Peer.start();
    const waiting = victim.run(async (_mp, s: Semaphore) => {
      setTimeout(() => {}, 100_000);
      while (true) await s.acquire();
    }, semaphore);
    waiting.catch(() => {});
    await delay(Math.random() * 20);
    semaphore.release();
    const taken = semaphore.acquire({ timeout: 3000 });
    const killing = victim.kill();
    semaphore.release();
    assert.equal(await taken, true);
    await killing;
    while (semaphore.acquireSync(false));
    if (round >= 8 && !stress) break;
  }
});
