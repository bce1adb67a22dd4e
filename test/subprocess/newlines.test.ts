import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NewlineTranslator } from '../../src/subprocess/newlines.ts';

test('any mix of newlines, cut anywhere, is that of the whole', () => {
  const pieces = fc.array(fc.string({ unit: fc.constantFrom('\r', '\n', 'a'), maxLength: 4 }), {
    maxLength: 6,
  });
  fc.assert(
    fc.property(pieces, (parts) => {
      const translator = new NewlineTranslator();
      let text = '';
      for (const part of parts) text += translator.translate(part, false);
      text += translator.translate('', true);
      assert.equal(text, parts.join('').replaceAll('\r\n', '\n').replaceAll('\r', '\n'));
    }),
  );
});

test('a return at the end of a chunk waits for what follows', () => {
  const translator = new NewlineTranslator();
  assert.equal(translator.translate('a\r', false), 'a');
  assert.equal(translator.translate('\nb', false), '\nb');
});
