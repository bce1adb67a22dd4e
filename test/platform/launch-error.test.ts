import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { startError } from '../../src/platform/launch-error.ts';
import { temporaryDirectory } from '../support/run.ts';

const { errno } = os.constants;

test('the class follows from errno; code, syscall, path and a hint are there', () => {
  const cases: [keyof typeof errno, string, RegExp][] = [
    ['ENOENT', 'FileNotFoundError', /PATH/],
    ['EACCES', 'PermissionError', /execute permission/],
    ['EPERM', 'PermissionError', /tool/],
    ['ENOTDIR', 'NotADirectoryError', /not a directory/],
    ['ENOEXEC', 'OSError', /#!/],
    ['E2BIG', 'OSError', /fewer or shorter/],
    ['EAGAIN', 'BlockingIOError', /too many processes/],
    ['ENOMEM', 'OSError', /memory/],
    ['EMFILE', 'OSError', /close some/],
    ['EBADF', 'OSError', /tool/],
  ];
  for (const [code, name, message] of cases) {
    const error = startError(errno[code], 'tool', undefined);
    assert.deepEqual(
      [error.code, error.syscall, error.path, error.name],
      [code, 'spawn', 'tool', name],
      code,
    );
    assert.match(error.message, message);
  }
});

test('a cwd that cannot be entered is what is wrong, whatever errno says', (t) => {
  const root = temporaryDirectory(t);
  const file = path.join(root, 'file');
  writeFileSync(file, '');
  for (const [cwd, name, code] of [
    [path.join(root, 'none'), 'FileNotFoundError', 'ENOENT'],
    [file, 'NotADirectoryError', 'ENOTDIR'],
    [path.join(file, 'x'), 'NotADirectoryError', 'ENOTDIR'],
  ] as const) {
    for (const given of [cwd, Buffer.from(cwd)]) {
      const error = startError(errno.ENOENT, 'tool', given);
      assert.deepEqual([error.name, error.code, error.syscall, error.path], [name, code, 'chdir', cwd]);
    }
  }
});

test('with a good cwd the program is at fault', (t) => {
  const cwd = path.join(temporaryDirectory(t), 'here');
  mkdirSync(cwd);
  const { syscall, path: at } = startError(errno.ENOENT, Buffer.from('töol'), cwd);
  assert.deepEqual([syscall, at], ['spawn', 'töol']);
});
