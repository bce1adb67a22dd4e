/** Where V8 stops first in a call: whatever a function begins with, nothing of it runs when its variables are looked at. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInThisContext } from 'node:vm';
import { inspect } from '../../src/codec/inspect.ts';
import { disableDebugger } from '../../src/codec/inspector.ts';
import { entrances } from '../../src/codec/live-closure.ts';
import type { Fn } from '../../src/codec/plan.ts';
import { scriptOf } from '../../src/codec/script.ts';
import { stopInside } from '../../src/codec/stop-inside.ts';
import { runNode } from '../support/run.ts';

interface Made {
  readonly functions: readonly Fn[];
  readonly ran: readonly string[];
  /** What functions could have changed without a call. */
  state(): unknown;
}

/** Functions, as they are written here, beside a variable `n` that is 2, and what leaves a trace when it runs. */
async function made(texts: readonly string[]): Promise<Made> {
  const source = `
    const ran = [];
    const trace = (name) => { ran.push(name); return o; };
    const o = {
      data: { more: { key: 'more' }, call: () => trace('call') },
      get p() { return trace('p') && (() => trace('called')); },
      m() { return trace('m'); },
      mixin: (Base) => { trace('mixin'); return Base; },
      [Symbol.toPrimitive]: () => trace('key') && 'more',
      Base: class { constructor() { trace('base'); } },
      gen: function* () { trace('gen'); },
    };
    const proxy = new Proxy(class {}, { get: () => trace('get') });
    const field = 'field';
    let variable;
    const make = (n) => {
      n++;
      variable = () => n;
      return [${texts.map((text) => `(${text})`).join(',\n')}];
    };
    export { ran };
    export const functions = make(1);
    export const state = () => [variable(), Reflect.ownKeys(o)];`;
  return (await import(`data:text/javascript,${encodeURIComponent(source)}`)) as Made;
}

/** The value of `n` in there. */
function lookedInto(fn: Fn): { readonly value: unknown } | undefined {
  const { location } = inspect(fn);
  const script = scriptOf(location!.scriptId, fn);
  const unit = script.unitAt(location!.lineNumber, location!.columnNumber)!;
  const [entrance] = entrances(fn, unit, script);
  const hidden = entrance?.unit.names.has('n') ? ['n'] : [];
  return entrance && stopInside(entrance, 'n', hidden);
}

/** Looks into all of them; which could be entered. */
async function entered(texts: readonly string[]): Promise<Record<string, boolean>> {
  const { functions, ran, state } = await made(texts);
  const result: Record<string, boolean> = {};
  const before = state();
  for (const [i, fn] of functions.entries()) {
    const seen = lookedInto(fn);
    if (seen !== undefined) assert.deepEqual(seen, { value: 2 }, texts[i]);
    assert.deepEqual(ran, [], texts[i]);
    assert.deepEqual(state(), before, texts[i]);
    result[texts[i]!] = seen !== undefined;
  }
  disableDebugger();
  return result;
}

async function areEntered(texts: readonly string[]): Promise<void> {
  assert.deepEqual(await entered(texts), Object.fromEntries(texts.map((text) => [text, true])));
}

async function areNotEntered(texts: readonly string[]): Promise<void> {
  assert.deepEqual(await entered(texts), Object.fromEntries(texts.map((text) => [text, false])));
}

let count = 0;

/** What statements are made of, each of which would leave a trace. */
const expressions = [
  'o?.p',
  'o.p',
  'o.p().m()',
  'o?.p().m()',
  'o.m()',
  'new (o.p().m)()',
  `\`\${o}\``,
  'o[o]',
];

