/** Messages of one structure that come so often that code is compiled for them as a whole: nothing shows but that it is quicker. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { missesUntil } from '../../src/codec/habit.ts';
import { decodeData } from '../../src/codec/index.ts';
import { type Shape, shapeOf } from '../../src/codec/shapes.ts';
import { T, TREE } from '../../src/codec/tags.ts';
import { Channel, memoryOf } from '../support/numbered-keys.ts';

type Item = Record<PropertyKey, unknown>;

const shapeOfItem = (o: object): Shape => shapeOf(Object.keys(o), undefined)!;

/** All that there is to say of a value, its prototypes, keys that do not show and holes included. */
const described = (v: unknown): string =>
  inspect(v, { depth: null, showHidden: true, maxArrayLength: null, maxStringLength: null });

/** Sends so many that both sides have compiled code, which they are asked for. */
function accustom(channel: Channel, make: () => object): Shape {
  for (let i = 0; i < 6 * missesUntil; i++) channel.copy(make());
  return shapeOfItem(make());
}

/** How many of its messages went through compiled code, on both sides. */
function uses(channel: Channel, shape: Shape): readonly [written: number, read: number] {
  const list = channel.listOf(channel.numberOf(shape.words));
  return [shape.tree.uses, list!.tree!.uses];
}

const scalars: readonly unknown[] = [
  0,
  -0,
  1,
  -1,
  63,
  64,
  -65,
  8191,
  2 ** 31 - 1,
  -(2 ** 31),
  2 ** 31,
  2 ** 53,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  '',
  'x',
  'sixteen letters.',
  'seventeen letters',
  'twenty-four letters long',
  'twenty-five letters, long',
  'ascii '.repeat(30),
  'ünï',
  'ü'.repeat(60),
  '日本語',
  '😀',
  '\0',
  true,
  false,
  null,
  undefined,
];

test('whatever a property or an element holds comes back, as a message of few objects or as one of a kind', () => {
  const channel = new Channel();
  const make = (v: unknown, e: unknown): Item => ({
    first: v,
    list: [e, v],
    within: { x: v, y: { z: e, w: v } },
    last: e,
  });
  const shape = accustom(channel, () => make(1, 'one'));
  const [written, read] = uses(channel, shape);
  let n = 0;
  for (const v of scalars) {
    for (const e of scalars) {
      const item = make(v, e);
      assert.equal(described(channel.copy(item)), described(item));
      n++;
    }
  }
  const [writtenNow, readNow] = uses(channel, shape);
  assert.deepEqual([writtenNow - written, readNow - read], [n, n]);
});

