/** SimpleQueue: put, get, empty and close, with processes and worker threads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Process, SimpleQueue } from '../../src/index.ts';
import { Empty } from '../../src/queue.ts';
import { Peer } from '../fixtures/peer.ts';

/** Unlike `AbortSignal.timeout`, keeps the program alive until then. */
function abortedAfter(milliseconds: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('enough')), milliseconds);
  return controller.signal;
}

type Pairs = SimpleQueue<[number, number]>;
type Lists = SimpleQueue<[number, number][]>;

test('processes and threads put and get, waiting and blocking', async () => {
  const q = new SimpleQueue<[number, number]>();
  const results = new SimpleQueue<[number, number][]>();
  const count = 1500;
  const peers = await Promise.all([Peer.start(), Peer.start(), Peer.startThread(), Peer.startThread()]);
  try {
    const consume = async (
      _mp: unknown,
      { q, results, sync }: { q: Pairs; results: Lists; sync: boolean },
    ): Promise<void> => {
      const got: [number, number][] = [];
      for (;;) {
        const m = sync ? q.getSync() : await q.get();
        if (m[0] < 0) break;
        got.push(m);
      }
      await results.put(got);
    };
    const produce = async (
      _mp: unknown,
      { q, id, count }: { q: Pairs; id: number; count: number },
    ): Promise<void> => {
      for (let n = 0; n < count; n++) {
        if (id === 0) q.putSync([id, n]);
        else await q.put([id, n]);
      }
    };
    const consuming = [
      peers[0]!.run(consume, { q, results, sync: true }),
      peers[2]!.run(consume, { q, results, sync: false }),
    ];
    await Promise.all([
      peers[1]!.run(produce, { q, id: 0, count }),
      peers[3]!.run(produce, { q, id: 1, count }),
    ]);
    for (const _ of consuming) q.putSync([-1, 0]);
    await Promise.all(consuming);
    const all = [results.getSync(), await results.get()];
    for (const got of all) {
      const last = [-1, -1];
      for (const [id, n] of got) {
        assert.ok(n > last[id]!, `order of producer ${id}`);
        last[id] = n;
      }
    }
    assert.equal(new Set(all.flat().map(String)).size, 2 * count);
    assert.equal(all.flat().length, 2 * count);
    assert.equal(q.empty(), true);
  } finally {
    for (const peer of peers) await peer.kill();
  }
});

test('get: Empty when time is up, the reason of a signal, typed errors for bad arguments', async () => {
  const q = new SimpleQueue<number>();
  await assert.rejects(q.get({ timeout: 10 }), Empty);
  assert.throws(() => q.getSync({ timeout: 10 }), Empty);
  assert.throws(() => q.getSync({ block: false }), Empty);
  await assert.rejects(q.get({ signal: abortedAfter(5) }), { message: 'enough' });
  q.putSync(1);
  await assert.rejects(q.get({ signal: AbortSignal.abort(new Error('no')) }), { message: 'no' });
  for (const bad of ['x', 5, { timeout: 'x' }]) {
    await assert.rejects(q.get(bad as never), { name: 'TypeError' });
    assert.throws(() => q.getSync(bad as never), { name: 'TypeError' });
  }
  assert.equal(q.empty(), false);
  assert.equal(q.getSync(), 1);
  assert.equal(q.empty(), true);
});

test('close: later calls are an OSError, a waiting one is ended, other processes go on', async () => {
  const q = new SimpleQueue<string>();
  const p = new Process({
    target: async (q: SimpleQueue<string>) => {
      if ((await q.get()) !== 'first') process.exit(2);
      q.putSync('kept');
    },
    args: [q],
  });
  const second = await Peer.start();
  try {
    await second.run((_mp, q, state) => void Object.assign(state, { q }), q);
    p.start();
    q.putSync('first');
    await p.join();
    assert.equal(p.exitcode, 0);
    const closed = { name: 'OSError', message: 'handle is closed' };
    assert.equal(await q.get(), 'kept');
    const waiting = assert.rejects(q.get(), closed);
    await delay(5);
    q.close();
    await waiting;
    await assert.rejects(q.put('x'), closed);
    assert.throws(() => q.putSync('x'), closed);
    assert.throws(() => q.getSync(), closed);
    assert.throws(() => q.empty(), closed);
    const got = await second.run(async (_mp, _a, state) => {
      const mine = state.q as SimpleQueue<string>;
      await mine.put('mine');
      return mine.get();
    });
    assert.equal(got, 'mine');
  } finally {
    await second.kill();
  }
});
