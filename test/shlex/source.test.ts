import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DescriptorSource, fileSource, StringSource } from '../../src/shlex/source.ts';
import { Shlex, split } from '../../src/shlex.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'multiproc-shlex-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Buffer): string {
  const full = path.join(folder, name);
  writeFileSync(full, content);
  return full;
}

function withDescriptor<T>(name: string, content: string | Buffer, work: (fd: number) => T): T {
  const fd = openSync(file(name, content), 'r');
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
}

test('a string is read by code points, and lines keep their newline', () => {
  const source = new StringSource('a😀\ud83d\nb\r\nc');
  assert.deepEqual([source.read(1), source.read(1), source.read(1)], ['a', '😀', '\ud83d']);
  assert.deepEqual([source.readline(), source.read(2), source.readline()], ['\n', 'b\r', '\n']);
  assert.deepEqual([source.read(5), source.read(1), source.readline()], ['c', '', '']);
  assert.equal(new StringSource('a😀b').read(2), 'a😀');
  assert.equal(new StringSource('a😀b').read(), 'a😀b');
  assert.equal(new StringSource('abc').read(0), '');
});

test('a closed source is not read from', () => {
  const source = new StringSource('abc');
  source.close();
  source.close();
  assert.throws(() => source.read(1), { name: 'ValueError', message: /closed/ });
  assert.throws(() => source.readline(), { name: 'ValueError', message: /closed/ });
});

test('a descriptor is read as UTF-8 with universal newlines, across the borders of blocks', () => {
  // Each length puts another part of a character, or of a newline, on the border at 64 KiB.
  for (let length = 65_530; length <= 65_537; length++) {
    const text = `${'x'.repeat(length)}é😀\r\nz\r`;
    withDescriptor('border', text, (fd) => {
      const source = new DescriptorSource(fd);
      assert.equal(source.readline(), `${'x'.repeat(length)}é😀\n`);
      assert.equal(source.read(1), 'z');
      assert.equal(source.read(1), '\n');
      assert.equal(source.read(1), '');
    });
  }
});

test('a byte order mark is a character, as in Python', () => {
  withDescriptor('bom', '\ufeffa', (fd) => assert.deepEqual(split(fd), ['\ufeffa']));
});

test('a lexer leaves a descriptor open that it was given', () => {
  withDescriptor('given', 'a b', (fd) => {
    const lexer = new Shlex('', { posix: true });
    lexer.pushSource(fd, 'given');
    assert.deepEqual([...lexer], ['a', 'b']);
    assert.equal(readSync(fd, Buffer.alloc(1)), 0);
  });
});

test('what is not UTF-8 is an error, not a replacement character', () => {
  const bytes = Buffer.from([0x61, 0xff, 0x62]);
  const wrong = { name: 'ValueError', code: 'ERR_MULTIPROC_UNICODE_DECODE' };
  withDescriptor('wrong', bytes, (fd) => assert.throws(() => split(fd), wrong));
  assert.throws(() => fileSource(file('wrong', bytes)), wrong);
  // The end in the middle of a character.
  withDescriptor('cut', Buffer.from('é').subarray(0, 1), (fd) => assert.throws(() => split(fd), wrong));
});

test('a descriptor that cannot be read is an OSError', () => {
  const fd = openSync(folder, 'r');
  try {
    assert.throws(() => split(fd), { name: 'IsADirectoryError', code: 'EISDIR', syscall: 'read' });
  } finally {
    closeSync(fd);
  }
  assert.throws(() => split(-1), RangeError);
  assert.throws(() => split(1.5), RangeError);
});

test('a file that cannot be opened is an OSError with its path', () => {
  const missing = path.join(folder, 'missing');
  assert.throws(() => fileSource(missing), {
    name: 'FileNotFoundError',
    code: 'ENOENT',
    syscall: 'open',
    path: missing,
  });
  assert.throws(() => fileSource(folder), { name: 'IsADirectoryError', code: 'EISDIR' });
});

test('what can only be read asynchronously is refused at once', () => {
  for (const wrong of [Readable.from(['a']), { read: () => '' }, {}, () => 'a', new Date()]) {
    assert.throws(() => new Shlex(wrong as never), {
      name: 'TypeError',
      code: 'ERR_MULTIPROC_INVALID_ARG_TYPE',
    });
  }
});

/** Runs the fixture with the given standard input and gives what it printed. */
async function lexStdin(how: string, feed: (stdin: NodeJS.WritableStream) => void): Promise<string[]> {
  const fixture = path.join(path.dirname(fileURLToPath(import.meta.url)), 'fixtures', 'stdin.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', fixture, how], {
    stdio: ['pipe', 'pipe', 'inherit', 'ipc'],
  });
  // The child says when it is about to read, so that what is fed arrives in pieces.
  child.on('message', () => feed(child.stdin!));
  let printed = '';
  for await (const chunk of child.stdout!) printed += chunk;
  return JSON.parse(printed) as string[];
}

test('without an input a lexer reads standard input, and the next lexer goes on', async () => {
  const seen = await lexStdin('two', (stdin) => stdin.end('one two\nthree four'));
  assert.deepEqual(seen, ['one', 'two', 'three', 'four']);
});

test('a non-blocking standard input is waited for', async () => {
  let fed = 0;
  const seen = await lexStdin('nonblocking', (stdin) => {
    if (fed++ === 0) stdin.write('one tw');
    else stdin.end('o three');
  });
  assert.deepEqual(seen, ['one', 'two', 'three']);
});
