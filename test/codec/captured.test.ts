/** Whether a function would be encoded as the same bytes again: never said wrongly, and said where it is worth something. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { decode, encode, encodeFunction } from '../../src/codec/index.ts';
import { deserialize, Pool, serialize } from '../../src/index.ts';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

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

test('nothing is said to be the same where identity and small containers do not tell it', () => {
  let captured: unknown;
  const reads = (): unknown => captured;
  class Custom {
    n = 1;
    static [serialize](o: Custom): number {
      return o.n;
    }
    static [deserialize](n: number): Custom {
      return Object.assign(new Custom(), { n });
    }
  }
  class Inherits extends Custom {}
  class Emits extends EventEmitter {}
  const instance = new Custom();
  const values: unknown[] = [
    instance,
    { a: instance },
    new Map([[1, instance]]),
    new Set([instance]),
    new Inherits(),
    new Emits(),
    new (class extends Map {})(),
    new (class extends Date {})(0),
    new (class extends Array {})(),
    new (class extends RegExp {})('x'),
    new (class extends Error {})('x'),
    new (class extends URL {})('http://localhost'),
    new URL('http://localhost'),
    Object(1),
    new Uint8Array(2),
    Buffer.alloc(100_000),
    new Error('x'),
    Object.create(null),
    Object.create({ a: 1 }),
    Object.setPrototypeOf(new Error('x'), Object.prototype),
    { [Symbol.for('a')]: 1 },
    Object.assign(new Array(3), { 0: 1, 2: 1 }),
    Object.assign([1], { named: 2 }),
    Object.defineProperty([1], 0, { get: () => 1 }),
    Array.from({ length: 1001 }, (_, i) => i),
    [Array.from({ length: 600 }, (_, i) => i), Array.from({ length: 600 }, (_, i) => -i)],
    { bound: (() => {}).bind({ a: 1 }) },
  ];
  for (const value of values) {
    captured = value;
    assert.equal(said(reads), false, inspect(value));
  }
  const functions = [
    function (this: unknown) {}.bind(instance),
    function (this: unknown, _: unknown) {}.bind({ a: 1 }, instance),
    () => instance,
    Object.assign(() => 1, { a: instance }),
  ];
  for (const fn of functions) assert.equal(said(fn), false, String(fn));
});

let got = 1;
const withGetter = (): object => ({
  get a() {
    return got;
  },
});

class Instance {
  n = 1;
  o = { a: 1 };
  get twice(): number {
    return this.n * 2;
  }
}
class Other extends Instance {}
function OldStyle(this: { n: number }): void {
  this.n = 1;
}

/** Each of these makes another message of what it is done to. */
const changes: Record<string, [make: () => object, change: (o: never) => void]> = {
  'a value': [() => ({ a: 1 }), (o: { a: number }) => (o.a = 2)],
  'the sign of zero': [() => ({ a: 0 }), (o: { a: number }) => (o.a = -0)],
  'a number to NaN': [() => ({ a: 0 }), (o: { a: number }) => (o.a = Number.NaN)],
  'a value inside': [() => ({ a: [{ b: 1 }] }), (o: { a: [{ b: number }] }) => o.a[0].b++],
  'undefined for nothing': [() => ({}), (o: { a: undefined }) => (o.a = undefined)],
  'a key more': [() => ({ a: 1 }), (o: { b: number }) => (o.b = 1)],
  'a key less': [() => ({ a: 1, b: 1 }), (o: { a?: number }) => delete o.a],
  'another key': [
    () => ({ a: 1 }),
    (o: { a?: number; b: number }) => {
      delete o.a;
      o.b = 1;
    },
  ],
  'the order of keys': [
    () => ({ a: 1, b: 1 }),
    (o: { a?: number }) => {
      delete o.a;
      o.a = 1;
    },
  ],
  'a key that is hidden': [() => ({ a: 1 }), (o) => Object.defineProperty(o, 'a', { enumerable: false })],
  'a getter': [() => ({ a: 1 }), (o) => Object.defineProperty(o, 'a', { get: () => 2 })],
  'another getter': [withGetter, (o) => Object.defineProperty(o, 'a', { get: () => 2 })],
  'a value for a getter': [withGetter, (o) => Object.defineProperty(o, 'a', { value: 1 })],
  'a getter that is hidden': [withGetter, (o) => Object.defineProperty(o, 'a', { enumerable: false })],
  'a setter more': [withGetter, (o) => Object.defineProperty(o, 'a', { set: () => {} })],
  'a hidden value': [
    () => Object.defineProperty({}, 'a', { value: 1, configurable: true }),
    (o) => Object.defineProperty(o, 'a', { value: 2 }),
  ],
  'a field of an instance': [() => new Instance(), (o: Instance) => o.n++],
  'a field of an instance more': [() => new Other(), (o) => Object.assign(o, { more: 1 })],
  'what a field of an instance holds': [() => new Instance(), (o: Instance) => o.o.a++],
  'a getter in an instance': [() => new Instance(), (o) => Object.defineProperty(o, 'n', { get: () => 1 })],
  'the class of an instance': [() => new Other(), (o) => Object.setPrototypeOf(o, Instance.prototype)],
  'an instance of a function': [
    () => new (OldStyle as unknown as new () => { n: number })(),
    (o: { n: number }) => o.n++,
  ],
  'an instance inside': [() => ({ a: new Instance() }), ({ a }: { a: Instance }) => a.n++],
  'a date': [() => new Date(0), (d: Date) => d.setTime(1)],
  'a date to none': [() => new Date(0), (d: Date) => d.setTime(Number.NaN)],
  'where an expression goes on': [
    () => /x/g,
    (r: RegExp) => {
      r.lastIndex = 1;
    },
  ],
  'an expression': [() => /x/, (r: RegExp) => r.compile('y')],
  'a byte of a buffer': [
    () => Buffer.alloc(100),
    (b: Buffer) => {
      b[99] = 1;
    },
  ],
  'a getter that throws': [
    () => ({ a: 1 }),
    (o) =>
      Object.defineProperty(o, 'a', {
        get: () => {
          throw new RangeError('now');
        },
      }),
  ],
  'a symbol': [() => ({ a: 1 }), (o: { [k: symbol]: number }) => (o[Symbol.for('a')] = 1)],
  'a prototype': [() => ({ a: 1 }), (o) => Object.setPrototypeOf(o, null)],
  'an object to another': [() => ({ a: { b: 1 } }), (o: { a: object }) => (o.a = { b: 2 })],
  'what was two to one': [() => ({ a: { c: 1 }, b: { c: 1 } }), (o: { a: object; b: object }) => (o.b = o.a)],
  'what was one to two': [
    () => {
      const c = { d: 1 };
      return { a: c, b: c };
    },
    (o: { a: object }) => (o.a = { d: 1 }),
  ],
  'a circle': [() => ({ a: {} }), (o: { a: object }) => (o.a = o)],
  'a function': [() => ({ a: () => 1 }), (o: { a: unknown }) => (o.a = () => 2)],
  'a function inside': [() => ({ a: () => 1 }), (o: { a: object }) => Object.assign(o.a, { own: 1 })],
  'an element': [() => [1, 2], (a: number[]) => (a[1] = 3)],
  'an element more': [() => [1, 2], (a: number[]) => a.push(3)],
  'an element less': [() => [1, 2], (a: number[]) => a.pop()],
  'a hole for undefined': [() => [1, undefined, 2], (a: unknown[]) => delete a[1]],
  'a name beside the elements': [() => [1], (a) => Object.assign(a, { name: 1 })],
  'a name for a hidden element': [
    () => [1, 2],
    (a) => Object.assign(Object.defineProperty(a, 0, { enumerable: false }), { name: 1 }),
  ],
  "an array's prototype": [() => [1], (a) => Object.setPrototypeOf(a, Object.create(Array.prototype))],
  'a value of a Map': [() => new Map([[1, 2]]), (m: Map<number, number>) => m.set(1, 3)],
  'a key of a Map': [
    () => new Map([[1, 2]]),
    (m: Map<number, number>) => {
      m.clear();
      m.set(2, 2);
    },
  ],
  'the order of a Map': [
    () =>
      new Map([
        [1, 2],
        [2, 2],
      ]),
    (m: Map<number, number>) => {
      m.delete(1);
      m.set(1, 2);
    },
  ],
  'an entry more': [() => new Map(), (m: Map<number, number>) => m.set(1, 2)],
  'what the key of a Map holds': [
    () => new Map([[{ a: 1 }, 1]]),
    (m: Map<{ a: number }, number>) => [...m.keys()][0]!.a++,
  ],
  "a Map's prototype": [() => new Map(), (m) => Object.setPrototypeOf(m, Object.create(Map.prototype))],
  'a member of a Set': [() => new Set([1]), (s: Set<number>) => s.add(2)],
  'the order of a Set': [
    () => new Set([1, 2]),
    (s: Set<number>) => {
      s.delete(1);
      s.add(1);
    },
  ],
  'what a member of a Set holds': [() => new Set([{ a: 1 }]), (s: Set<{ a: number }>) => [...s][0]!.a++],
  "a Set's prototype": [() => new Set(), (s) => Object.setPrototypeOf(s, Object.create(Set.prototype))],
};

