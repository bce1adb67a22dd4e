/**
 * Who waits for long does not wake up to look, and yet learns of everything that it would have seen. The peers are not this
 * process's children in the library's eyes: nobody but themselves tells them of a death.
 */
import assert from 'node:assert/strict';
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Barrier, Event, Lock, Semaphore, Value } from '../../src/index.ts';
import { head } from '../../src/memory/layout.ts';
import { type ParkingLot, parkingLot } from '../../src/sync/parking.ts';
import { longestRest } from '../../src/sync/rest.ts';
import type { Form } from '../fixtures/kits.mjs';
import { Peer } from '../fixtures/peer.ts';
import { openedSince, openFds } from '../support/fds.ts';
import { beginArena, soon, threadOf, untilResting } from '../support/resting.ts';

const forms: Form[] = ['blocking', 'waiting'];

/** A lock that one peer holds and another waits for. */
async function waitingForPeer(form: Form, startWaiter = () => Peer.start()) {
  beginArena();
  const lock = new Lock();
  const [holder, waiter] = await Promise.all([Peer.start(), startWaiter()]);
  await holder.run((_mp, lock) => void lock.acquireSync(), lock);
  const thread = await threadOf(waiter);
  const waiting = waiter.run((_mp, lock, _state, kit) => kit.acquire(lock), lock, form);
  return { lock, holder, waiter, waiting, thread };
}

