/** Variables of a function that is sent again and again: always their values of now, and nothing of the function runs here. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext, runInThisContext } from 'node:vm';
import { encode } from '../../src/codec/index.ts';
import { inspect } from '../../src/codec/inspect.ts';
import { disableDebugger } from '../../src/codec/inspector.ts';
import { LiveScopes } from '../../src/codec/live-scopes.ts';
import type { Fn } from '../../src/codec/plan.ts';
import { scriptOf } from '../../src/codec/script.ts';
import { Pool } from '../../src/index.ts';

/** So many sends that any way of reading variables comes into use. */
const SENDS = 40;

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
  for (let i = 0; i < SENDS; i++) encode(both.inc, { again: true });
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
  for (let i = 0; i < SENDS; i++) encode(f, { again: true });
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
    fields.method,
    Object.getOwnPropertyDescriptor(fields, 'accessor')!.get,
    class {
      field = ++runs;
      constructor() {
        runs++;
      }
    },
  ];
  for (const f of functions) sendOften(f);
  assert.equal(runs, 0);
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
  assert.throws(() => encode(computed), { name: 'SerializationError', message: /computed key/ });
  assert.equal(runs, 0);
});

function looksInto(fn: Fn): { live: LiveScopes; look: (names: readonly string[], again: boolean) => void } {
  const { location } = inspect(fn);
  const unit = scriptOf(location!.scriptId).unitAt(location!.lineNumber, location!.columnNumber);
  disableDebugger();
  const live = new LiveScopes(unit!);
  const look = (whole: readonly string[], again: boolean): void => {
    live.wasRead(fn, inspect(fn).scopes, () => ({ names: [], whole }), again);
    disableDebugger();
  };
  return { live, look };
}

test('a function that is sent often is not asked of the inspector each time', () => {
  const { add, get } = pair();
  const { live, look } = looksInto(get);
  look(['n'], true);
  assert.equal(live.read(), undefined, 'not worth it yet');
  for (let i = 0; i < SENDS; i++) look(['n'], true);
  assert.deepEqual({ ...live.read()!.at(-1) }, { n: 0 });
  add();
  assert.deepEqual({ ...live.read()!.at(-1) }, { n: 1 });
});

test('a scope of which the function hides a part is asked of the inspector', () => {
  // Made here, since loaders rename what is hidden.
  const f = runInThisContext(`(() => {
    let n = 0, hidden = 5;
    globalThis.keep = () => hidden++;
    return (hidden) => n++ + hidden;
  })()`) as Fn;
  const { live, look } = looksInto(f);
  for (let i = 0; i < SENDS; i++) look(['n'], true);
  assert.equal(live.read(), undefined);
  Reflect.deleteProperty(globalThis, 'keep');
});

test('a variable that is not initialised yet is undefined there until it is', async () => {
  await using pool = new Pool(1);
  const f = (): number => late;
  const g = (): void => {
    late += 1;
  };
  const both = { f, g };
  for (let i = 0; i < SENDS; i++) encode(both, { again: true });
  assert.equal(await pool.apply(f), undefined);
  let late = 1;
  assert.equal(await pool.apply(f), 1);
  late = 2;
  assert.equal(await pool.apply(f), 2);
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
