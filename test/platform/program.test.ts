import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { candidates } from '../../src/platform/program.ts';
import { temporaryDirectory } from '../support/run.ts';

test('PATH is searched in order, empty entries are the directory itself, names with a slash are taken as they are', (t) => {
  const root = temporaryDirectory(t);
  for (const name of ['a', 'b', 'c']) mkdirSync(path.join(root, name));
  for (const file of ['b/tool', 'c/tool', 'tool']) writeFileSync(path.join(root, file), '');
  const at = (...names: string[]): string => names.map((n) => path.join(root, n)).join(':');
  const [b, c] = [path.join(root, 'b/tool'), path.join(root, 'c/tool')];
  assert.deepEqual(candidates('tool', at('a', 'b', 'c'), undefined), [b, c]);
  assert.deepEqual(candidates('tool', at('a'), undefined), []);
  assert.deepEqual(candidates('./tool', at('b'), undefined), ['./tool']);
  assert.deepEqual(candidates('tool', `:${at('c')}`, root), ['./tool', c]);
  assert.deepEqual(
    candidates('tool', 'b', root),
    ['b/tool'],
    'relative entries are relative to the child’s directory',
  );
  assert.deepEqual(candidates(Buffer.from('tool'), at('c'), undefined), [Buffer.from(c)]);
  assert.deepEqual(candidates('', at('a'), undefined), []);
});
