/** Variables of a function that is sent again and again: always their values of now, and nothing of the function runs here. */
import assert from 'node:assert/strict';
import { createHook, executionAsyncId } from 'node:async_hooks';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext, runInThisContext } from 'node:vm';
import { encode, encodeFunction, sendFirst, sendOnce } from '../../src/codec/index.ts';
import { inspect } from '../../src/codec/inspect.ts';
import { disableDebugger } from '../../src/codec/inspector.ts';
import { LiveScopes } from '../../src/codec/live-scopes.ts';
import type { Fn } from '../../src/codec/plan.ts';
import { recover, venture } from '../../src/codec/price.ts';
import { scriptOf } from '../../src/codec/script.ts';
import { Pool } from '../../src/index.ts';
import { questions } from '../support/inspector.ts';

/** So many sends that any way of reading variables comes into use, however much garbage there is. */
const SENDS = 150;

/** Milliseconds: no look is declined for want of them here. */
const PLENTY = 1e6;
recover(PLENTY);

let moduleLevel = 0;
const readsModuleLevel = (): number => moduleLevel;

function pair(): { add(): void; get(): number; both: { inc: () => number; get: () => number } } {
  let n = 0;
  return {
    add: () => {
      n += 1;
    },
    get: () => n,
    both: { inc: () => ++n, get: () => n },
  };
}

test('a function that is sent often takes the values of the moment along', async () => {
  await using pool = new Pool(1);
  const [one, other] = [pair(), pair()];
  let closed = 0;
  const looped: (() => number)[] = [];
  for (let i = 0; i < 3; i++) looped.push(() => i + closed);
  const readsBoth = (): number[] => [one.get(), other.get(), closed];
  for (let i = 1; i <= SENDS; i++) {
    moduleLevel = i;
    closed = i * 10;
    one.add();
    if (i % 2 === 0) other.add();
    assert.equal(await pool.apply(readsModuleLevel), i);
    assert.equal(await pool.apply(looped[2]!), 2 + i * 10);
    assert.deepEqual(await pool.apply(readsBoth), [i, Math.floor(i / 2), i * 10]);
    assert.equal(await pool.apply(other.get), Math.floor(i / 2));
  }
});

test('functions that are sent often share their variables there, however each was read', async () => {
  await using pool = new Pool(1);
  const { both } = pair();
  // One of the two alone is sent more often.
  for (let i = 0; i < SENDS; i++) encode(both.inc);
  const task = ({ inc, get }: typeof both): number => {
    inc();
    inc();
    return get();
  };
  for (let i = 0; i < SENDS; i++) assert.equal(await pool.apply(task, [both]), 2);
  assert.equal(both.get(), 0);
});

/** Sends `f` often, beside something that changes, so that nothing is remembered. */
function sendOften(f: unknown): void {
  for (let i = 0; i < SENDS; i++) encode(f);
}

test('sending a function often runs nothing of it', () => {
  let runs = 0;
  const fields = {
    get accessor(): number {
      return ++runs;
    },
    method(): number {
      return ++runs;
    },
  };
  const functions: unknown[] = [
    () => ++runs,
    () => {
      runs++;
      throw new Error(String(runs));
    },
    async () => ++runs,
    function* () {
      yield ++runs;
    },
    async function* () {
      yield ++runs;
    },
    (a = ++runs) => a,
    ({ a } = { a: ++runs }) => a,
    ({ a: { b = ++runs } }: { a: { b?: number } }) => b,
    ([a = ++runs, , { b = ++runs }]: [number, unknown, { b?: number }]) => [a, b],
    (...[a = ++runs, b = ++runs]: number[]) => [a, b],
    ({ [`key${++runs}`]: a = 1 }: Record<string, number>) => a,
    (a = called()) => [a, ++runs],
    ({ a = [new Date(), { b: called() }] }) => [a, ++runs],
    (a: unknown = `${String(runs)}`) => [a, ++runs],
    (a: unknown = () => called()) => [a, ++runs],
    function* (a: unknown = [...[called()]]) {
      yield [a, ++runs];
    },
    fields.method,
    Object.getOwnPropertyDescriptor(fields, 'accessor')!.get,
    class {
      field = ++runs;
      constructor() {
        runs++;
      }
    },
  ];
  function called(): number {
    return ++runs;
  }
  for (const f of functions) {
    sendOften(f);
    assert.equal(runs, 0, String(f));
  }
});

