/**
 * SIGKILL at a random instant of processes that do all of it in turn, on one set of objects: hold locks, take units, notify,
 * wait for an event, meet at a barrier, allocate. The others go on within two seconds, nothing that is guarded is off by more
 * than the dead had in hand, nothing is left. `MULTIPROC_STRESS=1` runs a thousand rounds, `MULTIPROC_ROUNDS` as many as it says.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
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
import type { Arena } from '../../src/memory/arena.ts';
import { parkingLot } from '../../src/sync/parking.ts';
import { Peer } from '../fixtures/peer.ts';
import { nothingStaysOpen, openFds } from '../support/fds.ts';
import { until } from '../support/run.ts';

const stress = process.env.MULTIPROC_STRESS === '1';
const rounds = Number(process.env.MULTIPROC_ROUNDS ?? (stress ? 1000 : 16));
const workers = 4;
const roles = ['lock', 'rlock', 'value', 'semaphore', 'condition', 'event', 'barrier', 'allocator'] as const;
const prefix = `multiproc_test_${process.pid}_`;

const makeShared = () => ({
  lock: new Lock(),
  rlock: new RLock(),
  /** Added to under the lock, under the RLock and by `add`. */
  counters: ['i', 'i', 'i'].map(() => new Value('i', 0)),
  units: new Semaphore(0),
  seats: new BoundedSemaphore(workers),
  condition: new Condition(new Lock({ onAbandoned: 'acquire' })),
  tokens: new Value('i', 0),
  event: new Event(),
  barrier: new Barrier(workers),
  /** What each has done for each counter. */
  done: new SharedArray('i', workers * 3),
  progress: new SharedArray('i', workers),
  /** The role that each plays now. */
  role: new SharedArray('i', workers),
  abandoned: new Value('i', 0),
  stop: new Event(),
  prefix,
});

type Shared = ReturnType<typeof makeShared>;

/** Plays all roles, from a random one on, until told to stop; odd ones block their thread, even ones await. */
const play = async (
  mp: typeof import('../../src/index.ts'),
  { index, ...shared }: Shared & { index: number },
): Promise<void> => {
  const { lock, rlock, counters, units, seats, condition, tokens, event, barrier, done, progress } = shared;
  const sync = index % 2 === 1;
  const timeout = 100;
  const count = (k: number): void => {
    const seen = counters[k]!.value;
    for (let i = 0; i < 300; i++);
    counters[k]!.value = seen + 1;
    done.array[index * 3 + k]!++;
  };
  const repaired = async (held: Lock | RLock, work: () => void | Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if ((error as Error).name !== 'AbandonedLockError') throw error;
      shared.abandoned.add(1);
      try {
        held.reset();
      } catch (e) {
        if ((e as Error).name !== 'ValueError') throw e; // somebody was faster and has it already
      }
    }
  };
  const steps = [
    () =>
      repaired(lock, async () => {
        if (sync) lock.acquireSync();
        else await lock.acquire();
        count(0);
        lock.release();
      }),
    () =>
      repaired(rlock, async () => {
        if (sync) {
          rlock.acquireSync();
          rlock.acquireSync();
          count(1);
          rlock.release();
          rlock.release();
        } else await rlock.runExclusive(() => rlock.runExclusive(() => count(1)));
      }),
    () => {
      counters[2]!.add(1);
      done.array[index * 3 + 2]!++;
    },
    async () => {
      units.release();
      if (sync) units.acquireSync({ timeout });
      else await units.acquire({ timeout });
      if (!(sync ? seats.acquireSync({ timeout: 1 }) : await seats.acquire({ timeout: 1 }))) return;
      seats.release();
    },
    async () => {
      if (sync) condition.acquireSync();
      else await condition.acquire();
      if (tokens.value < 2) {
        tokens.value++;
        condition.notify();
      }
      const has = (): boolean => tokens.value > 0;
      if (sync ? condition.waitForSync(has, { timeout }) : await condition.waitFor(has, { timeout }))
        tokens.value--;
      condition.release();
    },
    async () => {
      if (Math.random() < 0.5) {
        event.set();
        event.clear();
      } else if (sync) event.waitSync({ timeout: 5 });
      else await event.wait({ timeout: 5 });
    },
    async () => {
      try {
        if (sync) barrier.waitSync({ timeout: 10 });
        else await barrier.wait({ timeout: 10 });
      } catch (error) {
        if ((error as Error).name !== 'BrokenBarrierError') throw error;
        barrier.reset();
      }
    },
    () => {
      for (let i = 0; i < 10; i++) mp.RawArray('i', 10 + i)[0] = i;
      mp.RawArray('i', 20_000)[0] = 1;
      new mp.Lock().acquireSync();
      const name = `${shared.prefix}${index}_${process.pid}`;
      const named = new mp.SharedMemory({ name, create: true, size: 5000 });
      named.buf[0] = 1;
      named.close();
      named.unlink();
    },
  ];
  for (let n = Math.floor(Math.random() * steps.length); !shared.stop.isSet(); n++) {
    shared.role.array[index] = n % steps.length;
    // As long in each role, however short its steps: so each is killed in as often.
    const end = performance.now() + 10;
    do {
      await steps[n % steps.length]!();
      progress.array[index]!++;
    } while (performance.now() < end);
    await new Promise((resolve) => setImmediate(resolve));
  }
};