const statements = [
  'E',
  'return E',
  'throw E',
  'const x = E',
  'let x, y = E',
  'var x = 1, y = E',
  'const { x } = E',
  'const [x] = E',
  'const x = () => 1, y = E',
  'let x; x = E',
  'let x; ({ x } = E)',
  'let x; [x] = E',
  'o[E] = 1',
  '(E).x = 1',
  '(E).x ??= 1',
  '(E).x++',
  'delete (E).x',
  'void E',
  '!E',
  'E, n',
  'E ? 1 : 2',
  'E && n',
  'E ?? n',
  '[E]',
  '[...E]',
  '({ a: E })',
  '({ ...E })',
  '(E)`x`',
  '(E)(E)',
  'import(E)',
  'if (E) n',
  'if (n) E; else E',
  'while (E) n();',
  'while (true) { E; break }',
  'do { E } while (0)',
  'do { n() } while (E)',
  'for (let x = E;;) ;',
  'for (; E;) n()',
  'for (;;) { E; break }',
  'for (const x of E) ;',
  'for (const { x } of E) ;',
  'for (const x in E) ;',
  'for ((o.p()).x of [1]) ;',
  'switch (E) { }',
  'switch (1) { case E: }',
  'try { E } finally { }',
  'try { } finally { E }',
  'try { throw 1 } catch { E }',
  'label: E',
  '{ { E } }',
  ';;; E',
  'debugger; E',
  'function x() { } E',
  'class A { } E',
  'class A { x = 1; static y; m() { } } class B extends A { } E',
  'class A extends o.Base { } E',
  'class A extends null { } E',
  'return class { static x = E }',
];

for (const e of expressions) {
  test(`a function is entered whatever statement begins it: ${e}`, async () => {
    await areEntered(statements.map((s) => `() => { ${s.replaceAll('E', e)}; n }`));
  });
}

test('all kinds of functions are entered', async () => {
  await areEntered([
    '() => n',
    '() => {}',
    '() => o.p().m(n)',
    'function () { return n }',
    'async () => { await o.p(); n }',
    'function* () { yield o.p + n }',
    'class { value() { o.p; n } }',
    'class extends o.Base { value() { o.p; n } }',
    'class { constructor() { o.p; n } value() { n } }',
  ]);
});

test('async functions and generators are entered where nobody is told of promises, also one that throws at once', async () => {
  const module = (name: string): string =>
    JSON.stringify(new URL(`../../src/codec/${name}.ts`, import.meta.url).href);
  // Not here, since the test runner is told of them.
  const program = `
    const { encode } = await import(${module('index')});
    const { post } = (await import('node:inspector')).Session.prototype;
    let asked = 0;
    (await import('node:inspector')).Session.prototype.post = function (...args) {
      if (args[0] === 'Runtime.getProperties') asked++;
      return Reflect.apply(post, this, args);
    };
    const ran = [];
    const make = (n) => [async ({ [n++]: x }) => { for (n++;;) ; }, async function* () { ran.push(n); yield n; }, function* () { ran.push(n); yield n; }, () => n, async () => { class A extends nothing { } ran.push(n); }, async function* ({ a }) { for await (const x of a) ran.push(n++); }];
    const made = make(1);
    for (const fn of made) {
      for (let i = 0; i < 2; i++) encode(fn);
      asked = 0;
      encode(fn);
      console.log(asked, ran.length, made[3]());
    }`;
  // Without code from text no break is scheduled: then their bodies are stepped into.
  for (const flags of [[], ['--disallow-code-generation-from-strings']]) {
    const args = [...flags, '--import', 'tsx', '--input-type=module', '-e', program];
    const { stdout, stderr } = await runNode(args, { timeout: 20_000 });
    assert.equal(stdout, '0 0 1\n'.repeat(6), stderr);
  }
});

