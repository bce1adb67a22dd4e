import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lock, RLock, Semaphore } from '../../src/index.ts';
import { type Library, Peer } from '../fixtures/peer.ts';

for (const Class of [Lock, RLock]) {
  test(`${Class.name}: threads and tasks of several processes exclude one another`, async () => {
    const lock = new Class();
    const inside = new Semaphore(0);
    const peers = await Peer.startMany(3);
    const job = async (
      _mp: Library,
      { lock, inside, sync }: { lock: Lock; inside: Semaphore; sync: boolean },
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
        ...peers.map((p, i) => p.run(job, { lock: lock as Lock, inside, sync: i % 2 === 0 })),
        job(undefined as never, { lock: lock as Lock, inside, sync: false }),
        job(undefined as never, { lock: lock as Lock, inside, sync: false }),
      ]);
      assert.deepEqual(results, [0, 0, 0, 0, 0]);
      assert.equal(lock.locked(), false);
    } finally {
      for (const p of peers) await p.kill();
    }
  });
}
