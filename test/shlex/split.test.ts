import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MultiprocError, ValueError } from '../../src/base/errors.ts';
import { Shlex, split } from '../../src/shlex.ts';
import { random, shellText } from './generated.ts';

/** What `split` means, said with the class. */
function splitByLexer(text: string, comments: boolean, posix: boolean): string[] {
  const lexer = new Shlex(text, { posix });
  lexer.whitespaceSplit = true;
  if (!comments) lexer.commenters = '';
  return [...lexer];
}

function outcome(work: () => string[]): string[] | string {
  try {
    return work();
  } catch (error) {
    assert.ok(error instanceof ValueError);
    return error.code;
  }
}

function checkAllModes(text: string): void {
  for (const comments of [false, true]) {
    for (const posix of [false, true]) {
      assert.deepEqual(
        outcome(() => split(text, { comments, posix })),
        outcome(() => splitByLexer(text, comments, posix)),
        `${JSON.stringify(text)}, comments ${comments}, posix ${posix}`,
      );
    }
  }
}

test('the fast path equals the class on every short string of special characters', () => {
  const alphabet = ['a', ' ', '\n', "'", '"', '\\', '#'];
  for (let length = 0; length <= 5; length++) {
    for (let n = 0; n < alphabet.length ** length; n++) {
      let text = '';
      for (let i = 0, rest = n; i < length; i++, rest = Math.floor(rest / alphabet.length)) {
        text += alphabet[rest % alphabet.length];
      }
      checkAllModes(text);
    }
  }
});

test('the fast path equals the class on generated strings', () => {
  const next = random(20);
  for (let i = 0; i < 5_000; i++) checkAllModes(shellText(next, 60));
});

test('the fast path equals the class on any string', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 40 }), checkAllModes), { numRuns: 2_000 });
});

test('the examples of the manual', () => {
  assert.deepEqual(split('echo "Hello World"'), ['echo', 'Hello World']);
  assert.deepEqual(split('D:/test/1.py # test'), ['D:/test/1.py', '#', 'test']);
  assert.deepEqual(split('D:/test/1.py # test', { comments: true }), ['D:/test/1.py']);
  assert.deepEqual(split('D:\\test\\1.py'), ['D:test1.py']);
  assert.deepEqual(split('D:\\test\\1.py', { posix: false }), ['D:\\test\\1.py']);
  assert.deepEqual(split('-o 1 "-f dir/file name" \'a\\b\' c\\ d'), [
    '-o',
    '1',
    '-f dir/file name',
    'a\\b',
    'c d',
  ]);
});

test('only blank, tab, return and newline separate words', () => {
  assert.deepEqual(split('a\tb\rc\nd\u00a0e\ff\u000bg\u2028h'), ['a', 'b', 'c', 'd\u00a0e\ff\u000bg\u2028h']);
});

test('a backslash before a newline keeps the newline, as in Python and unlike in a shell', () => {
  assert.deepEqual(split('a\\\nb'), ['a\nb']);
});

test('input that ends too early throws Python’s messages and codes that tell them apart', () => {
  const unclosed = {
    name: 'ValueError',
    message: 'No closing quotation',
    code: 'ERR_MULTIPROC_NO_CLOSING_QUOTATION',
  };
  const escaped = {
    name: 'ValueError',
    message: 'No escaped character',
    code: 'ERR_MULTIPROC_NO_ESCAPED_CHARACTER',
  };
  for (const posix of [false, true]) {
    assert.throws(() => split('a "b', { posix }), unclosed);
    assert.throws(() => split("a 'b", { posix }), unclosed);
  }
  assert.throws(() => split('a\\'), escaped);
  assert.throws(() => split('a "b\\'), escaped);
  assert.deepEqual(split('a\\', { posix: false }), ['a\\']);
  assert.throws(() => split('"'), MultiprocError);
});

test('split reads a source of one’s own to its end', () => {
  const lines = ["a 'b\n", "c' # d\n", 'e'];
  let rest = '';
  const source = {
    read(size: number) {
      rest ||= lines.shift() ?? '';
      const taken = rest.slice(0, size);
      rest = rest.slice(size);
      return taken;
    },
    readline() {
      const line = rest;
      rest = '';
      return line;
    },
  };
  assert.deepEqual(split(source, { comments: true }), ['a', 'b\nc', 'e']);
});

test('split refuses what cannot be split and options of the wrong kind', () => {
  assert.throws(() => split(null as never), ValueError);
  assert.throws(() => split(undefined as never), ValueError);
  const wrongKind = { name: 'TypeError', code: 'ERR_MULTIPROC_INVALID_ARG_TYPE' };
  assert.throws(() => split(Buffer.from('a') as never), wrongKind);
  assert.throws(() => split(['a'] as never), wrongKind);
  assert.throws(() => split('a', true as never), wrongKind);
  assert.throws(() => split('a', { comments: 1 as never }), wrongKind);
  assert.throws(() => split('a', { posix: 'yes' as never }), wrongKind);
  assert.deepEqual(split('a #b', { comments: undefined, posix: undefined }), ['a', '#b']);
});

test('long input is split without trouble', () => {
  const word = 'x'.repeat(1_000_000);
  assert.deepEqual(split(`${word} "${word}" '${word}'`), [word, word, word]);
  assert.equal(split('a '.repeat(500_000)).length, 500_000);
  assert.deepEqual(split('\\a'.repeat(100_000)), ['a'.repeat(100_000)]);
  assert.deepEqual([...new Shlex(`"${word}"`, { posix: true })], [word]);
});
