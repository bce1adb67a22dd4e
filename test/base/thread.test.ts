import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../support/run.ts';

const built = JSON.stringify(path.join(root, 'dist', 'modules', 'base', 'thread.js'));
const run = (text: string): string => execFileSync(process.execPath, ['-e', text], { encoding: 'utf8' });

test('the main thread is told from a worker thread', () => {
  const ask = `console.log(require(${built}).isMainThread());`;
  const worker = `new (require('node:worker_threads').Worker)(${JSON.stringify(ask)}, { eval: true });`;
  assert.equal(run(`${ask} ${worker}`), 'true\nfalse\n');
});

test('who says that it is the main thread loads nothing to learn it', () => {
  const loaded = "process.moduleLoadList.includes('NativeModule worker_threads')";
  const text = `const { isMainThread, thisIsMainThread } = require(${built}); thisIsMainThread();`;
  assert.equal(run(`${text} console.log(isMainThread(), ${loaded});`), 'true false\n');
});
