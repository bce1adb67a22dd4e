/**
 * One list of functions (`cases.txt`), in every form in which a program can be written: as main script and as an imported module, as
 * ES module, CommonJS, TypeScript under a loader and under Node's own type stripping. A child runs each and gives back its result.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { root, temporaryDirectory } from '../support/run.ts';

const folder = path.join(root, 'test', 'fixtures', 'codec');
const built = path.join(root, 'dist', 'index.js');
const cases = readFileSync(path.join(folder, 'cases.txt'), 'utf8');
const written: string[] = [];
after(() => {
  for (const file of written) rmSync(file, { force: true });
});

const esmHead = `
import path from 'node:path';
import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual, promisify } from 'node:util';
import { createRequire } from 'node:module';
import { parse as parseJs } from 'acorn';
import * as acornAll from 'acorn';
import jsonModule from './data.json' with { type: 'json' };
import { exported } from './helper.mjs';
import byDefault from './helper.mjs';
import * as helper from './helper.mjs';
const data = createRequire(import.meta.url)('./data.json');
const HERE = path.dirname(new URL(import.meta.url).pathname);
`;
const cjsHead = `
const path = require('node:path');
const { EventEmitter } = require('node:events');
const { readFileSync } = require('node:fs');
const { isDeepStrictEqual, promisify } = require('node:util');
const acornAll = require('acorn');
const { parse: parseJs } = acornAll;
const helper = require('./helper.mjs');
const { exported, default: byDefault } = helper;
const data = require('./data.json');
const HERE = __dirname;
`;
/** What only ES modules have. */
const esmCases = `
const require = createRequire(import.meta.url);
const here = import.meta.url;
class Located { static where = import.meta.url; file() { return import.meta.url; } }
Object.assign(cases, {
  'import.meta.url': [() => import.meta.url, [], import.meta.url],
  'import.meta.url in a class': [() => [Located.where, new Located().file()], [], [import.meta.url, import.meta.url]],
  'other parts of import.meta': [() => [import.meta.dirname, import.meta.filename, import.meta.resolve('./helper.mjs')], [], [import.meta.dirname, import.meta.filename, import.meta.resolve('./helper.mjs')]],
  'dynamic import beside import.meta.url': [async () => (await import(new URL('./helper.mjs', import.meta.url).href)).exported(1), [], 2],
  'a require made by createRequire': [() => require('./data.json').answer, [], 42],
  'a JSON module, imported': [() => jsonModule.answer, [], 42],
  'the value of a top-level await': [() => awaited, [], 42],
});
const awaited = (await import('./data.json', { with: { type: 'json' } })).default.answer;
`;
/** What only CommonJS has. */
const cjsCases = `
const topThis = this;
this.fromThis = 5;
implicit = 6;
with ({ inWith: 7 }) { var fromWith = () => inWith + 1; }
Object.assign(cases, {
  'require inside of a function': [() => require('./data.json').answer, [], 42],
  'require.resolve': [() => path.basename(require.resolve('./data.json')), [], 'data.json'],
  '__dirname and __filename': [() => [__dirname, __filename], [], [__dirname, __filename]],
  'sloppy mode': [function (a, a) { undeclared = a; return [010, this === globalThis, undeclared, arguments.callee.name]; }, [1, 2], [8, true, 2, '']],
  'a global variable that was never declared': [() => implicit, [], 6],
});
`;
/** What only TypeScript has; nothing but types, which can be stripped. */
const tsCases = `
interface Shape<T> { readonly x: T; y?: number }
type Fn = (x: number) => string;
class Typed<T extends object> { private readonly secret: number = 3; declare nothing: string; constructor(protected_: T) { this.held = protected_; } held: T; get<K extends keyof T>(k: K): T[K] { return this.held[k]!; } }
const asFn: Fn = (x: number, y?: string): string => \`\${x as unknown as string}\${y ?? ''}\`;
const satisfied = { x: 1 } satisfies Shape<number>;
function generic<T, U = T>(this: void, a: T, b: U): [T, U] { return [a, b]; }
Object.assign(cases, {
  'typed functions': [asFn, [1, 'y'], '1y'],
  'generic functions and classes': [<T,>(a: T): unknown[] => [...generic<T>(a, a), new Typed<Shape<number>>({ x: 2 }).get('x'), satisfied.x], [1], [1, 1, 2, 1]],
});
`;
/** What a loader turns into code of its own. */
const loaderCases = `
enum Color { Red = 1, Green = Red << 1, Blue = 'blue'.length }
namespace Space { export const inside = 4; export function f() { return inside; } }
class Params { constructor(public readonly a: number, private b = 2) {} sum() { return this.a + this.b; } }
abstract class Shape2 { abstract area(): number; twice() { return this.area() * 2; } }
class Square extends Shape2 { constructor(public side: number) { super(); } override area() { return this.side ** 2; } }
Object.assign(cases, {
  'enums': [() => [Color.Red, Color.Green, Color[2], Color.Blue], [], [1, 2, 'Green', 4]],
  'namespaces': [() => Space.f(), [], 4],
  'parameter properties and abstract classes': [(p: Params) => [p.sum(), new Square(3).twice()], [new Params(1)], [3, 18]],
  'using': [() => { const seen: string[] = []; { using _ = { [Symbol.dispose]: () => seen.push('disposed') }; seen.push('in'); } return seen; }, [], ['in', 'disposed']],
});
`;
/** What a list of calls and results does not hold: what is seen of a call from outside, or of several of them. */
const sequels = `
let level = 1; const readsLevel = () => [level, captured.deep[0]];
const weak = new WeakMap(); const holdsWeak = { deep: [() => weak] };
const fails = (item) => { throw Object.assign(new OwnError('failed', item), { cause: new TypeError('inner') }); };
const where = () => new Error('here').stack.split('\\n')[1];
const placeOf = (line) => /[^/\\\\(]+:\\d+:\\d+/.exec(line)?.[0];
const sequel = {
  'a variable that was changed between two calls': async (pool) => {
    const seen = [await pool.apply(readsLevel)];
    level = 2;
    seen.push(await pool.apply(readsLevel));
    captured.deep[0] = 7;
    seen.push(await pool.apply(readsLevel));
    captured.deep[0] = 1;
    return isDeepStrictEqual(seen, [[1, 1], [2, 1], [2, 7]]);
  },
  'an error that crosses': async (pool) => {
    const error = await pool.apply(fails, [{ a: 1 }]).catch((e) => e);
    const sides = [/fails|generated/, /\\[in process \\d+ '[^']*', called from\\]/];
    return error instanceof OwnError && error.constructor === OwnError && error.message === 'failed' && error.item.a === 1 &&
      error.cause instanceof TypeError && error.cause.message === 'inner' && sides.every((side) => side.test(error.stack));
  },
  'the file, the line and the column of a stack': async (pool) => {
    const home = placeOf(where());
    return home !== undefined && placeOf(await pool.apply(where)) === home;
  },
  'what cannot cross': async (pool) => {
    const error = await pool.apply(() => holdsWeak).catch((e) => e);
    const way = ['closure variable "holdsWeak"', 'property "deep"', '[0]', 'closure variable "weak"', 'WeakMap'];
    return error.name === 'SerializationError' && way.every((step) => error.message.includes(step)) && /use a Map or a Set/.test(error.message);
  },
};
`;
const tail = (load: string): string => `
${load}
${sequels}
async function main() {
  const pool = new Pool(1);
  await pool.apply(console.log, ['ok', 'console.log, called there']);
  for (const [name, holds] of Object.entries(sequel)) console.log((await holds(pool)) ? 'ok' : 'NOT OK', name);
  for (const [name, [f, args, expected]] of Object.entries(cases)) {
    try {
      const got = name === 'a method' ? await pool.apply((o) => o.method(), [object]) : await pool.apply(f, args);
      const wanted = name === 'a method' ? 3 : expected;
      console.log(isDeepStrictEqual(got, wanted) ? 'ok' : 'NOT OK ' + JSON.stringify(got), name);
    } catch (error) {
      console.log('FAILED', name, error.message.split('\\n')[0]);
    }
  }
  pool.terminate();
  await pool.join();
}
`;
const esmLoad = `import { Pool } from ${JSON.stringify(built)};`;
const cjsLoad = `const { Pool } = require(${JSON.stringify(built)});`;