test('taking along the `this` of an arrow function evaluates no default of its parameters', () => {
  let runs = 0;
  class Owner {
    readonly n = 3;
    make(): unknown[] {
      return [
        (a = ++runs) => this.n + a,
        ({ a = ++runs }) => this.n + a,
        async ([a = ++runs]: number[]) => this.n + a,
      ];
    }
  }
  for (const f of new Owner().make()) encode(f);
  assert.equal(runs, 0);
  const computed = function (this: Owner): unknown {
    return ({ [`key${++runs}`]: a = 1 }: Record<string, number>) => [this.n, a];
  }.call(new Owner());
  assert.throws(() => encode(computed), {
    name: 'SerializationError',
    message: /without running a part of it/,
  });
  const calls = function (this: Owner): unknown {
    return (a = String(++runs)) => [this.n, a, ++runs];
  }.call(new Owner());
  encode(calls);
  const declares = function (this: Owner): unknown {
    return () => {
      class Local {
        static readonly n = ++runs;
        readonly m = Local.n;
      }
      return [this.n, Local.n];
    };
  }.call(new Owner());
  assert.deepEqual(there(declares as () => unknown), [3, 1]);
  assert.equal(runs, 0);
});

function looksInto(fn: Fn): { live: LiveScopes; look: (names: readonly string[]) => void } {
  const { location } = inspect(fn);
  const script = scriptOf(location!.scriptId, fn);
  const unit = script.unitAt(location!.lineNumber, location!.columnNumber);
  disableDebugger();
  const live = new LiveScopes(unit!, script);
  const look = (names: readonly string[]): void => sendFirst(() => live.wasReadSlowly(fn, () => names));
  return { live, look };
}

test('a function that was sent is not asked of the inspector the second time', () => {
  const { add, get } = pair();
  const { live, look } = looksInto(get);
  look(['n']);
  assert.deepEqual({ ...live.read()!.at(-1) }, { n: 0 });
  add();
  assert.deepEqual({ ...live.read()!.at(-1) }, { n: 1 });
});

test('async_hooks are told of no promise of an async function that is looked into', () => {
  let told = 0;
  const id = executionAsyncId();
  const hook = createHook({
    init: (_, type) => {
      if (type === 'PROMISE') told++;
    },
  }).enable();
  try {
    const make = (n: number): Fn[] => {
      n++;
      return [
        async () => n,
        async (a = n) => await a,
        async function* () {
          yield n;
        },
        async function* ({ a = n }) {
          yield a;
        },
      ];
    };
    for (const fn of make(1)) {
      const { live, look } = looksInto(fn);
      for (let i = 0; i < SENDS; i++) look(['n']);
      assert.notEqual(live.read(), undefined);
    }
  } finally {
    hook.disable();
  }
  assert.deepEqual([told, executionAsyncId()], [0, id]);
});

test('deep in a recursion nothing is called to be looked into, since V8 would describe the whole stack', () => {
  const { get } = pair();
  const { live, look } = looksInto(get);
  const deep = (n: number): void => {
    if (n > 0) deep(n - 1);
    else for (let i = 0; i < SENDS; i++) look(['n']);
  };
  const { stackTraceLimit, prepareStackTrace } = Error;
  deep(400);
  assert.equal(live.read(), undefined);
  assert.deepEqual([Error.stackTraceLimit, Error.prepareStackTrace], [stackTraceLimit, prepareStackTrace]);
  deep(50);
  assert.notEqual(live.read(), undefined);
});

test('nothing is left in the global object', () => {
  const keys = Reflect.ownKeys(globalThis);
  const { get } = pair();
  sendOften(get);
  assert.deepEqual(Reflect.ownKeys(globalThis), keys);
});

