import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { openPipe } from '../../src/platform/descriptors.ts';
import { FdReader, FdWriter } from '../../src/platform/fd-pipes.ts';
import { ProcessInput } from '../../src/subprocess/input-stream.ts';

function piped(): { stdin: ProcessInput; reader: FdReader } {
  const { read, write } = openPipe();
  return { stdin: new ProcessInput(new FdWriter(write), undefined), reader: new FdReader(read) };
}

const MB = 1 << 20;

test('a write that waits for room fails when the stream is destroyed', async () => {
  const { stdin, reader } = piped();
  const failed = new Promise<unknown>((resolve) => stdin.write(Buffer.alloc(MB), resolve));
  stdin.destroy();
  assert.match(String(await failed), /closed|destroyed/);
  assert.deepEqual([stdin.fd, stdin.ended], [null, true]);
  assert.throws(() => stdin.fileno(), { name: 'ValueError' });
  reader.close();
});

test('a reader that is gone is an error of the write, and none of the program when nobody listens', async () => {
  const { stdin, reader } = piped();
  reader.close();
  const closed = new Promise((resolve) => stdin.on('close', resolve));
  const error = await new Promise<unknown>((resolve) => stdin.write('x', resolve));
  assert.equal((error as { code?: string }).code, 'EPIPE');
  await closed;
  assert.equal(stdin.failure?.name, 'BrokenPipeError');
});

test('a reader that goes while a write waits ends the wait', async () => {
  const { stdin, reader } = piped();
  const failed = new Promise<unknown>((resolve) => stdin.write(Buffer.alloc(MB), resolve));
  setImmediate(() => reader.close());
  assert.equal(((await failed) as { code?: string }).code, 'EPIPE');
});

test('what was written before the end arrives, then the end', async () => {
  const { stdin, reader } = piped();
  stdin.write('one ');
  stdin.end('two');
  await once(stdin, 'close');
  const into = Buffer.alloc(100);
  const n = reader.read(into);
  assert.equal(into.toString('utf8', 0, n), 'one two');
  assert.equal(reader.read(into), 0);
  reader.close();
});
