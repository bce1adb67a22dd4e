/** What CPython's test_shlex checks. Rows that are driven by data have it in `test/fixtures/generated/shlex.json`, made by CPython 3.13. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { AttributeError, ValueError } from '../../src/base/errors.ts';
import { join, quote, Shlex, shlex, split } from '../../src/shlex.ts';

interface LexingCase {
  readonly group: string;
  readonly api: 'split' | 'shlex';
  readonly input: string;
  readonly posix: boolean;
  readonly punctuation_chars: boolean | string;
  readonly comments: boolean;
  readonly whitespace_split: boolean;
  readonly expected: readonly string[];
}

const data = JSON.parse(
  readFileSync(new URL('../fixtures/generated/shlex.json', import.meta.url), 'utf8'),
) as {
  lexing: LexingCase[];
  quote: { group: string; input: string; expected: string }[];
  join: { group: string; input: string[]; expected: string }[];
};

function byGroup<T extends { readonly group: string }>(cases: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const c of cases) groups.set(c.group, [...(groups.get(c.group) ?? []), c]);
  return groups;
}

interface LexerSettings {
  readonly posix?: boolean;
  readonly punctuationChars?: boolean | string;
  readonly whitespaceSplit?: boolean;
}

function tokensOf(input: string, { whitespaceSplit = false, ...options }: LexerSettings = {}): string[] {
  const lexer = new shlex(input, options);
  lexer.whitespaceSplit = whitespaceSplit;
  return [...lexer];
}

/** CPython's `oldSplit`: tokens until the empty one. */
function tokensByHand(lexer: Shlex): string[] {
  const tokens: string[] = [];
  for (let token = lexer.getToken(); token; token = lexer.getToken()) tokens.push(token);
  return tokens;
}

for (const [group, cases] of byGroup(data.lexing)) {
  test(`ShlexTest.${group}: the ${cases.length} cases of the data`, () => {
    for (const c of cases) {
      const context = JSON.stringify(c.input);
      if (c.api === 'split') {
        assert.deepEqual(split(c.input, { comments: c.comments, posix: c.posix }), c.expected, context);
        continue;
      }
      const settings = {
        posix: c.posix,
        punctuationChars: c.punctuation_chars,
        whitespaceSplit: c.whitespace_split,
      };
      assert.deepEqual(tokensOf(c.input, settings), c.expected, context);
      if (group.startsWith('testCompat')) {
        assert.deepEqual(tokensByHand(new Shlex(c.input)), c.expected, context);
      }
    }
  });
}

test('ShlexTest.testSplitNone: split(null) throws ValueError instead of reading standard input', () => {
  assert.throws(() => split(null as never), ValueError);
});

test('ShlexTest.testCompat[comment]: a comment does not end the word', () => {
  assert.deepEqual(tokensByHand(new Shlex('foo#bar\nbaz')), ['foobaz']);
});

test('ShlexTest.testCompat[punctuation]: other characters are tokens of their own', () => {
  assert.deepEqual(tokensByHand(new Shlex(':-) ;-)')), [':', '-', ')', ';', '-', ')']);
});

test('ShlexTest.testSyntaxSplitAmpersandAndPipe: 10 operators, with and without blanks, both ways to split', () => {
  for (const operator of ['&&', '&', '|&', ';&', ';;&', '||', '|', '&|', ';|', ';;|']) {
    for (const input of [`echo hi ${operator} echo bye`, `echo hi${operator}echo bye`]) {
      for (const whitespaceSplit of [false, true]) {
        const tokens = tokensOf(input, { punctuationChars: true, whitespaceSplit });
        assert.deepEqual(tokens, ['echo', 'hi', operator, 'echo', 'bye'], input);
      }
    }
  }
});

test('ShlexTest.testSyntaxSplitSemicolon: 4 operators, three ways to put blanks, both ways to split', () => {
  for (const operator of [';', ';;', ';&', ';;&']) {
    const inputs = [
      `echo hi ${operator} echo bye`,
      `echo hi${operator} echo bye`,
      `echo hi${operator}echo bye`,
    ];
    for (const input of inputs) {
      for (const whitespaceSplit of [false, true]) {
        const tokens = tokensOf(input, { punctuationChars: true, whitespaceSplit });
        assert.deepEqual(tokens, ['echo', 'hi', operator, 'echo', 'bye'], input);
      }
    }
  }
});

test('ShlexTest.testSyntaxSplitRedirect: < and |, three ways to put blanks', () => {
  for (const operator of ['<', '|']) {
    for (const input of [`echo hi ${operator} out`, `echo hi${operator} out`, `echo hi${operator}out`]) {
      assert.deepEqual(tokensOf(input, { punctuationChars: true }), ['echo', 'hi', operator, 'out'], input);
    }
  }
});

