import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { createDecoder } from '../../src/subprocess/decode.ts';
import { encodeText, encodingOf, UnicodeEncodeError } from '../../src/subprocess/encodings.ts';

test('names are recognised as Python’s users write them', () => {
  for (const name of ['UTF-8', 'utf8', 'U8', 'utf_8']) assert.equal(encodingOf(name).name, 'utf-8');
  for (const name of ['latin1', 'ISO-8859-1', 'iso8859_1', 'L1'])
    assert.equal(encodingOf(name).name, 'latin-1');
  assert.equal(encodingOf('UTF_16LE').name, 'utf-16-le');
  assert.equal(encodingOf('cp1251').label, 'windows-1251');
  assert.equal(encodingOf('koi8_r').label, 'koi8-r');
});

test('text and errors are those of CPython', (t) => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.string({
      unit: fc.constantFrom('a', 'é', '€', '\ufffd', '😀', '\ud800', '\udc80', '\udcff', '\n'),
      maxLength: 6,
    }),
  );
  const cases = fc.sample(
    fc.tuple(
      text,
      fc.constantFrom(
        'utf-8',
        'utf-8-sig',
        'ascii',
        'latin-1',
        'cp1252',
        'utf-16',
        'utf-16-le',
        'utf-16-be',
        'utf-32',
        'utf-32-le',
        'utf-32-be',
      ),
      fc.constantFrom('strict', 'ignore', 'replace', 'backslashreplace', 'surrogateescape'),
    ),
    { numRuns: 3000, seed: 3 },
  );
  const program = `
import json, sys
out = []
for text, encoding, errors in json.load(sys.stdin):
    try:
        out.append(bytes.fromhex(text).decode('utf-16-le', 'surrogatepass').encode(encoding, errors).hex())
    except UnicodeEncodeError:
        out.append(None)
json.dump(out, sys.stdout)
`;
  const { stdout, error } = spawnSync('python3', ['-c', program], {
    input: JSON.stringify(cases.map(([s, ...rest]) => [Buffer.from(s, 'utf16le').toString('hex'), ...rest])),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (error !== undefined) {
    t.skip('there is no python3 to compare with');
    return;
  }
  const expected = JSON.parse(stdout) as (string | null)[];
  for (const [i, [s, encoding, errors]] of cases.entries()) {
    let got: string | null;
    try {
      got = encodeText(s, encoding, errors).toString('hex');
    } catch (e) {
      assert.ok(e instanceof UnicodeEncodeError, String(e));
      got = null;
    }
    assert.equal(got, expected[i], `${JSON.stringify(s)} as ${encoding}, ${errors}`);
  }
});

test('legacy encodings give back what was decoded', () => {
  for (const [encoding, text] of [
    ['gbk', '你好, world'],
    ['shift_jis', 'こんにちは'],
    ['koi8-r', 'привет'],
    ['cp1252', '“naïve” €'],
  ] as const) {
    const bytes = encodeText(text, encoding, 'strict');
    assert.notEqual(bytes.toString('utf8'), text);
    assert.equal(createDecoder(encoding, 'strict').decode(bytes, true), text);
  }
  assert.throws(() => encodeText('你', 'cp1252', 'strict'), { name: 'UnicodeEncodeError', start: 0 });
});
