/** Objects whose lists of keys both sides remember: each test goes well past the point from which on makers are compiled. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { SerializationError } from '../../src/base/errors.ts';
import { decode, encode } from '../../src/codec/index.ts';
import { DATA, T, TREE } from '../../src/codec/tags.ts';
import { runNode } from '../support/run.ts';

const copy = <T>(value: T): T => decode(encode(value)) as T;
const often = 50;

test('objects of a few shapes come back as they were, however often and in which order', () => {
  const key = fc.oneof(
    fc.constantFrom(
      'id',
      'name',
      'x',
      'y',
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
      '0',
      '17',
      '',
      'ü',
      '"',
      '\u2028',
    ),
    fc.string({ maxLength: 60 }),
  );
  const shape = fc.uniqueArray(key, { maxLength: 50 });
  const program = fc.tuple(
    fc.array(shape, { minLength: 1, maxLength: 5 }),
    fc.array(fc.nat(), { maxLength: 80 }),
  );
  fc.assert(
    fc.property(program, ([shapes, order]) => {
      const all: object[] = [];
      for (const n of order) {
        const o = {};
        for (const k of shapes[n % shapes.length]!) {
          Object.defineProperty(o, k, { value: n, enumerable: true, configurable: true, writable: true });
        }
        all.push(o);
        const back = copy(o);
        assert.deepEqual(Object.entries(back), Object.entries(o));
        assert.equal(Object.getPrototypeOf(back), Object.prototype);
      }
      const back = copy(all);
      assert.deepEqual(back.map(Object.entries), all.map(Object.entries));
    }),
    { numRuns: 150 },
  );
});

test('names that mean something to objects are data', () => {
  for (let i = 0; i < often; i++) {
    const o = JSON.parse(
      `{"__proto__":{"admin":true},"constructor":${i},"toString":1,"valueOf":2}`,
    ) as object;
    const back = copy(o) as Record<string, unknown>;
    assert.deepEqual(Object.keys(back), ['__proto__', 'constructor', 'toString', 'valueOf']);
    assert.equal(Object.getPrototypeOf(back), Object.prototype);
    assert.equal(back.admin, undefined);
    assert.equal(back.constructor, i);
    assert.equal(({} as { admin?: boolean }).admin, undefined);
  }
});

test('objects of one shape that refer to themselves and to one another do so there', () => {
  interface Node {
    self: Node;
    next: Node | undefined;
    list: Node[];
  }
  for (let i = 0; i < often; i++) {
    const a = {} as Node;
    const b = { self: a, next: undefined, list: [] } as Node;
    Object.assign(a, { self: a, next: b, list: [a, b] });
    const back = copy(a);
    assert.equal(back.self, back);
    assert.equal(back.next?.self, back);
    assert.deepEqual(back.list, [back, back.next]);
  }
});

test('a property with a symbol is not lost because the shape is known', () => {
  const key = Symbol.for('test.shapes');
  for (let i = 0; i < often; i++) assert.deepEqual(copy({ shapely: i }), { shapely: i });
  assert.deepEqual(copy({ shapely: 1, [key]: 2 }), { shapely: 1, [key]: 2 });
  assert.throws(() => encode({ shapely: 1, [Symbol('own')]: 2 }), SerializationError);
});

test('what is not enumerable is not sent, and what is inherited neither', () => {
  const hidden = Object.defineProperty({ seen: 1 }, 'hidden', { value: 2, enumerable: false });
  const extended = Object.prototype as { everywhere?: number };
  for (let i = 0; i < often; i++) assert.deepEqual(Object.keys(copy(hidden)), ['seen']);
  extended.everywhere = 1;
  try {
    const sent = encode([{ seen: 1 }, { seen: 2, everywhere: 3 }]);
    delete extended.everywhere;
    assert.deepEqual(decode(sent), [{ seen: 1 }, { seen: 2, everywhere: 3 }]);
  } finally {
    delete extended.everywhere;
  }
});

test('a getter that changes its object meanwhile spoils nothing', () => {
  for (const change of [
    (o: Record<string, unknown>) => void delete o.last,
    (o: Record<string, unknown>) => void Object.assign(o, { more: 1 }),
    () => void encode({ first: 1, inner: { a: 1 }, last: 2 }),
  ]) {
    for (let i = 0; i < often; i++) {
      const o: Record<string, unknown> = {
        first: 1,
        get inner() {
          change(o);
          return { a: 1 };
        },
        last: 2,
      };
      const back = copy([o, { after: 1 }]) as [Record<string, unknown>, object];
      assert.deepEqual([back[0].first, back[0].inner, back[1]], [1, { a: 1 }, { after: 1 }]);
      assert.deepEqual(Object.keys(back[0]), ['first', 'inner', 'last']);
    }
  }
});

/** Equal, and with the same keys in the same order, prototypes and symbols. */
function assertSame(back: unknown, sent: unknown): void {
  assert.deepEqual(back, sent);
  const options = { depth: null, showHidden: false } as const;
  assert.equal(inspect(back, options), inspect(sent, options));
}

class Point {
  x = 1;
  y = 2;
}