test('what else a function hides of the scope does not matter', () => {
  // Made here, since loaders rename what is hidden.
  const f = runInThisContext(`(() => {
    let n = 0, hidden = 5;
    globalThis.keep = () => hidden++;
    return (hidden) => n++ + hidden;
  })()`) as Fn;
  const { live, look } = looksInto(f);
  look(['n']);
  assert.deepEqual({ ...live.read()!.at(-1) }, { n: 0 });
  Reflect.deleteProperty(globalThis, 'keep');
});

test('whether functions share a variable is found out for certain where one of them is seen live, and not by looks', async () => {
  type Counter = { inc: () => unknown; get: () => unknown; late: (n: unknown) => unknown };
  const { make, set } = await moduleOf<{ make(v: unknown): Counter; set: (n: number) => void }>(`
    let top = 0;
    export const set = (n) => { top = n };
    export const make = (v) => {
      let other = 0;
      // The last is not seen live: what it begins with hides the variable.
      return { inc: () => { v = typeof v === 'number' ? v + 1 : [v]; return v }, get: () => v, late: (x) => { { let v = x; if (v) return () => v; } return (v = [v, top]); } };
    };
  `);
  const task = (change: (x: unknown) => unknown, get: () => unknown): unknown => {
    change(0);
    return get();
  };
  for (const value of [0, 1, 0.5, Number.NaN, 'text', undefined, null, 2n, Symbol.for('s')]) {
    const changed = typeof value === 'number' ? value + 1 : [value];
    const [a, b] = [make(value), make(value)];
    for (const f of [a.inc, b.inc, a.get, b.get]) sendOften(f);
    assert.deepEqual(there(task, a.inc, a.get), changed, 'two of one call share it');
    assert.deepEqual(there(task, a.inc, b.get), value, 'two of two calls do not, however alike they are');
    assert.deepEqual([a.get(), b.get()], [value, value], 'what it was is there again');
    assert.deepEqual(there(task, a.late, a.get), [value, 0], 'one of the two is seen live');
    assert.deepEqual(there(task, a.late, b.get), value);
    assert.deepEqual([a.get(), b.get()], [value, value]);
  }
  set(1);
});

test('what was taken for one variable, since it looked alike, is told apart the second time', () => {
  type Pair = { get: () => unknown; set(v: number): void };
  const make = runInThisContext('(n) => ({ get: () => n, set: (v) => { n = v } })') as (n: number) => Pair;
  const joined = runInThisContext(
    '(a, b) => { const { set } = a, { get } = b; return () => { set(41); return get(); } }',
  ) as (a: Pair, b: Pair) => () => unknown;
  const [a, b] = [make(1), make(1)];
  for (const [f, value] of [
    [joined(a, b), 1],
    [joined(a, a), 41],
  ] as const) {
    const first = encodeFunction(f);
    const again = encodeFunction(f);
    assert.equal(first.isSame(), first.bytes.equals(again.bytes));
    assert.equal(again.isSame(), true);
    assert.equal(there(f), value);
  }
});

test('what is inside of a `with` is refused if it needs anything from outside', () => {
  const written: unknown[] = [];
  const store = Object.defineProperty({}, 'n', { get: () => 1, set: (v) => written.push(v) });
  const make = runInThisContext(
    '(store) => { let n = 5; n++; with (store) { return [() => n, (v) => { n = v }, (x) => x + 1] } }',
  ) as (store: object) => ((x: number) => unknown)[];
  const [get, set, pure] = make(store);
  for (const f of [get, set]) {
    assert.throws(() => encode(f), { name: 'SerializationError', message: /inside of a `with`/ });
  }
  assert.equal(there(pure!, 1), 2);
  assert.deepEqual(written, []);
});

test('a constant that somebody tries to give a value is sent like any other', async () => {
  const { make } = await moduleOf<{ make: () => { tries(): unknown; get(): unknown } }>(`
    export const make = () => {
      const c = 1;
      return { tries: () => { c = 2; }, get: () => c };
    };
  `);
  const { tries, get } = make();
  for (const f of [tries, get]) sendOften(f);
  assert.equal(
    there((f, _) => f(), get, tries),
    1,
  );
});