/** What is not as it was when the code was compiled. Most keep the hidden class of an item. */
const odd: Record<string, (o: Item) => unknown> = {
  'a key more': (o) => Object.assign(o, { more: 1 }),
  'a key less': ({ id: _, ...o }) => o,
  'another order': ({ id, ...o }) => ({ ...o, id }),
  'an element beside the keys': (o) => Object.assign(o, { 3: 'three' }),
  'an element within': (o) => {
    Object.assign(o.at as object, { 0: 'zero' });
    return o;
  },
  'a symbol': (o) => Object.assign(o, { [Symbol.for('s')]: 1 }),
  'an object in the place of a number': (o) => Object.assign(o, { id: { a: 1 } }),
  'a number in the place of an object': (o) => Object.assign(o, { at: 7 }),
  'nothing in the place of an object': (o) => Object.assign(o, { at: null, tags: undefined }),
  'an object of other keys': (o) => Object.assign(o, { at: { x: 1, z: 2 } }),
  'an empty object': (o) => Object.assign(o, { at: {} }),
  'an array in the place of an object': (o) => Object.assign(o, { at: [1, 2] }),
  'an object in the place of an array': (o) => Object.assign(o, { tags: { a: 1 } }),
  'an empty array': (o) => Object.assign(o, { tags: [] }),
  'a long array of texts': (o) => Object.assign(o, { tags: Array.from({ length: 64 }, String) }),
  'a longer array of texts': (o) => Object.assign(o, { tags: Array.from({ length: 65 }, String) }),
  'an array whose length takes two bytes': (o) =>
    Object.assign(o, { tags: Array.from({ length: 200 }, (_, i) => `${i % 10}`) }),
  'an array of numbers': (o) => Object.assign(o, { tags: [1, 2.5, 3] }),
  'a long array of numbers': (o) => Object.assign(o, { tags: Array.from({ length: 30 }, (_, i) => i) }),
  'an array that had a hole': (o) => {
    const tags = new Array<string>(2);
    return Object.assign(o, { tags: tags.fill('a') });
  },
  'an array with a hole': (o) => Object.assign(o, { tags: Object.assign(['a'], { 2: 'c' }) }),
  'an array with a name': (o) => Object.assign(o, { tags: Object.assign(['a'], { name: 'n' }) }),
  'objects in an array': (o) => Object.assign(o, { tags: [{ x: 1 }, { x: 2 }] }),
  'an array in an array': (o) => Object.assign(o, { tags: [['a'], []] }),
  'a text that leaves no room': (o) => Object.assign(o, { name: '日'.repeat(2500), tags: list(64) }),
  'a text for which is no room left': (o) => Object.assign(o, { tags: [...list(62), '日'.repeat(2500)] }),
  'a longer text': (o) => Object.assign(o, { name: 'n'.repeat(3000) }),
  'a text that is too long': (o) => Object.assign(o, { name: 'n'.repeat(100_000) }),
  'texts that are too long together': (o) =>
    Object.assign(o, { tags: Array.from({ length: 60 }, () => 'ü'.repeat(100)) }),
  'a lone surrogate': (o) => Object.assign(o, { name: 'a\ud800b' }),
  'a longer text with a lone surrogate': (o) => Object.assign(o, { name: `${'a'.repeat(40)}\ud800b` }),
  'the same object twice': (o) => Object.assign(o, { at: o.other }),
  'the same array twice': (o) => Object.assign(o, { at: o.tags }),
  itself: (o) => Object.assign(o, { at: o }),
  'a bigint': (o) => Object.assign(o, { id: 5n }),
  'a date': (o) => Object.assign(o, { id: new Date(5) }),
  'a Map': (o) => Object.assign(o, { at: new Map([[1, 2]]) }),
  'a typed array': (o) => Object.assign(o, { tags: new Uint8Array([1, 2]) }),
  'an object without a prototype': (o) =>
    Object.assign(o, { at: Object.assign(Object.create(null), { x: 1, y: 2 }) }),
  'a registered symbol': (o) => Object.assign(o, { id: Symbol.for('s') }),
  'a frozen object': (o) => Object.assign(o, { at: Object.freeze(o.at) }),
  'a list': (o) => [o, o],
  'a number': () => 5,
  nothing: () => null,
};

/** Texts that take as much room as short ones may. */
function list(length: number): string[] {
  return Array.from({ length }, () => 'twenty-four letters long');
}

const makeItem = (i = 0): Item => ({
  id: i,
  name: `item ${i}`,
  tags: ['a', 'b'],
  at: { x: i / 2, y: 2 },
  other: { x: 1, y: i },
});

test('a message that is not as those before arrives all the same, and so do those after it', () => {
  const channel = new Channel();
  // So the engine keeps whatever may be in their properties in one and the same way.
  for (const v of [1, 'x', {}, [1]]) {
    for (const key of Object.keys(makeItem())) channel.copy(Object.assign(makeItem(), { [key]: v }));
    channel.copy(Object.assign(makeItem(), { at: { x: v, y: v }, other: { x: v, y: v } }));
  }
  const shape = accustom(channel, makeItem);
  for (const [what, change] of Object.entries(odd)) {
    const [written, read] = uses(channel, shape);
    assert.equal(described(channel.copy(makeItem(2))), described(makeItem(2)), what);
    assert.deepEqual(uses(channel, shape), [written + 1, read + 1], what);
    const value = change(makeItem(3));
    assert.equal(described(channel.copy(value)), described(value), what);
    // Back to items.
    channel.copy(makeItem(4));
  }
  const copy = channel.copy(odd['the same object twice']!(makeItem())) as Item;
  assert.equal(copy.at, copy.other);
  const written = channel.write(odd['a long array of numbers']!(makeItem())).memory.bytes;
  assert.ok(written.includes(Buffer.from([T.INTS, 30])), 'as a block');
});