test('many objects that look alike are the same until one of them changes, in whatever way', () => {
  const make = (i: number): Record<PropertyKey, unknown> => ({ id: i, name: `n${i}` });
  const edits: Record<string, (o: Record<PropertyKey, unknown>) => unknown> = {
    'a value': (o) => (o.id = -1),
    'a getter that gives the same': (o) => Object.defineProperty(o, 'id', { get: () => 50 }),
    'a value that is hidden': (o) => Object.defineProperty(o, 'name', { enumerable: false }),
    'a key more': (o) => (o.more = 1),
    'a hidden key more': (o) => Object.defineProperty(o, 'more', { value: 1 }),
    'a symbol more': (o) => (o[Symbol.iterator] = 1),
    'an element more': (o) => (o[0] = 1),
    'a hidden element more': (o) => Object.defineProperty(o, 0, { value: 1 }),
    'a key less': (o) => delete o.name,
    'another order': (o) => {
      delete o.id;
      o.id = 50;
    },
    'a prototype': (o) => Object.setPrototypeOf(o, { more: 1 }),
  };
  for (const at of [0, 50, 99]) {
    for (const [name, edit] of Object.entries(edits)) {
      const rows = Array.from({ length: 100 }, (_, i) => make(i));
      const fn = (): unknown => rows;
      encode(fn);
      const { isSame } = encodeFunction(fn);
      assert.equal(isSame(), true);
      // A getter gives what was there.
      if (name.startsWith('a getter')) rows[at]!.id = 50;
      const before = name.startsWith('a getter') ? encodeFunction(fn).isSame : isSame;
      edit(rows[at]!);
      assert.equal(before(), false, `${name} at ${at}`);
    }
  }
});