/** What the dead have left in the objects' arena. */
function left(arena: Arena): { slots: number; participants: number } {
  const lot = parkingLot(arena);
  lot.reap();
  const me = arena.participants.index;
  const others = [...lot.slots.participants()].filter((index) => index !== me);
  return { slots: others.length, participants: arena.participants.count() };
}

test('whoever is killed, whatever it was doing: the others go on, counters are right, nothing is left', async () => {
  const shared = makeShared();
  const { arena } = (shared.lock as unknown as { block: { arena: Arena } }).block;
  const before = left(arena);
  const open = openFds();
  const done: Promise<void>[] = [];
  const begin = async (index: number): Promise<Peer> => {
    const peer = await Peer.start();
    const run = peer.run(play, { ...shared, index } as never) as Promise<void>;
    run.catch(() => {});
    done[index] = run;
    return peer;
  };
  const killed = roles.map(() => 0);
  const peers = await Promise.all(Array.from({ length: workers }, (_, i) => begin(i)));
  try {
    for (let round = 0; round < rounds; round++) {
      await delay(Math.random() * 20);
      const victim = Math.floor(Math.random() * workers);
      await peers[victim]!.kill();
      killed[shared.role.array[victim]!]!++;
      const steps = Array.from(shared.progress.array);
      const deadline = performance.now() + 2000;
      for (let i = 0; i < workers; i++) {
        while (i !== victim && shared.progress.array[i] === steps[i]) {
          const role = roles[shared.role.array[i]!];
          assert.ok(
            performance.now() < deadline,
            `round ${round}: worker ${i} hangs: ${role}, ${shared[role as 'lock']}`,
          );
          await delay(2);
        }
      }
      peers[victim] = await begin(victim);
    }
    shared.stop.set();
    await Promise.all(done);
  } finally {
    for (const p of peers) await p.kill();
  }
  for (const [k, counter] of shared.counters.entries()) {
    let sum = 0;
    for (let i = k; i < workers * 3; i += 3) sum += shared.done.array[i]!;
    assert.ok(Math.abs(counter.value - sum) <= rounds, `counter ${k}: ${counter.value} counted, ${sum} done`);
  }
  // Units belong to nobody: each of the dead may have left one, or taken one away; in so many steps it would show if others did.
  assert.ok(shared.units.getValue() <= rounds, `${shared.units}`);
  assert.ok(shared.seats.getValue() <= workers, `${shared.seats}`);
  assert.ok(shared.tokens.value <= 2 && shared.tokens.value >= -rounds, `${shared.tokens}`);
  for (const lock of [shared.lock, shared.rlock]) {
    lock.reset();
    assert.equal(lock.locked(), false);
  }
  if (stress) {
    const each = roles.map((role, k) => `${role} ${killed[k]}`).join(', ');
    console.log(`# ${rounds} killed: ${each}; ${shared.abandoned.value} times a lock was found abandoned`);
  }
  assert.deepEqual(left(arena), { slots: 0, participants: before.participants });
  await nothingStaysOpen(open);
  // Those of the killed are removed by their trackers, which look once their processes are gone.
  const files = (): string[] => readdirSync('/dev/shm').filter((file) => file.startsWith(prefix));
  await until(() => files().length === 0, `/dev/shm is clean: ${files()}`);
});
