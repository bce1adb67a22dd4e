import assert from 'node:assert/strict';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import {
  closeFd,
  duplicate,
  isOpen,
  openPipe,
  openSocketPair,
  pipeSize,
  setNonBlocking,
} from '../../src/platform/descriptors.ts';
import { readSome, WOULD_BLOCK, watchFd, writeSome } from '../../src/platform/watch.ts';
import { F_GETFD, fcntl } from '../support/ffi.ts';

test('pipes are close-on-exec and as large as asked', () => {
  const { read, write } = openPipe(131_072);
  assert.deepEqual([fcntl(read, F_GETFD, 0), fcntl(write, F_GETFD, 0)], [1, 1]);
  assert.equal(pipeSize(write), 131_072);
  closeFd(read);
  closeFd(write);
  assert.deepEqual([isOpen(read), isOpen(write)], [false, false]);
  assert.throws(() => closeFd(read), { code: 'EBADF' });
});

test('reads and writes without waiting', () => {
  const { read, write } = openPipe();
  setNonBlocking(read);
  setNonBlocking(write);
  const buffer = Buffer.alloc(100_000);
  assert.equal(readSome(read, buffer), WOULD_BLOCK);
  assert.equal(writeSome(write, buffer), 65_536);
  assert.equal(writeSome(write, buffer), WOULD_BLOCK);
  assert.equal(readSome(read, buffer), 65_536);
  closeFd(write);
  assert.equal(readSome(read, buffer), 0);
  closeFd(read);
});

test('writing to a pipe that nobody reads is BrokenPipeError, not a signal', () => {
  const { read, write } = openPipe();
  closeFd(read);
  assert.throws(() => writeSome(write, Buffer.from('x')), { name: 'BrokenPipeError', code: 'EPIPE' });
  closeFd(write);
});

test('a socket pair goes both ways', () => {
  const [a, b] = openSocketPair();
  writeSync(a, 'to b');
  writeSync(b, 'to a');
  const buffer = Buffer.alloc(10);
  assert.equal(buffer.toString('latin1', 0, readSync(b, buffer)), 'to b');
  assert.equal(buffer.toString('latin1', 0, readSync(a, buffer)), 'to a');
  closeFd(a);
  closeFd(b);
});

test('a duplicate is another number, not below the one asked for', () => {
  const fd = openSync('/dev/null', 'r');
  const copy = duplicate(fd, 50);
  assert.ok(copy >= 50);
  closeSync(fd);
  assert.ok(isOpen(copy));
  closeFd(copy);
});

test('the event loop tells when a descriptor is ready; two watches of one are refused', async () => {
  const { read, write } = openPipe();
  setNonBlocking(read);
  await new Promise<void>((resolve) => {
    const watch = watchFd(read, 'readable', () => {
      watch.stop();
      resolve();
    });
    assert.throws(() => watchFd(read, 'readable', () => {}), { name: 'RuntimeError' });
    writeSync(write, 'x');
  });
  await new Promise((resolve) => setImmediate(resolve));
  closeFd(read);
  closeFd(write);
});
