/** Functions whose text needs care before it can be evaluated elsewhere. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { runInThisContext } from 'node:vm';
import { loadSync } from '../../src/codec/modules.ts';
import { ImportRef } from '../../src/codec/plan.ts';
import { Pool } from '../../src/index.ts';
import { library, runNode, temporaryDirectory } from '../support/run.ts';

type Functions = Record<string, (...args: unknown[]) => unknown>;

const pool = new Pool(1);
after(() => pool.terminate());

async function moduleOf(source: string): Promise<Functions> {
  return (await import(`data:text/javascript,${encodeURIComponent(source)}`)) as Functions;
}

test('a call of a shared variable does not go on with the line before, where no semicolon ends that', async () => {
  const m = await moduleOf(`
    let f = null
    export const set = (to) => { f = to }
    export const number = () => {
      const a = 1
      f()
      return a
    }
    export const branches = (x) => {
      if (x)
        f()
      else
        f(1)
      switch (x) {
        case 1:
          x += 1
          f\`a\`
      }
      do
        f()
      while (false)
      return x
    }
    export const text = () => f()`);
  m.set!(() => 7);
  assert.deepEqual(
    [
      await pool.apply(m.number!),
      await pool.apply(m.branches!, [1]),
      await pool.apply(m.branches!, [0]),
      await pool.apply(m.text!),
    ],
    [1, 2, 0, 7],
  );
});

test('captured variables may have any name', async () => {
  const m = await moduleOf(`
    const $e = 5, $v = 6, $ = 7, $$ = 8;
    export const all = () => [$e, $v, $, $$];
    export const make = () => class { static of = $e; get() { return [$v, $e]; } };`);
  assert.deepEqual(await pool.apply(m.all!), [5, 6, 7, 8]);
  const cls = m.make!() as new () => { get(): unknown };
  assert.deepEqual(await pool.apply((c: typeof cls) => new c().get(), [cls]), [6, 5]);
});

test('classes may have statics that are called as the properties of every function', async () => {
  const m = await moduleOf(`
    export class A { static name() { return 'x'; } static length = 5; }
    export class B { static get name() { return 'got'; } static length() { return 6; } }
    export class C { static name = 'field'; }`);
  type Named = Record<'name' | 'length', unknown>;
  const given = (f: unknown): unknown => (typeof f === 'function' ? f() : f);
  const read = (...classes: Named[]): unknown => classes.map((c) => [given(c.name), given(c.length)]);
  const { A, B, C } = m;
  assert.deepEqual(await pool.apply(read, [A, B, C] as unknown as Named[]), [
    ['x', 5],
    ['got', 6],
    ['field', 0],
  ]);
});

test('what an exported variable holds by now travels as what it is called for good', async (t) => {
  const directory = temporaryDirectory(t);
  const file = path.join(directory, 'lib.mjs');
  writeFileSync(
    file,
    `export let current = function a() { return 'a'; }; export const change = () => { current = b; };
     export function b() { return 'b'; }`,
  );
  const m = (await import(pathToFileURL(file).href)) as Functions;
  m.change!();
  assert.deepEqual([await pool.apply(m.current!), await pool.apply(m.b!)], ['b', 'b']);
});

test('functions that inherit by their prototypes do so in the receiver', async () => {
  const m = await moduleOf(`
    import { inherits } from 'node:util'; import { EventEmitter } from 'node:events';
    export function Old() {} Old.prototype.hello = function () { return 'hello'; };
    export function Sub() {} Sub.prototype = Object.create(Old.prototype); Sub.prototype.constructor = Sub;
    export function Deep() {} inherits(Deep, Sub);
    export class Base { greet() { return 'hi'; } }
    export function FromClass() {} Object.setPrototypeOf(FromClass.prototype, Base.prototype);
    export function Emitter() {} inherits(Emitter, EventEmitter);
    export const here = () => [new Deep() instanceof Old, new Deep().hello(), new FromClass() instanceof Base, new FromClass().greet(),
      new Emitter() instanceof EventEmitter];
    export const given = (o) => [o instanceof Old, o instanceof Sub, o.hello()];`);
  const all = [true, 'hello', true, 'hi', true];
  assert.deepEqual(m.here!(), all);
  assert.deepEqual(await pool.apply(m.here!), all);
  const Deep = m.Deep as unknown as new () => object;
  assert.deepEqual(
    await pool.apply((o: object, f: unknown) => (f as (o: object) => unknown)(o), [new Deep(), m.given]),
    [true, true, 'hello'],
  );
  assert.ok((await pool.apply(() => 1)) === 1 && new Deep() instanceof (m.Old as never));
});

test('functions whose prototype was replaced make the same objects in the receiver', async () => {
  const m = await moduleOf(`
    export function Literal() { this.x = 1; } Literal.prototype = { hello() { return 'hello' + this.x; } };
    function Old() {} Old.prototype.hello = () => 'old';
    export function Made() {} Made.prototype = Object.create(Old.prototype); Made.prototype.own = 1;
    export function Instance() {} Instance.prototype = new Old();
    export function Bare() {} Bare.prototype = Object.create(null); Bare.prototype.hello = () => 'bare';
    export function Shared() {} Shared.prototype = Old.prototype;
    export function* numbers() { yield 1; } numbers.prototype.extra = 5;
    export const here = () => [new Literal().hello(), new Literal().constructor === Object, new Made() instanceof Old,
      new Made().hello(), new Made().own, new Made().constructor === Old, new Instance().hello(), new Bare().hello(),
      Object.getPrototypeOf(Bare.prototype), new Shared() instanceof Old, new Shared().hello(), numbers().extra, [...numbers()]];
    export const look = (o, F) => [o instanceof F, o.hello(), o.self === o];
    export const make = (F) => new F();`);
  assert.deepEqual(await pool.apply(m.here!), m.here!());
  type Made = { self?: unknown };
  for (const name of ['Literal', 'Made', 'Instance', 'Bare', 'Shared']) {
    const F = m[name] as unknown as new () => Made;
    const o = new F();
    o.self = o;
    // The instance comes before its function, in the first message too.
    assert.deepEqual(await pool.apply(m.look!, [o, F]), m.look!(o, F), name);
    assert.ok((await pool.apply((x: Made) => x, [o])) instanceof F, name);
    assert.ok((await pool.apply(m.make!, [F])) instanceof F, name);
  }
});

test('instances of an imported function whose prototype was replaced are such in the receiver', async (t) => {
  const directory = temporaryDirectory(t);
  const file = path.join(directory, 'lib.cjs');
  writeFileSync(file, 'function F() {} F.prototype = { hello() { return 5; } }; module.exports = { F };');
  const { F } = createRequire(import.meta.url)(file) as { F: new () => { hello(): number } };
  const look = (o: { hello(): number }, Class: typeof F): unknown => [o instanceof Class, o.hello()];
  assert.deepEqual(await pool.apply(look, [new F(), F]), [true, 5]);
  assert.ok((await pool.apply((o: object) => o, [new F()])) instanceof F);
});

test('static private fields have in the receiver what they have here by now', async () => {
  const m = await moduleOf(`
    let runs = 0;
    const make = () => {
      class A {
        static #n = ++runs; static #map = new Map([['a', 1]])
        static #late
        static #self = new A(); static #symbol = Symbol.for('x')
        static #twice() { return A.#n * 2 } static get #half() { return A.#n / 2 }
        static { this.#late = runs++ ? 'again' : 'once'; this.open = [1] }
        static inc() { A.#map.set('n', ++A.#n); return A.#n }
        static all() { return [A.#n, [...A.#map], A.#late, A.#self instanceof A, A.#symbol, A.#twice(), A.#half, A.open] }
      }
      return class B extends A { static #own = [5]; static own() { return [B.#own, B.inc(), ...B.all()] } }
    }
    export const B = make()
    export const inc = () => B.inc()
    export const place = () => { const C = class { static #x = 1; static
      #y = 2; static fail() { throw new Error(C.#x + C.#y) } }; return C }`);
  const cls = m.B as unknown as { own(): unknown[]; inc(): number };
  cls.inc();
  const there = await pool.apply((B: typeof cls) => B.own(), [cls]);
  assert.deepEqual(there, cls.own());
  assert.equal(await pool.apply(m.inc!), 4);
  cls.inc();
  assert.equal(await pool.apply(m.inc!), 5);
  // A worker may send it on, and back.
  const on = await pool.apply(
    async (B: typeof cls, P: typeof Pool) => {
      B.inc();
      const inner = new P(1);
      try {
        return [B, await inner.apply((C: typeof cls) => C.own(), [B])];
      } finally {
        inner.terminate();
      }
    },
    [cls, Pool] as const,
  );
  assert.equal(on[0], cls);
  cls.inc();
  assert.deepEqual(on[1], cls.own());
  const C = m.place!() as { fail(): void };
  const thrown = async (f: () => unknown): Promise<Error> => {
    try {
      await f();
    } catch (e) {
      return e as Error;
    }
    throw new Error('nothing was thrown');
  };
  const here = await thrown(() => C.fail());
  const carried = await thrown(() => pool.apply((c: typeof C) => c.fail(), [C]));
  assert.equal(carried.message, '3');
  const place = /:\d+:\d+/.exec(here.stack!.split('\n')[1]!)![0];
  assert.ok(carried.stack!.includes(place), carried.stack);
});

test('functions of a static private field may use private members', async () => {
  const m = await moduleOf(`
    export class T {
      static #table = { add: (x) => T.#n + x, list: [function () { return T.#table.add(1) }] }
      static #n = 2
      static up() { T.#n++; return [T.#table.add(1), T.#table.list[0]()] }
    }
    export const W = class { static #f = () => W.#n; static #n = 2; static set() { W.#f = () => 1 } static go() { return W.#f() } }
    export const up = (C) => C.up();
    export const go = (C) => C.go();`);
  assert.deepEqual(m.up!(m.T), [4, 4]);
  assert.deepEqual(await pool.apply(m.up!, [m.T]), [5, 5]);
  // One that may be another by now is not made again.
  await assert.rejects(pool.apply(m.go!, [m.W]), { message: /static #f → function #f: it uses #n/ });
});

test('what a static private field holds must be able to travel', async () => {
  const m = await moduleOf(`
    export class W { static #w = new WeakMap(); static f() { return W.#w } }
    export const f = () => () => W.f()`);
  await assert.rejects(pool.apply(m.f!() as () => unknown), {
    message: /closure variable "W" → static #w → WeakMap: /,
  });
});

test('a direct eval of a literal text finds what that names', async () => {
  const m = await moduleOf(`
    const top = 7;
    export const make = () => {
      const s = 9, t = 'x';
      let n = 0;
      const next = () => ++n;
      return {
        plain: () => eval('s'),
        template: () => eval(\`t + s\`),
        statements: () => eval('const q = 1; var v = top; q + v + s'),
        inner: () => eval('() => [s, top]')(),
        shared: () => [next(), eval('n'), eval('next()'), n],
        declared: () => eval('let s = 1; s'),
        wrong: () => { try { return eval('s +'); } catch (e) { return e.name; } },
        escaped: () => [n, eval('\\u0020typeof n')],
      };
    };`);
  const all = m.make!() as Record<string, () => unknown>;
  const expected = {
    plain: 9,
    template: 'x9',
    statements: 17,
    inner: [9, 7],
    shared: [1, 1, 2, 2],
    declared: 1,
  };
  for (const [name, value] of Object.entries({
    ...expected,
    wrong: 'SyntaxError',
    escaped: [0, 'undefined'],
  })) {
    assert.deepEqual(await pool.apply(all[name]!), value, name);
  }
  const bound = await moduleOf(
    `export const f = function () { return eval('(() => this.k + 1)()'); }.bind({ k: 1 });`,
  );
  assert.equal(await pool.apply(bound.f!), 2);
});

test('functions and classes that a direct eval has made see what is around that', async () => {
  const m = await moduleOf(`
    const top = 7;
    export const make = () => {
      const z = 5;
      let w = 1;
      return [eval('() => z'), eval('() => [z, w, top, typeof nowhere]'), eval('(class { m() { return z; } })'), () => [w++, top]];
    };`);
  const [a, b, C] = m.make!() as [() => unknown, () => unknown, new () => { m(): unknown }];
  assert.equal(await pool.apply(a), 5);
  assert.deepEqual(await pool.apply(b), [5, 1, 7, 'undefined']);
  assert.equal(await pool.apply(() => new C().m()), 5);
});

test('what a direct eval or another script writes is seen', async () => {
  const m = await moduleOf(`
    export const make = () => { let n = 1; return { f: () => n, set: (code) => eval(code) }; };`);
  const { f, set } = m.make!() as { f(): number; set(code: string): void };
  assert.equal(await pool.apply(f), 1);
  for (let i = 2; i < 30; i++) {
    set(`n = ${i}`);
    assert.equal(await pool.apply(f), i);
  }
  const g = runInThisContext('let quite = 1, odd = () => quite; odd') as () => number;
  for (let i = 1; i < 30; i++) {
    assert.equal(await pool.apply(g), i);
    runInThisContext('quite++');
  }
});

test('functions that sloppy code declares in blocks are seen from outside of these', async () => {
  const text = `{ function atTop() { return 'top'; } }
    [() => atTop(), ...(function (p) {
      let hidden = () => 'outer';
      if (p) { function a() { return b() } function b() { return 'b' } function hidden() { return 'inner' } function p() {} }
      switch (p) { case 1: function c() { return 'c' } }
      if (p) function d() { return 'd' }
      label: function e() { return 'e' }
      try { throw 1 } catch (f) { { function f() { return 'f' } } }
      try { throw [1] } catch ([g]) { { function g() { return 'g' } } }
      for (let h of [1]) { function h() {} }
      { function twice() { return 'first' } } { function twice() { return 'second' } }
      { async function late() {} function* many() {} }
      return [() => a(), () => hidden(), () => p, () => c(), () => d(), () => e(), () => f(), () => twice(),
        () => [typeof g, typeof h, typeof late, typeof many].join()];
    })(1)]`;
  const functions = runInThisContext(text) as (() => unknown)[];
  const here = functions.map((f) => f());
  assert.deepEqual(here.slice(0, 4), ['top', 'b', 'outer', 1]);
  assert.deepEqual(await Promise.all(functions.map((f) => pool.apply(f))), here);
});

test('methods with computed names need no space before them', async () => {
  const m = await moduleOf(`
    const k = 'k';
    export const o = { async[k](x) { return x }, get[k + 1]() { return 1 }, *[k + 2]() { yield 2 } };
    export class A { static async[k](x) { return x } static get[k + 1]() { return 3 } }`);
  const o = m.o as unknown as Functions;
  assert.equal(await pool.apply(o.k!, [4]), 4);
  assert.equal(await pool.apply((m.A as unknown as Functions).k!, [5]), 5);
  const getter = Object.getOwnPropertyDescriptor(o, 'k1')!.get as () => number;
  assert.equal(await pool.apply(getter), 1);
});

test('exports of a CommonJS module are known to its functions, and to those of the main script', async (t) => {
  const directory = temporaryDirectory(t);
  const file = path.join(directory, 'lib.cjs');
  const text = `exports.k = 4; exports.twice = (x) => x * 2;
    exports.job = () => () => [exports.twice(exports.k), module.exports.k];`;
  writeFileSync(file, text);
  const { job } = createRequire(import.meta.url)(file) as { job(): () => unknown };
  assert.deepEqual(await pool.apply(job()), [8, 4]);
  const main = path.join(directory, 'main.cjs');
  writeFileSync(
    main,
    `${text} const { Pool } = require(${JSON.stringify(library)}); const pool = new Pool(1);
     pool.apply(exports.job()).then((x) => { console.log(x.join()); exports.k = 5; return pool.apply(exports.job()); })
       .then((x) => { console.log(x.join()); pool.terminate(); });`,
  );
  const { stdout, stderr } = await runNode(['--import', 'tsx', main], { timeout: 20_000 });
  assert.equal(stdout, '8,4\n10,5\n', stderr);
});

test('what a CommonJS module exports by now travels as what it exports for good', async (t) => {
  const directory = temporaryDirectory(t);
  const file = path.join(directory, 'lib.cjs');
  writeFileSync(
    file,
    `exports.named = exports.given = void 0;
     function named() { return 'named'; }
     exports.named = named;
     exports.given = function () { return 'given'; };
     exports.early = () => 'early';
     exports.lazy = void 0;
     exports.other = () => 'other';
     exports.load = () => { exports.lazy = () => 'lazy'; };
     exports.change = () => { exports.named = () => 'later'; module.exports.given = () => 'later, too'; };
     exports.restore = () => { exports.named = named; };`,
  );
  const m = createRequire(import.meta.url)(file) as Functions;
  const all = async (): Promise<unknown[]> => [
    await pool.apply(m.named!),
    await pool.apply(m.given!),
    await pool.apply(m.other!),
  ];
  assert.deepEqual(await all(), ['named', 'given', 'other']);
  m.change!();
  assert.deepEqual(await all(), ['later', 'later, too', 'other']);
  m.restore!();
  assert.equal(await pool.apply(m.named!), 'named');
  m.early = m.other!;
  assert.equal(await pool.apply(m.early), 'other');
  m.load!();
  assert.equal(await pool.apply(m.lazy!), 'lazy');
  // A module may export a literal as a whole.
  const whole = path.join(directory, 'whole.cjs');
  writeFileSync(
    whole,
    "function a() { return 'a'; } function b() { return 'b'; } module.exports = { a, b };",
  );
  const w = createRequire(import.meta.url)(whole) as Functions;
  w.a = w.b!;
  assert.equal(await pool.apply(w.a), 'b');
});

test('what is at the top of a script that is no module is found on the global object', async () => {
  const text = `
    const { Pool } = require(${JSON.stringify(library)});
    var v = 1, w = 1; function g() { return 5; }
    const pool = new Pool(1);
    const reads = () => [v, w, g()], changes = () => ++w;
    (async () => {
      console.log((await pool.apply(reads)).join());
      v; w = 2;
      console.log((await pool.apply(reads)).join(), await pool.apply(changes), await pool.apply(g));
      for (let i = 0; i < 40; i++) { w = i; await pool.apply(reads); }
      console.log((await pool.apply(reads)).join());
      pool.terminate();
    })()`;
  const { stdout, stderr } = await runNode(['--import', 'tsx', '-e', text], { timeout: 20_000 });
  assert.equal(stdout, '1,1,5\n1,2,5 3 5\n1,39,5\n', stderr);
});

test('what a flag of the engine defines is the receiver’s own', async () => {
  const text = `
    import { Pool } from ${JSON.stringify(library)};
    const pool = new Pool(1);
    globalThis.highest = Math.max;
    console.log(await pool.apply(() => [typeof gc, highest(1, 2)]));
    pool.terminate();`;
  const args = ['--expose-gc', '--import', 'tsx', '--input-type=module', '-e', text];
  const { stdout, stderr } = await runNode(args, { timeout: 20_000 });
  assert.equal(stdout, "[ 'function', 2 ]\n", stderr);
});

test('functions of fs.promises travel, whoever has loaded it', async () => {
  const text = `
    import { Pool } from ${JSON.stringify(library)};
    import fs from 'node:fs';
    const { access } = fs.promises;
    const pool = new Pool(1);
    console.log(await pool.apply(fs.promises.access, ['/']), await pool.apply(() => access('/')));
    pool.terminate();`;
  const { stdout, stderr } = await runNode(['--import', 'tsx', '--input-type=module', '-e', text], {
    timeout: 20_000,
  });
  assert.equal(stdout, 'undefined undefined\n', stderr);
});

test('a module that is loaded at once is found whatever its path is made of', (t) => {
  const directory = path.join(temporaryDirectory(t), 'a#b %41');
  mkdirSync(directory);
  const file = path.join(directory, 'lib.cjs');
  writeFileSync(file, 'exports.f = 5;');
  const exports = loadSync(new ImportRef(pathToFileURL(file).href, '', '=', '', true)) as { f: number };
  assert.equal(exports.f, 5);
});

test('old-style errors travel with all that they have', async () => {
  const m = await moduleOf(`
    import { inherits } from 'node:util';
    export function Old(message) { Error.captureStackTrace(this, Old); this.message = message; this.code = 5; }
    inherits(Old, TypeError); Old.prototype.name = 'Old';
    export function Made(message) { this.message = message; } Made.prototype = Object.create(Error.prototype);
    export function Instance(message) { this.message = message; } Instance.prototype = new Error();
    export const look = (e, E) => [e instanceof E, e instanceof Error, e.message, e.name, e.code];
    export const fails = (E) => { throw new E('thrown'); };`);
  for (const name of ['Old', 'Made', 'Instance']) {
    const E = m[name] as unknown as new (message: string) => Error;
    const e = new E('why');
    assert.deepEqual(await pool.apply(m.look!, [e, E]), m.look!(e, E));
    const there = await pool.apply(m.fails!, [E]).catch((x: unknown) => x);
    assert.deepEqual(m.look!(there, E), m.look!(new E('thrown'), E));
  }
  const { stack } = (await pool.apply(m.fails!, [m.Old]).catch((x: unknown) => x)) as Error;
  assert.match(stack!, /thrown\n(.*\n)*.*\[in process \d+ .*called from\]\n(.*\n)*.*code\.test/);
});

test('an instance of a function is one there, also where that was sent before and has no methods', async () => {
  const m = await moduleOf(`
    export function Old(x) { this.x = x; }
    export const make = (x) => new Old(x);
    export const isOne = (o) => [o.x, o instanceof Old], isOneToo = (o) => o instanceof Old;`);
  assert.deepEqual(await pool.apply(m.isOne!, [m.make!(1)]), [1, true]);
  assert.equal(await pool.apply(m.isOneToo!, [m.make!(2)]), true);
  assert.deepEqual(await pool.apply(m.isOne!, [m.make!(3)]), [3, true]);
  assert.deepEqual(m.isOne!(await pool.apply(m.make!, [4])), [4, true]);
});
