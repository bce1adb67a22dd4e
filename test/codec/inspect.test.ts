/** Where the source of a function comes from: of scripts that V8 has told of before, without its debugger. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Script } from 'node:vm';
import { encode } from '../../src/codec/index.ts';
import { recover } from '../../src/codec/price.ts';
import { Pool } from '../../src/index.ts';
import { questions } from '../support/inspector.ts';

// No look is declined for want of time here.
recover(1e6);

type Made = Record<string, (...args: number[]) => unknown>;

async function moduleOf(source: string): Promise<Made> {
  return (await import(`data:text/javascript,${encodeURIComponent(source)}`)) as Made;
}

function enables(work: () => void): number {
  return questions(work).filter((q) => q === 'Debugger.enable').length;
}

test('the debugger is enabled once for all scripts that are there, and again for new ones', async () => {
  await using pool = new Pool(1);
  const [one, other] = [
    await moduleOf('export const f = () => 1'),
    await moduleOf('export const f = () => "ü\\u{1f600}"'),
  ];
  assert.equal(
    enables(() => encode(one.f)),
    1,
  );
  assert.equal(
    enables(() => encode(other.f)),
    0,
  );
  assert.equal(await pool.apply(other.f!), 'ü\u{1f600}');
  const late = await moduleOf('export const f = () => 3');
  assert.equal(
    enables(() => encode(late.f)),
    1,
  );
});

test('what is known without the debugger is all that there is to know', async () => {
  await using pool = new Pool(1);
  const directory = mkdtempSync(path.join(tmpdir(), 'multiproc-'));
  try {
    const file = path.join(directory, 'a.cjs');
    writeFileSync(
      file,
      '#!/usr/bin/env node\nconst n = 4;\n{ exports.o = { f: (x) => [x + n, __filename] } }\n',
    );
    const { o } = createRequire(import.meta.url)(file) as { o: Made };
    const placed = new Script('{ const n = 5; (x) => x + n; }', {
      lineOffset: 7,
      columnOffset: 9,
      filename: 'placed.js',
    });
    const f = placed.runInThisContext() as Made[string];
    const cls = await moduleOf(
      'const n = 6; class A { #n = n; m(x) { return x + this.#n } } export const f = (x) => new A().m(x)',
    );
    const before = await moduleOf('export const f = () => 0');
    encode(before.f);
    const found: unknown[] = [];
    const all = enables(() => {
      for (const g of [o.f!, f!, cls.f!]) found.push(pool.applySync(g, [1]));
    });
    assert.equal(all, 0);
    assert.deepEqual(found, [[5, file], 6, 7]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('what is at the top of a script that is known is seen for all of its functions at once', async () => {
  const m = await moduleOf(`
    let n = 0;
    export const change = () => n++;
    export const [e, f, g] = [() => 7, () => n, () => -n];
  `);
  encode((await moduleOf('export const f = () => "loaded after it"')).f);
  assert.equal(
    enables(() => encode(m.e)),
    0,
    'nothing that changes is needed',
  );
  assert.equal(
    enables(() => encode(m.f)),
    1,
    'to look there',
  );
  assert.equal(
    enables(() => encode(m.g)),
    0,
    'it was looked at',
  );
  for (const f of [m.f, m.g]) {
    assert.deepEqual(
      questions(() => encode(f)),
      [],
    );
  }
});

test('a map that stands in its script is not kept for when its functions are sent', async () => {
  const map = Buffer.from(JSON.stringify({ version: 3, sources: [], mappings: ';'.repeat(5000) })).toString(
    'base64',
  );
  const [short, long] = ['', map].map((m) =>
    moduleOf(`export const f = () => ${m.length}; //# sourceMappingURL=data:application/json;base64,${m}`),
  );
  encode(
    (await moduleOf(`export const f = () => "loaded after ${(await short!) && (await long!) && 'both'}"`)).f,
  );
  const counts = [await short!, await long!].map(({ f }) => enables(() => encode(f)));
  assert.deepEqual(counts, [0, 1]);
});