test('what programs are full of is entered', async () => {
  await areEntered([
    '(x) => x * n',
    '(x) => x > 0 ? x : n',
    '(x) => x && o.p && n',
    '(x) => x ?? o.p ?? n',
    '(x) => ({ x, y: n, ...o })',
    '(x) => [x, n, o.p]',
    `(x) => \`\${x} \${n}\``,
    '(x) => !x.p.q(n)',
    '(x) => x.map((y) => y?.p + n).filter(Boolean)',
    '(x) => o.p = x + n',
    '(x) => new Map([[x, n]])',
    '(x) => (y) => x + y + n',
    '(x) => ((x + n))',
    '(x) => typeof x === "string" ? n : o.p',
    'async (x) => await o.m(x, n)',
    'async (x) => { try { return await o.m(x) } catch (e) { throw e } finally { n } }',
    'async (x) => { for (const y of x) await o.m(y, n) }',
    'async (x) => { for await (const y of x) n }',
    '(x, y = n) => { if (!x) return y; return o.p }',
    '({ x, y = o.p }) => { const z = x ? y : n; return z }',
    '(x) => { "use strict"; let sum = 0; for (let i = 0; i < x; i++) sum += n; return sum }',
    '(x) => { const { a, b: [c] } = o.p; const d = a?.b; return n }',
    '(x) => { const a = x?.p?.q ?? n; return a }',
    '(x) => { let a = x || o.p, b; return n }',
    '(x) => { let a; const b = a === x ? o.p : n; return b }',
    '(x) => { while (x.p) n }',
    '(x) => { while (true) { const y = o.p; if (y) break; n } }',
    '(x) => { x.p++; return n }',
    '(x) => { x.p ||= n }',
    '(x) => { delete x.p; n }',
    '(x) => { function f() { return n } return f() }',
    '(x) => { class A { m() { return n } } return new A() }',
    '(x) => { class A extends o.Base { constructor() { super(); } m() { return n } } return new A() }',
    '(x) => { const f = () => n; return f() }',
    'function (x) { return this.p + n }',
    '(x) => { return x.p + n }',
    '(x) => x?.p * n',
    '(x) => o.m(x?.p, n)',
    '(x) => { const y = [x?.p, o?.p]; return n }',
    '(x) => { if (x?.p) return n }',
    'class { a = [o?.p]; b = n }',
    'function (...x) { return Reflect.apply(o.m, this, [...x, n]) }',
    'function* (x) { let y = 0; while (true) yield y++ + n }',
    'class { a = 1; b = n; }',
    'class { a = []; b = new Map(); c = o.p ? 1 : n; }',
    'class { a = o.p ?? 5; b = n }',
    'class { #a = () => n; get a() { return this.#a() } }',
    'class { constructor(x) { this.x = x ?? n } }',
    'class extends o.Base { constructor(...x) { super(...x); this.n = n } }',
  ]);
});

test('no default of a parameter is evaluated', async () => {
  await areEntered([
    '(a = o.p) => n',
    '(a = o.p()) => n',
    '(a = o.m(), { b = new o.p } = o.p) => { o?.p; n }',
    '({ a: { b = o.m() } }) => { try { for (;;) { o.p() } } finally { n } }',
    '([a = o.m(), [b] = o.p]) => n',
    '(...[a = o.m()]) => n',
    '(a = class { static x = o.m() }) => n',
    '(a = o`x`) => { n }',
    '({ a: { b = o.m() }, c: [d = o.m(), ...[e = o.m()]], 0: f = o.m(), "g-h": i = o.m(), __proto__: j = o.m() }) => n',
    '([, , [a = o.m()], { b = o.m() }, ...c]) => n',
    '({ [o.data.more.key]: [a = o.m()], b = o.m(), ...c }) => n',
    'function* (a = o.m()) { o.p; yield n }',
    'async (a = o.m()) => { await o.p; n }',
    '(a = o.m()) => { class A { static { o.p; n } } }',
    'class { constructor(a = o.m()) { o.p; n } }',
    'class extends o.Base { constructor(a = o.m()) { super(o.p); n } }',
  ]);
});

