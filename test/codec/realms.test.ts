/** What comes from another realm, such as test runners make with `node:vm`, travels as the same of the receiver's own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createContext, runInContext } from 'node:vm';
import { decode, encode } from '../../src/codec/index.ts';
import { recover } from '../../src/codec/price.ts';
import { Pool } from '../../src/index.ts';
import { questions } from '../support/inspector.ts';

// No look is declined for want of time here.
recover(1e6);

const context = createContext({ shared: { ours: true } });

function sent<T = unknown>(source: string): T {
  return decode(encode(runInContext(`(${source})`, context))) as T;
}

test('objects and containers of another realm are the own ones there', () => {
  const expected: Record<string, unknown> = {
    '{ a: 1, b: { c: [1, 2] } }': { a: 1, b: { c: [1, 2] } },
    '[1, , 3]': Object.assign(new Array(3), { 0: 1, 2: 3 }),
    '[1, 2, 3, 4, 5, 6, 7, 8, 9]': [1, 2, 3, 4, 5, 6, 7, 8, 9],
    'Object.assign([1], { named: 2 })': Object.assign([1], { named: 2 }),
    '{ [Symbol.for("s")]: { a: 1 } }': { [Symbol.for('s')]: { a: 1 } },
    'new Map([[{ a: 1 }, new Set([[1]])]])': new Map([[{ a: 1 }, new Set([[1]])]]),
    'new Date(5)': new Date(5),
    '/a+/giu': /a+/giu,
    'new Uint8Array([1, 2, 3])': new Uint8Array([1, 2, 3]),
    'new Float64Array(new Float64Array([1, 2]).buffer, 8, 1)': new Float64Array([2]),
    'new Uint16Array([1, 2]).buffer': new Uint16Array([1, 2]).buffer,
    'new DataView(new ArrayBuffer(2))': new DataView(new ArrayBuffer(2)),
    'Object("boxed")': Object('boxed'),
    'Object.create(null, { a: { value: 1, enumerable: true } })': Object.assign(Object.create(null), {
      a: 1,
    }),
    shared: { ours: true },
  };
  for (const [source, value] of Object.entries(expected)) assert.deepStrictEqual(sent(source), value, source);
});

test('one object of another realm stays one, however deep', () => {
  const [a, b] = sent<[object, object]>('(() => { const o = {}; o.self = o; return [o, o]; })()');
  assert.equal(a, b);
  assert.equal((a as { self: object }).self, a);
  let deep = sent<{ n?: object }>(
    '(() => { let o = {}; for (let i = 0; i < 5000; i++) o = { n: o }; return o; })()',
  );
  let depth = 0;
  for (; deep.n !== undefined; deep = deep.n) depth++;
  assert.equal(depth, 5000);
});

test('an error of another realm keeps its class, message, fields and stack', () => {
  const error = sent<TypeError & { more: number }>(
    'Object.assign(new TypeError("wrong", { cause: new Error("why") }), { more: 1 })',
  );
  assert.ok(error instanceof TypeError);
  assert.ok(error.cause instanceof Error);
  assert.deepEqual([error.message, error.more, error.cause.message], ['wrong', 1, 'why']);
  assert.match(error.stack!, /TypeError: wrong/);
});

test('functions and classes made in another realm run, and their instances belong to them', async () => {
  const made = runInContext(
    `(() => {
      let n = 1;
      n++;
      class Point { constructor(x) { this.x = x; } get twice() { return this.x * n; } }
      class Wrong extends RangeError { code = 'E' }
      class Rows extends Array { sum() { return this.reduce((a, b) => a + b); } }
      function Old() {}
      return {
        arrow: (x) => [x + n], old: function (x) { return { x, n }; }, async: async (x) => new Map([[x, n]]),
        generator: function* (x) { yield x + n; }, asyncs: async function* (x) { yield x + n; }, maker: Array, max: Math.max,
        point: new Point(4), wrong: new Wrong('far'), rows: Rows.from([1, 2]), made: new Old(),
      };
    })()`,
    context,
  ) as Record<string, (x: number) => unknown>;
  await using pool = new Pool(1);
  const looks = ({ point, wrong, rows, made: old, maker, generator }: Made): unknown[] => [
    point.twice,
    wrong instanceof RangeError && wrong.code,
    Array.isArray(rows) && rows.sum(),
    Object.getPrototypeOf(Object.getPrototypeOf(old)) === Object.prototype,
    maker === Array,
    [...generator(1)],
  ];
  interface Made {
    point: { twice: number };
    wrong: { code: string };
    rows: { sum(): number };
    made: object;
    maker: unknown;
    generator(x: number): Iterable<number>;
  }
  const { max: _, ...sendable } = made;
  assert.deepEqual(await pool.apply(looks, [sendable as unknown as Made]), [8, 'E', 3, true, true, [3]]);
  assert.deepEqual(await pool.apply(made.arrow!, [1]), [3]);
  assert.deepEqual(await pool.apply(made.old!, [1]), { x: 1, n: 2 });
  assert.deepEqual(await pool.apply(made.async!, [1]), new Map([[1, 2]]));
});

test('who only calls himself like a class of the language is none of these', () => {
  const Impostor = {
    Map: class {
      own = 1;
    },
  }.Map;
  Object.defineProperty(Impostor, 'name', { value: 'Map' });
  const there = decode(encode(new Impostor())) as { own: number };
  assert.equal(there.own, 1);
  assert.equal(there instanceof Map, false);
  assert.ok(there instanceof Impostor);
});

test('functions of another realm are sent again and again without a warning', async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  try {
    const f = runInContext('((n) => { n++; return () => ++n; })(1)', context) as () => number;
    for (let i = 0; i < 40; i++) encode(f);
    assert.equal((decode(encode(f)) as () => number)(), 3);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(warnings, []);
  } finally {
    process.off('warning', onWarning);
  }
});

test('variables of functions of another realm are seen live, and nothing is left there', async () => {
  await using pool = new Pool(1);
  const realm = createContext({ where: 'there' });
  const { change, fns, Reads } = runInContext(
    `(() => {
        let n = 1;
        const change = () => { n += 1; };
        class Reads { value() { return n; } }
        const owner = { n, make() { return () => [this.n, n]; } };
        return { change, Reads, fns: [() => n, (x) => { x?.(); return n; }, async () => n, function* () { yield n; }, owner.make()] };
      })()`,
    realm,
  ) as { change(): void; fns: ((x?: unknown) => unknown)[]; Reads: new () => { value(): number } };
  for (const f of [...fns, Reads]) encode(f);
  for (let now = 1; now < 4; now++) {
    for (const f of [fns[0]!, fns[1]!, fns[2]!]) assert.equal(pool.applySync(f), now);
    assert.deepEqual(
      pool.applySync((f: () => Iterable<unknown>) => [...f()], [fns[3] as never]),
      [now],
    );
    assert.deepEqual(pool.applySync(fns[4]!), [1, now]);
    assert.equal(
      pool.applySync((C: typeof Reads) => new C().value(), [Reads]),
      now,
    );
    change();
  }
  const again = questions(() => {
    for (const f of [...fns, Reads]) encode(f);
  });
  assert.deepEqual(again, []);
  assert.deepEqual(
    Reflect.ownKeys(runInContext('globalThis', realm)).filter((k) => /multiproc/.test(String(k))),
    [],
  );
});

test('a variable of another realm that is not initialised yet is refused until it is', async () => {
  await using pool = new Pool(1);
  const seen: unknown[] = [];
  const refuse = (f: unknown): void => assert.throws(() => encode(f), /"n": it is not initialised yet/);
  const context = createContext({ seen: (f: () => unknown) => seen.push(pool.applySync(f)), refuse });
  runInContext(
    '(() => { const f = () => n; const set = (v) => { n = v }; for (let i = 0; i < 20; i++) refuse(f); let n = 1; seen(f); set(5); seen(f); })()',
    context,
  );
  assert.deepEqual(seen, [1, 5]);
});

test('nothing of another realm is called for its variables', () => {
  const called: unknown[] = [];
  const context = createContext({ called });
  const { f, change } = runInContext(
    `(() => {
      let n = 1, Symbol = { for: (x) => { called.push(x); return x } }, globalThis = new Proxy({}, { get: (o, k) => called.push(k) });
      return { f: () => [n, typeof Symbol, typeof globalThis], change: () => { n++; Symbol = 1; globalThis = 2; } };
    })()`,
    context,
  ) as { f: () => unknown; change(): void };
  for (let i = 0; i < 20; i++) assert.throws(() => encode(f), /Symbol|globalThis|Proxy/);
  change();
  for (let i = 0; i < 20; i++) encode(f);
  assert.deepEqual(called, []);
});
