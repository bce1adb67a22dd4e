import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { ShareableList, SharedMemory } from '../../src/index.ts';
import type { Shareable } from '../../src/shared-memory.ts';
import { exists, freshName } from '../support/shm.ts';

function withList(items: Iterable<Shareable>, run: (list: ShareableList) => void): void {
  const list = new ShareableList(items);
  try {
    run(list);
  } finally {
    list.shm.close();
    list.shm.unlink();
  }
}

const value = fc.oneof(
  fc.string({ maxLength: 20 }).filter((s) => !s.endsWith('\0')),
  fc.uint8Array({ maxLength: 20 }).filter((b) => b.at(-1) !== 0),
  fc.integer(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.double({ noNaN: true }),
  fc.boolean(),
  fc.constant(null),
);

/** As it is read: bytes are Buffers, bigints that a number can hold are numbers. */
function read(v: Shareable): Shareable {
  if (v instanceof Uint8Array) return Buffer.from(v);
  return typeof v === 'bigint' && BigInt(Number(v)) === v && Number.isSafeInteger(Number(v)) ? Number(v) : v;
}

test('what is put in comes out, in any order of changes; what does not fit changes nothing', () => {
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 8 }),
      fc.array(fc.tuple(fc.nat(7), value), { maxLength: 12 }),
      (items, changes) => {
        withList(items, (list) => {
          const expected = items.map(read);
          assert.deepEqual([...list], expected);
          for (const [at, next] of changes) {
            const i = at % items.length;
            try {
              list.set(i, next);
              // A whole number that takes a float's place stays a float; both read the same.
              expected[i] = read(next);
            } catch (error) {
              assert.equal((error as Error).name, 'ValueError');
            }
            assert.deepEqual([...list], expected);
          }
        });
      },
    ),
    { numRuns: 150 },
  );
});

test('a slot is sized by bytes, where CPython counts characters', () => {
  withList(['€€€', 'x'.repeat(7), 'x'.repeat(8)], (list) => {
    assert.equal(list.at(0), '€€€');
    assert.equal(list.format, '16s8s16s');
  });
});

test('an item may change its kind when it fits the slot', () => {
  withList(['sixteen bytes ok', 1], (list) => {
    list.set(0, 12);
    assert.equal(list.at(0), 12);
    list.set(0, 'sixteen bytes ok');
    assert.equal(list.at(0), 'sixteen bytes ok');
    list.set(1, 'eightby8');
    assert.equal(list.at(1), 'eightby8');
    assert.throws(() => list.set(1, 'ninebytes'), { name: 'ValueError' });
    list.set(1, 0.5);
    list.set(1, 3);
    assert.equal(list.at(1), 3);
    assert.equal(list.format.endsWith('d'), true, 'a float stays one, as a program that adds to it expects');
  });
});

test('bad input is a typed error and leaves no file', () => {
  const files = readdirSync('/dev/shm').length;
  const bad: [unknown, object][] = [
    [[undefined], { name: 'TypeError' }],
    [[{}], { name: 'TypeError' }],
    [[Symbol.iterator], { name: 'TypeError' }],
    [[2n ** 63n], { name: 'RangeError' }],
    [[-(2n ** 63n) - 1n], { name: 'RangeError' }],
    [5, { name: 'TypeError' }],
  ];
  for (const [items, error] of bad)
    assert.throws(() => new ShareableList(items as never), error, inspect(items));
  assert.equal(readdirSync('/dev/shm').length, files);
  withList([1], (list) => {
    for (const index of [1.5, '0', Number.NaN, undefined])
      assert.throws(() => list.at(index as never), { name: 'TypeError' });
    assert.throws(() => list.set(0, undefined as never), { name: 'TypeError' });
    assert.equal(list.at(0), 1);
    assert.throws(() => new ShareableList([2], { name: list.shm.name }), { name: 'FileExistsError' });
  });
  assert.throws(() => new ShareableList(null, 'test_not_there'), { name: 'FileNotFoundError' });
});

test('memory that holds something else is refused, whatever it holds, and stays', () => {
  const name = freshName();
  const memory = new SharedMemory({ name, create: true, size: 64 });
  const words = new BigInt64Array(memory.buf.buffer, 0, 8);
  for (const [n, end] of [
    [-1n, 0n],
    [1000n, 0n],
    [2n ** 62n, 0n],
    [1n, 2n ** 40n],
    [1n, -8n],
  ] as const) {
    words.fill(0n);
    words[0] = n;
    words[2] = end;
    assert.throws(() => new ShareableList(null, name), { name: 'ValueError', message: /no ShareableList/ });
  }
  assert.equal(exists(name), true);
  memory.close();
  memory.unlink();
  const short = new SharedMemory({ name, create: true, size: 5 });
  assert.throws(() => new ShareableList(null, name), { name: 'ValueError', message: /no ShareableList/ });
  short.close();
  short.unlink();
});

test('after close() every use says so', () => {
  const list = new ShareableList(['a', 1]);
  list.shm.close();
  list.shm.close();
  const closed = { name: 'ValueError', message: /is closed/ };
  for (const use of [
    () => list.at(0),
    () => list.set(0, 1),
    () => [...list],
    () => list.format,
    () => list.count(1),
  ])
    assert.throws(use, closed);
  list.shm.unlink();
});