test('ShlexTest.testSyntaxSplitParen: parentheses, with and without blanks, both ways to split', () => {
  for (const input of ['( echo hi )', '(echo hi)']) {
    for (const whitespaceSplit of [false, true]) {
      assert.deepEqual(tokensOf(input, { punctuationChars: true, whitespaceSplit }), [
        '(',
        'echo',
        'hi',
        ')',
      ]);
    }
  }
});

test('ShlexTest.testSyntaxSplitCustom[whitespace_split=true]: only the punctuation given is split off', () => {
  const input = '~/a&&b-c --color=auto||d *.py?';
  assert.deepEqual(tokensOf(input, { punctuationChars: '|', whitespaceSplit: true }), [
    '~/a&&b-c',
    '--color=auto',
    '||',
    'd',
    '*.py?',
  ]);
});

test('ShlexTest.testTokenTypes: punctuationChars tells operators from words', () => {
  const lexer = new Shlex('a && b || c', { punctuationChars: true });
  assert.equal(lexer.punctuationChars, '();<>|&');
  const seen: [string, string][] = [];
  for (let token = lexer.getToken(); token !== lexer.eof; token = lexer.getToken()) {
    seen.push([token!, lexer.punctuationChars.includes(token![0]!) ? 'c' : 'a']);
  }
  assert.deepEqual(seen, [
    ['a', 'a'],
    ['&&', 'c'],
    ['b', 'a'],
    ['||', 'c'],
    ['c', 'a'],
  ]);
  assert.equal(lexer.eof, '');
});

test('ShlexTest.testPunctuationInWordChars: punctuation is taken out of wordchars', () => {
  const lexer = new Shlex('a_b__c', { punctuationChars: '_' });
  assert.ok(!lexer.wordchars.includes('_'));
  assert.deepEqual([...lexer], ['a', '_', 'b', '__', 'c']);
});

test('ShlexTest.testPunctuationWithPosix: a quote or backslash behind punctuation works', () => {
  assert.deepEqual(tokensOf('f >"abc"', { posix: true, punctuationChars: true }), ['f', '>', 'abc']);
  assert.deepEqual(tokensOf('f >\\"abc\\"', { posix: true, punctuationChars: true }), ['f', '>', '"abc"']);
});

test('ShlexTest.testEmptyStringHandling[posix]: empty quotes are an empty token', () => {
  for (const punctuationChars of [false, true]) {
    assert.deepEqual(tokensOf("'')abc", { posix: true, punctuationChars }), ['', ')', 'abc']);
  }
});

for (const [group, cases] of byGroup(data.quote)) {
  test(`ShlexTest.${group}: the ${cases.length} cases of the data`, () => {
    for (const c of cases) assert.equal(quote(c.input), c.expected);
  });
}

test('ShlexTest.testQuote[unsafe]: each of the unsafe characters', () => {
  for (const c of '"`$\\!éàß') assert.equal(quote(`test${c}name`), `'test${c}name'`);
});

test('ShlexTest.testQuote[unsafe-and-quotes]: each of the unsafe characters, with single quotes', () => {
  for (const c of '"`$\\!éàß') assert.equal(quote(`test${c}'name'`), `'test${c}'"'"'name'"'"''`);
});

for (const [group, cases] of byGroup(data.join)) {
  test(`ShlexTest.${group}: the ${cases.length} cases of the data, there and back`, () => {
    for (const c of cases) {
      assert.equal(join(c.input), c.expected);
      assert.deepEqual(split(c.expected), c.input);
    }
  });
}

test('ShlexTest.testJoin: there', () => {
  assert.equal(join(['a ', 'b']), "'a ' b");
  assert.equal(join(['a', ' b']), "a ' b'");
  assert.equal(join(['a', ' ', 'b']), "a ' ' b");
  assert.equal(join(['"a', 'b"']), "'\"a' 'b\"'");
});

test('ShlexTest.testJoinRoundtrip: the tokens of every case of the data', () => {
  for (const c of data.lexing) assert.deepEqual(split(join(c.expected)), c.expected, c.input);
});

test('ShlexTest.testPunctuationCharsReadOnly: the attribute cannot be set, and standard input is not read', () => {
  const lexer = new Shlex(undefined, { punctuationChars: '/|$%^' });
  assert.equal(lexer.punctuationChars, '/|$%^');
  assert.throws(() => {
    lexer.punctuationChars = false as never;
  }, AttributeError);
  assert.equal(lexer.punctuationChars, '/|$%^');
});
