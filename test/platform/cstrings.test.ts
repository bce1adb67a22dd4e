import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CStringArrays, checkCString, cstring, environmentEntries } from '../../src/platform/cstrings.ts';
import { koffi } from '../../src/platform/libc.ts';

test('an array of strings is what C reads, whatever was there before', () => {
  const arrays = new CStringArrays();
  const text = fc.string({ unit: 'grapheme' }).map((s) => s.replaceAll('\0', ''));
  fc.assert(
    fc.property(fc.array(text, { maxLength: 6 }), (values) => {
      const packed = arrays.pack(values);
      const pointers = koffi().decode(packed, 'char *', values.length + 1) as (string | null)[];
      assert.deepEqual(pointers, [...values, null]);
    }),
    { numRuns: 200 },
  );
});

test('an array larger than the room that is kept gets its own, and the next one is right again', () => {
  const arrays = new CStringArrays();
  for (const values of [['a'], ['b'.repeat(100_000), 'é'], ['c', ''], [], ['d'.repeat(40_000)]]) {
    const pointers = koffi().decode(arrays.pack(values), 'char *', values.length + 1) as (string | null)[];
    assert.deepEqual(pointers, [...values, null]);
  }
});

test('bytes pass as they are', () => {
  assert.deepEqual(cstring(Buffer.from([0xff, 0x41])), Buffer.from([0xff, 0x41, 0]));
});

test('what C cannot hold is refused, saying which', () => {
  assert.throws(() => checkCString('a\0', 3), {
    name: 'ValueError',
    message: /argument 3.*null byte/,
  });
  assert.throws(() => checkCString(Buffer.from([1, 0]), 'cwd'), {
    name: 'ValueError',
    message: /cwd.*null byte/,
  });
  assert.throws(() => checkCString('\udc00', 'x'), { name: 'ValueError', message: /surrogate/ });
  assert.throws(() => checkCString(5, 'x'), { name: 'TypeError' });
});

test('environments: undefined is no variable, an equals sign in a name is refused', () => {
  assert.deepEqual(environmentEntries({ A: 'b=c', B: undefined, C: '' }), ['A=b=c', 'C=']);
  assert.throws(() => environmentEntries({ 'A=B': 'c' }), { message: /illegal environment variable name/ });
});
