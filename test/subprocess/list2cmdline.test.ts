import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { list2cmdline } from '../../src/subprocess.ts';

test('lines are those of CPython', (t) => {
  const word = fc.string({ unit: fc.constantFrom('a', ' ', '\t', '"', '\\', "'", '%', 'é'), maxLength: 8 });
  const cases = fc.sample(fc.array(word, { maxLength: 5 }), { numRuns: 2000, seed: 1 });
  const program =
    'import json, subprocess, sys; json.dump([subprocess.list2cmdline(c) for c in json.load(sys.stdin)], sys.stdout)';
  const { stdout, error } = spawnSync('python3', ['-c', program], {
    input: JSON.stringify(cases),
    encoding: 'utf8',
  });
  if (error !== undefined) {
    t.skip('there is no python3 to compare with');
    return;
  }
  assert.deepEqual(
    cases.map((words) => list2cmdline(words)),
    JSON.parse(stdout),
  );
});

test('bytes and paths are taken as what they say', () => {
  const args = [Buffer.from('a b'), new URL('file:///c%20d'), Buffer.from([0x65, 0xff]), 'f'];
  assert.equal(list2cmdline(args), '"a b" "/c d" e\udcff f');
});
