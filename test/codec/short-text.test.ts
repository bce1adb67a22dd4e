import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode } from '../../src/codec/index.ts';
import { shortLength, shortText } from '../../src/codec/short-text.ts';

const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';

test('a short text is the characters at its place, whatever stands around it', () => {
  const bytes = Buffer.from(`<<${alphabet}>>`);
  for (let n = 0; n <= shortLength; n++) {
    for (const at of [2, 5]) assert.equal(shortText(bytes, at, n), alphabet.slice(at - 2, at - 2 + n));
  }
});

test('texts of all lengths come back, short and long', () => {
  for (let n = 0; n <= alphabet.length; n++) {
    const text = alphabet.slice(0, n);
    assert.deepEqual(decode(encode([text, { text }])), [text, { text }]);
  }
});