test('a computed key of a parameter is evaluated only where that runs nothing', async () => {
  await areEntered([
    '({ [field]: a }) => n',
    '({ [field]: a = o.m(), ...b }) => n',
    `({ [\`\${field}s\`]: a }) => n`,
    '({ [o.data.more.key]: { [field]: a } }) => n',
    '({ [o.m()]: a }) => n',
    '({ [o.p]: a }) => n',
    '({ [o]: a }) => n',
    '([{ [o.p()]: a }]) => n',
    '({ a = o.m(), [o.data.call()]: b }) => n',
  ]);
  await areNotEntered(['({ [n++]: a }) => n', '([{ [delete o.p]: a }]) => n']);
});

test('a class that is declared first of all is entered at the first of its static members', async () => {
  await areEntered([
    ...expressions.filter((e) => !e.includes('?.')).map((e) => `() => { class A { static x = ${e} } n }`),
    ...expressions.map((e) => `() => { class A { static { ${e} } } n }`),
    ...expressions.map((e) => `() => { class A { static { class B { static { ${e} } } } } n }`),
    '() => { class A { x = o.p; m() {} static #y = o.p } n }',
    '() => { class A { static x = o.data?.more; static y = o.p } n }',
    '() => { class A { static x = o.data?.call() } n }',
    '() => { class A { static x = o.data?.more } o.p; n }',
    '() => { class A { [o.p]() {} static x = o.p } n }',
    '() => { class A { ["x"]() {} static y = o.p } n }',
    '() => { class A extends o.mixin(o.Base) { static x = o.p } n }',
    '() => { { class A { static x = o.p } } n }',
    '() => { label: { class A { static x = o.p } } n }',
    '() => { do { class A { static x = o.p } n } while (0) }',
    '() => { do { class A { } } while (o.p) }',
    '() => { if (1) { class A { static x = o.p } } n }',
    'function* () { class A { static x = o.p } n }',
  ]);
});

test('what a class that is declared first of all extends is entered by what is called for it', async () => {
  await areEntered([
    '() => { class A extends o.p { } n }',
    '() => { class A extends o.p().m { } n }',
    '() => { class A extends (o?.p) { } n }',
    '() => { class A extends proxy { } n }',
    '() => { class A extends o.mixin(o.p) { } n }',
    '() => { class A { static x = o?.p } n }',
    '() => { for (;;) { class A extends o.p { } n() } }',
    '() => { for (;;) { class A { static x = o.p } n } }',
    '() => { try { class A { static x = o.p } n } catch {} }',
    '() => { try { class A extends nothing { } } catch { o.m() } n }',
    '() => { switch (1) { case 1: class A { static x = o.p } } n }',
    '(B) => class extends B { x = n }',
    '(B) => class extends o.p { x = n }',
    '(B) => class { static x = o.p; y = n }',
    '() => (class extends o.p { }, n)',
    '() => (o.m(), n)',
    '() => (0, o?.p, n)',
    '() => o?.p(n)',
    '() => o?.p && o.m() && n',
    'class { field = class { static x = o.p }; last = n }',
    'class { field = (0, o.p, 1); last = n }',
    'class { field = o?.p; last = n }',
    'class { field = proxy?.p; last = n }',
    'class { field = o?.[o]; last = n }',
    'class { field = o.data?.more; other = o?.p; last = n }',
  ]);
});

