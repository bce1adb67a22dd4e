import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { closeFd, openPipe } from '../../src/platform/descriptors.ts';
import { type LaunchOptions, launch } from '../../src/platform/launch.ts';
import { temporaryDirectory } from '../support/run.ts';

/** Runs it and gives what it wrote. */
function output(options: Omit<LaunchOptions, 'fds'>): string {
  const { read, write } = openPipe();
  const child = launch({ ...options, fds: new Map([[1, write]]) });
  closeFd(write);
  child.waitSync();
  const text = readFileSync(`/proc/self/fd/${read}`, 'utf8');
  closeFd(read);
  return text;
}

test('the environment is the one of now, as process.env has it', () => {
  const args = ['sh', '-c', 'printenv MULTIPROC_LAUNCH || echo unset'];
  const value = (): string => output({ file: 'sh', args }).trim();
  assert.equal(value(), 'unset');
  process.env.MULTIPROC_LAUNCH = 'first é';
  assert.equal(value(), 'first é');
  process.env.MULTIPROC_LAUNCH = 'second';
  assert.equal(value(), 'second');
  delete process.env.MULTIPROC_LAUNCH;
  assert.equal(value(), 'unset');
});

test('many different ways of starting, by turns, do not get mixed up', (t) => {
  const root = temporaryDirectory(t);
  const directories = Array.from({ length: 40 }, (_, i) => path.join(root, `d${i}`));
  for (const d of directories) mkdirSync(d);
  for (let round = 0; round < 2; round++) {
    for (const cwd of directories) {
      assert.equal(output({ file: 'pwd', args: ['pwd'], cwd }).trim(), cwd);
      assert.equal(output({ file: 'pwd', args: ['pwd'], cwd: Buffer.from(cwd) }).trim(), cwd);
    }
  }
});

test('a program that may not be executed is passed over for one that may, further along PATH', (t) => {
  const root = temporaryDirectory(t);
  for (const [name, mode] of [
    ['a', 0o644],
    ['b', 0o755],
  ] as const) {
    mkdirSync(path.join(root, name));
    writeFileSync(path.join(root, name, 'tool'), `#!/bin/sh\necho ${name}\n`);
    chmodSync(path.join(root, name, 'tool'), mode);
  }
  const env = (PATH: string): LaunchOptions['env'] => ({ PATH });
  const start = (PATH: string): string => output({ file: 'tool', args: ['tool'], env: env(PATH) });
  assert.equal(start(`${root}/a:${root}/b`), 'b\n');
  assert.throws(() => start(`${root}/a:${root}/none`), {
    name: 'PermissionError',
    code: 'EACCES',
    path: 'tool',
  });
});

test('the same name again and again: found where PATH has it now, or not any more', (t) => {
  const root = temporaryDirectory(t);
  const put = (name: string): void => {
    mkdirSync(path.join(root, name), { recursive: true });
    writeFileSync(path.join(root, name, 'multiproc-tool'), `#!/bin/sh\necho ${name}\n`, { mode: 0o755 });
  };
  const before = process.env.PATH;
  t.after(() => {
    process.env.PATH = before;
  });
  const start = (): string => output({ file: 'multiproc-tool', args: ['multiproc-tool'] }).trim();
  for (const name of ['a', 'b', 'c']) mkdirSync(path.join(root, name));
  process.env.PATH = `${root}/a:${root}/b:${root}/c:${before}`;
  put('c');
  assert.deepEqual([start(), start()], ['c', 'c']);
  put('b');
  assert.deepEqual([start(), start()], ['b', 'b']);
  chmodSync(path.join(root, 'b', 'multiproc-tool'), 0o644);
  assert.equal(start(), 'c', 'one that may not be executed is passed over');
  process.env.PATH = `${root}/a:${before}`;
  const missing = { name: 'FileNotFoundError', code: 'ENOENT', path: 'multiproc-tool' };
  assert.throws(start, missing);
  put('a');
  assert.deepEqual([start(), start()], ['a', 'a']);
  // Neither a binary nor a script: what is further along PATH counts, as when it is looked up the first time.
  writeFileSync(path.join(root, 'a', 'multiproc-tool'), 'echo text\n');
  process.env.PATH = `${root}/a:${root}/c:${before}`;
  assert.deepEqual([start(), start()], ['c', 'c']);
  rmSync(path.join(root, 'c'), { recursive: true });
  assert.throws(start, { name: 'OSError', code: 'ENOEXEC', path: 'multiproc-tool' });
});

test('a file that is no program is ENOEXEC', (t) => {
  const file = path.join(temporaryDirectory(t), 'text');
  writeFileSync(file, 'echo hi\n', { mode: 0o755 });
  assert.throws(() => output({ file, args: [file] }), { name: 'OSError', code: 'ENOEXEC', path: file });
});

test('signals: ignored ones are given back, a blocked one reaches the child', () => {
  const ignored = (restoreSignals: boolean): bigint => {
    const status = output({ file: 'cat', args: ['cat', '/proc/self/status'], restoreSignals });
    return BigInt(`0x${/^SigIgn:\s*([0-9a-f]+)/m.exec(status)![1]}`);
  };
  const sigpipe = 1n << 12n;
  assert.equal(ignored(true) & sigpipe, 0n);
  assert.equal(ignored(false) & sigpipe, sigpipe, 'Node ignores it');
  const blocked = output({ file: 'cat', args: ['cat', '/proc/self/status'] });
  assert.match(blocked, /^SigBlk:\s*0+$/m);
});
