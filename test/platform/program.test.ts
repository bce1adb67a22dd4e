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
  const found = (...args: Parameters<typeof candidates>): unknown[] => [...candidates(...args)];
  const at = (...names: string[]): string => names.map((n) => path.join(root, n)).join(':');
  const [b, c] = [path.join(root, 'b/tool'), path.join(root, 'c/tool')];
  assert.deepEqual(found('tool', at('a', 'b', 'c'), undefined), [b, c]);
  assert.deepEqual(found('tool', at('a'), undefined), []);
  assert.deepEqual(found('./tool', at('b'), undefined), ['./tool']);
  assert.deepEqual(found('tool', `:${at('c')}`, root), ['./tool', c]);
  assert.deepEqual(
    found('tool', 'b', root),
    ['b/tool'],
    'relative entries are relative to the child’s directory',
  );
  assert.deepEqual(found(Buffer.from('tool'), at('c'), undefined), [Buffer.from(c)]);
  assert.deepEqual(found('', at('a'), undefined), []);
  assert.deepEqual(
    found('tool', at('b', 'c', 'b'), undefined),
    [b, c],
    'a directory named twice counts once',
  );
});

test('a program put further ahead in PATH is found from then on', (t) => {
  const root = temporaryDirectory(t);
  for (const name of ['a', 'b']) mkdirSync(path.join(root, name));
  const PATH = `${root}/a:${root}/b`;
  writeFileSync(path.join(root, 'b', 'tool'), '');
  assert.deepEqual([...candidates('tool', PATH, undefined)], [`${root}/b/tool`]);
  writeFileSync(path.join(root, 'a', 'tool'), '');
  assert.deepEqual([...candidates('tool', PATH, undefined)], [`${root}/a/tool`, `${root}/b/tool`]);
});

test('a directory that is none, or is missing, is passed over', (t) => {
  const root = temporaryDirectory(t);
  writeFileSync(path.join(root, 'file'), '');
  assert.deepEqual([...candidates('tool', `${root}/file:${root}/none`, undefined)], []);
});
