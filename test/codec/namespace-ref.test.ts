/** Module namespaces as values: which module they are of. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Pool, SerializationError } from '../../src/index.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'multiproc-'));
const pool = new Pool(1);
after(() => {
  pool.terminate();
  rmSync(directory, { recursive: true });
});

type Namespace = Record<string, unknown>;

function write(name: string, text: string): string {
  const file = path.join(directory, name);
  writeFileSync(file, text);
  return pathToFileURL(file).href;
}

/** What the receiver sees under a name, and whether what it sends back is the namespace itself. */
async function there(namespace: Namespace, name: string): Promise<unknown[]> {
  const [value, back] = await pool.apply(
    (m: Namespace, key: string) => {
      const x = m[key];
      return [typeof x === 'function' ? x() : x, m];
    },
    [namespace, name],
  );
  return [value, back === namespace];
}

test('a namespace whose functions are its module’s own travels as that module', async () => {
  const url = write('own.mjs', 'export let n = 0; export const next = () => ++n; export default class {}');
  const m = (await import(url)) as Namespace;
  assert.deepEqual(await there(m, 'next'), [1, true]);
  assert.deepEqual(await there(m, 'next'), [2, true]);
  assert.deepEqual(await there(m, 'n'), [2, true]);
  const again = (await import(`${url}?again`)) as Namespace;
  assert.deepEqual(await there(again, 'next'), [1, true]);
});

test('a module may export what others do as well', async () => {
  write('base.mjs', 'export const a = () => 1, b = 2;');
  const open = write('open.mjs', "export * from './base.mjs'; export const own = () => 3;");
  const named = write(
    'named.mjs',
    "export { a as c } from './base.mjs'; export function own() { return 4; }",
  );
  assert.deepEqual(await there((await import(open)) as Namespace, 'a'), [1, true]);
  assert.deepEqual(await there((await import(named)) as Namespace, 'c'), [1, true]);
  assert.deepEqual(await there((await import(named)) as Namespace, 'own'), [4, true]);
});

test('namespaces of CommonJS and built-in modules travel', async () => {
  const common = (await import(write('common.cjs', 'exports.f = () => 5;'))) as Namespace;
  assert.deepEqual(await there(common, 'f'), [5, true]);
  const [sep] = await there((await import('node:path')) as Namespace, 'sep');
  assert.equal(sep, path.sep);
});

test('the namespace of a JSON module travels', async () => {
  const text = `
    import { Pool } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
    const json = await import(${JSON.stringify(write('data.json', '{"a":6}'))}, { with: { type: 'json' } });
    const pool = new Pool(1);
    console.log(await pool.apply((m) => m.default.a, [json]), (await pool.apply(() => json)) === json);
    pool.terminate();`;
  // The loader that these tests run under makes modules of another kind of them.
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', text]);
  assert.equal(stdout, '6 true\n');
});

test('a constant that a module was imported into travels as that module, whatever it exports', async () => {
  write('constants.mjs', 'export const k = 7;');
  write('waits.mjs', 'export const w = await 8;');
  write('more.json', '{"j":9}');
  const m = (await import(
    write(
      'user.mjs',
      `const c = await import('./constants.mjs'), w = await import('./waits.mjs');
       const j = await import('./more.json', { with: { type: 'json' } });
       export const make = () => [() => [c.k, w.w, j.default.j], () => c];
       export { c };`,
    )
  )) as { make(): [() => unknown, () => unknown]; c: unknown };
  const [values, itself] = m.make();
  assert.deepEqual(await pool.apply(values), [7, 8, 9]);
  assert.equal(await pool.apply(itself), m.c);
});

test('a namespace that nothing tells the module of is refused', async () => {
  const m = (await import(write('nothing.mjs', 'export const k = 1;'))) as Namespace;
  await assert.rejects(
    there(m, 'k'),
    (e) => e instanceof SerializationError && /args → \[0\] → Module: .*import it inside/.test(e.message),
  );
  // Its function is another module's, whose namespace has other names.
  write('part.mjs', 'export const a = () => 1, b = 2;');
  const barrel = (await import(write('barrel.mjs', "export { a } from './part.mjs';"))) as Namespace;
  await assert.rejects(there(barrel, 'a'), SerializationError);
});
