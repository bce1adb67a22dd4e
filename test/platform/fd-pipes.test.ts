import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOpen, openPipe } from '../../src/platform/descriptors.ts';
import { FdReader, FdWriter } from '../../src/platform/fd-pipes.ts';
import { WOULD_BLOCK } from '../../src/platform/pipe-end.ts';

function pipe(): { reader: FdReader; writer: FdWriter } {
  const { read, write } = openPipe();
  return { reader: new FdReader(read), writer: new FdWriter(write) };
}

test('reads and writes never wait: nothing there, no room, and the end', () => {
  const { reader, writer } = pipe();
  const into = Buffer.alloc(10);
  assert.equal(reader.read(into), WOULD_BLOCK);
  assert.equal(writer.write(Buffer.from('abc')), 3);
  assert.equal(reader.read(into), 3);
  assert.equal(into.toString('utf8', 0, 3), 'abc');
  while (writer.write(Buffer.alloc(65_536)) !== WOULD_BLOCK);
  writer.close();
  const all = Buffer.alloc(1 << 20);
  assert.ok(reader.read(all) > 0);
  while (reader.read(all) > 0);
  assert.equal(reader.read(all), 0);
  reader.close();
});

test('writing to what nobody reads is BrokenPipeError', () => {
  const { reader, writer } = pipe();
  reader.close();
  assert.throws(() => writer.write(Buffer.from('x')), { name: 'BrokenPipeError', code: 'EPIPE' });
  writer.close();
});

test('closing twice closes once: the number may be somebody else’s by then', () => {
  const { reader, writer } = pipe();
  const { fd } = reader;
  reader.close();
  assert.deepEqual([reader.closed, reader.fd, isOpen(fd!)], [true, undefined, false]);
  const other = pipe();
  assert.equal(other.reader.fd, fd, 'the kernel gives the lowest number');
  reader.close();
  assert.ok(isOpen(fd!));
  for (const end of [writer, other.reader, other.writer]) end.close();
});

test('waiting for any tells which; with a time limit, none', () => {
  const [a, b] = [pipe(), pipe()];
  assert.deepEqual(a.reader.waitAny([a.reader, b.reader], 1), [false, false]);
  b.writer.write(Buffer.from('x'));
  assert.deepEqual(a.reader.waitAny([a.reader, b.reader]), [false, true]);
  a.writer.close();
  assert.deepEqual(a.reader.waitAny([a.reader, b.reader]), [true, true]);
  for (const end of [a.reader, b.reader, b.writer]) end.close();
});

test('the other side sees the end at once, although a watched number is closed a turn later', async () => {
  const { reader, writer } = pipe();
  const { fd } = reader;
  const watch = reader.watch(() => {});
  watch.stop();
  watch.stop();
  reader.close();
  assert.throws(() => writer.write(Buffer.from('x')), { code: 'EPIPE' });
  assert.ok(isOpen(fd!));
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(!isOpen(fd!));
  writer.close();
});
