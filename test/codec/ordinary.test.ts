/** Objects with nothing but fields. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ordinary } from '../../src/codec/ordinary.ts';
import { worthwhile } from '../../src/codec/samples.ts';

const make = (i = 0): Record<string, unknown> => ({ id: i, name: `n${i}` });
const dictionary = (): Record<string, unknown> => {
  const o = make();
  for (let i = 0; i < 2000; i++) o[`k${i}`] = i;
  for (let i = 0; i < 2000; i++) delete o[`k${i}`];
  return o;
};

const others: Record<string, (o: Record<string, unknown>) => object> = {
  'a getter': (o) => Object.defineProperty(o, 'name', { get: () => 1 }),
  'a setter': (o) => Object.defineProperty(o, 'name', { set: () => {} }),
  'a getter more': (o) => Object.defineProperty(o, 'more', { get: () => 1, enumerable: true }),
  'what is not enumerable': (o) => Object.defineProperty(o, 'name', { enumerable: false }),
  'something more that is not enumerable': (o) => Object.defineProperty(o, 'more', { value: 1 }),
  'an element that is not enumerable': (o) => Object.defineProperty(o, 0, { value: 1 }),
  'an element with a getter': (o) => Object.defineProperty(o, 0, { get: () => 1, enumerable: true }),
  'a symbol': (o) => Object.assign(o, { [Symbol.iterator]: 1 }),
};

const ask = (ordinary: Ordinary, o: object): boolean => ordinary.has(o, Object.keys(o));

for (const [how, before] of [
  ['at first', 0],
  ['once thousands were asked about', worthwhile * 2],
] as const) {
  test(`who has anything but fields is not ordinary, ${how}`, () => {
    const ordinary = new Ordinary();
    for (let i = 0; i < before; i++) assert.equal(ask(ordinary, make(i)), true);
    for (const base of [make, dictionary]) {
      for (const [what, change] of Object.entries(others)) {
        assert.equal(ask(ordinary, change(base())), false, what);
        assert.equal(ask(ordinary, base()), true);
      }
    }
    ordinary.forget();
    for (let i = 0; i < 10; i++) assert.equal(ask(ordinary, make(i)), true);
  });
}

test('elements count, also where they are far apart', () => {
  const ordinary = new Ordinary();
  const far = (): Record<string, unknown> => Object.assign(make(), { 4000000: 1 });
  for (let i = 0; i < worthwhile * 2; i++) assert.equal(ask(ordinary, far()), true);
  const got = Object.defineProperty(make(), 4_000_000, {
    get: () => 1,
    enumerable: true,
    configurable: true,
  });
  assert.equal(ask(ordinary, got), false);
  const emptied = far();
  delete emptied[4_000_000];
  assert.equal(ask(ordinary, emptied), true);
  assert.equal(ask(ordinary, got), false);
});

test('objects of many kinds in turn are told apart', () => {
  const ordinary = new Ordinary();
  for (let i = 0; i < worthwhile * 2; i++) {
    const o = { [`a${i % 7}`]: 1, b: 2 };
    assert.equal(ask(ordinary, o), true);
    assert.equal(ask(ordinary, Object.defineProperty(o, 'b', { get: () => 1 })), false);
  }
});