test('nothing is entered that may do something before V8 stops', async () => {
  await areNotEntered([
    '() => { class A extends (n++, o.Base) { } n }',
    '() => { class A extends (n++)?.p { } n }',
    '() => { l: break l; class A extends (n++, o.Base) { } n }',
    '() => { for (const x in null) ; class A extends (n++, o.Base) { } n }',
    '() => { try { class A extends nothing { } } catch ({ [n++]: x }) { } n }',
    '() => { try { class A extends nothing { } } catch { for (;;) ; } n }',
    '({ a: { b = n++ }, a: { c } }) => n',
    '({ [field]: { b = n++ }, c: [d] }) => n',
    '(...{ 0: a = n++ }) => n',
    '() => { switch (n++) { case 1: let y; } n }',
    '() => { switch (n = 5) { case 1: break; default: class A { } } n }',
    '() => { switch (delete o.m) { case 1: function f() { } } n }',
    '() => { for (;;) switch (n++) { case 1: const y = 1; break } }',
    '() => { try { switch (n++) { case 1: let y } } finally { n } }',
    'class { constructor() { switch (n++) { case 1: let y } n } }',
    'class { static { } field; constructor() { switch (n++) { case 1: let y } n } }',
    'function* ({ k: [a] }) { switch (n++) { case 1: let y } n }',
    '() => { switch (1) { case 1: class A extends (n++, o.Base) { } } n }',
    '() => { switch (1) { case 1: break; o.m() } class A extends (n++, o.Base) { } }',
    '() => { switch (1) { case 1: { { break; } o.m() } } class A extends (n++, o.Base) { } }',
    '() => { switch (1) { case 1: if (1) break; o.m() } class A extends (n++, o.Base) { } }',
    '() => { switch (1) { case 1: try { break } finally { } o.m() } class A extends (n++, o.Base) { } }',
    '() => { switch (1) { case 1: do { break } while (o.m()) } class A extends (n++, o.Base) { } }',
    '() => { do { break } while (o.m()); class A extends (n++, o.Base) { } }',
    '() => { for (;;) { break } class A extends (n++, o.Base) { } }',
    '() => { l: switch (1) { case 1: break l; o.m() } class A extends (n++, o.Base) { } }',
    'function* ({ [n++]: a }) { n }',
    'async function* ({ [delete o.p]: a }) { n }',
    'function M(stdlib) { "use asm"; function g() { } return { g: g, n: n } }',
    '(() => { function M(stdlib) { "use asm"; const f = () => n; return f } return M() })()',
  ]);
});

/** What does something without a call. */
const deeds = ['n++', 'o.q = n', 'delete o.m'];

/** Expressions that begin with such. */
const beginning = [
  '(D)',
  '(D)?.q',
  '(D)?.[n]',
  '(D)?.q.p',
  '(D)?.q + n',
  '(D)?.q + n + 1',
  '(D)?.q && n',
  '(D)?.q || n || 1',
  '(D)?.q ?? n',
  '!(D)?.q',
  '(D)?.q ? n : 1',
  '((D)?.q, n)',
  '(0, (D)?.q, n)',
  '(n, D)',
  '0 || (D)?.q',
  '1 + (D)',
  '1 * (D)?.q * 2',
  'o?.[D]',
  '[(D)?.q]',
  '({ [(D)?.q]: n })',
  `\`\${(D)?.q}\``,
  'x = (D)?.q',
  'class extends (D)?.q { }',
  'class { [(D)?.q] = 1 }',
  'class { static x = (D)?.q }',
];

for (const text of [
  '(x) => (E)',
  '(x) => { return E }',
  '(x) => { (E); n }',
  '(x) => { const y = E; n }',
  '(x) => { let y = 1, z = E; n }',
  '(x) => { const { y } = E; n }',
  '(x) => { const [y] = E; n }',
  '(x) => { if (E) n }',
  '(x) => { while (E) break; n }',
  '(x) => { do { if (n) break } while (E); n }',
  '(x) => { for (E;;) break; n }',
  '(x) => { for (; E;) break; n }',
  '(x) => { for (const y of E) n }',
  '(x) => { for (const [y] of E) n }',
  '(x) => { for (const y in E) n }',
  '(x) => { switch (E) { } n }',
  '(x) => { switch (x) { case E: n } }',
  '(x) => { class A { [E]() { } } n }',
  '(x) => { class A { static y = E } n }',
  '(x) => { class A { static { (E) } } n }',
  '(x) => { try { (E) } finally { n } }',
  '(x, y = E) => n',
  'class { field = E; last = n }',
  'class { field = E; constructor() { o.p } last = n }',
]) {
  test(`nothing is done before V8 stops, whatever an expression begins with: ${text}`, async () => {
    const texts = deeds.flatMap((deed) =>
      beginning.map((e) => text.replace('E', () => e.replace('D', deed))),
    );
    await areEntered(texts);
  });
}