test('objects and lists at any depth, before and behind one another', () => {
  const makers: readonly ((i: number) => Item)[] = [
    (i) => ({ a: { x: { z: i } }, b: { q: 1 } }),
    (i) => ({ a: { x: ['s'] }, b: [i, 't'] }),
    (i) => ({ root: { a: { x: ['s'] }, b: { x: `${i}` } } }),
    (i) => ({ a: { b: { c: { d: { e: [i] } }, f: { g: [] } }, h: {} }, i: { j: { k: i } }, l: ['m'] }),
    (i) => ({ p: [1], q: [2], r: [3], s: { t: [i], u: { v: [4] }, w: [5] }, x: { y: [6] } }),
  ];
  for (const make of makers) {
    const channel = new Channel();
    const shape = accustom(channel, () => make(1));
    const [written, read] = uses(channel, shape);
    for (let i = 0; i < 5; i++) assert.equal(described(channel.copy(make(i))), described(make(i)));
    const now = uses(channel, shape);
    // An empty object has no sample.
    const all = String(make).includes('{}') ? 0 : 5;
    assert.deepEqual([now[0] - written, now[1] - read], [all, 5]);
    // What was an object, a list or missing before is a number, and the other way round.
    for (const key of Object.keys(make(1))) {
      for (const v of [5, 'x', null, { z: 1 }, ['y']]) {
        const value = Object.assign(make(2), { [key]: v });
        assert.equal(described(channel.copy(value)), described(value));
      }
    }
  }
});

test('long texts in a list leave the elements behind them their room', () => {
  const channel = new Channel();
  accustom(channel, () => ({ n: 1, list: ['a', 'b'] }));
  const texts = ['twenty-four letters long', 1.5, '日'.repeat(20), true, 'x'.repeat(300)];
  for (let length = 2400; length < 2760; length += 3) {
    for (const others of [0, 1, 6, 63]) {
      const list = [
        '日'.repeat(length),
        ...Array.from({ length: others }, (_, i) => texts[(i + length) % 5]),
      ];
      assert.deepEqual(channel.copy({ n: 1, list }), { n: 1, list });
      assert.deepEqual(channel.copy({ n: 1, list: list.toReversed() }), { n: 1, list: list.toReversed() });
    }
  }
});

test('a queue that has nothing to do with an object has no number for its keys', () => {
  const channels = [0, 1, 2].map(() => new Channel());
  const make = (i: number): Item => ({ [`own${i}`]: 1, part: { [`in${i}`]: 2 } });
  for (let n = 0; n < 4 * missesUntil; n++) {
    for (const [i, channel] of channels.entries()) {
      channel.copy(make(i));
      if (n > 2 * missesUntil) channel.copy(make(i));
    }
  }
  for (const [i, channel] of channels.entries()) {
    const known = [0, 1, 2, 3].map((number) => channel.listOf(number)?.keys.join());
    assert.deepEqual(known.sort(), [`in${i}`, `own${i},part`, undefined, undefined]);
  }
});

test('an element that is not there is not read from where the engine would look for it', () => {
  const channel = new Channel();
  const holey = (): unknown[] => new Array(2).fill('a');
  accustom(channel, () => ({ here: holey() }));
  let runs = 0;
  Object.defineProperty(Array.prototype, 1, { get: () => ++runs, configurable: true });
  try {
    const here = Object.assign(new Array(3), { 0: 'a', 2: 'c' });
    assert.equal((channel.copy({ here }) as { here: unknown[] }).here[2], 'c');
    assert.ok(runs <= 1, String(runs));
  } finally {
    Reflect.deleteProperty(Array.prototype, 1);
  }
});