test('many objects with one accessor are the same, and it is not run', () => {
  let runs = 0;
  const get = (): number => runs++;
  const make = (i: number): object =>
    Object.defineProperty({ id: i }, 'got', { get, enumerable: true, configurable: true });
  const rows = Array.from({ length: 100 }, (_, i) => make(i));
  const fn = (): unknown => rows;
  encode(fn);
  const { isSame } = encodeFunction(fn);
  assert.equal(isSame(), true);
  assert.equal(runs, 0);
});

test('an instance is the same until its class changes', () => {
  const Made = class {
    static s = 1;
    n = 1;
    m(): number {
      return this.n;
    }
  };
  const made = new Made();
  const fn = (): unknown => made.m();
  for (const change of [
    () => Made.s++,
    () => Object.assign(Made.prototype, { m: () => 2 }),
    () => Reflect.deleteProperty(Made.prototype, 'm'),
    () => Object.setPrototypeOf(Made.prototype, { more: 1 }),
  ]) {
    const { isSame } = encodeFunction(fn);
    assert.equal(isSame(), true);
    change();
    assert.equal(isSame(), false, String(change));
  }
});

test('a bound function is the same until what it is bound to changes', async () => {
  const self = { n: 1 };
  const given = [1];
  let free = 1;
  const bound = function (this: typeof self, list: number[], x: number): number[] {
    return [this.n, ...list, x, free];
  }.bind(self, given);
  await using pool = new Pool(1);
  for (const [change, expected] of [
    [undefined, [1, 1, 9, 1]],
    [() => self.n++, [2, 1, 9, 1]],
    [() => given.push(2), [2, 1, 2, 9, 1]],
    [() => free++, [2, 1, 2, 9, 2]],
    [() => Object.assign(self, { more: 1 }), [2, 1, 2, 9, 2]],
  ] as const) {
    const { isSame } = encodeFunction(bound);
    assert.equal(isSame(), true);
    change?.();
    assert.equal(isSame(), change === undefined, String(change));
    assert.deepEqual(await pool.apply(bound, [9]), expected);
  }
});

test('a captured accessor is the same until what it has captured changes', () => {
  const container = withGetter();
  const { isSame } = encodeFunction(() => container);
  assert.equal(isSame(), true);
  got++;
  assert.equal(isSame(), false);
});

