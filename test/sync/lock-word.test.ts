/**
 * A lock that is given to a waiter, in the moment between the two steps of giving: the word names the thread, the slot says
 * nothing yet. The giver's step is done by hand here; what it would do next never comes, as if it had been killed.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { type Connection, waitSync } from '../../src/connection.ts';
import { Condition, Lock, Pipe, RLock } from '../../src/index.ts';
import type { Arena } from '../../src/memory/arena.ts';
import { CONTENDED, GIVEN } from '../../src/sync/lock-word.ts';
import { type ParkingLot, parkingLot } from '../../src/sync/parking.ts';
import { Peer } from '../fixtures/peer.ts';

interface Inside {
  readonly lot: ParkingLot;
  readonly at: number;
  /** What this thread writes into the word. */
  readonly tag: number;
}

function inside(lock: Lock | RLock): Inside {
  const { arena, offset } = (lock as unknown as { block: { arena: Arena; offset: number } }).block;
  return { lot: parkingLot(arena), at: offset >> 2, tag: arena.tag };
}

const word = ({ lot, at }: Inside): number => Atomics.load(lot.arena.i32, at);

/** The first step of giving the lock to a thread. */
function give({ lot, at }: Inside, tag: number): void {
  Atomics.store(lot.arena.i32, at, tag | CONTENDED | GIVEN);
}

/** A lock that another process holds, which is what a giver does. */
async function heldElsewhere(
  t: TestContext,
  lock: Lock | RLock,
): Promise<{ peer: Peer; tag: number; i: Inside }> {
  const peer = await Peer.start();
  t.after(() => peer.kill());
  await peer.run((_mp, l: Lock | RLock) => l.acquireSync(), lock);
  const i = inside(lock);
  return { peer, i, tag: word(i) & 0xffffff };
}

