/** What every Node process has arrives as the receiver's own. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import path from 'node:path';
import { after, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Pool } from '../../src/index.ts';
import { root } from '../support/run.ts';

const pool = new Pool(1);
after(() => pool.terminate());

type Anything = Record<string, unknown>;

const same = (what: unknown, root: string, name: string): boolean => {
  const home = root === '' ? globalThis : process.getBuiltinModule(root);
  return (home as unknown as Anything)[name] === what;
};

/** Those functions of `home` that do not arrive, or as something else. */
async function lost(home: object, root: string): Promise<string[]> {
  const names: string[] = [];
  for (const name of Object.getOwnPropertyNames(home)) {
    const what = (home as Anything)[name];
    if (typeof what !== 'function') continue;
    const arrived = await pool.apply(same, [what, root, name]).catch((e: unknown) => e);
    if (arrived !== true) names.push(`${name}: ${String(arrived)}`);
  }
  return names;
}

test('every function and class that is a global variable is found there', async () => {
  assert.deepEqual(await lost(globalThis, ''), []);
});

for (const id of 'buffer crypto events fs fs/promises http net os path stream timers url util zlib'.split(
  ' ',
)) {
  test(`every function and class of node:${id} is found there`, async () => {
    assert.deepEqual(await lost(process.getBuiltinModule(`node:${id}`)!, `node:${id}`), []);
  });
}

test('a function that is bound to a global object is', async () => {
  assert.match(await pool.apply(crypto.randomUUID.bind(crypto)), /^[0-9a-f-]{36}$/);
});

test('functions of the process object that others hold, and the parts of crypto, are found there', async () => {
  const { bigint } = process.hrtime;
  const { rss } = process.memoryUsage;
  const { subtle } = crypto;
  const check = async (): Promise<unknown[]> => [
    bigint === process.hrtime.bigint,
    rss === process.memoryUsage.rss,
    (await subtle.digest('SHA-256', new Uint8Array(1))).byteLength,
  ];
  assert.deepEqual(await pool.apply(check), [true, true, 32]);
  assert.equal(await pool.apply((x: unknown) => x === process.hrtime.bigint, [bigint]), true);
});

test('what a worker thread was given is the program’s own', async () => {
  const text = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { Pool } = require(${JSON.stringify(path.join(root, 'dist', 'cjs', 'index.js'))});
    const pool = new Pool(1);
    pool.map((x) => x + workerData.inner.n, [1, 2]).then(async (sums) => {
      parentPort.postMessage([sums, await pool.apply((o) => o.n, [workerData.inner])]);
      await pool.terminate();
    });
  `;
  const worker = new Worker(text, { eval: true, workerData: { inner: { n: 1 } } });
  assert.deepEqual(await once(worker, 'message'), [[[2, 3], 1]]);
});
