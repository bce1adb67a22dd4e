/** Aborts and timeouts that race with wakes of another process: nothing is lost, nothing is held unasked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Condition, Lock, RLock, Semaphore, Value } from '../../src/index.ts';
import { Peer } from '../fixtures/peer.ts';

test('Semaphore: of the units that another process releases, each is taken or left', async () => {
  const semaphore = new Semaphore(0);
  await using peer = await Peer.start();
  const units = 3000;
  const releasing = peer.run(
    async (_mp, { semaphore, units }) => {
      for (let n = 0; n < units; n++) {
        semaphore.release();
        if (n % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    },
    { semaphore, units },
  );
  let over = false;
  const end = () => {
    over = true;
  };
  releasing.then(end, end);
  let taken = 0;
  const task = async (seed: number) => {
    for (let n = seed; !over; n++) {
      const controller = new AbortController();
      const waiting =
        n % 2 === 0
          ? semaphore.acquire({ timeout: n % 3 })
          : semaphore.acquire({ signal: controller.signal }).catch(() => false);
      if (n % 4 === 1) setImmediate(() => controller.abort());
      else if (n % 4 === 3) setTimeout(() => controller.abort(), 1);
      if (await waiting) taken++;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.all([task(0), task(1), task(2), task(3)]);
  await releasing;
  assert.equal(taken + semaphore.getValue(), units);
  assert.ok(taken > 0);
});

for (const Class of [Lock, RLock]) {
  test(`${Class.name}: handed over by another process while it is aborted, it goes to the next`, async () => {
    const lock: Lock | RLock = new Class();
    await using peer = await Peer.start();
    const contending = peer.run(async (_mp, lock: Lock | RLock) => {
      for (let n = 0; n < 1500; n++) {
        if (n % 2 === 0) lock.acquireSync();
        else await lock.acquire();
        if (n % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
        lock.release();
      }
    }, lock);
    let over = false;
    const end = () => {
      over = true;
    };
    contending.then(end, end);
    let held = 0;
    const task = async (seed: number) => {
      for (let n = seed; !over; n++) {
        const controller = new AbortController();
        const waiting = lock.acquire({ signal: controller.signal }).catch(() => false);
        if (n % 3 === 0) setImmediate(() => controller.abort());
        else if (n % 3 === 1) queueMicrotask(() => controller.abort());
        if (!(await waiting)) continue;
        held++;
        lock.release();
        // A free lock is had without the event loop: it has to turn for the other process to be heard of.
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await Promise.all([task(0), task(1), task(2)]);
    await contending;
    assert.equal(lock.locked(), false);
    assert.ok(held > 0);
    assert.equal(lock.acquireSync({ timeout: 2000 }), true);
    lock.release();
  });
}

test('Condition: a notify that races with a timeout of another process wakes one of those who go on waiting', async () => {
  const condition = new Condition(new Lock());
  const tokens = new Value('i', 0);
  await using peer = await Peer.start();
  const rounds = 300;
  // One of theirs waits with a short time, ours without: each token has to be taken by somebody.
  const theirs = peer.run(
    async (_mp, { condition, tokens, rounds }) => {
      let taken = 0;
      for (let n = 0; n < rounds; n++) {
        await condition.acquire();
        await condition.waitFor(() => tokens.value > 0, { timeout: n % 3 });
        if (tokens.value > 0) {
          tokens.value--;
          taken++;
        }
        condition.release();
      }
      return taken;
    },
    { condition, tokens, rounds },
  );
  let ours = 0;
  let done = false;
  const taking = (async () => {
    while (!done) {
      await condition.acquire();
      await condition.waitFor(() => tokens.value > 0 || done);
      if (tokens.value > 0) {
        tokens.value--;
        ours++;
      }
      condition.release();
    }
  })();
  let given = 0;
  while (given < rounds) {
    await condition.acquire();
    tokens.value++;
    given++;
    condition.notify();
    condition.release();
    if (given % 2 === 0) await delay(1);
  }
  const taken = await theirs;
  const deadline = performance.now() + 3000;
  while (tokens.value > 0 && performance.now() < deadline) await delay(5);
  assert.equal(ours + taken, rounds, `${tokens.value} left: a notify was lost`);
  done = true;
  await condition.acquire();
  condition.notifyAll();
  condition.release();
  await taking;
});
