/** Room in the memory that messages are written to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { putNumber, putShort, Sink, shortBytes } from '../../src/codec/sink.ts';
import { T } from '../../src/codec/tags.ts';

test('there is room for what was asked for, also beyond 2 GiB, in all forms of the memory alike', () => {
  for (const need of [1, 8192, 8193, 2 ** 20 + 1, 2 ** 31 + 5]) {
    const sink = new Sink();
    assert.equal(sink.room(need), 0);
    assert.ok(sink.bytes.length >= need, `${need}: ${sink.bytes.length}`);
    assert.equal(sink.words.byteLength, sink.bytes.length);
    assert.equal(sink.units.byteLength, sink.bytes.length);
    assert.equal(sink.view.byteLength, sink.bytes.length);
  }
});

test('growing keeps what was written', () => {
  const sink = new Sink();
  const texts = Array.from({ length: 2000 }, (_, i) => `text number ${i}`);
  for (const text of texts) sink.string(text);
  const written = sink.bytes.subarray(0, sink.at).toString('latin1');
  assert.equal(written, texts.map((t) => String.fromCharCode(T.ASCII, t.length) + t).join(''));
});

test('what is put without looking for room takes no more than it may', () => {
  const sink = new Sink();
  for (const n of [0, -0, 1, -1, 63, 64, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 0.1, Number.NaN, -1e300]) {
    assert.ok(putNumber(sink.bytes, sink.view, 0, n) <= shortBytes, String(n));
  }
  assert.equal(putShort(sink.bytes, 0, 'x'.repeat(shortBytes - 2)), shortBytes);
  assert.equal(putShort(sink.bytes, 0, 'x'.repeat(shortBytes - 1)), -1);
  assert.equal(putShort(sink.bytes, 0, 'ü'), -1);
});
