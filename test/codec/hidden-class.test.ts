import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { hiddenClassTest } from '../../src/codec/hidden-class.ts';
import { runNode } from '../support/run.ts';

const source = new URL('../../src/codec/hidden-class.ts', import.meta.url);

/** What a program under these flags says that uses the test. */
const run = async (flag: string, print: string, before = ''): Promise<string> => {
  const text = `const { hiddenClassTest } = await import(${JSON.stringify(source.href)}); ${before}; console.log(${print});`;
  const args = [...flag.split(' '), '--import', 'tsx', '--input-type=module', '-e', text];
  return (await runNode(args, { timeout: 20_000 })).stdout;
};

function natives(): boolean {
  try {
    new Function('%HaveSameMap({}, {})');
    return true;
  } catch {
    return false;
  }
}

test('tells objects apart by their keys, symbols, prototypes and kinds of property, and leaves no trace', () => {
  const same = hiddenClassTest();
  assert.ok(same);
  assert.equal(hiddenClassTest(), same);
  const make = (): object => ({ a: 1, b: 'x' });
  assert.ok(same(make(), { a: 5, b: 'y' }));
  assert.ok(!same(make(), { a: 5 }));
  assert.ok(!same(make(), { a: 5, b: 'y', [Symbol('s')]: 1 }));
  assert.ok(!same(make(), Object.create({}, Object.getOwnPropertyDescriptors(make()))));
  assert.ok(!same(make(), new Proxy(make(), {})));
  assert.ok(!natives());
});

test('a program that runs with the flag keeps it', async () => {
  const print = "hiddenClassTest()({ a: 1 }, { a: 2 }), typeof new Function('return %HaveSameMap({}, {})')";
  assert.equal(await run('--allow-natives-syntax', print), 'true function\n');
});

test('there is none where code must not be made of text', async () => {
  assert.equal(await run('--disallow-code-generation-from-strings', 'hiddenClassTest()'), 'undefined\n');
});

test('it is there when the engine has thrown its code away meanwhile', async () => {
  const before = `
    const same = hiddenClassTest();
    const answers = [];
    for (let i = 0; i < 3; i++) {
      answers.push(same({ a: 1 }, { a: 2 }), same({ a: 1 }, { b: 2 }));
      gc();
      await new Promise(setImmediate);
    }`;
  const flags = '--expose-gc --flush-bytecode --stress-flush-code';
  assert.equal(await run(flags, 'answers.join()', before), 'true,false,true,false,true,false\n');
});

test('it is there later when the stack was used up as its code was thrown away', async () => {
  const before = `
    const same = hiddenClassTest();
    const answers = [];
    for (let i = 0; i < 3; i++) {
      gc();
      await new Promise(setImmediate);
      try { (function deep() { deep(); same({}, {}); })(); } catch { same({ a: 1 }, { a: 2 }); }
      answers.push(same({ a: 1 }, { a: 2 }));
    }`;
  const flags = '--expose-gc --flush-bytecode --stress-flush-code';
  assert.equal(await run(flags, 'answers.join()', before), 'true,true,true\n');
});

test('threads that set it up at once all have it, and the flag is off at the end', async () => {
  const code = `
    const { parentPort } = require('node:worker_threads');
    require('tsx/cjs');
    const { hiddenClassTest } = require(${JSON.stringify(fileURLToPath(source))});
    parentPort.once('message', (gate) => {
      Atomics.add(gate, 0, 1);
      while (Atomics.load(gate, 0) < 4);
      parentPort.postMessage(hiddenClassTest()?.({ a: 1 }, { a: 2 }));
    });`;
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const workers = [1, 2, 3, 4].map(() => new Worker(code, { eval: true }));
  const answers = workers.map((w) => new Promise((resolve) => w.once('message', resolve)));
  for (const w of workers) w.postMessage(gate);
  assert.deepEqual(await Promise.all(answers), [true, true, true, true]);
  await Promise.all(workers.map((w) => w.terminate()));
  assert.ok(!natives());
});
