import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FreshMemory, LARGE_PAGE, largeBuffer, movePages } from '../../src/platform/large-pages.ts';

const MB = 1 << 20;

/** Bytes that tell where they are. */
function marked(size: number, seed: number): Buffer {
  const bytes = largeBuffer(size);
  for (let i = 0; i + 4 <= size; i += 1024) bytes.writeUInt32LE((seed + i) >>> 0, i);
  bytes[size - 1] = seed & 0xff;
  return bytes;
}

function checkMarks(bytes: Buffer, seed: number): void {
  for (let i = 0; i + 4 <= bytes.length - 4; i += 1024) {
    if (bytes.readUInt32LE(i) !== (seed + i) >>> 0) assert.fail(`wrong at ${i}`);
  }
  assert.equal(bytes[bytes.length - 1], seed & 0xff);
}

/** As the callers do it. */
function put(from: Buffer, to: Buffer): boolean {
  const moved = movePages(from, to, from.length);
  if (!moved) from.copy(to);
  return moved;
}

test('pages move to where a large buffer begins; both stay ordinary memory', () => {
  const from = marked(40 * MB, 7);
  const to = largeBuffer(40 * MB);
  put(from, to);
  checkMarks(to, 7);
  from.fill(1);
  checkMarks(to, 7);
  assert.ok(from.every((byte) => byte === 1));
});

test('a part of a page at the end moves too, and takes nothing else with it', () => {
  const [a, b] = [marked(36 * MB, 1), marked(35 * MB + 12_345, 2)];
  const all = largeBuffer(a.length + b.length);
  put(a, all);
  put(b, all.subarray(a.length));
  checkMarks(all.subarray(0, a.length), 1);
  checkMarks(all.subarray(a.length), 2);
});

test('what comes before the first large page keeps its place', () => {
  const before = 123_456;
  const from = marked(40 * MB, 3);
  const all = largeBuffer(before + from.length, before);
  all.fill(9, 0, before);
  put(from, all.subarray(before));
  checkMarks(all.subarray(before), 3);
  assert.ok(all.subarray(0, before).every((byte) => byte === 9));
});

test('what cannot be moved is left alone: no page, not at the begin of one, or no room behind it', () => {
  const from = marked(40 * MB, 4);
  const to = largeBuffer(80 * MB);
  assert.equal(movePages(from, to, LARGE_PAGE - 1), false);
  assert.equal(movePages(from, to.subarray(4096), from.length), false);
  assert.equal(movePages(from.subarray(4096), to, from.length - 4096), false);
  assert.equal(movePages(from, to.subarray(60 * MB), from.length), false);
  checkMarks(from, 4);
});

test('pages that were moved before move again, or are copied where the kernel moves no two pieces at once', () => {
  const parts = [marked(34 * MB, 10), marked(34 * MB, 20)];
  const joined = largeBuffer(68 * MB);
  for (const [i, part] of parts.entries()) put(part, joined.subarray(i * 34 * MB));
  const again = largeBuffer(68 * MB);
  put(joined, again);
  checkMarks(again.subarray(0, 34 * MB), 10);
  checkMarks(again.subarray(34 * MB), 20);
});

test('small memory is what it was asked to be', () => {
  for (const size of [0, 1, 65_536]) assert.equal(largeBuffer(size).length, size);
});

for (const [pages, slowMs] of [
  ['large', Number.POSITIVE_INFINITY],
  ['small', -1],
] as const) {
  test(`fresh memory has its ${pages} pages made ahead of what is filled, to its end, and can be moved`, () => {
    const fresh = new FreshMemory(36 * MB, slowMs);
    for (let filled = 0; filled < fresh.bytes.length; filled += 300_000) {
      const made = fresh.makeAfter(filled);
      assert.ok(made >= Math.min(filled + MB, fresh.bytes.length), `${made} after ${filled}`);
      assert.ok(made <= Math.min(filled + 3 * MB, fresh.bytes.length), `${made} after ${filled}`);
    }
    assert.equal(fresh.makeAfter(fresh.bytes.length), fresh.bytes.length);
    for (let i = 0; i < fresh.bytes.length; i += 1024) fresh.bytes.writeUInt32LE(i, i);
    const to = largeBuffer(36 * MB);
    assert.ok(movePages(fresh.bytes, to, to.length));
    for (let i = 0; i < to.length; i += 1024) if (to.readUInt32LE(i) !== i) assert.fail(`wrong at ${i}`);
  });
}

test('making pages leaves alone what is there already', () => {
  const fresh = new FreshMemory(8 * MB, -1);
  let filled = 0;
  while (filled < fresh.bytes.length) {
    const made = fresh.makeAfter(filled);
    fresh.bytes.fill(7, filled, made);
    filled = made;
  }
  assert.ok(fresh.bytes.every((byte) => byte === 7));
});