/** What may stand where `{ x, y }` stood. */
const others = [
  { x: 1, y: 2 },
  { y: 2, x: 1 },
  { x: 1 },
  { x: 1, z: 2 },
  { z: 1, y: 2 },
  { x: 1, y: 2, z: 3 },
  { x: 1.5, y: 'text' },
  { x: { x: 1, y: 2 }, y: [{ x: 1, z: 2 }] },
  { x: 1, y: 2, [Symbol.for('test.shapes')]: 3 },
  { x: 1, constructor: Object },
  new Point(),
  Object.assign(Object.create(null) as object, { x: 1, y: 2 }),
  Object.assign([1, 2], { x: 1, y: 2 }),
  Object.assign([{ x: 1, y: 2 }], { x: 1 }),
  new (class List extends Array<number> {})(3),
  new Map([['x', 1]]),
  {},
  Object.setPrototypeOf(new Error('replaced'), Object.prototype) as object,
  -0,
  2 ** 40,
  'ü'.repeat(40),
  null,
  undefined,
  Number.NaN,
  10n,
];

const refused = [
  new Proxy({ x: 1, y: 2 }, {}),
  new Proxy([1, 2], {}),
  { x: 1, y: 2, [Symbol('own')]: 3 },
  Symbol('own'),
  new WeakMap(),
];

test('what was in a property a thousand times says nothing about what is in it now', () => {
  for (const value of others) {
    for (let i = 0; i < often; i++) encode({ at: { x: i, y: i }, list: [{ x: i, y: i }] });
    const sent = { at: value, list: [{ x: 1, y: 2 }, value, { x: 3, y: 4 }] };
    assertSame(copy(sent), sent);
  }
  for (const value of refused) {
    for (let i = 0; i < often; i++) encode({ first: 1, at: { x: i, y: i } });
    assert.throws(
      () => encode({ first: 1, at: value }),
      (error) => error instanceof SerializationError && error.path[1] === 'property "at"',
    );
  }
});

test('…nor do the messages before it say anything about a message', () => {
  for (const value of others) {
    for (let i = 0; i < often; i++) encode({ x: i, y: i });
    assertSame(copy(value), value);
  }
  for (const value of refused) {
    for (let i = 0; i < often; i++) encode({ x: i, y: i });
    assert.throws(() => encode(value), SerializationError);
  }
});

test('…nor what an object inherits', () => {
  const heir = Object.assign(Object.create({ z: 3 }) as object, { x: 1, y: 2 });
  for (const wrap of [(o: object) => ({ at: o }), (o: object) => o]) {
    for (let i = 0; i < often; i++) encode(wrap({ x: i, y: i }));
    const back = copy(wrap(heir)) as { at?: object };
    assert.deepEqual(Object.getPrototypeOf(back.at ?? back), { z: 3 });
  }
});

test('a chain of objects of one shape that no stack could follow comes back', () => {
  interface Link {
    n: number;
    next: Link | undefined;
  }
  const length = 50_000;
  let first: Link | undefined;
  for (let n = 0; n < length; n++) first = { n, next: first };
  for (let i = 0; i < often; i++) encode({ n: i, next: { n: i, next: undefined } });
  let count = 0;
  for (let link: Link | undefined = copy(first); link !== undefined; link = link.next) {
    assert.equal(link.n, length - ++count);
  }
  assert.equal(count, length);
});

test('dictionaries with ever new keys travel, and known shapes go on to', () => {
  for (let i = 0; i < 30_000; i++) {
    if (i % 100 === 0) assert.deepEqual(copy({ id: i, at: { x: 1, y: 2 } }), { id: i, at: { x: 1, y: 2 } });
    else {
      const o = { [`key ${i}`]: i, [`other ${i % 7}`]: 1 };
      if (i % 10 === 0) assert.deepEqual(copy(o), o);
      else encode(o);
    }
  }
});

test('many properties, long names and other letters', () => {
  const wide = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`property ${i}`, i]));
  const long = { ['x'.repeat(500)]: 1, ['ü'.repeat(50)]: 2, '\ud800': 3 };
  for (let i = 0; i < often; i++) assert.deepEqual(copy({ long }), { long });
  for (let i = 0; i < 3; i++) assert.deepEqual(copy([wide, wide, { ...wide }]), [wide, wide, wide]);
});

test('where a program may not compile code, objects travel all the same', async () => {
  const built = JSON.stringify(new URL('../../dist/modules/codec/index.js', import.meta.url).pathname);
  const program = `const { decode, encode } = require(${built});
    for (let i = 0; i < 100; i++) {
      const back = decode(encode({ id: i, at: { x: 1 } }));
      if (JSON.stringify(back) !== '{"id":' + i + ',"at":{"x":1}}') throw new Error(JSON.stringify(back));
    }
    console.log('all');`;
  const { stdout, stderr } = await runNode(
    ['--disallow-code-generation-from-strings', '--input-type=commonjs', '-e', program],
    { timeout: 60_000 },
  );
  assert.equal(stdout, 'all\n', stderr);
});

test('an object that is met twice is one, in messages with references and in those without, in turns', () => {
  for (let i = 0; i < often; i++) {
    const shared = { x: i };
    const twice = copy({ a: shared, b: shared });
    assert.ok(twice.a === twice.b && twice.a.x === i);
    const apart = copy({ a: { x: i }, b: { x: i } });
    assert.ok(apart.a !== apart.b && apart.b.x === i);
    const list = copy([shared, [shared]] as const);
    assert.equal(list[0], list[1][0]);
  }
});

test('a reference in a message that says it has none is damage', () => {
  const shared = {};
  const bytes = encode([shared, shared]);
  assert.equal(bytes[0], DATA);
  assert.equal(encode([{}, {}])[0], TREE);
  bytes[0] = TREE;
  assert.throws(() => decode(bytes), SerializationError);
});

test('a number for a list of keys where there are none is damage', () => {
  assert.throws(() => decode(Buffer.from([TREE, T.NUMBERED, 0])), /unknown list of keys/);
});