test('a variable that is not initialised yet is refused until it is', async () => {
  await using pool = new Pool(1);
  const f = (): number => late;
  const g = (): void => {
    late += 1;
  };
  const both = { f, g };
  for (let i = 0; i < SENDS; i++) assert.throws(() => encode(both), notInitialised);
  await assert.rejects(pool.apply(f), notInitialised);
  let late = 1;
  assert.equal(await pool.apply(f), 1);
  late = 2;
  assert.equal(await pool.apply(f), 2);
});

const notInitialised = {
  name: 'SerializationError',
  message: /closure variable "late": it is not initialised yet/,
};

/** A module of its own, as it is written here: loaders rename variables that are hidden. */
async function moduleOf<T>(source: string): Promise<T> {
  return (await import(`data:text/javascript,${encodeURIComponent(source)}`)) as T;
}

/** How often the debugger is enabled meanwhile: some milliseconds each. */
function enables(work: () => void): number {
  return questions(work).filter((command) => command === 'Debugger.enable').length;
}

let elsewhere: Pool | undefined;

/** What a function gives in another process: here, it would be the one that was sent. */
function there<A extends unknown[], R>(f: (...args: A) => R, ...args: A): Awaited<R> {
  elsewhere ??= new Pool(1);
  return elsewhere.applySync(f, args);
}

after(() => elsewhere?.terminate());

const valueGiven = (cls: new () => { value(): unknown }): unknown => new cls().value();

/** Sends one after the other, each twice. */
function sendTwice(...values: unknown[]): void {
  for (const value of values) for (let i = 0; i < 2; i++) encode(value);
}

test('what is hardly sent again is not made fast, until it is sent otherwise', async () => {
  const { f, g } = await moduleOf<Record<string, () => number>>(
    'const make = (n) => { (() => n++)(); return [() => n, () => n * 2]; }; export const [f, g] = make(1);',
  );
  sendTwice(f!);
  assert.equal(
    enables(() => sendOnce(() => encode(g))),
    0,
  );
  assert.equal(
    enables(() => encode(g)),
    1,
  );
  assert.equal(
    enables(() => encode(g)),
    0,
  );
});

test('that one function of a literal could be sent again fast makes none of the others fast', async () => {
  const made = await moduleOf<{ list: (() => number)[] }>(
    'const make = (n) => { (() => n++)(); return () => n; }; export const list = [1, 2, 3].map(make);',
  );
  const counts = made.list.slice(0, 2).map((f) => enables(() => encodeFunction(f)));
  assert.deepEqual(counts, [1, 0]);
  const { isSame } = encodeFunction(made.list[0]!);
  assert.ok(isSame());
  assert.equal(
    enables(() => encodeFunction(made.list[1]!)),
    0,
    'what was sent without does not wait for it the second time',
  );
  assert.equal(
    enables(() => encodeFunction(made.list[2]!)),
    1,
    'now that one was sent again, others may be',
  );
});

test('functions of a script share what is seen at its top, whichever was sent first', async () => {
  const m = await moduleOf<Record<string, () => unknown> & { change(to: number): void }>(`
    let n = 0, hidden = 'top', late;
    export const first = (hidden) => hidden;
    export const second = () => n;
    export const third = () => [n, early];
    export function fourth() { return [hidden, n++]; }
    export const change = (to) => { n = to; hidden += to; early = to };
    export const initialise = () => {};
    let early = 5;
  `);
  encode(m.first);
  assert.equal(
    enables(() => sendTwice(m.second, m.third)),
    0,
    'the debugger is not needed any more',
  );
  assert.equal(
    enables(() => sendTwice(m.fourth)),
    1,
    'the first hides a variable',
  );
  for (const n of [1, 2]) {
    m.change!(n);
    assert.equal(there(m.second!), n);
    assert.deepEqual(there(m.third!), [n, n]);
    assert.deepEqual(there(m.fourth!), [n === 1 ? 'top1' : 'top12', n]);
  }
});