function write(name: string, text: string): string {
  const file = path.join(folder, `generated-${process.pid}-${name}`);
  written.push(file);
  writeFileSync(file, text);
  return file;
}

before(() => assert.ok(readFileSync(built, 'utf8').length > 0, 'run npm run build first'));

const stripping = process.features as { typescript?: unknown };
const forms: readonly (readonly [string, string, string, readonly string[]])[] = [
  ['an ES module', 'mjs', `${esmHead}${cases}${esmCases}${tail(esmLoad)}`, []],
  ['CommonJS', 'cjs', `${cjsHead}${cases}${cjsCases}${tail(cjsLoad)}`, []],
  [
    'TypeScript under a loader',
    'ts',
    `${esmHead}${cases}${esmCases}${tsCases}${loaderCases}${tail(esmLoad)}`,
    ['--import', import.meta.resolve('tsx')],
  ],
  ...(stripping.typescript
    ? [
        [
          'TypeScript under type stripping',
          'ts',
          `${esmHead}${cases}${esmCases}${tsCases}${tail(esmLoad)}`,
          [],
        ] as const,
      ]
    : []),
];

for (const [form, ending, text, options] of forms) {
  // What is called there prints a line of its own.
  const count = [...text.matchAll(/^ {2}'.*': (?:\[|async \(pool\))/gm)].length + 1;
  const run = (file: string): void => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', ...options, file],
      { encoding: 'utf8', env },
    );
    const lines = stdout.trim().split('\n');
    assert.deepEqual(
      lines.filter((line) => !line.startsWith('ok ')),
      [],
      stderr,
    );
    assert.equal(lines.length, count, stderr);
  };
  test(`every function of a main script that is ${form} crosses`, () => {
    run(write(`main.${ending}`, `${text}\nmain();\n`));
  });
  test(`every function of an imported module that is ${form} crosses`, () => {
    const cjs = ending.startsWith('c');
    const module = write(
      `module.${ending}`,
      `${text}\n${ending === 'cjs' ? 'exports.main = main;' : 'export { main };'}\n`,
    );
    const load = cjs
      ? `require(${JSON.stringify(module)}).main();`
      : `import { main } from ${JSON.stringify(module)}; main();`;
    run(write(`importer.${ending}`, load));
  });
}

test('what an ES module imports of TypeScript that a loader makes CommonJS crosses', (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(path.join(directory, 'package.json'), '{}');
  writeFileSync(path.join(directory, 'helper.ts'), 'export const helper = (x: number): number => x * 2;');
  writeFileSync(
    path.join(directory, 'library.ts'),
    "import { helper } from './helper';\nexport const via = (x: number): number => helper(x) + 1;",
  );
  const main = path.join(directory, 'main.mjs');
  writeFileSync(
    main,
    `${esmLoad}
    import { via } from './library.ts';
    import * as all from './library.ts';
    const pool = new Pool(1);
    const calls = [via, (x) => via(x), (x) => all.via(x), async (x) => (await import('./library.ts')).via(x)];
    for (const f of calls) console.log(await pool.apply(f, [2]));
    await pool.terminate();`,
  );
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', import.meta.resolve('tsx'), main], {
    encoding: 'utf8',
    env,
  });
  assert.equal(stdout, '5\n5\n5\n5\n', stderr);
});
