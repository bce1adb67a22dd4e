import assert from 'node:assert/strict';
import { fstatSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { createExtents } from '../../src/channel/extents.ts';
import { channelBytes, kind, word } from '../../src/channel/layout.ts';
import { EMPTY, Ring } from '../../src/channel/ring.ts';
import { takeBytes } from '../../src/channel/values.ts';
import { allocate } from '../../src/memory/arena.ts';

function ring(bounded = false, limit = 0): Ring {
  const block = allocate(channelBytes);
  const made = new Ring(block.arena, block.offset >> 2, createExtents(), bounded);
  block.ownedBy(made);
  made.i32[made.at + word.limit] = limit;
  return made;
}

const put = (r: Ring, bytes: Uint8Array): boolean => r.write(kind.bytes, bytes.length, bytes);
const filled = (length: number, seed: number): Buffer => Buffer.alloc(length, seed & 0xff);

/** Sizes around all borders: empty, words, extents of 64 KiB and more. */
const size = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.integer({ min: 0, max: 5000 }),
  fc.integer({ min: 65_000, max: 66_000 }),
  fc.integer({ min: 0, max: 300_000 }),
);

test('any sequence of writes and reads gives the same messages in the same order', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: size.map((length) => ({ length })) },
    { weight: 2, arbitrary: fc.constant(null) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const r = ring();
      const model: Buffer[] = [];
      for (const [i, each] of steps.entries()) {
        if (each === null) {
          const got = r.read(takeBytes);
          const expected = model.shift();
          if (expected === undefined) assert.equal(got, EMPTY);
          else assert.ok((got as Buffer).equals(expected), `message ${i}`);
        } else {
          const bytes = filled(each.length, i);
          assert.equal(put(r, bytes), true);
          model.push(bytes);
        }
        assert.equal(r.size, model.length);
      }
      for (const expected of model) assert.ok((r.read(takeBytes) as Buffer).equals(expected));
      assert.equal(r.read(takeBytes), EMPTY);
    }),
    { numRuns: 150 },
  );
});

test('a bounded ring refuses when its backlog is long, takes any single message, and goes on after a read', () => {
  fc.assert(
    fc.property(fc.array(size, { minLength: 1, maxLength: 200 }), (sizes) => {
      const r = ring(true);
      const model: Buffer[] = [];
      for (const [i, length] of sizes.entries()) {
        const bytes = filled(length, i);
        while (!put(r, bytes)) {
          assert.ok(model.length > 0, 'an empty ring takes everything');
          assert.ok((r.read(takeBytes) as Buffer).equals(model.shift()!));
        }
        model.push(bytes);
      }
      for (const expected of model) assert.ok((r.read(takeBytes) as Buffer).equals(expected));
    }),
    { numRuns: 60 },
  );
});

test('a limit counts messages', () => {
  const r = ring(false, 2);
  assert.deepEqual(
    [1, 2, 3].map((n) => put(r, filled(8, n))),
    [true, true, false],
  );
  assert.equal((r.read(takeBytes) as Buffer)[0], 1);
  assert.equal(put(r, filled(8, 4)), true);
  assert.equal(put(r, filled(8, 5)), false);
});

test('a message stays when what takes it throws', () => {
  const r = ring();
  put(r, filled(3, 7));
  assert.throws(() =>
    r.read(() => {
      throw new Error('no');
    }),
  );
  assert.equal(r.size, 1);
  assert.equal((r.read(takeBytes) as Buffer)[0], 7);
});

test('a large backlog that was worked off gives its memory back', () => {
  const r = ring();
  const pages = (): number => {
    const { fd } = r.extents.segment;
    return statBlocks(fd);
  };
  for (let n = 0; n < 64; n++) put(r, filled(2 ** 20, n));
  assert.ok(pages() > 60 * 2 ** 20);
  while (r.read(takeBytes) !== EMPTY);
  assert.ok(pages() < 40 * 2 ** 20, `${pages()} bytes are still there`);
});

function statBlocks(fd: number): number {
  return fstatSync(fd).blocks * 512;
}