// Side by side: what they do is to wait.
describe('who rests', { concurrency: 20 }, () => {
  for (const form of forms) {
    test(`learns that the holder of a lock was killed (${form})`, async () => {
      const { holder, waiter, waiting } = await waitingForPeer(form);
      await using _ = holder;
      await using __ = waiter;
      waiting.catch(() => {});
      await untilResting(waiter.pid);
      const killed = holder.pid;
      await holder.kill();
      await assert.rejects(soon(waiting), { name: 'AbandonedLockError', pid: killed });
    });

    test(`learns it in a worker thread, too (${form})`, async () => {
      const { holder, waiter, waiting, thread } = await waitingForPeer(form, () => Peer.startThread());
      await using _ = holder;
      await using __ = waiter;
      waiting.catch(() => {});
      await untilResting(thread);
      await holder.kill();
      await assert.rejects(soon(waiting), { name: 'AbandonedLockError' });
    });

    test(`takes what was freed by one who was killed before it could wake anybody (${form})`, async () => {
      const { lock, holder, waiter, waiting } = await waitingForPeer(form);
      await using _ = holder;
      await using __ = waiter;
      await untilResting(waiter.pid);
      await holder.run((_mp, lock) => {
        const { block } = lock as unknown as { block: { arena: { i32: Int32Array }; offset: number } };
        Atomics.store(block.arena.i32, block.offset >> 2, 0);
      }, lock);
      await delay(500);
      await holder.kill();
      assert.equal(await soon(waiting), true);
    });

    test(`learns of the death of one who came later (${form})`, async () => {
      beginArena();
      const barrier = new Barrier(3);
      const waiter = await Peer.start();
      await using _ = waiter;
      const waiting = waiter.run((_mp, barrier, _state, kit) => kit.wait(barrier), barrier, form);
      waiting.catch(() => {});
      await untilResting(waiter.pid);
      const late = await Peer.start();
      await using __ = late;
      late.run((_mp, barrier, _state, kit) => kit.wait(barrier), barrier, form).catch(() => {});
      await untilResting(waiter.pid, late.pid);
      await late.kill();
      await assert.rejects(soon(waiting), { name: 'BrokenBarrierError' });
    });

    test(`learns that a thread of another process was terminated (${form})`, async () => {
      beginArena();
      const lock = new Lock();
      const thread = await Peer.startThread();
      const waiter = await Peer.start();
      await using _ = waiter;
      await thread.run((_mp, lock) => void lock.acquireSync(), lock);
      const waiting = waiter.run((_mp, lock, _state, kit) => kit.acquire(lock), lock, form);
      waiting.catch(() => {});
      await untilResting(waiter.pid);
      await thread.kill();
      await assert.rejects(soon(waiting), { name: 'AbandonedLockError' });
    });

    test(`stands by when one who was told before does not look (${form})`, async () => {
      beginArena();
      for (const stalled of ['busy', 'stopped'] as const) {
        const units = new Semaphore(0);
        const [first, second] = await Peer.startMany(2);
        await using _ = first!;
        await using __ = second!;
        const busy = new Event();
        const waitingFirst = first!.run(
          async (_mp, { units, busy, stalled }) => {
            const got = units.acquire();
            if (stalled === 'busy') {
              // After it has got in line.
              await new Promise((resolve) => setTimeout(resolve, 100));
              busy.set();
              for (const end = Date.now() + 30_000; Date.now() < end; );
            } else busy.set();
            return got;
          },
          { units, busy, stalled },
        );
        waitingFirst.catch(() => {});
        await busy.wait();
        const waiting = second!.run((_mp, units, _state, kit) => kit.acquire(units), units, form);
        await untilResting(second!.pid);
        if (stalled === 'stopped') process.kill(first!.pid, 'SIGSTOP');
        units.release();
        assert.equal(await soon(waiting), true, stalled);
      }
    });

    test(`goes on resting after others were woken for the same (${form})`, async () => {
      beginArena();
      const units = new Semaphore(0);
      const peers = await Peer.startMany(3);
      try {
        const waits = peers.map((p) => p.run((_mp, units, _state, kit) => kit.acquire(units), units, form));
        await untilResting(...peers.map(({ pid }) => pid));
        for (let n = 0; n < 2; n++) {
          units.release();
          await soon(Promise.race(waits));
          await untilResting(...peers.map(({ pid }) => pid));
        }
        units.release();
        assert.deepEqual(await soon(Promise.all(waits)), [true, true, true]);
      } finally {
        for (const p of peers) await p.kill();
      }
    });

    test(`is woken also by one who has no descriptor left (${form})`, async () => {
      beginArena();
      const event = new Event();
      const [waiter, waker] = await Peer.startMany(2);
      await using _ = waiter!;
      await using __ = waker!;
      // It has come before, so that it has not greeted who rests.
      await waker!.run((_mp, event) => event.isSet(), event);
      const waiting = waiter!.run((_mp, event, _state, kit) => kit.wait(event), event, form);
      await untilResting(waiter!.pid);
      await waker!.run(async (_mp, event) => {
        const { openSync, closeSync } = await import('node:fs');
        const { createRequire } = await import('node:module');
        const koffi = createRequire(process.argv[1]!)('koffi');
        const setrlimit = koffi.load(null).func('int setrlimit(int resource, const uint64_t *limits)');
        const RLIMIT_NOFILE = 7;
        const highest = openSync('/dev/null', 'r');
        setrlimit(RLIMIT_NOFILE, [highest + 8, 1 << 16]);
        const taken: number[] = [];
        try {
          for (;;) taken.push(openSync('/dev/null', 'r'));
        } catch (error) {
          if ((error as { code?: string }).code !== 'EMFILE') throw error;
        }
        event.set();
        // It gets some back a little later.
        await new Promise((resolve) => setTimeout(resolve, 300));
        for (const fd of taken) closeSync(fd);
      }, event);
      assert.equal(await soon(waiting), true);
    });

    test(`a timeout ends a rest (${form})`, async () => {
      beginArena();
      const lock = new Lock();
      lock.acquireSync();
      await using waiter = await Peer.start();
      const got = await waiter.run(
        async (_mp, lock, _state, kit) => {
          const start = performance.now();
          return [await kit.acquire(lock, { timeout: 2500 }), performance.now() - start] as const;
        },
        lock,
        form,
      );
      assert.equal(got[0], false);
      assert.ok(got[1] >= 2499, `${got[1]} ms`);
    });
  }

  test('what a task of a thread that blocks is told meanwhile, it learns afterwards', async () => {
    beginArena();
    const lock = new Lock();
    const [event, unblocked] = [new Event(), new Event()];
    lock.acquireSync();
    await using peer = await Peer.start();
    const both = peer.run(
      async (_mp, { lock, event, unblocked }) => {
        const told = event.wait();
        await new Promise((resolve) => setTimeout(resolve, 1500)); // its tasks rest, too
        const got = lock.acquireSync({ timeout: 16_000 });
        unblocked.set();
        return [got, await told] as const;
      },
      { lock, event, unblocked },
    );
    await delay(1700);
    await untilResting(peer.pid);
    assert.equal(unblocked.isSet(), false);
    event.set();
    await unblocked.wait();
    assert.deepEqual(await soon(both), [false, true]);
  });
});