test('lists in between are not taken for objects of the kind that comes before and after them', () => {
  const channel = new Channel();
  const shape = accustom(channel, makeItem);
  const { code } = shape.tree;
  for (let i = 0; i < 10 * missesUntil; i++) {
    channel.write([makeItem(i)]);
    if (i % 10 === 0) channel.write(makeItem(i));
  }
  assert.equal(shape.tree.code, code);
});

test('a getter runs once, and what cannot travel is refused with its path', () => {
  const channel = new Channel();
  accustom(channel, makeItem);
  let runs = 0;
  const get = (): number => ++runs;
  const outer = Object.defineProperty(makeItem(), 'id', { get, enumerable: true });
  assert.equal((channel.copy(outer) as Item).id, 1);
  const inner = makeItem();
  Object.defineProperty(inner.at, 'y', { get, enumerable: true });
  assert.deepEqual((channel.copy(inner) as Item).at, { x: 0, y: 2 });
  const tags = ['a'];
  Object.defineProperty(tags, 0, { get, enumerable: true });
  assert.deepEqual((channel.copy({ ...makeItem(), tags }) as Item).tags, [3]);
  assert.equal(runs, 3);
  const proxied = { ...makeItem(), at: new Proxy({ x: 1, y: 2 }, { get, ownKeys: () => [] }) };
  assert.throws(() => channel.write(proxied), { name: 'SerializationError', message: /"at".*Proxy/s });
  assert.throws(() => channel.write({ ...makeItem(), other: new WeakMap() }), {
    name: 'SerializationError',
    message: /"other"/,
  });
  assert.equal(runs, 3);
});

test('what every object has from its prototype is not taken for its own', () => {
  const channel = new Channel();
  accustom(channel, makeItem);
  Object.defineProperty(Object.prototype, 'polluted', {
    value: 1,
    enumerable: true,
    configurable: true,
    writable: true,
  });
  try {
    assert.equal(described(channel.copy(makeItem(1))), described(makeItem(1)));
  } finally {
    Reflect.deleteProperty(Object.prototype, 'polluted');
  }
});

test('two channels that number the same keys differently do not mix them up', () => {
  const [one, other] = [new Channel(), new Channel()];
  const make = (i: number): Item => ({ p: i, q: { r: i, s: `${i}` } });
  for (let i = 0; i < 100; i++) other.copy({ r: i, s: 't' });
  const shape = accustom(one, () => make(1));
  for (let i = 0; i < 4 * missesUntil; i++) {
    assert.deepEqual(one.copy(make(i)), make(i));
    assert.deepEqual(other.copy(make(-i)), make(-i));
  }
  assert.ok(uses(one, shape)[1] > missesUntil);
  assert.ok(uses(other, shape)[1] > missesUntil);
});

test('where keys get no number, messages go as before', () => {
  for (const most of [0, 1]) {
    const channel = new Channel(most);
    const make = (): Item => ({ [`only${most}`]: 1, within: { [`here${most}`]: 2 } });
    accustom(channel, make);
    assert.deepEqual(channel.copy(make()), make());
  }
});

test('a structure that changes for good gets code of its own; one that changes always does without', () => {
  const channel = new Channel();
  const before = (): Item => ({ changing: 1, part: { a: 1 } });
  const after = (): Item => ({ changing: 1, part: { b: 'b', c: [1] } });
  const shape = accustom(channel, before);
  accustom(channel, after);
  const [written, read] = uses(channel, shape);
  for (let i = 0; i < 10; i++) assert.deepEqual(channel.copy(after()), after());
  assert.deepEqual(uses(channel, shape), [written + 10, read + 10]);

  // One in seven is another: what suits the rest is kept.
  const rare = (n: number): Item => ({ rarely: 1, part: n % 7 === 0 ? { c: 1 } : { d: 1 } });
  let n = 1;
  const mostly = accustom(channel, () => rare(n++));
  const { code } = mostly.tree;
  for (n = 1; n < 50 * missesUntil; n++) channel.write(rare(n));
  assert.ok(code !== undefined, 'compiled');
  assert.ok(mostly.tree.code === code, 'kept');

  let i = 0;
  const ever = (): Item => ({ ever: 1, part: { [`key${(i++ >> 3) % 5}`]: 1 } });
  const restless = accustom(channel, ever);
  for (n = 0; n < 8; n++) accustom(channel, ever);
  assert.equal(restless.tree.code, undefined);
  assert.deepEqual(channel.copy(ever()), { ever: 1, part: { [`key${((i - 1) >> 3) % 5}`]: 1 } });
});