for (const Class of [Lock, RLock]) {
  test(`${Class.name}: given to a task by one who dies before telling it, it is taken all the same`, async (t) => {
    const lock = new Class();
    const { i } = await heldElsewhere(t, lock);
    const waiting = lock.acquire();
    give(i, i.tag);
    assert.equal(await waiting, true);
    assert.equal(word(i) & GIVEN, 0);
    lock.release();
    assert.equal(lock.locked(), false);
  });

  test(`${Class.name}: given to a thread by one who dies before telling it, it is taken all the same`, async (t) => {
    const lock: Lock | RLock = new Class();
    const { i } = await heldElsewhere(t, lock);
    await using other = await Peer.start();
    const waiting = other.run((_mp, l: Lock | RLock) => {
      const got = l.acquireSync();
      l.release();
      return got;
    }, lock);
    const { slots, arena } = i.lot;
    for (;;) {
      const first = slots.first(i.at << 2);
      if (first === undefined) await turn();
      else {
        give(i, arena.participants.tagAt(first.participant));
        break;
      }
    }
    assert.equal(await waiting, true);
    assert.equal(lock.locked(), false);
  });

  test(`${Class.name}: a task that aborts while it is given the lock leaves it to the others`, async (t) => {
    const lock = new Class();
    const { i } = await heldElsewhere(t, lock);
    const controller = new AbortController();
    const waiting = lock.acquire({ signal: controller.signal });
    give(i, i.tag);
    controller.abort(new Error('enough'));
    await assert.rejects(waiting, { message: 'enough' });
    assert.equal(lock.locked(), false);
  });

  test(`${Class.name}: a wait whose time is up while it is given the lock has it, or leaves it to the others`, async (t) => {
    const lock = new Class();
    const { i } = await heldElsewhere(t, lock);
    const waiting = lock.acquire({ timeout: 1 });
    give(i, i.tag);
    const got = await waiting;
    assert.equal(lock.locked(), got);
    give(i, i.tag);
    assert.equal(lock.acquireSync({ timeout: 1 }), lock.locked());
  });

  test(`${Class.name}: a thread that blocks while its task is given the lock leaves it to the others`, async (t) => {
    const lock = new Class();
    const { i } = await heldElsewhere(t, lock);
    const waiting = lock.acquire();
    give(i, i.tag);
    const other = new Class();
    await other.acquire();
    assert.equal(other.acquireSync({ timeout: 1 }), false);
    // Its task is in line again but has not run: nobody may have it.
    assert.equal(lock.locked(), false);
    assert.equal(await waiting, true);
    lock.release();
  });

  test(`${Class.name}: a thread can block for the very lock that its task is being given`, async (t) => {
    const lock = new Class();
    const { i } = await heldElsewhere(t, lock);
    const waiting = lock.acquire();
    give(i, i.tag);
    assert.equal(lock.acquireSync(), true);
    lock.release();
    assert.equal(await waiting, true);
    lock.release();
    assert.equal(lock.locked(), false);
  });

  for (const how of ['aborts', 'blocks'] as const) {
    test(`${Class.name}: the giver notices when its waiter ${how} between the steps, and gives it to the next`, async (t) => {
      const lock: Lock | RLock = new Class();
      await lock.acquire();
      const i = inside(lock);
      const controller = new AbortController();
      const waits = [lock.acquire({ signal: controller.signal }), lock.acquire()];
      await using other = await Peer.start();
      const theirs = other.run(async (_mp, l: Lock | RLock) => {
        const got = await l.acquire();
        l.release();
        return got;
      }, lock);
      const { slots } = i.lot;
      while (slots.count(i.at << 2) < 3) await turn();
      // As if the first in line had been woken in vain before: then the lock is given, not freed.
      const HANDOFF = 1 << 25;
      Atomics.or(i.lot.arena.i32, i.at, HANDOFF);
      const free = new Class();
      await free.acquire();
      let between = 0;
      const tell = slots.tellSeen;
      t.after(() => {
        slots.tellSeen = tell;
      });
      slots.tellSeen = (seen, state) => {
        between++;
        assert.notEqual(word(i) & GIVEN, 0);
        if (how === 'aborts') controller.abort(new Error('enough'));
        else assert.equal(free.acquireSync({ timeout: 1 }), false);
        slots.tellSeen = tell;
        return tell.call(slots, seen, state);
      };
      lock.release();
      assert.equal(between, 1);
      const results = await Promise.all(
        waits.map((w) =>
          w.then(
            (got) => {
              lock.release();
              return got;
            },
            (error: Error) => error.message,
          ),
        ),
      );
      assert.deepEqual(results, [how === 'aborts' ? 'enough' : true, true]);
      assert.equal(await theirs, true);
      assert.equal(lock.locked(), false);
    });
  }

  test(`${Class.name}: given to a process that dies before it takes it, it is not abandoned`, async (t) => {
    const lock = new Class();
    const { i, peer, tag } = await heldElsewhere(t, lock);
    give(i, tag);
    await peer.kill();
    assert.equal(lock.acquireSync(), true);
    lock.release();
    give(i, tag);
    assert.equal(await lock.acquire(), true);
    lock.release();
    give(i, tag);
    lock.reset();
    assert.equal(lock.locked(), false);
  });

  for (const form of ['acquire', 'acquireSync', 'try'] as const) {
    test(`${Class.name}: given to a thread that has left the line, it goes to who asks (${form})`, async (t) => {
      const lock = new Class();
      const { i, tag } = await heldElsewhere(t, lock);
      give(i, tag);
      if (form === 'try') assert.equal(lock.acquireSync(false), true);
      else assert.equal(await lock[form](), true);
      lock.release();
    });
  }
}

for (const Class of [Lock, RLock]) {
  test(`${Class.name}: a thread that blocks for a message does not let a task take the lock that the sender needs`, async (t) => {
    const lock: Lock | RLock = new Class();
    const [ours, theirs] = Pipe();
    const { peer } = await heldElsewhere(t, lock);
    const waiting = lock.acquire();
    const sending = peer.run(
      async (_mp, { lock, theirs }: { lock: Lock | RLock; theirs: Connection }) => {
        lock.release(); // wakes the task, whose thread blocks
        await new Promise((resolve) => setTimeout(resolve, 50));
        const got = lock.acquireSync({ timeout: 5000 });
        if (got) lock.release();
        await theirs.send(got);
      },
      { lock, theirs },
    );
    // Blocks before the task hears that it was woken.
    while (lock.locked());
    assert.deepEqual(waitSync([ours], { timeout: 20_000 }), [ours]);
    assert.equal(ours.recvSync(), true);
    assert.equal(await waiting, true);
    lock.release();
    await sending;
  });
}

test('a lock that is given and not taken belongs to nobody', async () => {
  const lock = new Lock();
  const rlock = new RLock();
  const [a, b] = [inside(lock), inside(rlock)];
  give(a, a.tag);
  give(b, b.tag);
  assert.throws(() => lock.release(), { name: 'ValueError' });
  assert.throws(() => rlock.release(), { name: 'AssertionError' });
  assert.throws(() => new Condition(lock).notify(), { name: 'AssertionError' });
  assert.notEqual(word(a) & GIVEN, 0);
  // Nor can it be re-entered: it is taken, as any free one, by who waits.
  assert.equal(rlock.acquireSync(), true);
  rlock.release();
  assert.equal(rlock.locked(), false);
});
