import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { isUnmarkedText } from '../../src/platform/fallback-format.ts';
import { temporaryDirectory } from '../support/run.ts';

test('only a text without a first line that names its interpreter is one', (t) => {
  const directory = temporaryDirectory(t);
  const file = (name: string, content: string | Uint8Array, mode = 0o755): string => {
    const full = path.join(directory, name);
    writeFileSync(full, content, { mode });
    return full;
  };
  copyFileSync(process.execPath, path.join(directory, 'binary'));
  for (const [full, expected] of [
    [file('plain', 'echo hi\n'), true],
    [file('empty', ''), true],
    [file('short', '#'), true],
    [file('late', '\n#!/bin/sh\n'), true],
    [file('marked', '#!/bin/sh\necho hi\n'), false],
    [file('nul', 'a\0b'), false],
    [file('late nul', `${'a'.repeat(255)}\0`), false],
    [path.join(directory, 'binary'), false],
    [file('not executable', 'echo hi\n', 0o644), false],
    [directory, false],
    [path.join(directory, 'missing'), false],
    [path.join(directory, 'plain', 'below'), false],
  ] as const) {
    assert.equal(isUnmarkedText(full, undefined, undefined), expected, full);
  }
});

test('the one that counts is the first along PATH that may be executed, seen from cwd', (t) => {
  const root = temporaryDirectory(t);
  for (const [name, content, mode] of [
    ['a', 'echo a\n', 0o644],
    ['b', '#!/bin/sh\n', 0o755],
    ['c', 'echo c\n', 0o755],
  ] as const) {
    mkdirSync(path.join(root, name));
    writeFileSync(path.join(root, name, 'tool'), content, { mode });
  }
  const along = (searchPath: string, cwd?: string): boolean => isUnmarkedText('tool', searchPath, cwd);
  assert.equal(along(`${root}/a:${root}/b:${root}/c`), false);
  assert.equal(along(`${root}/a:${root}/c:${root}/b`), true);
  assert.equal(along(`${root}/none:${root}/a`), false);
  assert.equal(along('none::b', path.join(root, 'c')), true, 'an empty entry is the working directory');
  assert.equal(along('c', root), true);
  assert.equal(
    isUnmarkedText('./tool', '/bin', path.join(root, 'c')),
    true,
    'with a slash PATH does not count',
  );
  assert.equal(isUnmarkedText('true', undefined, undefined), false);
});