test('objects of any structure come back, however often', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd', 'constructor', '__proto__', '0', 'ü', '"', 'toString');
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(...scalars),
      fc.array(fc.constantFrom(...scalars), { maxLength: 12 }),
      fc
        .uniqueArray(fc.tuple(key, tie('tree')), { maxLength: 6, selector: ([name]) => name })
        .map((entries) => {
          const o = {};
          for (const [name, value] of entries) {
            Object.defineProperty(o, name, { value, enumerable: true, configurable: true, writable: true });
          }
          return o;
        }),
    ),
  }));
  fc.assert(
    fc.property(fc.array(tree, { minLength: 1, maxLength: 4 }), (values) => {
      const channel = new Channel();
      const root = (i: number): Item => ({ root: values[i % values.length] });
      for (let i = 0; i < 2 * missesUntil + 20; i++) channel.write(root(0));
      for (let i = 0; i < missesUntil + 20; i++) channel.copy(root(0));
      for (let i = 0; i < 8; i++) assert.equal(described(channel.copy(root(i))), described(root(i)));
    }),
    { numRuns: 60 },
  );
});

test('damaged messages are read as without compiled code, or refused as they would be', () => {
  const channel = new Channel();
  accustom(channel, makeItem);
  const { memory, end } = channel.write(makeItem(301));
  assert.deepEqual([...memory.bytes.subarray(0, 2)], [TREE, T.NUMBERED]);
  const plainly = channel.withoutCode();
  const outcome = (bytes: Buffer, length: number, keys: Channel): string => {
    try {
      return described(decodeData(memoryOf(bytes), 0, length, keys));
    } catch (e) {
      return `${(e as Error).name}`;
    }
  };
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(end - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 3, max: end }),
      (changes, length) => {
        const bytes = Buffer.from(memory.bytes);
        for (const [at, byte] of changes) bytes[at] = byte;
        assert.equal(outcome(bytes, length, channel), outcome(bytes, length, plainly));
        assert.equal(outcome(bytes, end, channel), outcome(bytes, end, plainly));
        // Where the memory ends, too.
        const short = Buffer.from(bytes.subarray(0, length));
        assert.equal(outcome(short, length, channel), outcome(short, length, plainly));
      },
    ),
    { numRuns: 3000 },
  );
  for (let length = 3; length < end; length++) {
    const short = Buffer.from(memory.bytes.subarray(0, length));
    assert.equal(outcome(short, length, channel), outcome(short, length, plainly));
  }
  // A number of more bytes than one takes.
  const long = Buffer.concat([
    memory.bytes.subarray(0, 4),
    Buffer.from([0x81, 0x80, 0x80, 0x80, 0x80, 0x83, 1]),
    memory.bytes.subarray(6),
  ]);
  assert.equal(outcome(long, end + 5, channel), outcome(long, end + 5, plainly));
  const other = new Channel();
  accustom(other, () => ({ text: 'abc', last: 1 }));
  const bare = other.withoutCode();
  const few = other.write({ text: 'abc', last: 1 }).memory.bytes;
  for (const value of [
    [T.INT, 130, 128, 128, 128, 128, 3],
    [T.ASCII, 130, 128, 128, 128, 128, 1, ...Array.from({ length: 10 }, (_, i) => 65 + i)],
    [T.UTF8, 129, 128, 128, 128, 128, 1, 65],
    [T.INT, ...new Array<number>(40).fill(200)],
  ]) {
    const bytes = Buffer.concat([few.subarray(0, 3), Buffer.from([...value, T.INT, 2])]);
    assert.equal(outcome(bytes, bytes.length, other), outcome(bytes, bytes.length, bare), String(value));
    // A record that says it is longer than the memory.
    assert.equal(outcome(bytes, bytes.length + 1, other), outcome(bytes, bytes.length + 1, bare));
  }
});
