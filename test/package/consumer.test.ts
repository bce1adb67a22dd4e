import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { root } from '../support/run.ts';

/** The package as npm would publish it, installed in an empty folder. */
const home = mkdtempSync(path.join(os.tmpdir(), 'multiproc-consumer-'));
after(() => rmSync(home, { recursive: true, force: true }));

const { NODE_TEST_CONTEXT: _, ...env } = process.env;
const run = (file: string, ...args: string[]): string =>
  execFileSync(file, args, { cwd: home, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

before(() => {
  const packed = run('npm', 'pack', root, '--ignore-scripts', '--json', '--silent');
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
  writeFileSync(path.join(home, 'package.json'), '{ "private": true }');
  mkdirSync(path.join(home, 'node_modules', 'multiproc'), { recursive: true });
  run('tar', '-xzf', filename, '-C', 'node_modules/multiproc', '--strip-components=1');
  // Its dependencies are those of the checkout: the test must not need a network.
  const { dependencies } = JSON.parse(
    run('node', '-p', "JSON.stringify(require('multiproc/package.json'))"),
  ) as {
    dependencies: Record<string, string>;
  };
  const link = (name: string): void => {
    mkdirSync(path.dirname(path.join(home, 'node_modules', name)), { recursive: true });
    symlinkSync(path.join(root, 'node_modules', name), path.join(home, 'node_modules', name));
  };
  for (const name of [...Object.keys(dependencies), '@types', 'undici-types', 'typescript', '@typescript'])
    link(name);
});

function compile(file: string): void {
  const options = {
    strict: true,
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable'],
    types: ['node'],
    outDir: 'out',
    exactOptionalPropertyTypes: true,
  };
  writeFileSync(
    path.join(home, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, files: [file] }),
  );
  run(process.execPath, path.join(root, 'node_modules/typescript/bin/tsc'), '-p', '.');
}

const program = `
const offset = 10;
const pool = new Pool(2);
pool.map((x) => x + offset, [1, 2, 3]).then(async (sums) => {
  console.log(sums.join(' '));
  pool.close();
  await pool.join();
  const p = new Process({ target: () => console.log('from the child', offset) });
  p.start();
  await p.join();
  console.log(p.exitcode);
});
`;
const expected = '11 12 13\nfrom the child 10\n0\n';

/** Runs a program whose child tells which parts of the library and what else that takes time it has loaded, after `use`. */
function loadedInChild(use: string, args: string): string[] {
  const text = `import { Lock, Process, Queue, Value } from 'multiproc';
    const target = async (...given) => {
      const { _cache } = process.getBuiltinModule('node:module');
      ${use}
      const names = Object.keys(_cache).map((file) => /parts.(.*).js$|(koffi|acorn).index|(acorn)/.exec(file)?.slice(1).join(''));
      if (process.moduleLoadList.includes('NativeModule worker_threads')) names.push('worker_threads');
      console.log(JSON.stringify([...new Set(names)].filter(Boolean).sort()));
    };
    const p = new Process({ target, args: ${args} });
    p.start();
    await p.join();`;
  writeFileSync(path.join(home, 'loaded.mjs'), text);
  return JSON.parse(run(process.execPath, 'loaded.mjs')) as string[];
}

test('a child loads of the library what it is given, and no parser of JavaScript', () => {
  assert.deepEqual(loadedInChild('', '[]'), ['core', 'decoder']);
  // Of koffi but its machine code, which the parent has found.
  const shared = ['base', 'core', 'decoder', 'memory', 'platform', 'sync'];
  assert.deepEqual(loadedInChild('given[0].acquireSync();', '[new Lock()]'), shared);
  assert.deepEqual(loadedInChild('given[0].value++;', "[new Value('i', 0)]"), shared);
  assert.deepEqual(loadedInChild('given[0].qsize();', '[new Queue()]'), ['channel', ...shared].sort());
});

test('a child of the installed package gets whatever can be shared, at its start and later', () => {
  const text = `import * as mp from 'multiproc';
    const all = {
      lock: new mp.Lock(), rlock: new mp.RLock(), semaphore: new mp.Semaphore(2), bounded: new mp.BoundedSemaphore(2),
      condition: new mp.Condition(), event: new mp.Event(), barrier: new mp.Barrier(1), value: new mp.Value('i', 1),
      array: new mp.Array('d', 2), rawArray: mp.RawArray('i', 2), rawValue: new mp.RawValue('i', 3),
      record: new mp.Value(mp.struct({ x: 'd' }), { x: 4 }), memory: new mp.SharedMemory({ create: true, size: 8 }),
      list: new mp.ShareableList([5]), queue: new mp.Queue(), simple: new mp.SimpleQueue(), joinable: new mp.JoinableQueue(),
      connection: mp.Pipe()[0], error: new mp.AbandonedLockError('gone', 7),
    };
    const names = (o) => Object.entries(o).map(([k, v]) => k + ' ' + v.constructor.name).join();
    const atOnce = (o, f, g) => process.stdout.write('start ' + f(o) + '\\n');
    const later = (q, f) => {
      // Nothing but the queue is there when these arrive, and there is no time to wait for a module.
      for (let o = q.getSync(); o !== null; o = q.getSync()) process.stdout.write('later ' + f(o) + '\\n');
    };
    const start = new mp.Process({ target: atOnce, args: [all, names] });
    start.start();
    await start.join();
    const q = new mp.Queue();
    const p = new mp.Process({ target: later, args: [q, names] });
    p.start();
    for (const [k, v] of Object.entries(all)) await q.put({ [k]: v });
    await q.put(null);
    await p.join();
    process.stdout.write('parent ' + names(all));
    all.memory.unlink();
    all.list.shm.unlink();`;
  writeFileSync(path.join(home, 'given.mjs'), text);
  const lines = run(process.execPath, 'given.mjs').split('\n');
  const expected = lines.at(-1)!.replace('parent ', '');
  assert.equal(expected.split(',').length, 19);
  assert.equal(lines[0], `start ${expected}`);
  assert.deepEqual(
    lines.slice(1, -1),
    expected.split(',').map((line) => `later ${line}`),
  );
});

test('an ES module uses the installed package', () => {
  writeFileSync(path.join(home, 'main.mjs'), `import { Pool, Process } from 'multiproc';${program}`);
  assert.equal(run(process.execPath, 'main.mjs'), expected);
});

test('a CommonJS module uses the installed package', () => {
  writeFileSync(path.join(home, 'main.cjs'), `const { Pool, Process } = require('multiproc');${program}`);
  const out = run(process.execPath, '--disable-warning=ExperimentalWarning', 'main.cjs');
  assert.equal(out, expected);
});

test('TypeScript compiles against the installed package, infers results and refuses wrong arguments', () => {
  writeFileSync(
    path.join(home, 'main.mts'),
    `import { Pool, Process } from 'multiproc';
const pool = new Pool(1);
const texts: string[] = await pool.map((x: number) => String(x), [1, 2]);
// @ts-expect-error a string is no number
await pool.map((x: number) => x, ['a']).catch(() => {});
// @ts-expect-error the target wants a number
new Process({ target: (x: number) => x, args: ['a'] });
// @ts-expect-error the target wants an argument
new Process({ target: (x: number) => x });
console.log(texts.join(' '));
pool.terminate();
`,
  );
  compile('main.mts');
  assert.equal(run(process.execPath, 'out/main.mjs'), '1 2\n');
});

test('the quick start of the README compiles and prints what it says', () => {
  const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
  const [, quickStart] = /## Quick start.*?```ts\n(.*?)```/s.exec(readme)!;
  writeFileSync(path.join(home, 'quick-start.mts'), quickStart!);
  compile('quick-start.mts');
  assert.match(
    run(process.execPath, 'out/quick-start.mjs'),
    /^\[ 3, 6, 9 \]\n10\n20\n\[ 0, 1, 2, 3 \] item [123]\nhello bob\n<Process name='Process-\d+' pid=\d+ parent=\d+ stopped exitcode=0>\n4\n\n$/,
  );
});

test('every entry point of the package exists and carries its types', () => {
  const text = run('node', '-p', "JSON.stringify(require('multiproc/package.json').exports)");
  const entries = Object.values(
    JSON.parse(text) as Record<string, string | { types: string; default: string }>,
  );
  const shipped = readdirSync(path.join(home, 'node_modules', 'multiproc'), { recursive: true }).map(String);
  for (const entry of entries) {
    for (const file of typeof entry === 'string' ? [entry] : [entry.types, entry.default]) {
      assert.ok(shipped.includes(path.normalize(file)), file);
    }
  }
});

test('import and require of one entry point give the same classes', () => {
  writeFileSync(
    path.join(home, 'same.mjs'),
    `import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
for (const name of ['multiproc', 'multiproc/shared-memory', 'multiproc/shlex']) {
  const imported = await import(name);
  const required = require(name);
  for (const key of Object.keys(imported)) {
    if (key !== 'default' && key !== 'module.exports' && imported[key] !== required[key]) throw new Error(name + ' ' + key);
  }
}
const { SharedMemory, ShareableList } = require('multiproc/shared-memory');
console.log(SharedMemory.name, ShareableList.name);
`,
  );
  assert.equal(run(process.execPath, 'same.mjs'), 'SharedMemory ShareableList\n');
});
