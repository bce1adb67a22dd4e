import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Barrier, Event, SharedArray, Value } from '../../src/index.ts';
import { Peer } from '../fixtures/peer.ts';

test('Event: set() wakes tasks and threads of all processes, even if it is cleared at once', async () => {
  const event = new Event();
  const ready = new Value('i', 0);
  const peers = await Peer.startMany(2);
  try {
    const waits = peers.map((p, i) =>
      p.run(
        async (_mp, { event, ready, sync }) => {
          if (sync) {
            ready.add(1);
            return event.waitSync();
          }
          const both = Promise.all([event.wait(), event.wait()]);
          ready.add(1);
          return (await both).every(Boolean);
        },
        { event, ready, sync: i === 0 },
      ),
    );
    const own = event.wait();
    while (ready.value < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 50)); // the thread blocks only after it has said so
    event.set();
    event.clear();
    assert.deepEqual(await Promise.all([...waits, own]), [true, true, true]);
    assert.equal(event.isSet(), false);
    assert.match(String(event), /^<Event at 0x[0-9a-f]+ unset>$/);
  } finally {
    for (const p of peers) await p.kill();
  }
});

test('Event: an abort rejects; a timeout gives false', async () => {
  const event = new Event();
  assert.equal(await event.wait({ timeout: 5 }), false);
  assert.equal(event.waitSync({ timeout: 5 }), false);
  await assert.rejects(event.wait({ signal: AbortSignal.timeout(5) }), { name: 'TimeoutError' });
});

test('Barrier: five processes meet round after round, none is early', async () => {
  const parties = 3;
  const rounds = 150;
  const barrier = new Barrier(parties);
  const steps = new SharedArray('i', parties);
  const peers = await Peer.startMany(parties);
  try {
    const results = await Promise.all(
      peers.map((p, i) =>
        p.run(
          async (_mp, { barrier, steps, i, rounds }) => {
            let wrong = 0;
            for (let round = 1; round <= rounds; round++) {
              steps.array[i] = round;
              if (i % 2 === 0) barrier.waitSync();
              else await barrier.wait();
              if (steps.array.some((step) => step < round || step > round + 1)) wrong++;
            }
            return wrong;
          },
          { barrier, steps, i, rounds },
        ),
      ),
    );
    assert.deepEqual(results, [0, 0, 0]);
    assert.equal(barrier.nWaiting, 0);
  } finally {
    for (const p of peers) await p.kill();
  }
});

test('Barrier: the action runs once for all, and its error breaks the barrier', async () => {
  let runs = 0;
  const barrier = new Barrier(3, () => {
    runs++;
    if (runs === 2) throw new RangeError('action');
  });
  const indexes = await Promise.all([barrier.wait(), barrier.wait(), barrier.wait()]);
  assert.deepEqual(indexes.sort(), [0, 1, 2]);
  assert.equal(runs, 1);
  const results = await Promise.allSettled([barrier.wait(), barrier.wait(), barrier.wait()]);
  assert.deepEqual(results.map((r) => r.status === 'rejected' && (r.reason as Error).name).sort(), [
    'BrokenBarrierError',
    'BrokenBarrierError',
    'RangeError',
  ]);
  assert.equal(barrier.broken, true);
  await assert.rejects(barrier.wait(), { name: 'BrokenBarrierError' });
  barrier.reset();
  assert.equal(barrier.broken, false);
});

test('Barrier: who comes while the action runs belongs to the next round', async () => {
  let resolve = (): void => {};
  const promise = new Promise<void>((r) => {
    resolve = r;
  });
  const barrier = new Barrier(2, { action: () => promise });
  const first = [barrier.wait(), barrier.wait()];
  const next = barrier.wait({ timeout: 3000 });
  assert.equal(barrier.nWaiting, 0);
  resolve();
  assert.deepEqual((await Promise.all(first)).sort(), [0, 1]);
  while (barrier.nWaiting === 0) await new Promise((r) => setImmediate(r));
  assert.equal(await barrier.wait(), 1);
  assert.equal(await next, 0);
});

test('Barrier: the death of one that waits breaks it for the others', async () => {
  const barrier = new Barrier(3);
  await using peer = await Peer.start();
  peer.run((_mp, b: Barrier) => b.waitSync(), barrier).catch(() => {});
  const waiting = barrier.wait();
  while (barrier.nWaiting < 2) await new Promise((r) => setImmediate(r));
  await peer.kill();
  await assert.rejects(waiting, { name: 'BrokenBarrierError' });
});

test('Barrier: an abort breaks it for the others; reset() and abort() wake who waits', async () => {
  const barrier = new Barrier(3);
  const controller = new AbortController();
  const results = Promise.allSettled([barrier.wait({ signal: controller.signal }), barrier.wait()]);
  controller.abort(new Error('enough'));
  assert.deepEqual(
    (await results).map((r) => r.status === 'rejected' && (r.reason as Error).message.slice(0, 6)),
    ['enough', 'Cannot'],
  );
  barrier.reset();
  for (const end of ['reset', 'abort'] as const) {
    const waiting = barrier.wait();
    barrier[end]();
    await assert.rejects(waiting, { name: 'BrokenBarrierError' });
  }
  assert.throws(() => new Barrier(0), { name: 'ValueError' });
  assert.throws(() => new Barrier(2, 'x' as never), { name: 'TypeError' });
});
