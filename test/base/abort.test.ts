import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { onceAborted } from '../../src/base/abort.ts';

test('a signal has one listener, however many wait for it, and none when nobody does', () => {
  const { signal } = new AbortController();
  const stops = Array.from({ length: 20 }, () => onceAborted(signal, () => {}));
  assert.equal(getEventListeners(signal, 'abort').length, 1);
  for (const stop of stops) {
    assert.equal(getEventListeners(signal, 'abort').length, 1);
    stop();
    stop();
  }
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('all who wait are told, once, in their order; who stopped is not, also when stopped by one before', () => {
  const controller = new AbortController();
  const told: number[] = [];
  const again = (): void => {
    told.push(0);
  };
  onceAborted(controller.signal, again);
  onceAborted(controller.signal, again);
  onceAborted(controller.signal, () => {
    told.push(1);
    stopSecond();
  });
  const stopSecond = onceAborted(controller.signal, () => told.push(2));
  const stopThird = onceAborted(controller.signal, () => told.push(3));
  stopThird();
  controller.abort();
  controller.abort();
  assert.deepEqual(told, [0, 0, 1]);
});