test('a `switch` whose cases declare variables is entered where nothing is done for it without a call', async () => {
  await areEntered([
    '() => { switch (o.m()) { case 1: let y } n }',
    '() => { switch (o.p) { case 1: let y } n }',
    '(x) => { switch (x) { case 1: const y = o.m(); break; default: class A { } } n }',
    '() => { switch (o.data) { case o.p: let y = n } }',
    '(x) => { switch (x) { case 1: return n; case 2: break; default: o.m() } return n }',
    '(x) => { switch (x) { case 1: { const y = o.p; break } case 2: { break } default: { throw n } } }',
    '(x) => { switch (x) { case 1: const y = 1; break; case 2: if (y) break; default: n } }',
    '(x) => { switch (true) { case x > n: break; default: o.m() } }',
    '() => { switch (n++) { case 1: { let y } } n }',
    '() => { switch (n++) { case 1: var y } n }',
    'async () => { switch (n++) { case 1: let y } n }',
    'function* () { switch (n++) { case 1: let y } n }',
  ]);
});

test('functions of other kinds are entered before they do anything at all', async () => {
  const bodies = [
    'n++',
    'for (;;) ;',
    '{ let n = o.m(); n }',
    'class A extends (n++, o.p) { }',
    'o.m()?.[n++]',
  ];
  await areEntered([
    ...bodies.flatMap((body) => [
      `async (x) => { ${body} }`,
      `async ({ [n++]: x }, [y = o.m()]) => { ${body} }`,
      `(() => { const f = async (x) => { ${body}; f }; return f })()`,
      `function* (x) { ${body} }`,
      `function* (x = o.m(), { y, z: { a = o.m() }, ...b } = o.p, ...c) { ${body} }`,
      `async function* (x) { ${body} }`,
      `async function* ({ x = o.m() }) { ${body}; for await (const y of x) (() => y + x)() }`,
    ]),
    'async (x) => (await x)?.y',
    'async (x) => (await x)?.[n++]',
    'async (x) => (await o)?.p + n',
    'async () => (n++)?.y',
  ]);
});

test('what has run often, so that it is machine code, is entered like anything else', async () => {
  const bodies = ['return (n = n)?.y', '(o.data.seen = 1) ? n : 0', 'o.data.seen?.x; for (const y of []) n'];
  const { functions, ran } = await made(
    bodies.flatMap((body) =>
      [
        `function (x) { ${body} }`,
        `async function (x) { ${body} }`,
        `function* (x) { ${body} }`,
        `class { x = (n = n)?.y; constructor(x) { ${body} } }`,
      ].map((text) => `(() => { const seen = o.data; return ${text} })()`),
    ),
  );
  for (const fn of functions) {
    const isClass = String(fn).startsWith('class');
    const run = isClass ? () => Reflect.construct(fn, [1]) : () => Reflect.apply(fn, undefined, [1]);
    for (let i = 0; i < 20_000; i++) run();
    const seen = lookedInto(fn);
    assert.deepEqual(seen, { value: 2 }, String(fn));
  }
  disableDebugger();
  assert.deepEqual(ran, []);
});

test('a call that throws before V8 stops in it ends nothing but itself', async () => {
  await areEntered(['async () => { class A extends nothing { } n }']);
  await areNotEntered([
    '([...{ a: { b } }]) => n',
    'function* ([...{ a: { b } }]) { n }',
    'class { constructor([...{ a: { b } }]) { n } }',
  ]);
});

