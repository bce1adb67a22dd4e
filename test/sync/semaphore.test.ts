import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BoundedSemaphore, Semaphore, Value } from '../../src/index.ts';
import type { Arena } from '../../src/memory/arena.ts';
import { parkingLot } from '../../src/sync/parking.ts';
import { GRANTED } from '../../src/sync/slots.ts';
import { Peer } from '../fixtures/peer.ts';

test('Semaphore: never more than its value are inside, in threads and tasks of several processes', async () => {
  const semaphore = new Semaphore(2);
  const inside = new Value('i', 0);
  const peers = await Peer.startMany(3);
  const job = async (
    _mp: unknown,
    { semaphore, inside, sync }: { semaphore: Semaphore; inside: Value<'i'>; sync: boolean },
  ) => {
    let most = 0;
    const task = async () => {
      for (let i = 0; i < 600; i++) {
        if (sync) semaphore.acquireSync();
        else await semaphore.acquire();
        most = Math.max(most, inside.add(1) + 1);
        if (i % 10 === 0 && !sync) await null;
        inside.sub(1);
        semaphore.release();
      }
    };
    await Promise.all(sync ? [task()] : [task(), task()]);
    return most;
  };
  try {
    const most = await Promise.all([
      ...peers.map((p, i) => p.run(job, { semaphore, inside, sync: i !== 0 })),
      job(undefined, { semaphore, inside, sync: false }),
    ]);
    assert.ok(Math.max(...most) <= 2, `${most}`);
    assert.equal(semaphore.getValue(), 2);
  } finally {
    for (const p of peers) await p.kill();
  }
});

test('Semaphore: units released while waiters time out and abort are never lost or doubled', async () => {
  const semaphore = new Semaphore(0);
  for (let round = 0; round < 300; round++) {
    const controller = new AbortController();
    const waits = [
      semaphore.acquire({ timeout: 1 }),
      semaphore.acquire({ signal: controller.signal }).catch(() => false),
      semaphore.acquire({ signal: controller.signal }).catch(() => false),
    ];
    semaphore.release(2);
    if (round % 2 === 0) controller.abort();
    else queueMicrotask(() => controller.abort());
    const got = (await Promise.all(waits)).filter(Boolean).length;
    assert.equal(got + semaphore.getValue(), 2, `round ${round}`);
    while (semaphore.acquireSync(false));
  }
});

test('BoundedSemaphore: a release above its value is a ValueError and changes nothing', () => {
  const semaphore = new BoundedSemaphore(2);
  assert.throws(() => semaphore.release(), { name: 'ValueError' });
  assert.equal(String(semaphore), '<BoundedSemaphore(value=2, maxvalue=2)>');
  semaphore.acquireSync();
  semaphore.release();
  assert.equal(semaphore.getValue(), 2);
});

test('Semaphore: a bad value is refused', () => {
  assert.throws(() => new Semaphore(-1), { name: 'ValueError' });
  assert.throws(() => new Semaphore(2 ** 31), { name: 'RangeError' });
  assert.throws(() => new Semaphore(1.5), { name: 'TypeError' });
  assert.throws(() => new Semaphore().release(0), { name: 'ValueError' });
});

test('BoundedSemaphore: keeps its bound in another process', async () => {
  const semaphore = new BoundedSemaphore(1);
  await using peer = await Peer.start();
  await assert.rejects(
    peer.run((_mp, s: BoundedSemaphore) => s.release(), semaphore),
    { name: 'ValueError' },
  );
});

test('Semaphore: a unit given to one who dies is given on, and not twice when who gives it on dies too', async () => {
  const semaphore = new Semaphore(0);
  const { arena, offset } = (semaphore as unknown as { block: { arena: Arena; offset: number } }).block;
  const { slots } = parkingLot(arena);
  for (const reaperDies of [false, true]) {
    await using peer = await Peer.start();
    peer
      .run(async (_mp, s: Semaphore) => {
        await s.acquire();
      }, semaphore)
      .catch(() => {});
    while (slots.count(offset) === 0) await new Promise((resolve) => setImmediate(resolve));
    const first = slots.first(offset)!;
    await peer.kill();
    assert.equal(slots.tellSeen(first, GRANTED), true);
    if (reaperDies) {
      const { leave } = slots;
      slots.leave = () => {
        throw new Error('killed');
      };
      try {
        assert.throws(() => parkingLot(arena).reap(), { message: 'killed' });
      } finally {
        slots.leave = leave;
      }
    }
    parkingLot(arena).reap();
    assert.equal(semaphore.getValue(), 1);
    assert.equal(slots.state(first.slot), 0);
    semaphore.acquireSync();
  }
});
