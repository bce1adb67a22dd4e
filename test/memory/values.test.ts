/** RawValue, RawArray, copy and struct: what a cell holds and what it refuses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { copy, RawArray, RawValue, struct } from '../../src/index.ts';
import { largestBlock } from '../../src/memory/arena.ts';
import { cellType, type Typecode } from '../../src/memory/typecodes.ts';
import { openedSince, openFds } from '../support/fds.ts';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const integers: readonly [Typecode, number | bigint, number | bigint][] = [
  ['b', -128, 127],
  ['B', 0, 255],
  ['h', -32768, 32767],
  ['H', 0, 65535],
  ['i', -(2 ** 31), 2 ** 31 - 1],
  ['I', 0, 2 ** 32 - 1],
  ['l', -(2n ** 63n), 2n ** 63n - 1n],
  ['L', 0n, 2n ** 64n - 1n],
  ['q', -(2n ** 63n), 2n ** 63n - 1n],
  ['Q', 0n, 2n ** 64n - 1n],
];

for (const [code, min, max] of integers) {
  test(`'${code}' holds ${min} to ${max} and refuses what lies beyond`, () => {
    const cell = new RawValue(code);
    assert.equal(cell.value, typeof min === 'bigint' ? 0n : 0);
    for (const value of [min, max]) {
      cell.value = value as never;
      assert.equal(cell.value, value);
    }
    const one = (typeof min === 'bigint' ? 1n : 1) as never;
    for (const value of [(min as number) - one, (max as number) + one]) {
      assert.throws(() => {
        cell.value = value as never;
      }, RangeError);
      assert.throws(() => new RawValue(code, value as never), RangeError);
      assert.throws(() => RawArray(code, [value as never]), RangeError);
    }
    for (const value of [0.5, '1', null, {}, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => {
        cell.value = value as never;
      }, TypeError);
    }
    assert.equal(cell.value, max, 'what was refused changed nothing');
  });

  test(`'${code}' adds, subtracts and exchanges in one step, and wraps around like C`, () => {
    const big = typeof min === 'bigint';
    const n = (x: number) => (big ? BigInt(x) : x) as never;
    const cell = new RawValue(code, n(5));
    assert.equal(cell.add(n(3)), n(5));
    assert.equal(cell.sub(n(1)), n(8));
    assert.equal(cell.exchange(n(100)), n(7));
    assert.equal(cell.compareExchange(n(99), n(1)), n(100));
    assert.equal(cell.value, n(100));
    assert.equal(cell.compareExchange(n(100), n(1)), n(100));
    assert.equal(cell.value, n(1));
    cell.value = max as never;
    cell.add(n(1));
    assert.equal(cell.value, min);
    for (const bad of [0.5, '1', big ? 1 : 1n]) assert.throws(() => cell.add(bad as never), TypeError);
  });
}

test("'d' and 'f' hold any number, '?' any truth, 'c' a byte, 'u' a code unit", () => {
  fc.assert(
    fc.property(fc.double(), (x) => {
      const d = new RawValue('d', x);
      assert.ok(Object.is(d.value, x));
      assert.ok(Object.is(new RawValue('f', x).value, Math.fround(x)));
    }),
  );
  const truth = new RawValue('?');
  assert.equal(truth.value, false);
  for (const yes of [true, 1, 'x', {}]) {
    truth.value = yes as never;
    assert.equal(truth.value, true);
  }
  truth.value = 0 as never;
  assert.equal(truth.value, false);
  for (const given of [120, 'x', Buffer.from('x')])
    assert.equal(new RawValue('c', given as never).value, 120);
  for (const wrong of ['xy', '€', Buffer.alloc(2), 256, -1])
    assert.throws(() => new RawValue('c', wrong as never), /Cannot store/);
  assert.equal(new RawValue('u', '€').value, '€');
  for (const wrong of ['xy', '', 7]) assert.throws(() => new RawValue('u', wrong as never), TypeError);
  for (const code of ['d', 'f', '?', 'c', 'u'] as const) {
    assert.throws(() => new RawValue(code).add(1 as never), { name: 'ValueError' });
    assert.throws(() => new RawValue('d', '1' as never), TypeError);
  }
});

test('a wrong typecode is refused with the list of the right ones', () => {
  for (const make of [
    (c: never) => new RawValue(c),
    (c: never) => RawArray(c, 1),
    (c: never) => struct({ x: c }),
  ]) {
    for (const code of ['x', 'ii', '', 'I '])
      assert.throws(() => make(code as never), { name: 'ValueError', message: /use one of b B h H i/ });
    for (const code of [undefined, 7, null]) assert.throws(() => make(code as never), TypeError);
  }
  assert.equal(cellType('d').bytes, 8);
});

test('values print as in Python', () => {
  assert.equal(String(new RawValue('i', 7)), 'c_int(7)');
  assert.equal(String(new RawValue('q', 7n)), 'c_long(7)');
  assert.equal(String(new RawValue('d', 0.5)), 'c_double(0.5)');
  assert.equal(String(new RawValue('?', true)), 'c_bool(true)');
});

test('RawArray gives the typed array itself, zero or with the values of any iterable', () => {
  assert.ok(RawArray('d', 10) instanceof Float64Array);
  assert.ok(RawArray('l', 1) instanceof BigInt64Array);
  assert.deepEqual([...RawArray('i', new Set([3, 1, 2]))], [3, 1, 2]);
  assert.deepEqual([...RawArray('c', 'hé')], [0x68, 0xc3, 0xa9]);
  assert.deepEqual([...RawArray('u', 'hé')], [0x68, 0xe9]);
  assert.equal(RawArray('i', 0).length, 0);
  assert.equal(RawArray('i', []).length, 0);
  assert.ok(RawArray('d', 100_000).every((x) => x === 0));
});

test('RawArray refuses wrong lengths and values, and takes no descriptor for it', () => {
  RawArray('i', 1);
  const before = openFds();
  const wrong: [string, unknown, string | typeof RangeError][] = [
    ['i', -1, 'ValueError'],
    ['i', 1.5, 'TypeError'],
    ['i', Number.NaN, 'TypeError'],
    ['i', undefined, 'TypeError'],
    ['i', 'text', 'TypeError'],
    ['i', { length: 3 }, 'TypeError'],
    ['i', [1, 'x'], 'TypeError'],
    ['b', [1, 200], 'RangeError'],
    ['d', 2 ** 52, 'RangeError'],
    ['d', 2 ** 45, 'OSError'],
  ];
  for (const [code, init, name] of wrong)
    assert.throws(() => RawArray(code as never, init as never), { name }, `${code} ${String(init)}`);
  assert.throws(() => RawArray('d', 2 ** 45), { code: 'ENOMEM' });
  assert.deepEqual(openedSince(before), []);
});

test('an array just below and above the size of a block is whole and zero', () => {
  for (const bytes of [largestBlock - 1, largestBlock, largestBlock + 1]) {
    const a = RawArray('B', bytes);
    assert.equal(a.length, bytes);
    assert.equal(a.buffer.byteLength, bytes);
    assert.ok(a.every((x) => x === 0));
    a.fill(255);
  }
  assert.equal(RawArray('B', largestBlock).at(-1), 0);
});

test('copy has the same content in memory of its own', () => {
  const array = RawArray('d', [1, 2, 3]);
  const twin = copy(array);
  assert.deepEqual(twin, array);
  twin[0] = 9;
  assert.equal(array[0], 1);
  const value = new RawValue('q', 5n);
  const other = copy(value);
  other.value = 6n;
  assert.equal(value.value, 5n);
  const record = new RawValue(struct({ x: 'i', y: 'd' }), { x: 1, y: 2 });
  const same = copy(record);
  same.value.x = 7;
  assert.deepEqual([record.value.x, same.value.x, same.value.y], [1, 7, 2]);
  assert.throws(() => copy({} as never), TypeError);
});

// Records

test('a struct is laid out as C does', () => {
  assert.equal(struct({ a: 'b', b: 'd', c: 'b' }).bytes, 24);
  assert.equal(struct({ a: 'd', b: 'b', c: 'b' }).bytes, 16);
  assert.equal(struct({ a: 'b', b: 'h', c: 'i' }).bytes, 8);
  const Mixed = struct({ a: 'b', b: 'd', c: 'H' });
  const cell = new RawValue(Mixed, { a: -1, b: 1.5, c: 65535 });
  assert.deepEqual({ ...cell.value }, {});
  assert.deepEqual(JSON.parse(JSON.stringify(cell.value)), { a: -1, b: 1.5, c: 65535 });
});

test('fields are set by name or in order; what does not fit is refused', () => {
  const Point = struct({ x: 'i', y: 'd' });
  assert.equal(new RawValue(Point, [3, 2]).value.y, 2);
  assert.equal(new RawValue(Point, [3]).value.y, 0);
  const p = new RawValue(Point, { y: 4 });
  assert.equal(p.value.y, 4);
  p.value = { x: 1, y: 2 };
  p.value.x += 10;
  assert.deepEqual([p.value.x, p.value.y], [11, 2]);
  assert.throws(() => new RawValue(Point, [1, 2, 3]), { name: 'ValueError' });
  assert.throws(() => new RawValue(Point, { z: 1 } as never), {
    name: 'ValueError',
    message: /no field "?'?z/,
  });
  assert.throws(() => new RawValue(Point, 5 as never), TypeError);
  assert.throws(() => {
    p.value.x = 2 ** 31;
  }, RangeError);
  assert.throws(() => struct({}), { name: 'ValueError' });
  assert.throws(() => p.add(1 as never), { name: 'ValueError' });
});

test('an array of records is live, and its records keep the memory', async () => {
  const Point = struct({ x: 'd', y: 'd' });
  const record = (() => {
    const points = RawArray(Point, [{ x: 1, y: 2 }, [3, 4]]);
    assert.equal(points.length, 2);
    assert.throws(() => {
      (points as unknown[])[0] = {};
    }, TypeError);
    return points[1]!;
  })();
  const single = (() => new RawValue(Point, { x: 5, y: 6 }).value)();
  for (let n = 0; n < 10; n++) {
    gc();
    await turn();
  }
  for (let i = 0; i < 2000; i++) new RawValue(Point, { x: -1, y: -1 });
  RawArray('d', 1000).fill(-1);
  assert.deepEqual([record.x, record.y], [3, 4]);
  assert.deepEqual([single.x, single.y], [5, 6]);
});
