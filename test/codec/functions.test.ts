/**
 * One list of functions (`cases.txt`), in every form in which a program can be written: as main script and as an imported module, as
 * ES module, CommonJS, TypeScript under a loader and under Node's own type stripping. A child runs each and gives back its result.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { root } from '../support/run.ts';

const folder = path.join(root, 'test', 'fixtures', 'codec');
const built = path.join(root, 'dist', 'index.js');
const cases = readFileSync(path.join(folder, 'cases.txt'), 'utf8');
const written: string[] = [];
after(() => {
  for (const file of written) rmSync(file, { force: true });
});

const esmHead = `
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { createRequire } from 'node:module';
import { exported } from './helper.mjs';
import byDefault from './helper.mjs';
import * as helper from './helper.mjs';
const data = createRequire(import.meta.url)('./data.json');
const HERE = path.dirname(new URL(import.meta.url).pathname);
`;
const cjsHead = `
const path = require('node:path');
const { isDeepStrictEqual } = require('node:util');
const helper = require('./helper.mjs');
const { exported, default: byDefault } = helper;
const data = require('./data.json');
const HERE = __dirname;
`;
const tail = (load: string): string => `
${load}
async function main() {
  const pool = new Pool(1);
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
  ['an ES module', 'mjs', `${esmHead}${cases}${tail(esmLoad)}`, []],
  ['CommonJS', 'cjs', `${cjsHead}${cases}${tail(cjsLoad)}`, []],
  [
    'TypeScript under a loader',
    'mts',
    `${esmHead}${cases}${tail(esmLoad)}`,
    ['--import', import.meta.resolve('tsx')],
  ],
  ...(stripping.typescript
    ? [['TypeScript under type stripping', 'mts', `${esmHead}${cases}${tail(esmLoad)}`, []] as const]
    : []),
];

const count = [...cases.matchAll(/^ {2}'.*': \[/gm)].length;

for (const [form, ending, text, options] of forms) {
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
    const cjs = ending === 'cjs';
    const module = write(
      `module.${ending}`,
      `${text}\n${cjs ? 'exports.main = main;' : 'export { main };'}\n`,
    );
    const load = cjs
      ? `require(${JSON.stringify(module)}).main();`
      : `import { main } from ${JSON.stringify(module)}; main();`;
    run(write(`importer.${ending}`, load));
  });
}
