/** Where functions are, by the engine's word without its inspector. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { createContext, runInContext, runInThisContext } from 'node:vm';
import { encode } from '../../src/codec/index.ts';
import { inspect } from '../../src/codec/inspect.ts';
import { disableDebugger } from '../../src/codec/inspector.ts';
import type { Fn } from '../../src/codec/plan.ts';
import { positionOf } from '../../src/codec/position.ts';
import { recover } from '../../src/codec/price.ts';
import { scriptOf } from '../../src/codec/script.ts';
import { Pool } from '../../src/index.ts';
import { questions } from '../support/inspector.ts';
import { runNode } from '../support/run.ts';

// No look is declined for want of time here.
recover(1e6);

const source = new URL('../../src/codec/position.ts', import.meta.url);

/** All kinds of functions. */
const kinds = `
  class A { constructor(x) { this.x = x; } static s() {} get g() { return 1; } set g(v) {} #p() {} *gen() {} async a() {} p() { return this.#p; } }
  class B extends A { f = () => this; static { B.inner = function /* ( */ named /* ( */ (a, b) { return a + b; }; } }
  return [
    () => 1, x => x, async x => x, function () {}, function named() {}, function* g() {}, async function* ag() {}, async function af() {},
    A, B, B.inner, A.s, new B().f, A.prototype.gen, A.prototype.a, new A().p(), Object.getOwnPropertyDescriptor(A.prototype, 'g').get,
    Object.getOwnPropertyDescriptor(A.prototype, 'g').set, { m() {} }.m, { async *[1 + 1]() {} }[2], class {}, (() => class { x = 1 })(),
  ];`;

test('it is where the inspector says, for all kinds of functions and scripts', async () => {
  const text = `(function () {${kinds}})`;
  const module = `data:text/javascript,${encodeURIComponent(`export default ${text}`)}`;
  const sets = [
    ((await import(module)) as { default: () => Fn[] }).default(),
    (runInThisContext(text, { lineOffset: 5, columnOffset: 11, filename: 'placed.js' }) as () => Fn[])(),
    (runInContext(text, createContext({})) as () => Fn[])(),
    (new Function(`${kinds}`) as () => Fn[])(),
  ];
  for (const set of sets) {
    assert.equal(set.length, 22);
    for (const fn of set) {
      const { location } = inspect(fn);
      const { scriptId, lineNumber, columnNumber } = location!;
      const offset = scriptOf(scriptId, fn).offsetOf(lineNumber, columnNumber);
      assert.deepEqual(positionOf(fn), { scriptId, offset }, String(fn));
    }
  }
  disableDebugger();
});

test('what has no script has no position', () => {
  for (const fn of [Math.max, (() => 1).bind(null), Array, process.cwd.call.bind(Math.max)]) {
    assert.equal(positionOf(fn as Fn), undefined);
  }
});

test('what is native is not taken for a function of a script', () => {
  const text = `
    const head = [0, 97, 115, 109, 1, 0, 0, 0], type = [1, 4, 1, 96, 0, 0], body = [3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 4, 1, 2, 0, 11];
    return new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.of(...head, ...type, ...body))).exports.f;`;
  const wasm = new Function(text)() as unknown;
  // It has a script of its own, with a text that is none.
  const empty = runInContext('Object.getPrototypeOf(Function.prototype.apply)', createContext({})) as unknown;
  for (const fn of [wasm, empty]) {
    assert.throws(() => encode(fn), { name: 'SerializationError', message: /native code that has no name/ });
  }
});

test('a closure that captures nothing is sent without the inspector, and another is looked into once', async () => {
  await using pool = new Pool(1);
  const make = (n: number): (() => number)[] => [() => 1, () => n];
  encode(make(0));
  const [nothing, one] = make(4);
  assert.deepEqual(
    questions(() => encode(nothing)),
    [],
  );
  const asked = questions(() => encode(one));
  assert.equal(asked.filter((q) => q === 'Runtime.getProperties').length, 1);
  assert.equal(await pool.apply(make(5)[1]!), 5);
});

test('a closure of a module is not looked for among exports that are certainly others', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'multiproc-'));
  const file = path.join(directory, 'exports.mjs');
  try {
    writeFileSync(
      file,
      `export function make(n) { return () => n; }
       export class A {} export const list = [], object = {}, text = 'a', other = () => 2;`,
    );
    const { make } = (await import(pathToFileURL(file).href)) as { make: (n: number) => () => number };
    encode(make(1));
    const asked = questions(() => encode(make(2)));
    assert.equal(asked.filter((q) => q === 'Runtime.getProperties').length, 1);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a function that a module exports under a name of its own travels by reference, however it was made', async () => {
  await using pool = new Pool(1);
  const directory = mkdtempSync(path.join(tmpdir(), 'multiproc-'));
  const file = path.join(directory, 'named.mjs');
  try {
    writeFileSync(
      file,
      `let loads = process.pid; const make = () => () => loads; const inner = () => loads;
       export const [destructured] = [() => loads], called = make(), { deep = () => loads } = {}, same = inner;
       export let late; late = () => loads; export { inner as renamed }; export default class { static pid = () => loads; }`,
    );
    const m = (await import(pathToFileURL(file).href)) as Record<string, () => number>;
    for (const name of ['destructured', 'called', 'deep', 'same', 'late', 'renamed']) {
      assert.notEqual(await pool.apply(m[name]!), process.pid, name);
    }
    assert.notEqual(await pool.apply((c: { pid(): number }) => c.pid(), [m.default as never]), process.pid);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('it is known when the engine has thrown its code away meanwhile', async () => {
  const text = `
    const { positionOf } = await import(${JSON.stringify(source.href)});
    const answers = [];
    for (let i = 0; i < 3; i++) {
      answers.push(positionOf(() => 1).offset > 0, positionOf(Math.max));
      gc();
      await new Promise(setImmediate);
    }
    console.log(String(answers));`;
  const flags = [
    '--expose-gc',
    '--flush-bytecode',
    '--stress-flush-code',
    '--import',
    'tsx',
    '--input-type=module',
  ];
  const { stdout } = await runNode([...flags, '-e', text], { timeout: 20_000 });
  assert.equal(stdout, 'true,,true,,true,\n');
});

test('where no code may be made of text the inspector tells', async () => {
  const index = new URL('../../src/codec/index.ts', import.meta.url);
  const text = `
    const { positionOf } = await import(${JSON.stringify(source.href)});
    const { encode } = await import(${JSON.stringify(index.href)});
    const n = 3;
    console.log(positionOf(() => 1), encode(() => n).length > 0, encode((() => n).bind(null)).length > 0);`;
  const flags = ['--disallow-code-generation-from-strings', '--import', 'tsx', '--input-type=module'];
  const { stdout } = await runNode([...flags, '-e', text], { timeout: 20_000 });
  assert.equal(stdout, 'undefined true true\n');
});
