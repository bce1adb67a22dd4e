/** When a reader that looks on is told to take a message: alone with the ring, so that a message comes just when the test says so. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createExtents } from '../../src/channel/extents.ts';
import { kind, pipeBytes, word } from '../../src/channel/layout.ts';
import { Pace } from '../../src/channel/pace.ts';
import { EMPTY, Ring } from '../../src/channel/ring.ts';
import { allocate, type Block } from '../../src/memory/arena.ts';

const blocks = new Set<Block>();

function newRing(limit = 0): Ring {
  const block = allocate(pipeBytes);
  blocks.add(block);
  const ring = new Ring(block.arena, block.offset >> 2, createExtents(), false);
  ring.i32[ring.at + word.limit] = limit;
  return ring;
}

const put = (ring: Ring): void => assert.ok(ring.write(kind.int, 7, undefined));
const take = (ring: Ring): void =>
  assert.notEqual(
    ring.read(({ number }) => number),
    EMPTY,
  );

/** Looks on until it is told to take a message. @returns how often it was told to leave it. */
function lookOn(pace: Pace): number {
  let left = 0;
  while (!pace.ready()) left++;
  return left;
}

/** Takes a message for which the pace has let others gather in vain. */
function learnThatNoneGather(ring: Ring, pace: Pace): void {
  put(ring);
  assert.ok(lookOn(pace) > 0);
  take(ring);
}

test('without a message there is nothing to take', () => {
  const ring = newRing();
  const pace = new Pace(ring);
  for (let i = 0; i < 1000; i++) assert.equal(pace.ready(), false);
  learnThatNoneGather(ring, pace);
  for (let i = 0; i < 1000; i++) assert.equal(pace.ready(), false);
});

test('a message that is there is left for a moment, and is then to be taken', () => {
  const ring = newRing();
  const pace = new Pace(ring);
  put(ring);
  assert.equal(pace.ready(), false);
  lookOn(pace);
});

test('where none gather, the next messages are taken at once, and one day it is tried again', () => {
  const ring = newRing();
  const pace = new Pace(ring);
  learnThatNoneGather(ring, pace);
  let atOnce = 0;
  for (; ; atOnce++) {
    put(ring);
    const left = lookOn(pace);
    take(ring);
    if (left > 0) break;
    assert.ok(atOnce < 10_000, 'it is tried again');
  }
  assert.ok(atOnce >= 16, `${atOnce} in a row`);
});

test('where messages gather, they are let do so the next time', () => {
  const ring = newRing();
  const pace = new Pace(ring);
  for (let i = 0; i < 100; i++) {
    put(ring);
    assert.equal(pace.ready(), false);
    put(ring);
    lookOn(pace);
    take(ring);
    take(ring);
  }
});

test('somebody else may take what gathers', () => {
  const ring = newRing();
  const pace = new Pace(ring);
  put(ring);
  assert.equal(pace.ready(), false);
  take(ring);
  for (let i = 0; i < 100_000; i++) assert.equal(pace.ready(), false);
  put(ring);
  lookOn(pace);
});

test('a full queue is not left to gather more', () => {
  const ring = newRing(2);
  const pace = new Pace(ring);
  for (let i = 0; i < 10; i++) {
    put(ring);
    put(ring);
    assert.equal(pace.ready(), true);
    take(ring);
    take(ring);
  }
});
