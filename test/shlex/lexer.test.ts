import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { AttributeError, RuntimeError, ValueError } from '../../src/base/errors.ts';
import { StringSource } from '../../src/shlex/source.ts';
import { type LexerInput, Shlex, shlex, type TextSource } from '../../src/shlex.ts';

// Expected values are what CPython 3.11 gave for the same steps.

const folder = mkdtempSync(path.join(tmpdir(), 'multiproc-shlex-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(path.join(folder, 'sub'));
writeFileSync(path.join(folder, 'sub', 'b.txt'), 'in b # c\nsource "c d.txt"\nend\r\nof b');
writeFileSync(path.join(folder, 'sub', 'c d.txt'), 'deep\n');
const main = path.join(folder, 'main.txt');

test('shlex is Shlex', () => assert.equal(shlex, Shlex));

test('a new lexer has Python’s attributes', () => {
  const lexer = new Shlex('a');
  assert.equal(lexer.commenters, '#');
  assert.equal(lexer.wordchars, 'abcdfeghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_');
  assert.equal(lexer.whitespace, ' \t\r\n');
  assert.equal(lexer.quotes, '\'"');
  assert.equal(lexer.escape, '\\');
  assert.equal(lexer.escapedquotes, '"');
  assert.equal(lexer.whitespaceSplit, false);
  assert.equal(lexer.punctuationChars, '');
  assert.equal(lexer.infile, null);
  assert.equal(lexer.source, null);
  assert.equal(lexer.debug, 0);
  assert.equal(lexer.lineno, 1);
  assert.equal(lexer.token, '');
  assert.equal(lexer.eof, '');
  const posix = new Shlex('a', { posix: true });
  assert.equal(posix.eof, null);
  assert.ok(posix.wordchars.endsWith('_ßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞ'));
  assert.ok(new Shlex('a', { punctuationChars: true }).wordchars.endsWith('0123456789_~-./*?='));
  assert.ok(new Shlex('a', { punctuationChars: '-_' }).wordchars.endsWith('0123456789~./*?='));
});

test('the name and the options stand where Python people put them, or all in the options', () => {
  const named = new Shlex('a', 'file', { posix: true, punctuationChars: '|' });
  assert.deepEqual([named.infile, named.eof, named.punctuationChars], ['file', null, '|']);
  const options = new Shlex('a', { infile: 'file', posix: true, punctuationChars: false });
  assert.deepEqual([options.infile, options.eof, options.punctuationChars], ['file', null, '']);
  assert.equal(new Shlex('a', null, { infile: 'file' }).infile, 'file');
  assert.equal(new Shlex('a', undefined).infile, null);
  assert.equal(new Shlex(null, 'file').infile, null, 'standard input has no name');
});

test('arguments of the wrong kind are refused', () => {
  const wrongKind = { name: 'TypeError', code: 'ERR_MULTIPROC_INVALID_ARG_TYPE' };
  assert.throws(() => new Shlex('a', 'f', true as never), wrongKind);
  assert.throws(() => new Shlex('a', 5 as never), wrongKind);
  assert.throws(() => new Shlex('a', { posix: 1 as never }), wrongKind);
  assert.throws(() => new Shlex('a', { punctuationChars: ['|'] as never }), wrongKind);
  assert.throws(() => new Shlex('a', { infile: 5 as never }), wrongKind);
  assert.throws(() => new Shlex('a').pushSource(null as never), wrongKind);
  assert.throws(() => new Shlex('a').pushSource({} as never), wrongKind);
});

test('punctuationChars cannot be set', () => {
  const lexer = new Shlex('a', { punctuationChars: '|' });
  assert.throws(() => {
    lexer.punctuationChars = '&' as never;
  }, AttributeError);
  assert.equal(lexer.punctuationChars, '|');
});

test('a character is a code point, also in the sets', () => {
  assert.deepEqual([...new Shlex('😀😁a')], ['😀', '😁', 'a']);
  const lexer = new Shlex('😀😁a');
  lexer.wordchars += '😀';
  // The second shares its first half with the one that is a word character.
  assert.deepEqual([...lexer], ['😀', '😁', 'a']);
  assert.deepEqual([...new Shlex('a😀😀😁', { punctuationChars: '😀' })], ['a', '😀😀', '😁']);
  assert.deepEqual([...new Shlex('\ud83da')], ['\ud83d', 'a']);
});

test('attributes apply from the next token on', () => {
  const lexer = new Shlex('a:b a:b a;c\nd');
  assert.equal(lexer.getToken(), 'a');
  lexer.wordchars += ':';
  assert.deepEqual([lexer.getToken(), lexer.getToken(), lexer.getToken()], [':', 'b', 'a:b']);
  lexer.commenters = ';';
  assert.deepEqual([...lexer], ['ad']);
});

test('a subclass sets attributes as class fields', () => {
  class Config extends Shlex {
    override commenters = ';';
    override whitespace = '=\n';
    override whitespaceSplit = true;
  }
  assert.deepEqual([...new Config('a b=c;d\n# e=f')], ['a b', 'c# e', 'f']);
});

test('iterating is reading: a loop that was left goes on where it stopped', () => {
  const lexer = new Shlex('a b c');
  for (const token of lexer) {
    assert.equal(token, 'a');
    break;
  }
  assert.deepEqual([...lexer], ['b', 'c']);
  assert.deepEqual([...lexer], []);
  assert.equal(lexer.getToken(), '');
});

test('by POSIX rules an empty token and the end differ', () => {
  const lexer = new Shlex("'' a", { posix: true });
  assert.deepEqual(
    [lexer.getToken(), lexer.getToken(), lexer.getToken(), lexer.getToken()],
    ['', 'a', null, null],
  );
});

test('tokens given back come first, the last one in front', () => {
  const lexer = new Shlex('a b');
  const first = lexer.getToken()!;
  lexer.pushToken(first);
  lexer.pushToken('x');
  assert.deepEqual([...lexer], ['x', 'a', 'b']);
});

test('readToken passes by what was given back', () => {
  const lexer = new Shlex('a b');
  lexer.pushToken('x');
  assert.equal(lexer.readToken(), 'a');
  assert.equal(lexer.getToken(), 'x');
});

test('lineno counts newlines and ends of comments', () => {
  const lexer = new Shlex('a\nb # c\n\n"d\ne" f');
  const seen = [...lexer].length;
  assert.equal(seen, 4);
  const lines: [string, number][] = [];
  const again = new Shlex('a\nb # c\n\n"d\ne" f');
  for (const token of again) lines.push([token, again.lineno]);
  assert.deepEqual(lines, [
    ['a', 2],
    ['b', 2],
    ['"d\ne"', 5],
    ['f', 5],
  ]);
});

test('a pushed source is read first, and a popped one is closed', () => {
  const closed: string[] = [];
  class Watched extends StringSource {
    readonly #name: string;
    constructor(name: string, text: string) {
      super(text);
      this.#name = name;
    }
    override close(): void {
      closed.push(this.#name);
      super.close();
    }
  }
  const lexer = new Shlex(new Watched('outer', 'a b'), 'outer');
  assert.equal(lexer.getToken(), 'a');
  lexer.pushSource(new Watched('inner', 'x\ny'), 'inner');
  assert.equal(lexer.getToken(), 'x');
  assert.equal(lexer.errorLeader(), '"inner", line 2: ');
  assert.equal(lexer.filestack.length, 1);
  assert.deepEqual([...lexer], ['y', 'b']);
  assert.deepEqual(closed, ['inner']);
  assert.equal(lexer.errorLeader(), '"outer", line 1: ');
});

test('popSource leaves a source early, and refuses when there is none to go back to', () => {
  const lexer = new Shlex('a b c');
  lexer.pushSource('x y');
  assert.equal(lexer.getToken(), 'x');
  lexer.popSource();
  assert.throws(() => lexer.popSource(), RuntimeError);
  assert.deepEqual([...lexer], ['a', 'b', 'c']);
});

test('a pushed source needs no close method', () => {
  const empty: TextSource = { read: () => '', readline: () => '' };
  const lexer = new Shlex('a');
  lexer.pushSource(empty);
  assert.deepEqual([...lexer], ['a']);
});

test('source includes files relative to the including one, and errorLeader tells where we are', () => {
  const lexer = new Shlex('a\nsource "sub/b.txt" z\n\nlast', main);
  lexer.source = 'source';
  const seen: [string, string][] = [];
  for (const token of lexer) seen.push([token, lexer.errorLeader().replace(folder, '')]);
  assert.deepEqual(seen, [
    ['a', '"/main.txt", line 2: '],
    ['in', '"/sub/b.txt", line 1: '],
    ['b', '"/sub/b.txt", line 1: '],
    ['deep', '"/sub/c d.txt", line 2: '],
    ['end', '"/sub/b.txt", line 4: '],
    ['of', '"/sub/b.txt", line 4: '],
    ['b', '"/sub/b.txt", line 4: '],
    ['z', '"/main.txt", line 3: '],
    ['last', '"/main.txt", line 4: '],
  ]);
});

test('an inclusion whose name ends with the input is lost by POSIX rules, as in Python', () => {
  const included = ['a', 'in', 'b', 'deep', 'end', 'of', 'b'];
  const tokens = (text: string, posix: boolean) => {
    const lexer = new Shlex(text, main, { posix });
    lexer.source = 'source';
    return [...lexer];
  };
  assert.deepEqual(tokens('a source "sub/b.txt"', false), included);
  assert.deepEqual(tokens('a source "sub/b.txt"', true), ['a']);
  assert.deepEqual(tokens('a source "sub/b.txt"\n', true), included);
});

test('the included file’s name is joined as Python joins it', () => {
  const nameFrom = (infile: string | null, name: string): unknown => {
    const lexer = new Shlex('a', infile);
    try {
      return lexer.sourcehook(name)?.[0];
    } catch (error) {
      return (error as { path?: string }).path;
    }
  };
  assert.equal(nameFrom('here', 'no-such-file'), 'no-such-file');
  assert.equal(nameFrom(null, 'no-such-file'), 'no-such-file');
  assert.equal(nameFrom('./no-such//here', './x'), './no-such/./x');
  assert.equal(nameFrom('/here', 'no-such-file'), '/no-such-file');
  assert.equal(nameFrom('//here', 'no-such-file'), '//no-such-file');
  assert.equal(nameFrom('/x/here', '/no-such-file'), '/no-such-file');
  assert.equal(nameFrom('/x/here', '"no-such file"'), '/x/no-such file');
});

test('an overridden sourcehook decides what is included, and null includes nothing', () => {
  const texts: Record<string, LexerInput> = { one: '1 include two 1', two: '2' };
  class Includes extends Shlex {
    override source = 'include';
    override sourcehook(name: string) {
      const text = texts[name];
      return text === undefined ? null : ([name, text] as const);
    }
  }
  assert.deepEqual([...new Includes('a include one b include none c')], ['a', '1', '2', '1', 'b', 'c']);
});

test('an inclusion without a name, or of a missing file, is a typed error', () => {
  for (const posix of [false, true]) {
    const lexer = new Shlex('a source', { posix });
    lexer.source = 'source';
    assert.throws(() => [...lexer], { name: 'ValueError', message: /no name follows 'source'/ });
  }
  const lexer = new Shlex('source "missing" a', main);
  lexer.source = 'source';
  assert.throws(() => lexer.getToken(), {
    name: 'FileNotFoundError',
    code: 'ENOENT',
    path: path.join(folder, 'missing'),
  });
});

test('errorLeader takes another name and line', () => {
  assert.equal(new Shlex('a', 'f').errorLeader(null, 7), '"f", line 7: ');
  assert.equal(new Shlex('a', 'f').errorLeader('g'), '"g", line 1: ');
  assert.equal(new Shlex('a').errorLeader(), '"None", line 1: ');
});

test('an error leaves the lexer where it happened', () => {
  const lexer = new Shlex('a\n"b\nc', { posix: true });
  assert.equal(lexer.getToken(), 'a');
  assert.throws(() => lexer.getToken(), ValueError);
  assert.deepEqual([lexer.state, lexer.token, lexer.lineno], ['"', 'b\nc', 3]);
  // More input may complete the token, as for a prompt that asks for another line.
  lexer.instream = new StringSource('d" e');
  assert.deepEqual([...lexer], ['b\ncd', 'e']);
});

function debugOutput(t: TestContext, work: () => void): string[] {
  const lines: string[] = [];
  const log = t.mock.method(console, 'log', (line: string) => lines.push(line));
  try {
    work();
  } finally {
    log.mock.restore();
  }
  return lines;
}

test('debug 3 tells of each character', (t) => {
  const lexer = new Shlex("a'b c'", { posix: true });
  lexer.debug = 3;
  assert.deepEqual(
    debugOutput(t, () => assert.deepEqual([...lexer], ['ab c'])),
    [
      "shlex: in state ' ' I see character: 'a'",
      `shlex: in state 'a' I see character: "'"`,
      `shlex: in state "'" I see character: 'b'`,
      `shlex: in state "'" I see character: ' '`,
      `shlex: in state "'" I see character: 'c'`,
      `shlex: in state "'" I see character: "'"`,
      "shlex: in state 'a' I see character: ''",
      "shlex: raw token='ab c'",
      "shlex: token='ab c'",
      "shlex: in state None I see character: ''",
      'shlex: raw token=EOF',
    ],
  );
});

test('debug 1 tells of tokens and sources', (t) => {
  const lexer = new Shlex('x&&é \\');
  lexer.debug = 1;
  const lines = debugOutput(t, () => {
    lexer.pushToken("it's");
    lexer.pushSource('q', 'n');
    assert.deepEqual([...lexer], ["it's", 'q', 'x', '&', '&', 'é', '\\']);
  });
  assert.deepEqual(lines, [
    `shlex: pushing token "it's"`,
    'shlex: pushing to file n',
    `shlex: popping token "it's"`,
    "shlex: token='q'",
    'shlex: popping to an instance of StringSource, line 1',
    "shlex: token='x'",
    "shlex: token='x'",
    "shlex: popping token '&'",
    "shlex: token='&'",
    "shlex: token='é'",
    "shlex: token='\\\\'",
  ]);
});

test('debug 2 tells of the ends of tokens', (t) => {
  const lexer = new Shlex('a "b', { posix: true, punctuationChars: true });
  lexer.debug = 2;
  const lines = debugOutput(t, () => assert.throws(() => [...lexer], ValueError));
  assert.deepEqual(lines, [
    'shlex: I see whitespace in word state',
    "shlex: raw token='a'",
    "shlex: token='a'",
    'shlex: I see EOF in quotes state',
  ]);
});
