import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { mayExist, places } from '../../src/platform/program.ts';
import { temporaryDirectory } from '../support/run.ts';

type Name = Parameters<typeof places>[0];

/** What of all places is worth a try. */
const candidates = (file: Name, searchPath: string, cwd?: Name): unknown[] =>
  places(file, searchPath).filter((place) => mayExist(place, cwd));

test('PATH is searched in order, empty entries are the directory itself, names with a slash are taken as they are', (t) => {
  const root = temporaryDirectory(t);
  for (const name of ['a', 'b', 'c']) mkdirSync(path.join(root, name));
  for (const file of ['b/tool', 'c/tool', 'tool']) writeFileSync(path.join(root, file), '');
  const at = (...names: string[]): string => names.map((n) => path.join(root, n)).join(':');
  const [b, c] = [path.join(root, 'b/tool'), path.join(root, 'c/tool')];
  assert.deepEqual(candidates('tool', at('a', 'b', 'c')), [b, c]);
  assert.deepEqual(candidates('tool', at('a')), []);
  assert.deepEqual(places('./tool', at('b')), ['./tool']);
  assert.deepEqual(candidates('tool', `:${at('c')}`, root), ['./tool', c]);
  assert.deepEqual(
    candidates('tool', 'b', root),
    ['b/tool'],
    'relative entries are relative to the child’s directory',
  );
  assert.deepEqual(candidates(Buffer.from('tool'), at('c')), [Buffer.from(c)]);
  assert.deepEqual(candidates('', at('a')), []);
  assert.deepEqual(candidates('tool', at('b', 'c', 'b')), [b, c], 'a directory named twice counts once');
});

test('a program put further ahead in PATH is found from then on', (t) => {
  const root = temporaryDirectory(t);
  for (const name of ['a', 'b']) mkdirSync(path.join(root, name));
  const PATH = `${root}/a:${root}/b`;
  writeFileSync(path.join(root, 'b', 'tool'), '');
  assert.deepEqual(candidates('tool', PATH), [`${root}/b/tool`]);
  writeFileSync(path.join(root, 'a', 'tool'), '');
  assert.deepEqual(candidates('tool', PATH), [`${root}/a/tool`, `${root}/b/tool`]);
});

test('a directory that is none, or is missing, is passed over', (t) => {
  const root = temporaryDirectory(t);
  writeFileSync(path.join(root, 'file'), '');
  assert.deepEqual(candidates('tool', `${root}/file:${root}/none`), []);
});
