/** Whether a function would be encoded as the same bytes again: never said wrongly, and said where it is worth something. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode, encodeFunction } from '../../src/codec/index.ts';
import { Pool } from '../../src/index.ts';

let atTop: unknown = 0;
atTop = 1;
const readsTop = (): unknown => atTop;

/** What is said right after encoding, and the second time, by when captured functions are known. */
function said(fn: (...args: never[]) => unknown): boolean {
  encode(fn);
  const { isSame, bytes } = encodeFunction(fn);
  const same = isSame();
  if (same) assert.ok(encode(fn).equals(bytes), String(fn));
  return same;
}

test('a function whose variables hold values without contents is the same until one of these changes', () => {
  let local: unknown = 1;
  const constant = 5;
  const inner = (): unknown => local;
  const functions: Record<string, () => unknown> = {
    nothing: () => 1,
    constant: () => constant,
    local: () => local,
    top: () => atTop,
    'function of these': () => [inner(), constant],
    'two over one variable at the top': () => [atTop, readsTop()],
    declared: function declared() {
      return local;
    },
  };
  for (const value of [2, -0, 0, Number.NaN, 'text', undefined, null, 1n, Math.max, Buffer.from]) {
    for (const fn of Object.values(functions)) encode(fn);
    const before = Object.entries(functions).map(([name, fn]) => [name, encodeFunction(fn)] as const);
    for (const [name, { isSame }] of before) assert.ok(isSame(), name);
    local = value;
    atTop = value;
    for (const [name, { isSame }] of before) assert.equal(isSame(), /^(nothing|constant)$/.test(name), name);
    local = value;
    for (const fn of Object.values(functions)) {
      assert.ok(said(fn), `${String(fn)} with ${String(value)}`);
    }
  }
});

test('what holds something that may change inside is never said to be the same', () => {
  let object: unknown = { a: 1 };
  class Local {
    n(): unknown {
      return object;
    }
  }
  const functions: ((...args: never[]) => unknown)[] = [
    () => object,
    () => new Local(),
    function (this: unknown) {}.bind({ a: 1 }),
    Object.assign(() => 1, { a: {} }),
  ];
  for (const fn of functions) assert.equal(said(fn), false, String(fn));
  let number: unknown = 1;
  const reads = (): unknown => number;
  assert.equal(said(reads), true);
  const { isSame } = encodeFunction(reads);
  number = [1];
  assert.equal(isSame(), false);
  object = [1];
  for (const fn of functions) assert.equal(said(fn), false, String(fn));
});

test('what is done to the function itself is noticed', () => {
  let n = 1;
  n += 1;
  const changes: ((fn: () => unknown) => void)[] = [
    (fn) => Object.assign(fn, { note: 'own properties travel' }),
    (fn) => Object.defineProperty(fn, 'name', { value: 'other' }),
    (fn) => Object.setPrototypeOf(fn, class {}),
    (fn) => {
      fn.prototype.method = () => 1;
    },
    (fn) => Object.setPrototypeOf(fn.prototype as object, { above: 1 }),
    (fn) => {
      fn.prototype = { constructor: fn, method: 1 };
    },
  ];
  for (const change of changes) {
    const fn = function made(): number {
      return n;
    };
    encode(fn);
    const { isSame } = encodeFunction(fn);
    assert.equal(isSame(), true);
    change(fn);
    assert.equal(isSame(), false, String(change));
    const there = decode(encode(fn)) as () => unknown;
    assert.equal(there(), 2);
  }
});

test('a function is compared with what the asked message holds, whatever was encoded since', async () => {
  await using pool = new Pool(1);
  await using other = new Pool(1);
  let n = 1;
  const f = (): number => n;
  for (const value of [1, 2, 1, 3, 3, 1]) {
    n = value;
    assert.equal(await pool.apply(f), value);
    n = -value;
    assert.equal(await other.apply(f), -value);
    n = value;
    assert.equal(await pool.apply(f), value);
  }
});

test('functions that share variables of a scope are the same until any variable of that scope changes', async () => {
  const make = (): { inc: () => number; twice: () => unknown; touch(v: unknown): void } => {
    let [shared, beside] = [0, {} as unknown];
    const inc = (): number => ++shared;
    return {
      inc,
      twice: () => [inc(), shared],
      touch: (v) => {
        beside = v;
        return beside;
      },
    };
  };
  const { inc, twice, touch } = make();
  encode(twice);
  for (const change of [inc, () => touch(1), () => touch({}), () => touch({})]) {
    const { isSame } = encodeFunction(twice);
    assert.equal(isSame(), true);
    change();
    assert.equal(isSame(), false, String(change));
    assert.equal(said(twice), true);
  }
  assert.deepEqual((decode(encode(twice)) as typeof twice)(), [2, 2]);
});