test('a class with a key that is computed from `this` does not end the process', async () => {
  await areNotEntered(['(function () { return class { [this?.key] = 1; last = n } }).call(o)']);
});

test('a class of fields is entered where the first is given its value, behind chains that run nothing', async () => {
  await areEntered([
    ...expressions.slice(1, 3).map((e) => `class { field = ${e}; last = n }`),
    'class { field = o?.data; last = n }',
    'class { field = o.data?.more?.[field]; last = n }',
    'class { field = o.data?.call(); last = n }',
    'class { field = o.data?.call().more; other = o.p; last = n }',
    'class { field = o?.data; other = o.p; last = n }',
    'class { field = o?.data; constructor() { o.p }; last = n }',
    'class { field = o?.data; constructor(a = o.m()) { o.p }; last = n }',
    'class { field = o?.data; constructor({ a = o.m() }) { class A { static x = o.p } }; last = n }',
  ]);
});

test('a class of fields that has static ones too is entered where it does not end the process', async () => {
  await areEntered([
    'class { static { o.data; } field = n }',
    'class { static s = 1; field = n }',
    'class { static s; field = n }',
    'class { field = n; static { o.data; } static s = 2 }',
    'class { static s; field = n; constructor() { o.p } }',
    'class { static s; field = n; constructor(a = o.m()) { o.p } }',
    'class { static s; field = o?.data; constructor() { o.p; n } }',
    'class extends o.Base { static s; field = n }',
    'new (class { static s = 1; field = () => n })().field',
    'new (class { static s = 1; field = class { static t; other = n } })().field',
  ]);
});

test('nothing runs either where V8 has its places elsewhere than one would think', async () => {
  await entered([
    '() => o?.p(n)',
    '() => (o.m(), o?.p, n)',
    '() => (0, o?.p, n)',
    '() => (class extends o.p { }, n)',
    '() => { const x = (0, o?.p?.q, 0); n }',
    '() => { o.m(); while (o?.p) n }',
    '() => { o.m(); try { } finally { while (o?.p) n } }',
    '() => { for (const x of [o.m()]) { while (o?.p) n } }',
    '() => { try { } catch { o.x } o.m(); n }',
    '() => { try { } catch { while (o?.p) ; } while (o?.m()) n }',
    '() => { try { class A extends o.gen { } } catch { class B extends o.p { } } n }',
    '() => { try { class proxy { } } finally { class B extends proxy { } } n }',
    '(a = (0, o?.p)) => { for (const x of o?.p) n }',
    '() => { while (0) o.m(); o.m(); n }',
    '() => { for (; 0;) o.m(); o.m(); n }',
    '() => { do { } while (0); o.m(); n }',
    '() => { while (!1) ; o.m(); n }',
    '() => { switch (o.p) { case 1: let x } n }',
    '() => { for ((0, o?.p, 0);;) n }',
    `() => { class A { [o.data?.call(\`\${o}\`)]() { } } n }`,
    '() => { class A { [o.p?.()]() { } static { o.m() } } n }',
    '() => { class A { static { (0, o?.p, 0) } } n }',
    '(...{ a = o.m() }) => n',
    '(a, ...{ 150: b = o.m() }) => n',
    '([...{ a = o.m() }]) => n',
    `([${'a, '.repeat(120).replaceAll('a', () => `a${count++}`)} b = o.m()]) => n`,
    '({ [Symbol.iterator]: { a = o.m() } }) => n',
    '({ [(o.missing?.x)[o.p]]: a }) => n',
    'class { field = (0, o?.p, 0); last = n }',
    'class { field = 0 || o.p || 1; last = n }',
    '(() => { function* g() { yield n } g.prototype.next = () => trace("next"); return g })()',
    '(() => { async function* g() { yield n } g.prototype = { get next() { trace("next") } }; return g })()',
    'class { m() { o.m(); while (o?.p) n } }',
  ]);
});