for (const [name, [make, change]] of Object.entries(changes)) {
  test(`a captured container is the same until it changes: ${name}`, () => {
    const container = make();
    let variable = make();
    const inner = (): unknown => container;
    const functions: (() => unknown)[] = [
      () => container,
      () => inner(),
      () => variable,
      () => [container, inner, variable],
      Object.assign(() => 1, { container, variable }),
    ];
    for (const fn of functions) {
      variable = make();
      Object.assign(functions.at(-1)!, { variable });
      assert.equal(said(fn), true, String(fn));
    }
    const before = functions.map((fn) => encodeFunction(fn));
    change(container as never);
    const isIn = [true, true, false, true, true];
    for (const [i, { isSame }] of before.entries()) assert.equal(isSame(), !isIn[i], String(functions[i]));
    change(variable as never);
    for (const [i, { isSame }] of before.entries()) {
      assert.equal(isSame(), i < 2 ? !isIn[i] : false, String(functions[i]));
    }
  });
}

test('another object with the same contents is the same message', async () => {
  await using pool = new Pool(1);
  let at = { x: 1 };
  const both = { a: at, b: at };
  const f = (): unknown => [at.x, both.a === both.b, at === both.a];
  assert.deepEqual(await pool.apply(f), [1, true, true]);
  at = { x: 1 };
  assert.deepEqual(await pool.apply(f), [1, true, false]);
  both.b = { x: 1 };
  assert.deepEqual(await pool.apply(f), [1, false, false]);
  both.a = at;
  assert.deepEqual(await pool.apply(f), [1, false, true]);
});

/** Containers in a value, outermost first. */
function containersIn(value: unknown, found = new Set<object>()): Set<object> {
  if (typeof value !== 'object' || value === null || found.has(value)) return found;
  found.add(value);
  const parts =
    value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : Object.values(value);
  for (const part of parts) containersIn(part, found);
  return found;
}

test('whatever happens to whatever was captured, the same message is what it is said to be', () => {
  let captured: unknown;
  const f = (): unknown => captured;
  const leaf = fc.oneof(
    fc.integer({ min: 0, max: 3 }),
    fc.constantFrom(undefined, null, -0, Number.NaN, 'a', 1n),
  );
  const key = fc.constantFrom('a', 'b', '0', '1');
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, leaf, tie('object'), tie('array'), tie('map'), tie('set')),
    object: fc.dictionary(key, tie('value'), { maxKeys: 3, noNullPrototype: true }),
    array: fc.array(tie('value'), { maxLength: 4 }),
    map: fc.array(fc.tuple(leaf, tie('value')), { maxLength: 3 }).map((entries) => new Map(entries)),
    set: fc.array(leaf, { maxLength: 3 }).map((members) => new Set(members)),
  }));
  const edits: ((o: object, key: string, value: unknown) => unknown)[] = [
    Reflect.set,
    Reflect.deleteProperty,
    (o, k, v) => (o instanceof Map ? o.set(k, v) : o instanceof Set ? o.add(v) : 0),
    (o, k, v) => (o instanceof Map || o instanceof Set ? o.delete(o instanceof Map ? k : v) : 0),
    (o, k, v) =>
      Reflect.defineProperty(o, k, { value: v, enumerable: false, configurable: true, writable: true }),
    (o, k, v) =>
      Reflect.defineProperty(o, k, { get: () => v, set: () => {}, enumerable: true, configurable: true }),
    (o, k, v) => Reflect.set(o, Symbol.for(k), v),
    (o) => (Array.isArray(o) ? o.reverse() : 0),
    (o) => (Array.isArray(o) ? o.pop() : 0),
    () => 0,
  ];
  const edit = fc.tuple(fc.nat(6), fc.constantFrom(...edits), key, leaf);
  let same = 0;
  let runs = 0;
  fc.assert(
    fc.property(value, fc.array(edit, { minLength: 1, maxLength: 3 }), (made, steps) => {
      captured = made;
      const { isSame, bytes } = encodeFunction(f);
      for (const [at, change, k, v] of steps) {
        const containers = [...containersIn(captured)];
        const container = containers[at % Math.max(1, containers.length)];
        if (container !== undefined) change(container, k, v);
      }
      runs++;
      if (!isSame()) return;
      same++;
      assert.ok(encode(f).equals(bytes));
    }),
    { numRuns: 3000 },
  );
  assert.ok(same > runs / 10 && same < runs, `${same} of ${runs}`);
});