test('a variable at the top that is not initialised when its script is first seen is refused, and read once it is', async () => {
  type M = { first: () => unknown; reads: () => unknown };
  const seen: unknown[] = [];
  const hook = (m: M): void => {
    if (seen.length > 0) {
      sendTwice(m.first, m.reads);
      seen.push(there(m.reads));
      return;
    }
    encode(m.first);
    for (let i = 0; i < 2; i++) assert.throws(() => encode(m.reads), notInitialised);
    seen.push(['refused']);
  };
  Reflect.set(globalThis, 'sendsWhileLoading', hook);
  try {
    await moduleOf(`
      const first = () => 1, reads = () => [late, set];
      const set = () => late = 2;
      globalThis.sendsWhileLoading({ first, reads });
      let late = 1;
      globalThis.sendsWhileLoading({ first, reads });
      set();
      globalThis.sendsWhileLoading({ first, reads });
    `);
  } finally {
    Reflect.deleteProperty(globalThis, 'sendsWhileLoading');
  }
  assert.deepEqual(
    seen.map((s) => (s as unknown[])[0]),
    ['refused', 1, 2],
  );
});

test('what a block around a function hides is not taken for what is at the top', async () => {
  const m = await moduleOf<{ fs: (() => unknown)[]; change(): void }>(`
    let a = 'top', b = 'b', c = 'c';
    export const fs = [];
    {
      let a = Math.random(), c = Math.random(); // nothing captures the first
      fs.push(() => b, () => c);
      a++, c++;
    }
    fs.push(() => a, () => [a, b, c]);
    export const change = () => { a += '!', b += '!', c += '!' };
  `);
  sendTwice(...m.fs);
  m.change();
  assert.equal(typeof there(m.fs[1]!), 'number');
  assert.deepEqual(
    [0, 2, 3].map((i) => there(m.fs[i]!)),
    ['b!', 'top!', ['top!', 'b!', 'c!']],
  );
});

test('a CommonJS module that was loaded anew has variables of its own', () => {
  const load = createRequire(import.meta.url);
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'multiproc-')), 'twice.cjs');
  try {
    writeFileSync(file, 'let n = 0; exports.both = { get: () => n, add: () => ++n };');
    const [one, other] = [0, 1].map(() => {
      delete load.cache[file];
      return (load(file) as { both: { get: () => number; add: () => number } }).both;
    });
    sendTwice(one!.get, other!.get);
    one!.add();
    assert.deepEqual([there(one!.get), there(other!.get)], [1, 0]);
    other!.add();
    other!.add();
    assert.deepEqual([there(one!.get), there(other!.get)], [1, 2]);
  } finally {
    rmSync(path.dirname(file), { recursive: true });
  }
});

test('a closure that is made anew for each message costs the debugger once', async () => {
  const { make } = await moduleOf<{ make: (n: number) => () => number }>(
    'export const make = (n) => { (() => n++)(); return () => n; };',
  );
  encode(make);
  const fresh = enables(() => {
    for (let i = 0; i < 10; i++) assert.equal(there(make(i)), i + 1);
  });
  assert.equal(fresh, 1);
  const again = make(100);
  assert.ok(enables(() => sendOften(again)) <= 2, 'one that is sent often is worth it');
  assert.equal(
    enables(() => encode(again)),
    0,
  );
});

test('many literals whose functions are sent but once do not each cost the debugger', async () => {
  const makers = Array.from({ length: 60 }, (_, i) => `(n) => { (() => n++)(); return () => n + ${i}; }`);
  const { fs } = await moduleOf<{ fs: (() => number)[] }>(
    `export const fs = [${makers.join(', ')}].map((make, i) => make(i));`,
  );
  venture(PLENTY);
  const count = enables(() => {
    for (const [i, f] of fs.entries()) assert.equal(there(f), 2 * i + 1);
  });
  recover(PLENTY);
  assert.ok(count < 20, `${count} of ${fs.length}`);
  // None was made in vain, then, so that the next are made.
  sendTwice(...fs);
});