test('an endless loop is not entered', async () => {
  const bodies = [
    '',
    '1',
    '"x"',
    'if (0) n',
    'if (1) { ; }',
    'l: break l',
    'x',
    'this',
    '() => n',
    'let y = x',
    'switch (x) { }',
  ];
  await areNotEntered([
    ...bodies.map((body) => `(x) => { while (true) { ${body} } n }`),
    ...bodies.map((body) => `(x) => { for (;;) { ${body} } n }`),
    ...bodies.map((body) => `(x) => { do { ${body} } while (1); n }`),
    '() => { for ("";;) ; n }',
    '() => { class A { static { for (;;) ; } } n }',
  ]);
});

test('a variable of the same name inside is not taken for the one around', async () => {
  await areEntered([
    '(n) => n',
    '() => { let n = 5; return n }',
    '() => { { let n = 5; o.m() } return n }',
    '() => { { const n = 5; { let n = 6; o.m() } } return n }',
    '(n) => { { let n = 5; o.m() } }',
    '() => { { function n() { } o.m() } return n }',
    '() => { { class n { } o.m() } return n }',
    '() => { for (let n = o.m(); n; n = o.m()) ; return n }',
    '() => { for (const n of o.p) ; return n }',
    '() => { for (const n in o.p) ; return n }',
    '() => { switch (o.p) { case 1: let n = 5 } return n }',
    '() => { class n extends o.p { } }',
    '(n) => { class A { [o.p]() { } } }',
    '(n) => { { class A { static x = o.p } } }',
    '({ m(n) { class A { [o.p] = 1 } } }).m',
    '() => { o.m(); { let n = 5; o.m() } return n }',
    '() => { if (o.p) for (const n of o.p) ; return n }',
    '() => { o.m(); { let n = 5; (() => n)() } return n }',
    'async (x) => { try { await o.m(n) } catch (n) { o.m(n) } }',
    'function* (x) { yield n; for (let n = 0; n < 5; n++) yield n }',
    'async () => { for (let n = o.m(); n; ) (() => n)(); return n }',
    'function* () { for (let n = o.m(); n; ) (() => n)(); yield n }',
    'async function* () { { let n = 5; o.m(() => n) } yield n }',
    'class { field = 1; constructor(n) { o.m() } last = n }',
    'class { field = n; constructor({ n }) { o.m() } }',
    'class { #field = n; constructor(n = o.m()) { o.m() } }',
    'class { field = () => n; constructor() { const n = o.m() } }',
    'class { static s = 1; field = n; constructor(n) { o.m() } }',
    'class extends o.Base { field = n; constructor(n) { super() } }',
    'class { constructor() { { let n = o.m() } } m() { return n } }',
  ]);
  // A closure has that one; some versions stop before it is there.
  await entered([
    '(n) => () => n',
    '(n, x = () => n) => n',
    '() => { try { class A extends nothing { } } catch (n) { o.m() } n }',
    '() => { { let n = 5; o.m(() => n) } return n }',
    '() => { for (let n = o.m(); n; ) (() => n)(); return n }',
    '() => { for (const n of o.p) (() => n)(); return n }',
    'class { field = n; constructor(n) { o.m(() => n) } }',
  ]);
  await areNotEntered(['() => { { let n = 5; o.m(() => n) } return n }']);
});

test('no variable of the surroundings is lost where one inside has its name', async () => {
  const { fns, kept } = runInThisContext(`(() => {
    // A variable that is a property of an object, as that of the function is shown.
    eval('var n = 1');
    return {
      fns: [(n) => n, () => { { let n = 5; String(n) } return n }, () => { for (let n = 0; n < 1;) { String(n); break } return n }, () => { { let n = 5; String(() => n) } return n }],
      kept: () => n,
    };
  })()`) as { fns: readonly Fn[]; kept(): number };
  for (const fn of fns) {
    lookedInto(fn);
    assert.equal(kept(), 1, String(fn));
  }
  disableDebugger();
});
