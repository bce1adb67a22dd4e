/** What Vite's module runner makes of a module's imports (Vitest): its variables and its Proxies, as it writes them. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { runInThisContext } from 'node:vm';
import { Pool } from '../../src/index.ts';

const project = mkdtempSync(path.join(os.tmpdir(), 'multiproc-vite-'));
const pool = new Pool(1);
after(async () => {
  pool.terminate();
  await pool.join();
  rmSync(project, { recursive: true, force: true });
});

const write = (file: string, text: string): void => {
  mkdirSync(path.dirname(path.join(project, file)), { recursive: true });
  writeFileSync(path.join(project, file), text);
};
// Node's own look at a CommonJS module does not find the first.
write(
  'node_modules/common/index.js',
  'Object.assign(exports, { ["hid" + "den"]: (x) => x + 1 }); exports.seen = 2;',
);
write(
  'node_modules/compiled/index.js',
  'exports.__esModule = true; exports.default = (x) => x * 2; exports.named = 3;',
);
write('node_modules/modern/index.mjs', 'export default 4; export const named = 5;');
write('node_modules/modern/package.json', '{ "exports": "./index.mjs" }');
const url = pathToFileURL(path.join(project, 'src', 'a.test.ts')).href;

type Module = Record<string, unknown>;
const { resolve } = createRequire(url);

/** As Vite's runner: exports of CommonJS modules become exports of an ES module. */
async function viteImport(specifier: string): Promise<unknown> {
  if (specifier === '/src/own.ts') return Object.create(null, { mine: { get: () => 6, enumerable: true } });
  const inRoot = path.join(project, specifier);
  const file = specifier.startsWith('/')
    ? inRoot
    : specifier.startsWith('node:')
      ? specifier
      : resolve(specifier);
  let mod = (await import(file)) as Module;
  if (!('default' in mod)) return mod;
  let exported = mod.default as Module;
  if (Object(exported) === exported && '__esModule' in exported) {
    mod = exported;
    exported = exported.default as Module;
  }
  return new Proxy(mod, {
    get: (target, key: string) => (key === 'default' ? exported : (target[key] ?? exported[key])),
  });
}

/** A function of a module with these imports. */
async function compiled<F>(imports: readonly string[], fn: string): Promise<F> {
  const variables = imports.map(
    (s, i) => `const __vite_ssr_import_${i}__ = await __vite_ssr_import__(${JSON.stringify(s)}, {});`,
  );
  const text = `'use strict';async (__vite_ssr_import__,__vite_ssr_dynamic_import__,__vite_ssr_import_meta__)=>{{${variables.join('')}\nreturn ${fn}}}`;
  const wrapper = runInThisContext(text, { filename: url }) as (...args: unknown[]) => Promise<F>;
  return await wrapper(viteImport, () => Promise.reject(new Error('not in another process')), { url });
}

test('built-in modules, by their default and by their names', async () => {
  const f = await compiled<() => unknown>(
    ['node:fs', 'node:os'],
    '() => [__vite_ssr_import_0__.default.existsSync("/"), (0,__vite_ssr_import_0__.existsSync)("/"), __vite_ssr_import_1__.platform()]',
  );
  assert.deepEqual(await pool.apply(f), [true, true, process.platform]);
});

for (const at of ['', '/node_modules/']) {
  const file = (name: string, main: string): string => (at === '' ? name : `${at}${name}/${main}`);
  test(`packages, named ${at === '' ? 'as they are' : 'by their files'}`, async () => {
    const f = await compiled<() => unknown>(
      [file('common', 'index.js'), file('compiled', 'index.js'), file('modern', 'index.mjs')],
      `() => {
        const [common, compiled, modern] = [__vite_ssr_import_0__, __vite_ssr_import_1__, __vite_ssr_import_2__];
        return [common.hidden(1), common.seen, common.default.hidden(2), compiled.default(3), compiled.named, modern.default, modern.named];
      }`,
    );
    assert.deepEqual(f(), [2, 2, 3, 6, 3, 4, 5]);
    assert.deepEqual(await pool.apply(f), [2, 2, 3, 6, 3, 4, 5]);
  });
}

test('modules that Vite compiles travel as they are', async () => {
  assert.equal(
    await pool.apply(await compiled<() => unknown>(['/src/own.ts'], '() => __vite_ssr_import_0__.mine')),
    6,
  );
});

test('import() and import.meta are those of the module', async () => {
  const f = await compiled<() => Promise<unknown>>(
    [],
    'async () => [__vite_ssr_import_meta__.url, (await __vite_ssr_dynamic_import__("modern")).named]',
  );
  assert.deepEqual(await pool.apply(f), [url, 5]);
});

test('a Proxy of somebody else is refused, and asked nothing', async () => {
  let asked = 0;
  const theirs = new Proxy({}, { get: () => asked++ });
  assert.throws(() => pool.applyAsync(() => theirs), {
    name: 'SerializationError',
    message: /it is a Proxy/,
  });
  assert.equal(asked, 0);
});