test('what makes the next message fast comes after the one in hand', async () => {
  const { f, g } = await moduleOf<Record<string, () => number>>(
    'const make = (n) => { (() => n++)(); return [() => n, () => -n]; }; export const [f, g] = make(1);',
  );
  encode(f);
  let before = 0;
  const all = enables(() =>
    sendFirst(() => {
      before = enables(() => encode(g));
    }),
  );
  assert.deepEqual([before, all], [0, 1]);
  assert.throws(() => encode([g, new WeakMap()]), { name: 'SerializationError' });
});

test('classes are read through one of their methods, and nothing of them runs', async () => {
  type Thing = new () => { value(): unknown };
  const m = await moduleOf<Record<string, Thing> & { change(): void; runs(): number; reset(): void }>(`
    let n = 0, runs = 0, made = 0;
    export const change = () => n++;
    export const runs_ = () => runs;
    const local = (m) => {
      m++;
      class Local { [(runs, 'value')]() { return m; } bump(m = runs++) { runs++; return m; } static bump() { runs++; m++; } }
      return Local;
    };
    export class Plain { constructor() { made++; } value() { return n; } }
    export class Hides { first(n = runs++) { runs++; return n; } get x() { return ++runs; } value() { return n; } }
    export class OnlyStatic { static #p = 1; static f(a = runs++) { runs++; return n + OnlyStatic.#p; } value = () => n; }
    export class NoMethod { value = () => n; get accessor() { runs++; return n; } set accessor(v) { runs++; } }
    export class Async { async a() { runs++; } *g(x = runs++) { runs++; yield n; } async *h() { runs++; } value() { return n; } }
    export class Derived extends Plain { value() { runs++; return ['derived', n, super.value()]; } }
    export class Replaced { method() { return n; } value() { return n; } }
    export class Accessor { method() { return n; } value() { return n; } }
    let calls = 0;
    Replaced.prototype.method = function () { runs++; };
    Object.defineProperty(Accessor.prototype, 'method', { get() { runs++; return () => n; } });
    export const Local = local(10);
  `);
  const names = [
    'Plain',
    'Hides',
    'OnlyStatic',
    'NoMethod',
    'Async',
    'Derived',
    'Replaced',
    'Accessor',
    'Local',
  ];
  const runs = m.runs_ as unknown as () => number;
  const now: Record<string, unknown> = {};
  for (const round of [1, 2, 3]) {
    for (let i = 0; i < 3; i++) for (const name of names) encode(m[name]);
    m.change();
    for (const name of names) now[name] = there(valueGiven, m[name]!);
    assert.deepEqual(now, {
      ...Object.fromEntries(names.map((name) => [name, round])),
      Derived: ['derived', round, round],
      Local: 11,
    });
  }
  // Whether it was so: their copies are run above, in copies of the variable.
  assert.equal(runs(), 0);
});

