import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Condition, Lock, RLock, Value } from '../../src/index.ts';
import { Peer } from '../fixtures/peer.ts';

for (const lock of [new Lock(), new RLock()]) {
  test(`Condition on a ${lock.constructor.name}: notify(n) wakes exactly n, longest first`, async () => {
    const condition = new Condition(lock);
    const woken: number[] = [];
    const waiters = [0, 1, 2, 3].map((i) =>
      condition.runExclusive(async () => {
        assert.equal(await condition.wait(), true);
        woken.push(i);
      }),
    );
    while (!String(condition).endsWith(', 4)>')) await turn();
    await condition.runExclusive(() => condition.notify(2));
    await Promise.all(waiters.slice(0, 2));
    await turn();
    assert.deepEqual(woken, [0, 1]);
    await condition.runExclusive(() => condition.notifyAll());
    await Promise.all(waiters);
    assert.deepEqual(woken, [0, 1, 2, 3]);
    assert.match(String(condition), /, 0\)>$/);
    await condition.runExclusive(() => condition.notify(3)); // nobody waits: nothing is stored
    assert.equal(await condition.runExclusive(() => condition.wait({ timeout: 5 })), false);
  });
}

test('Condition: without its lock, wait and notify are an AssertionError', async () => {
  const condition = new Condition();
  await assert.rejects(condition.wait(), { name: 'AssertionError' });
  assert.throws(() => condition.waitSync(), { name: 'AssertionError' });
  assert.throws(() => condition.notify(), { name: 'AssertionError' });
  assert.throws(() => condition.notifyAll(), { name: 'AssertionError' });
  assert.throws(() => new Condition({} as never), { name: 'TypeError' });
});

test('Condition: an aborted wait has the lock again when it rejects', async () => {
  const condition = new Condition(new Lock());
  const controller = new AbortController();
  await condition.acquire();
  const waiting = condition.wait({ signal: controller.signal });
  assert.equal(condition.locked(), false);
  controller.abort(new Error('enough'));
  await assert.rejects(waiting, { message: 'enough' });
  assert.equal(condition.locked(), true);
  condition.release();
});

test('Condition: a re-entered lock is given up altogether and taken again as often', async () => {
  const condition = new Condition();
  condition.acquireSync();
  condition.acquireSync();
  assert.equal(condition.waitSync({ timeout: 5 }), false);
  assert.equal(String(condition.lock), '<RLock(MainProcess, 2)>');
  condition.release();
  condition.release();
  assert.equal(condition.locked(), false);
});

test('Condition: processes hand a value to and fro, a thread here and a task there', async () => {
  const condition = new Condition();
  const value = new Value('i', 0);
  await using peer = await Peer.start();
  const rounds = 200;
  const other = peer.run(
    async (_mp, { condition, value, rounds }) => {
      for (let i = 0; i < rounds; i++) {
        await condition.runExclusive(async () => {
          await condition.waitFor(() => value.value % 2 === 1);
          value.value++;
          condition.notify();
        });
      }
    },
    { condition, value, rounds },
  );
  for (let i = 0; i < rounds; i++) {
    using _held = condition.guardSync();
    assert.equal(
      condition.waitForSync(() => value.value % 2 === 0, { timeout: 10_000 }),
      true,
    );
    value.value++;
    condition.notify();
  }
  await other;
  assert.equal(value.value, rounds * 2);
});
