/** What objects and arrays are once enough of them were sent that most are known by their hidden class alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import vm from 'node:vm';
import { decode, encode } from '../../src/codec/index.ts';
import { isBareArray, likeness, worthwhile } from '../../src/codec/samples.ts';

const copy = <T>(value: T): T => decode(encode(value)) as T;

/** All there is to say of an object but what its values hold. */
const described = (o: object): unknown => [
  Object.getPrototypeOf(o) === Object.prototype || Object.getPrototypeOf(o) === Array.prototype,
  Reflect.ownKeys(o).map((key) => [key, Object.getOwnPropertyDescriptor(o, key)]),
];

const tag = Symbol.for('tag');
type Item = Record<PropertyKey, unknown>;

/** Five keys: the engine gives a literal of four the hidden class of an empty object that got them. */
const makers: Record<string, () => Item> = {
  literal: () => ({ id: 1, name: 'n', at: { x: 1.5, y: 2 }, tags: ['a', 2], ok: true }),
  assigned: () => {
    const o: Item = {};
    o.id = 1;
    o.name = 'n';
    o.at = { x: 1.5, y: 2 };
    o.tags = ['a', 2];
    o.ok = true;
    return o;
  },
  parsed: () => JSON.parse('{"id":1,"name":"n","at":{"x":1.5,"y":2},"tags":["a",2],"ok":true}') as Item,
  sent: () => copy({ id: 1, name: 'n', at: { x: 1.5, y: 2 }, tags: ['a', 2], ok: true }),
};

/** Objects that have the same keys, or nearly so, and are something else. */
const odd: Record<string, (o: Item) => object> = {
  'with a symbol': (o) => Object.assign(o, { [tag]: 1 }),
  'with a symbol that does not show': (o) => Object.defineProperty(o, tag, { value: 1 }),
  'with an element': (o) => Object.assign(o, { 7: 'seven' }),
  'with elements and a symbol': (o) => Object.assign(o, { 0: 'zero', 7: 'seven', [tag]: 2 }),
  'with a key more': (o) => Object.assign(o, { more: 1 }),
  'with a key less': (o) => {
    delete o.name;
    return o;
  },
  'with a key taken away and put back': (o) => {
    delete o.id;
    o.id = 5;
    return o;
  },
  'with a key of which another takes the place': (o) => {
    delete o.id;
    o.other = 5;
    return o;
  },
  'with a getter': (o) => Object.defineProperty(o, 'id', { get: () => 42 }),
  'with a key that does not show': (o) => Object.defineProperty(o, 'id', { enumerable: false }),
  frozen: Object.freeze,
  sealed: Object.seal,
  'without a prototype': (o) => Object.setPrototypeOf(o, null) as object,
  'with a Map for a prototype': (o) => Object.setPrototypeOf(o, Map.prototype) as object,
  'behind a proxy': (o) => new Proxy(o, { get: (t, key) => (key === 'id' ? 43 : Reflect.get(t, key)) }),
  'from another realm': (o) =>
    vm.runInNewContext('Object.assign({}, o)', { o: JSON.parse(JSON.stringify(o)) }) as object,
  'with other kinds of values': (o) => Object.assign(o, { id: 1.5, name: 9n, at: null, tags: undefined }),
};

const result = (make: () => object): unknown => {
  try {
    return described(copy(make()));
  } catch (error) {
    return String(error);
  }
};

for (const [how, make] of Object.entries(makers)) {
  test(`objects made in one way (${how}) come back alike when most are known by a sample`, () => {
    const before = Object.values(odd).map((change) => result(() => change(make())));
    const usual = result(make);
    for (let i = 0; i < worthwhile * 3; i++) {
      if (i % 100 === 0) assert.deepEqual(result(make), usual);
      else encode(make());
    }
    Object.entries(odd).forEach(([name, change], i) => {
      for (let n = 0; n < 3; n++)
        assert.deepEqual(
          result(() => change(make())),
          before[i],
          name,
        );
    });
    assert.deepEqual(result(make), usual);
  });
}

test('an array in the place of objects is an array, also one that was emptied', () => {
  const send = (at: object): object => copy({ place: at }).place;
  for (let i = 0; i < worthwhile * 3; i++) send({ alone: i });
  const emptied = ['text', {}];
  emptied.length = 0;
  for (const array of [emptied, ['text'], [], [1], [0.5]]) assert.deepEqual(send(array), array);
  assert.deepEqual(send({ alone: 1 }), { alone: 1 });
});

test('keys that are elements have no sample', () => {
  for (let i = 0; i < worthwhile * 3; i++) assert.deepEqual(copy({ 0: i, 5: 'five' }), { 0: i, 5: 'five' });
  assert.deepEqual(copy({ 0: 1, 6: 'six' }), { 0: 1, 6: 'six' });
  assert.deepEqual(copy({ 0: 1 }), { 0: 1 });
});

test('nothing that was sent is held on to', () => {
  for (const v of [
    1,
    'a text',
    { an: 'object' },
    [1],
    () => 1,
    null,
    undefined,
    true,
    12n,
    Symbol.for('x'),
  ]) {
    const like = likeness(v);
    assert.equal(typeof like, typeof v);
    assert.equal(like === v, v === null || ['number', 'boolean', 'undefined'].includes(typeof v));
  }
});

/** Of numbers and an empty place between. */
const withHole = Object.assign(new Array<unknown>(3), { 0: 1, 2: 3 });

class Sub extends Array<unknown> {}
const oddArrays: Record<string, () => object> = {
  named: () => Object.assign(['a', {}], { index: 3 }),
  'with a symbol': () => Object.assign([1, 2], { [tag]: 3 }),
  'a match': () => /b(?<c>c)/.exec('abcd')!,
  'of a subclass': () => Sub.from([1, 2]),
  'without its prototype': () => Object.setPrototypeOf([1, 2], Object.prototype) as object,
  'behind a proxy': () => new Proxy([1, 2], {}),
  'with holes': () => withHole,
  'with many holes': () => Object.assign([], { 100000: 1, 200000: 2 }),
  'with a getter': () => Object.defineProperty([1, 2], 0, { get: () => 'got' }),
  frozen: () => Object.freeze([1, 2]),
  'of fixed length': () => Object.defineProperty([1.5], 'length', { writable: false }),
  'from another realm': () => vm.runInNewContext('[1, "two"]') as object,
};

test('arrays come back alike when most are known by a sample', () => {
  const before = Object.values(oddArrays).map(result);
  const usual = [[], [1], ['a', {}], [0.5], withHole, [undefined, null], new Array(3)];
  for (let i = 0; i < worthwhile + 1; i++) encode(usual);
  for (const a of usual) assert.ok(isBareArray(a));
  for (const [i, [name, make]] of Object.entries(oddArrays).entries()) {
    if (!name.includes('holes')) assert.ok(!isBareArray(make()), name);
    assert.deepEqual(result(make), before[i], name);
  }
  assert.deepEqual(described(copy(usual)), described(usual));
});

test('a getter runs once for each message, however many there were', () => {
  let runs = 0;
  const make = (): object => ({
    b: 1,
    get a() {
      return ++runs;
    },
  });
  for (let i = 1; i <= 3 * worthwhile; i++) assert.deepEqual(copy(make()), { b: 1, a: i });
});
