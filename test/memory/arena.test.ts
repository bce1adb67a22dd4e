import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { Event, Lock, RawArray, Value } from '../../src/index.ts';
import { Arena, allocate } from '../../src/memory/arena.ts';
import { arenaBytes, blockOffset } from '../../src/memory/layout.ts';
import { Segment } from '../../src/memory/segment.ts';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

test('Arena: blocks in use never overlap, are aligned and zero when given', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.boolean()), { maxLength: 300 }),
      (steps) => {
        const arena = new Arena(Segment.create(arenaBytes), true);
        const live: { offset: number; bytes: number }[] = [];
        for (const [bytes, drop] of steps) {
          const offset = arena.allocate(bytes);
          assert.ok(offset !== undefined && offset >= blockOffset && offset + bytes <= arenaBytes);
          assert.equal(offset % Math.min(16, 2 ** Math.ceil(Math.log2(bytes))), 0);
          const content = new Uint8Array(arena.segment.buffer, offset, bytes);
          assert.ok(content.every((b) => b === 0));
          content.fill(0xff);
          for (const other of live)
            assert.ok(offset + bytes <= other.offset || other.offset + other.bytes <= offset);
          live.push({ offset, bytes });
          if (!drop) continue;
          const gone = live.splice(Math.floor(live.length / 2), 1)[0]!;
          arena.free(gone.offset, gone.bytes);
        }
        arena.segment.close();
      },
    ),
    { numRuns: 40 },
  );
});

test('blocks of objects that were collected are given again; of those that travelled they are not', async () => {
  const offsets = new Set<number>();
  const make = () => {
    for (let i = 0; i < 1000; i++) {
      const event = new Event();
      offsets.add((event as unknown as { block: { offset: number } }).block.offset);
    }
  };
  make();
  const first = offsets.size;
  for (let n = 0; n < 20; n++) {
    gc();
    await turn();
  }
  make();
  assert.ok(offsets.size < first + 200, `${offsets.size - first} of 1000 were new`);
  const kept = allocate(16);
  (() => kept.ownedBy({}))();
  kept.handle();
  for (let n = 0; n < 20; n++) {
    gc();
    await turn();
  }
  for (let i = 0; i < 5000; i++) assert.notEqual(allocate(16).offset, kept.offset);
});

test('100,000 locks take less than 100 bytes of shared memory each', () => {
  const locks = Array.from({ length: 100_000 }, () => new Lock());
  const arenas = new Map<number, number>();
  for (const lock of locks) {
    const { block } = lock as unknown as { block: { arena: Arena; offset: number } };
    arenas.set(
      block.arena.segment.ino,
      Math.max(arenas.get(block.arena.segment.ino) ?? 0, block.offset - blockOffset + 16),
    );
  }
  const used = [...arenas.values()].reduce((a, b) => a + b, 0);
  assert.ok(used / locks.length < 100, `${used / locks.length} bytes each`);
});

test('a full arena makes way for another, and what is in the first stays usable', () => {
  const first = new Value('i', 41);
  const arrays = Array.from({ length: 200 }, (_, i) => RawArray('B', 60_000).fill(i));
  assert.ok(arrays.every((a, i) => a[0] === i % 256 && a[59_999] === i % 256));
  first.add(1);
  assert.equal(first.value, 42);
});