test('what is done to a class or to a function whose variables cannot change is noticed', () => {
  class Base {
    above(): number {
      return 1;
    }
  }
  class Sent extends Base {
    static count = 1;
    #own = 1;
    get own(): number {
      return this.#own;
    }
    method(): number {
      return 1;
    }
  }
  function old(): void {}
  const inner = (): number => 1;
  const functions: (() => unknown)[] = [() => new Sent(), () => new Base(), () => inner(), () => old()];
  for (const fn of [...functions, Sent, Base, inner, old])
    assert.equal(said(fn as () => unknown), true, String(fn));
  const edits: [of: number, edit: () => unknown][] = [
    [0, () => Object.assign(Sent, { more: 1 })],
    [0, () => Sent.count++],
    [0, () => Object.defineProperty(Sent, 'count', { enumerable: false })],
    [0, () => Object.assign(Sent.prototype, { method: () => 2 })],
    [0, () => Object.defineProperty(Sent.prototype, 'own', { get: () => 2 })],
    [0, () => delete (Sent.prototype as Partial<Sent>).method],
    [1, () => Object.assign(Base.prototype, { added: () => 2 })],
    [2, () => Object.assign(inner, { own: 1 })],
    [2, () => Object.defineProperty(inner, 'name', { value: 'renamed' })],
    [3, () => Object.assign(old.prototype as object, { method: () => 2 })],
    [3, () => Object.setPrototypeOf(old.prototype, { above: 1 })],
    [3, () => (old.prototype = { constructor: old, method: 1 })],
    [3, () => Object.setPrototypeOf(old, inner)],
  ];
  for (const [of, edit] of edits) {
    const before = functions.map((fn) => encodeFunction(fn).isSame);
    assert.deepEqual(
      before.map((isSame) => isSame()),
      [true, true, true, true],
    );
    edit();
    assert.equal(before[of]!(), false, String(edit));
  }
});

test('what changes while a function is sent for the first time is noticed', async () => {
  await using pool = new Pool(1);
  let n = 1;
  const object = { n: 1 };
  const f = (): number => n * 10 + object.n;
  const first = pool.applyAsync(f);
  n = 2;
  const second = pool.applyAsync(f);
  object.n = 2;
  assert.deepEqual(await Promise.all([first, second, pool.applyAsync(f)]), [11, 21, 22]);
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

interface Shares {
  inc(): number;
  twice(): unknown;
  touch(v: unknown): void;
  beside(): object;
}

/** Two functions that share a variable; `begin` is what they begin with. As a module of its own: loaders rename what is hidden. */
async function sharing(begin: string): Promise<Shares> {
  const source = `
    const make = () => {
      let shared = 0, beside = () => 1;
      const inc = () => { ${begin} return ++shared; };
      return {
        inc, twice: () => { ${begin} return [inc(), shared]; },
        touch: (v) => beside = v, beside: () => beside,
      };
    };
    export const made = make();`;
  const { made } = (await import(`data:text/javascript,${encodeURIComponent(source)}`)) as { made: Shares };
  return made;
}

/** What hides the variable, so that it is not seen live. */
const hides = '{ let shared = 1; String(() => shared); }';

test('functions that share a variable are the same until it changes', async () => {
  const { inc, twice, touch } = await sharing('');
  // What the first message holds are copies.
  const first = encodeFunction(twice);
  touch(5);
  assert.equal(first.isSame(), true);
  for (let i = 0; i < 3; i++) {
    const { isSame } = encodeFunction(twice);
    assert.equal(isSame(), true);
    touch(i);
    assert.equal(isSame(), true, 'another variable of the scope');
    inc();
    assert.equal(isSame(), false);
    assert.equal(said(twice), true);
  }
  assert.deepEqual((decode(encode(twice)) as typeof twice)(), [4, 4]);
});

test('functions that share a variable that is not seen live are the same until any variable of its scope changes', async () => {
  const { inc, twice, touch } = await sharing(hides);
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

test('a variable whose value was collected since is not the same, though nobody holds what it was', async () => {
  const { twice, touch, beside } = await sharing(hides);
  encode(twice);
  const { isSame } = encodeFunction(twice);
  assert.equal(isSame(), true);
  const collected = new WeakRef(beside());
  touch(undefined);
  // What a WeakRef was asked for is held until the current task is done.
  while (collected.deref() !== undefined) {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
  assert.equal(isSame(), false);
});
