import assert from 'node:assert/strict';
import { test } from 'node:test';
import { repr } from '../../src/shlex/repr.ts';

test('repr prints strings as Python does', () => {
  assert.equal(repr(null), 'None');
  assert.equal(repr(''), "''");
  assert.equal(repr('a b'), "'a b'");
  assert.equal(repr("it's"), `"it's"`);
  assert.equal(repr(`'"`), `'\\'"'`);
  assert.equal(repr('"'), `'"'`);
  assert.equal(repr('\\\n\r\t\0\x7f'), "'\\\\\\n\\r\\t\\x00\\x7f'");
  assert.equal(repr('é漢😀'), "'é漢😀'");
  assert.equal(repr('\u00a0\u00ad\u2028\u3000\ud83d'), "'\\xa0\\xad\\u2028\\u3000\\ud83d'");
  assert.equal(repr('\u{e0001}\u{10ffff}'), "'\\U000e0001\\U0010ffff'");
});
