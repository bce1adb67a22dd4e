/** What may be spent on functions that are perhaps never sent again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode } from '../../src/codec/index.ts';
import { mayVenture, priceOfLook, recover, venture } from '../../src/codec/price.ts';
import { questions } from '../support/inspector.ts';

test('a look costs the more the more there is in memory', () => {
  const before = priceOfLook();
  const much = Array.from({ length: 1_000_000 }, (_, i) => ({ i, of: [i] }));
  assert.ok(priceOfLook() - before > 5, `${before} ${priceOfLook()}`);
  assert.equal(much.length, 1_000_000);
});

async function moduleOf(source: string): Promise<Record<string, () => number>> {
  return (await import(`data:text/javascript,${encodeURIComponent(source)}`)) as Record<string, () => number>;
}

/** Spends all that may be spent in vain. @returns how much that was. */
function spendAll(): number {
  let spent = 0;
  for (const price of [50, 1]) {
    for (; mayVenture(price); spent += price) venture(price);
  }
  return spent;
}

test('so much may be spent in vain, and what was of use does not count', () => {
  const spent = spendAll();
  assert.ok(spent >= 199, String(spent));
  assert.equal(mayVenture(60), false);
  recover(60);
  assert.equal(mayVenture(60), true);
  recover(spent - 60);
});

/** How often the debugger is enabled for sending it. */
function looks(f: () => number): number {
  return questions(() => encode(f)).filter((q) => q === 'Debugger.enable').length;
}

test('no function is looked into when too much was spent in vain, and all are again when it was of use', async () => {
  const makers = [1, 2, 3, 4].map((i) => `((n) => { (() => n++)(); return () => n + ${i}; })(1)`);
  const fs = Object.values(await moduleOf(`export const [a, b, c, d] = [${makers}]`));
  // The first that is sent of a script.
  encode(fs[0]);
  assert.equal(looks(fs[1]!), 1);
  const spent = spendAll();
  assert.equal(looks(fs[2]!), 0);
  // They are sent again, so their looks were not in vain.
  encode(fs[0]);
  encode(fs[1]);
  assert.equal(looks(fs[3]!), 1);
  recover(spent);
});

test('when too much was spent, a function is looked into once it was sent as often as that takes milliseconds', async () => {
  const held = Array.from({ length: 400_000 }, (_, i) => ({ i, of: [i] }));
  const m = await moduleOf(
    `let top = 0; export const g = () => top++; export const f = ((n) => { (() => n++)(); return () => n; })(1)`,
  );
  // More than a busy machine can let this program earn meanwhile.
  const spent = 1e6;
  venture(spent);
  let sends = 1;
  // The first that is sent of a script.
  encode(m.f);
  while (looks(m.f!) === 0 && sends < 10_000) sends++;
  assert.ok(sends >= 20 && sends < 10_000, String(sends));
  assert.equal(looks(m.g!), 0, 'not even for all functions of a script');
  recover(spent);
  assert.equal(held.length, 400_000);
});
