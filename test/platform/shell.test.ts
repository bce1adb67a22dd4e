import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shellCommand } from '../../src/platform/shell.ts';

test('a line goes to /bin/sh -c, what follows becomes $0, $1, …; another shell may be named', () => {
  assert.deepEqual(shellCommand(['echo "$0"', 'a b'], undefined), {
    file: '/bin/sh',
    argv: ['/bin/sh', '-c', 'echo "$0"', 'a b'],
    verbatim: false,
  });
  assert.equal(shellCommand(['x'], '/bin/bash').file, '/bin/bash');
});

test('on Windows cmd.exe gets the line as it is', () => {
  const real = process.platform;
  Object.defineProperty(process, 'platform', { value: 'win32' });
  try {
    const { argv, verbatim } = shellCommand(['dir "C:\\x y"'], 'cmd.exe');
    assert.deepEqual([argv, verbatim], [['cmd.exe', '/d', '/s', '/c', '"dir "C:\\x y""'], true]);
  } finally {
    Object.defineProperty(process, 'platform', { value: real });
  }
});