test('nobody rests in an arena in which a bell could not be rung', async () => {
  const lock = new Lock();
  lock.acquireSync();
  const { arena } = (lock as unknown as { block: { arena: ParkingLot['arena'] } }).block;
  const lot = parkingLot(arena);
  const controller = new AbortController();
  const waiting = lock.acquire({ signal: controller.signal });
  waiting.catch(() => {});
  try {
    assert.equal(lot.onTick(), longestRest);
    Atomics.store(arena.i32, head.unreachable, 1);
    assert.ok(lot.onTick() < 2000);
  } finally {
    Atomics.store(arena.i32, head.unreachable, 0);
    controller.abort();
  }
  await assert.rejects(waiting, { name: 'AbortError' });
  lock.release();
});

test('who was watched and has ended leaves no descriptor', async () => {
  const lock = new Lock();
  lock.acquireSync();
  const controller = new AbortController();
  const waiting = lock.acquire({ signal: controller.signal });
  waiting.catch(() => {});
  const counter = new Value('i', 0);
  const one = async (): Promise<void> => {
    await using peer = await Peer.start();
    await peer.run((_mp, counter) => counter.add(1), counter);
    // Until it is watched here, since it has come.
    await delay(1300);
  };
  await one();
  const before = openFds();
  for (let n = 0; n < 3; n++) await one();
  await delay(300);
  const left = openedSince(before).filter((fd) => /pidfd/.test(fd));
  assert.deepEqual(left, []);
  controller.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
  lock.release();
});

test('a holder that was cleaned up after before anybody waited is found dead by who is about to rest', async () => {
  beginArena();
  const [lock, other] = [new Lock(), new Lock()];
  other.acquireSync();
  const [holder, bystander] = await Peer.startMany(2);
  await using _ = holder!;
  await using __ = bystander!;
  await holder!.run((_mp, lock) => void lock.acquireSync(), lock);
  // It looks for the dead: for a while nobody else will.
  await bystander!.run((_mp, other) => other.acquireSync({ timeout: 350 }), other);
  await lock.acquire(false); // it looks at the holder: for a moment it will not again
  const { lot } = lock as unknown as { lot: ParkingLot };
  const { pid } = holder!;
  process.kill(pid, 'SIGKILL');
  while (lot.arena.participants.others().some((thread) => thread.pid === pid)) lot.reap(pid);
  assert.throws(() => lock.acquireSync({ timeout: 10_000 }), { name: 'AbandonedLockError' });
});

test('who was killed between marking a bell and ringing it does not silence those who come after him', async () => {
  beginArena();
  const event = new Event();
  const [killed, waker] = await Peer.startMany(2);
  await using _ = killed!;
  await using __ = waker!;
  await killed!.run((_mp, event) => event.isSet(), event);
  await waker!.run((_mp, event) => event.isSet(), event);
  const waiting = event.wait();
  await delay(1500);
  const { lot } = event as unknown as { lot: ParkingLot };
  killed!
    .run(
      (_mp, { event, index }) => {
        (event as unknown as { lot: ParkingLot }).lot.arena.participants.markRung(index);
        process.kill(process.pid, 'SIGKILL');
      },
      { event, index: lot.arena.participants.index },
    )
    .catch(() => {});
  await delay(1000);
  await waker!.run((_mp, event) => event.set(), event);
  assert.equal(await soon(waiting), true);
});

test('nothing is written to a file that has the number of the bell of a thread that was terminated', async () => {
  beginArena();
  const lock = new Lock();
  lock.acquireSync();
  const thread = await Peer.startThread();
  thread.run((_mp, lock) => lock.acquire(), lock).catch(() => {});
  await delay(1800); // it rests
  await thread.kill();
  const folder = mkdtempSync(path.join(tmpdir(), 'multiproc-rest-'));
  const files = Array.from({ length: 12 }, (_, n) => openSync(path.join(folder, String(n)), 'w'));
  try {
    const newcomer = await Peer.startThread();
    await newcomer.run((_mp, lock) => lock.locked(), lock);
    await newcomer.kill();
    assert.deepEqual(new Set(files.map((fd) => fstatSync(fd).size)), new Set([0]));
  } finally {
    for (const fd of files) closeSync(fd);
    rmSync(folder, { recursive: true });
  }
  lock.release();
});
