import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { repr } from '../../src/subprocess/repr.ts';

test('strings and lists are printed as CPython prints them', (t) => {
  const text = fc.oneof(
    fc.string({
      unit: fc.constantFrom("'", '"', '\\', '\n', '\t', '\0', 'a', 'é', '😀', '\xa0'),
      maxLength: 6,
    }),
    fc.string({ maxLength: 6 }),
  );
  const cases = fc.sample(fc.array(text, { maxLength: 3 }), { numRuns: 1000, seed: 5 });
  const program = 'import json, sys; json.dump([repr(c) for c in json.load(sys.stdin)], sys.stdout)';
  const { stdout, error } = spawnSync('python3', ['-c', program], {
    input: JSON.stringify(cases),
    encoding: 'utf8',
  });
  if (error !== undefined) {
    t.skip('there is no python3 to compare with');
    return;
  }
  assert.deepEqual(cases.map(repr), JSON.parse(stdout));
});

test('bytes, numbers, booleans, nothing and paths', () => {
  assert.equal(repr(Buffer.from("a'\n\xff", 'latin1')), `b"a'\\n\\xff"`);
  assert.deepEqual([repr(1), repr(true), repr(false), repr(null)], ['1', 'True', 'False', 'None']);
  assert.equal(repr(new URL('file:///bin/ls')), 'file:///bin/ls');
});
