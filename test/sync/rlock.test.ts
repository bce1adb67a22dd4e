import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { RLock } from '../../src/index.ts';
import { Peer } from '../fixtures/peer.ts';

test('RLock: a thread re-enters in Sync use and releases as often', () => {
  const lock = new RLock();
  for (let n = 0; n < 3; n++) assert.equal(lock.acquireSync(), true);
  assert.equal(String(lock), '<RLock(MainProcess, 3)>');
  for (let n = 0; n < 3; n++) {
    assert.equal(lock.locked(), true);
    lock.release();
  }
  assert.equal(lock.locked(), false);
  assert.throws(() => lock.release(), { name: 'AssertionError' });
});

test('RLock: inside runExclusive every acquire re-enters, across awaits, calls and both forms', async () => {
  const lock = new RLock();
  await lock.runExclusive(async () => {
    await turn();
    assert.equal(await lock.acquire({ timeout: 0 }), true);
    assert.equal(lock.acquireSync(), true);
    await lock.runExclusive(async () => {
      await turn();
      assert.equal(String(lock), '<RLock(MainProcess, 4)>');
    });
    lock.release();
    lock.release();
    assert.equal(String(lock), '<RLock(MainProcess, 1)>');
  });
  assert.equal(lock.locked(), false);
});

test('RLock: another task of the same program does not pass for the owner', async () => {
  const lock = new RLock();
  let inside = false;
  const outsider = async () => {
    await turn();
    assert.equal(inside, true);
    assert.equal(await lock.acquire({ timeout: 0 }), false);
    assert.equal(lock.acquireSync(false), false);
    assert.throws(() => lock.release(), { name: 'AssertionError' });
    assert.throws(() => lock.acquireSync(), { name: 'DeadlockError' });
  };
  const outside = outsider();
  await lock.runExclusive(async () => {
    inside = true;
    await outside;
    inside = false;
  });
});

test('RLock: what a scope starts and does not await is no owner once the scope is over', async () => {
  const lock = new RLock();
  let late: Promise<boolean> | undefined;
  await lock.runExclusive(() => {
    late = turn().then(async () => {
      await turn();
      return lock.acquire({ timeout: 0 });
    });
  });
  await lock.acquire();
  assert.equal(await late, false);
  lock.release();
});

test('RLock: two plain acquires are two owners', async () => {
  const lock = new RLock();
  await lock.acquire();
  assert.equal(await lock.acquire({ timeout: 10 }), false);
  lock.release();
});

test('RLock: nested scopes of different locks do not mix', async () => {
  const [a, b] = [new RLock(), new RLock()];
  await a.runExclusive(() =>
    b.runExclusive(async () => {
      assert.equal(await a.acquire(), true);
      assert.equal(await b.acquire(), true);
      a.release();
      b.release();
    }),
  );
  assert.equal(a.locked() || b.locked(), false);
});

test('RLock: another process may not release it', async () => {
  const lock = new RLock();
  lock.acquireSync();
  await using peer = await Peer.start();
  await assert.rejects(
    peer.run((_mp, l: RLock) => l.release(), lock),
    { name: 'AssertionError' },
  );
  assert.equal(await peer.run((_mp, l: RLock) => String(l), lock), '<RLock(SomeOtherProcess, nonzero)>');
});
