/** How koffi is found: the tests load the library in programs of their own, since it is loaded once in each. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../support/run.ts';

/** What a program prints, as JSON, after the library's functions were loaded there. */
function ask(program: string): unknown {
  const module = (name: string): string => JSON.stringify(path.join(root, 'dist/modules', name));
  const code = `
    const { koffi, koffiFile, strerror } = require(${module('platform/libc.js')});
    const { offerKoffi } = require(${module('platform/koffi-offer.js')});
    const { Lock, Process } = require(${JSON.stringify(path.join(root, 'dist/cjs/index.js'))});
    const searched = () => Object.keys(require.cache).filter((file) => /node_modules.*koffi.*\\.c?js$/.test(file)).length;
    ${program}`;
  return JSON.parse(execFileSync(process.execPath, ['-e', code], { encoding: 'utf8', timeout: 30_000 }));
}

test('koffi is looked for where nobody offered it, and its machine code is a file that can be offered', () => {
  const told = ask('koffi(); console.log(JSON.stringify([koffiFile(), searched()]));') as [string, number];
  assert.match(told[0], /koffi.*\.node$/);
  assert.ok(told[1] > 0);
});

test('what was offered is loaded without a search, works, and is offered on', () => {
  const [file] = ask('console.log(JSON.stringify([koffiFile()]));') as [string];
  assert.deepEqual(
    ask(`
      offerKoffi(${JSON.stringify(file)});
      console.log(JSON.stringify([strerror(2), koffiFile(), searched()]));`),
    ['No such file or directory', file, 0],
  );
});

test('where the offered file cannot be loaded koffi is looked for', () => {
  const said = ask(`
    offerKoffi('/nowhere/koffi.node');
    console.log(JSON.stringify([strerror(2), searched() > 0]));`);
  assert.deepEqual(said, ['No such file or directory', true]);
});

test('a child is offered what its parent loaded, and so is the child of a child', () => {
  const said = ask(`
    const look = (lock) => {
      lock.acquireSync();
      console.log(JSON.stringify(Object.keys(process.getBuiltinModule('module')._cache).filter((f) => /node_modules.*koffi/.test(f))));
      lock.release();
    };
    const nested = (lock) => {
      const child = new Process({ target: look, args: [lock] });
      child.start();
      return child.join();
    };
    new Process({ target: nested, args: [new Lock()] }).start();`);
  assert.deepEqual(said, []);
});
