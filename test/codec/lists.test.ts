import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decode, encode, encodeList } from '../../src/codec/index.ts';

test('arrays of numbers come back as they were, packed or not', () => {
  const number = fc.oneof(
    fc.integer(),
    fc.double(),
    fc.constantFrom(-0, 2 ** 31, -(2 ** 31) - 1, Number.NaN, Number.POSITIVE_INFINITY),
  );
  const lists = fc.oneof(
    fc.array(fc.integer(), { maxLength: 40 }),
    fc.array(fc.double(), { maxLength: 40 }),
    fc.array(fc.oneof(number, fc.constantFrom(undefined, null, 'x', 1n)), { maxLength: 40 }),
  );
  fc.assert(
    fc.property(lists, (list) => {
      for (const back of [
        decode(encode(list)),
        decode(encodeList(list)),
        (decode(encode({ list })) as { list: unknown }).list,
      ]) {
        assert.deepStrictEqual(back, list);
      }
    }),
    { numRuns: 500 },
  );
});

test('numbers in arrays with holes, names or a class of their own keep these', () => {
  const holes = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  delete holes[4];
  const back = decode(encode(holes)) as number[];
  assert.equal(4 in back, false);
  assert.deepEqual(back, holes);
  const named = Object.assign([1, 2, 3, 4, 5, 6, 7, 8], { unit: 'mm' });
  assert.deepEqual(Object.entries(decode(encode(named)) as object), Object.entries(named));
  class Row extends Array<number> {
    sum(): number {
      return this.reduce((a, b) => a + b, 0);
    }
  }
  const row = Row.from([1, 2, 3, 4, 5, 6, 7, 8, 9]) as Row;
  const there = decode(encode(row)) as Row;
  assert.equal(there.sum(), 45);
  assert.equal(there.length, 9);
});

test('an array that is met twice is one array', () => {
  const list = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  const [a, b] = decode(encode([list, list])) as [number[], number[]];
  assert.equal(a, b);
  a.push(10);
  assert.equal(b.length, 10);
});

test('arrays of any length keep their holes at both ends, their names, and themselves inside', () => {
  for (let n = 0; n <= 12; n++) {
    const whole: unknown[] = Array.from({ length: n }, (_, i) => `#${i}`);
    assert.deepStrictEqual(decode(encode(whole)), whole);
    for (let hole = 0; hole < n; hole++) {
      const list = [...whole];
      delete list[hole];
      const back = decode(encode(list)) as unknown[];
      assert.deepStrictEqual(back, list);
      assert.equal(hole in back, false);
      back.push('one more');
      assert.equal(back.length, n + 1);
    }
    const inside: unknown[] = [...whole];
    inside.push(inside, { inside });
    const back = decode(encode(Object.assign(inside, { name: 'mine' }))) as unknown[] & { name: string };
    assert.equal(back[n], back);
    assert.equal((back[n + 1] as { inside: unknown }).inside, back);
    assert.equal(back.name, 'mine');
  }
});
