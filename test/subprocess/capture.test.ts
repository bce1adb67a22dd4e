import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { Capture } from '../../src/subprocess/capture.ts';

function feed(capture: Capture, sizes: readonly number[]): Buffer {
  const sent: Buffer[] = [];
  let next = 0;
  for (const size of sizes) {
    for (let left = size; left > 0; ) {
      const room = capture.room();
      const n = Math.min(left, room.length);
      for (let i = 0; i < n; i += 97) room[i] = next++ & 0xff;
      sent.push(Buffer.from(room.subarray(0, n)));
      capture.took(n);
      left -= n;
    }
  }
  return Buffer.concat(sent);
}

const sizes = fc.array(fc.integer({ min: 1, max: 700_000 }), { maxLength: 8 });

test('what was read comes out in order, joined at once or bit by bit, and may be asked for again', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, sizes, fc.boolean(), async (first, second, slowly) => {
      const capture = new Capture();
      const a = feed(capture, first);
      if (slowly) await capture.join();
      assert.ok(capture.bytes().equals(a));
      const all = Buffer.concat([a, feed(capture, second)]);
      assert.ok(capture.bytes().equals(all));
      assert.ok(capture.bytes().equals(all));
      assert.equal(capture.length, all.length);
    }),
    { numRuns: 40 },
  );
});

test('a bound keeps the beginning and counts the rest', () => {
  const capture = new Capture(100_000);
  const all = feed(capture, [70_000, 70_000, 500_000]);
  assert.ok(capture.bytes().equals(all.subarray(0, 100_000)));
  assert.deepEqual([capture.length, capture.dropped], [100_000, 540_000]);
});

test('a small output does not hold on to a large block', () => {
  const capture = new Capture();
  feed(capture, [10]);
  assert.ok(capture.bytes().buffer.byteLength < 1000 || capture.bytes().buffer !== capture.room().buffer);
});

test('bytes that were read elsewhere are copied', () => {
  const capture = new Capture();
  const mine = Buffer.from('abc');
  capture.add(mine);
  mine.fill('x');
  assert.equal(capture.bytes().toString(), 'abc');
});

test('much output: blocks whose pages are moved, an end in the midst of one, and more after a look at it', async () => {
  const MB = 1 << 20;
  const capture = new Capture();
  let hash = createHash('sha1');
  const add = (size: number): void => {
    for (let left = size; left > 0; ) {
      const room = capture.room();
      const n = Math.min(left, room.length, 1_000_003);
      for (let i = 0; i < n; i += 509) room[i] = (left + i) & 0xff;
      hash.update(room.subarray(0, n));
      capture.took(n);
      left -= n;
    }
  };
  const check = (): Buffer => {
    const all = capture.bytes();
    const expected = hash.copy().digest('hex');
    assert.equal(createHash('sha1').update(all).digest('hex'), expected);
    return all;
  };
  add(107 * MB + 17);
  await capture.join();
  const first = check();
  add(41 * MB);
  check();
  hash = createHash('sha1').update(capture.bytes().subarray(0, first.length));
  assert.equal(
    createHash('sha1').update(first).digest('hex'),
    hash.digest('hex'),
    'what was given out is left alone',
  );
  const { buffer } = capture.bytes();
  assert.ok(buffer.byteLength < capture.length + 8 * MB, 'the result holds no more memory than it needs');
});

test('a block that was given out is not taken back when more comes', () => {
  const capture = new Capture();
  feed(capture, Array(60).fill(700_000));
  const first = capture.bytes();
  const copy = Buffer.from(first);
  feed(capture, Array(60).fill(700_000));
  assert.equal(capture.bytes().length, 84_000_000);
  assert.ok(first.equals(copy));
});