test('a class is read without the inspector where the engine can stop before its first step, and nothing of it runs', async () => {
  const m = await moduleOf<{ make: (n: number) => Record<string, Fn>; ran: string[] }>(`
    export const ran = [];
    class Base { constructor() { ran.push('base'); } }
    export const make = (n) => {
      n++;
      return {
        Method: class { value() { return n; } },
        Static: class { field = n; static of() { return n; } },
        Getter: class { field = ran.push('field'); get value() { ran.push('get'); return n; } },
        Setter: class { set value(v) { ran.push('set'); n = v; } },
        StaticGetter: class { static get value() { ran.push('get'); return n; } },
        Constructor: class { constructor(a = ran[0], { b } = a) { ran.push('made'); this.n = n; } },
        Calls: class { constructor(a = ran.push('default')) { ran.push('made'); this.n = n; } },
        Hides: class { constructor(x) { const n = x; ran.push('made'); this.n = n; } value = () => n },
        Private: class { #value() { return n; } static of = (it) => it.#value(); },
        Derived: class extends Base { field = (ran.push('field'), n); },
        DerivedConstructor: class extends Base { field = n; constructor(a = [ran]) { ran.push('made'); super(); } },
        Computed: class { field = 1; ['value']() { return n; } },
        Field: class { field = n; constructor() { ran.push('made'); } },
        FieldAlone: class { field = n++; },
        FieldThatCalls: class { field = ran.push(n++); },
        Fields: class { #hidden; bare; 'first' = { a: n++, b: ran.push('first') }; second = ran.push('second'); },
        FieldsOnLines: class {
          // The first of them.
          [Symbol.iterator]
            =
              () => n;
          other = ran.push('other');
        },
        FieldIsFunction: class { field = function () { return n; }; other = ran.push('other'); },
        FieldIsClass: class { field = class { static of = ran.push(n); }; },
        Bare: class { bare; constructor(m) { ran.push('made'); this.bare = n; } },
        Chain: class { field = ran?.[n]; },
        ChainThatCalls: class { field = ran?.push(1); },
        ChainThatWrites: class { field = ran?.[n++]; },
      };
    };
  `);
  const quick: Record<string, boolean> = {};
  for (const [name, cls] of Object.entries(m.make(1))) {
    const { live, look } = looksInto(cls);
    // So often that it pays, whatever became of those before.
    for (let i = 0; i < 16 && live.scopes === undefined; i++) look(['n']);
    quick[name] = live.read() !== undefined;
    if (quick[name]) assert.deepEqual({ ...live.read()!.at(-1) }, { n: 2 }, name);
  }
  assert.deepEqual(quick, {
    Method: true,
    Static: true,
    Getter: true,
    Setter: true,
    StaticGetter: true,
    Constructor: true,
    Calls: true,
    Hides: true,
    Private: true,
    Derived: true,
    DerivedConstructor: true,
    Computed: true,
    Field: true,
    FieldAlone: true,
    FieldThatCalls: true,
    Fields: true,
    FieldsOnLines: true,
    FieldIsFunction: true,
    FieldIsClass: true,
    Bare: true,
    Chain: true,
    ChainThatCalls: true,
    ChainThatWrites: true,
  });
  assert.deepEqual(m.ran, []);
});

test('variables with the names of properties of every object travel as they are', async () => {
  const { make } = await moduleOf<{ make: () => { get: () => unknown; change: () => void } }>(`
    export const make = () => {
      let constructor = 1, toString = 2, __proto__ = 3;
      return {
        get: () => [constructor, toString, __proto__],
        change: () => { constructor++, toString++, __proto__++ },
      };
    };
  `);
  const { get, change } = make();
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(there(get), [1 + i, 2 + i, 3 + i]);
    change();
  }
});

test('a function that was sent often can be collected', async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const made = (() => {
    const { get } = pair();
    sendOften(get);
    return new WeakRef(get);
  })();
  for (let i = 0; i < 20 && made.deref() !== undefined; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
  assert.equal(made.deref(), undefined);
});

test('a variable that a block hides is not taken for the one around, however alike they are at first', async () => {
  const { make, set } = await moduleOf<{ make: () => Fn; set: (value: unknown) => void }>(`
    let v;
    export const set = (value) => { v = value; };
    export const make = () => (a) => { { let v = 7; String(v); } return v; };
  `);
  const f = make();
  for (let i = 0; i < SENDS; i++) encode(f);
  set('new');
  assert.ok(encode(f).includes('new'));
});

test('the name of a function expression is known to the functions inside of it', () => {
  const make = runInThisContext(`(function outer(deep) {
    const own = { of: outer.name };
    return [() => typeof outer, () => outer(true)[0](), class { value() { return outer.name; } }, (outer_, n = () => outer) => n().name, own];
  })`) as (deep?: boolean) => [() => string, () => string, new () => { value(): unknown }, () => string];
  const [type, calls, Value, inside] = make();
  for (let i = 0; i < 2; i++) {
    assert.equal(there(type), 'function');
    assert.equal(there(calls), 'function');
    assert.equal(there(valueGiven, Value), 'outer');
    assert.equal(there(inside), 'outer');
  }
});
