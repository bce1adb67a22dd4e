import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { createDecoder, UnicodeDecodeError } from '../../src/subprocess/decode.ts';

const modes = ['strict', 'ignore', 'replace', 'surrogateescape', 'backslashreplace'];
const encodings = [
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
];

function decode(bytes: Uint8Array, encoding: string, errors: string): string | undefined {
  try {
    return createDecoder(encoding, errors).decode(bytes, true);
  } catch (e) {
    assert.ok(e instanceof UnicodeDecodeError, String(e));
    return undefined;
  }
}

/** Bytes in which damage is likely: pieces of encoded text, marks, and anything. */
const damaged = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 4 }).map((s) => Buffer.from(s)),
      fc.string({ unit: 'binary', maxLength: 4 }).map((s) => Buffer.from(s, 'utf16le')),
      fc
        .constantFrom(
          'c3',
          'e282',
          'f09f98',
          'eda080',
          'c0af',
          'efbbbf',
          'fffe',
          'feff',
          'fffe0000',
          '00d8',
          '3dd800de',
        )
        .map((h) => Buffer.from(h, 'hex')),
      fc.uint8Array({ maxLength: 3 }).map((b) => Buffer.from(b)),
    ),
    { maxLength: 6 },
  )
  .map((parts) => Buffer.concat(parts));

test('chunks may be cut anywhere: the text is that of the whole', () => {
  fc.assert(
    fc.property(
      damaged,
      fc.constantFrom(...encodings),
      fc.constantFrom(...modes.slice(1)),
      fc.array(fc.nat(40), { maxLength: 5 }),
      (bytes, encoding, errors, cuts) => {
        const whole = decode(bytes, encoding, errors);
        const decoder = createDecoder(encoding, errors);
        const at = [0, ...cuts.map((c) => Math.min(c, bytes.length)).sort((a, b) => a - b), bytes.length];
        let text: string | undefined = '';
        try {
          for (let i = 1; i < at.length; i++) {
            // The chunk is overwritten afterwards, as a read buffer is.
            const chunk = Buffer.from(bytes.subarray(at[i - 1], at[i]));
            text += decoder.decode(chunk, i === at.length - 1);
            chunk.fill(0x21);
          }
        } catch {
          text = undefined;
        }
        assert.equal(text, whole);
      },
    ),
    { numRuns: 1500 },
  );
});

test('text and errors are those of CPython, for every encoding and error handler', (t) => {
  const cases = fc
    .sample(fc.tuple(damaged, fc.constantFrom(...encodings), fc.constantFrom(...modes)), {
      numRuns: 4000,
      seed: 7,
    })
    .map(([bytes, encoding, errors]) => [bytes.toString('hex'), encoding, errors] as const);
  const program = `
import json, sys
out = []
for data, encoding, errors in json.load(sys.stdin):
    try:
        text = bytes.fromhex(data).decode(encoding, errors)
        out.append(text.encode('utf-16-le', 'surrogatepass').hex())
    except UnicodeDecodeError as e:
        out.append(None)
json.dump(out, sys.stdout)
`;
  const { stdout, error, status } = spawnSync('python3', ['-c', program], {
    input: JSON.stringify(cases),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (error !== undefined) {
    t.skip('there is no python3 to compare with');
    return;
  }
  assert.equal(status, 0);
  const expected = JSON.parse(stdout) as (string | null)[];
  for (const [i, [hex, encoding, errors]] of cases.entries()) {
    const text = decode(Buffer.from(hex, 'hex'), encoding, errors);
    const got = text === undefined ? null : Buffer.from(text, 'utf16le').toString('hex');
    assert.equal(got, expected[i], `${hex} as ${encoding}, ${errors}`);
  }
});

test('the error says where, what and why', () => {
  assert.throws(() => createDecoder('utf-8', 'strict').decode(Buffer.from('ab\xffcd', 'latin1'), true), {
    name: 'UnicodeDecodeError',
    code: 'ERR_MULTIPROC_UNICODE_DECODE',
    encoding: 'utf-8',
    start: 2,
    end: 3,
    reason: 'invalid start byte',
  });
  assert.throws(() => createDecoder('utf-8', 'strict').decode(Buffer.from('e282', 'hex'), true), {
    reason: 'unexpected end of data',
  });
});

test('legacy encodings are Node’s, with strict and replace; other handlers are refused', () => {
  assert.equal(decode(Buffer.from('c4e3bac3', 'hex'), 'gbk', 'strict'), '你好');
  assert.equal(decode(Buffer.from('93', 'hex'), 'cp1252', 'strict'), '“');
  for (const hex of ['c4', 'c4e3ba']) {
    assert.equal(decode(Buffer.from(hex, 'hex'), 'gbk', 'strict'), undefined, hex);
  }
  assert.equal(decode(Buffer.from('c4e3ba', 'hex'), 'gbk', 'replace'), '你\ufffd');
  assert.throws(() => createDecoder('gbk', 'surrogateescape'), { name: 'ValueError', message: /strict/ });
});

test('unknown encodings and handlers are refused by name', () => {
  assert.throws(() => createDecoder('klingon', 'strict'), {
    name: 'ValueError',
    code: 'ERR_MULTIPROC_UNKNOWN_ENCODING',
    message: /klingon/,
  });
  assert.throws(() => createDecoder('utf-8', 'shrug'), { name: 'ValueError', message: /shrug/ });
});
