import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Alarms } from '../../src/pool/alarms.ts';

const block = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
};

test('an alarm rings once, from the event loop', async () => {
  const alarms = new Alarms<object>();
  let rang = 0;
  const key = {};
  alarms.set(key, 1, () => rang++);
  assert.equal(alarms.has(key), true);
  await new Promise((done) => setTimeout(done, 20));
  alarms.ringDue();
  assert.equal(rang, 1);
  assert.equal(alarms.has(key), false);
});

test('a thread that blocks can ring what is due, and only that', () => {
  const alarms = new Alarms<object>();
  const rang: string[] = [];
  alarms.set({}, 1, () => rang.push('soon'));
  const late = {};
  alarms.set(late, 60_000, () => rang.push('late'));
  const cleared = {};
  alarms.set(cleared, 1, () => rang.push('cleared'));
  alarms.clear(cleared);
  block(5);
  alarms.ringDue();
  assert.deepEqual(rang, ['soon']);
  assert.ok(alarms.next! > performance.now() + 50_000);
  alarms.clear(late);
});

test('setting a key anew replaces its alarm', () => {
  const alarms = new Alarms<object>();
  const rang: string[] = [];
  const key = {};
  alarms.set(key, 1, () => rang.push('first'));
  alarms.set(key, 2, () => rang.push('second'));
  block(10);
  alarms.ringDue();
  assert.deepEqual(rang, ['second']);
  assert.equal(alarms.next, undefined);
});
