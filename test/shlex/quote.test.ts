import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { join, quote, split } from '../../src/shlex.ts';
import { random, shellText } from './generated.ts';

test('quote leaves alone what no shell minds', () => {
  for (const safe of ['abc', '-x', '--a=b', '/usr/bin/env', 'user@host:path', 'a_b', '1,2+3%']) {
    assert.equal(quote(safe), safe);
  }
});

test('quote puts everything else between single quotes', () => {
  assert.equal(quote('a b'), "'a b'");
  assert.equal(quote('$HOME'), "'$HOME'");
  assert.equal(quote('a\nb'), "'a\nb'");
  assert.equal(quote('é'), "'é'");
  assert.equal(quote(''), "''");
  assert.equal(quote("don't"), `'don'"'"'t'`);
  assert.equal(quote("'"), `''"'"''`);
});

test('quote refuses what is no string, naming it', () => {
  for (const wrong of [undefined, null, 5, Buffer.from('a'), ['a']]) {
    assert.throws(() => quote(wrong as never), { name: 'TypeError', code: 'ERR_MULTIPROC_INVALID_ARG_TYPE' });
  }
});

test('join takes any iterable of strings, and a string by its characters as in Python', () => {
  assert.equal(join(new Set(['a', 'b c'])), "a 'b c'");
  assert.equal(join([]), '');
  assert.equal(join(['', '']), "'' ''");
  assert.equal(join('a b😀'), "a ' ' b '😀'");
  assert.throws(() => join(undefined as never), TypeError);
  assert.throws(() => join(['a', 5] as never), TypeError);
});

test('split gives back what join was given, whatever it was', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' })), (args) => {
      assert.deepEqual(split(join(args)), args);
    }),
    { numRuns: 2_000 },
  );
});

test('a real shell reads joined arguments as they were', () => {
  const next = random(7);
  // A command line cannot hold NUL, nor a lone surrogate, which is no UTF-8.
  const args = Array.from({ length: 500 }, () => shellText(next)).map((s) => s.replace(/[\0\p{Cs}]/gu, ''));
  const printed = execFileSync('sh', ['-c', `printf '%s\\0' ${join(args)}`], { encoding: 'utf8' });
  assert.deepEqual(printed.split('\0').slice(0, -1), args);
});
