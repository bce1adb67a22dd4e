/** What every Node process has arrives as the receiver's own. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Pool } from '../../src/index.ts';

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
