import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closeFd, isOpen, openPipe, setNonBlocking } from '../../src/platform/descriptors.ts';
import {
  closeWatched,
  closeWatchedPipe,
  readSome,
  WOULD_BLOCK,
  watchFd,
  writeSome,
} from '../../src/platform/watch.ts';

function pipe(): { read: number; write: number } {
  const ends = openPipe();
  setNonBlocking(ends.read);
  setNonBlocking(ends.write);
  return ends;
}

const turns = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

test('reads and writes say what there was, that there was nothing, and the end', () => {
  const { read, write } = pipe();
  const into = Buffer.alloc(4);
  assert.equal(readSome(read, into), WOULD_BLOCK);
  assert.equal(writeSome(write, Buffer.from('abcdef')), 6);
  assert.equal(readSome(read, into), 4);
  assert.equal(readSome(read, into), 2);
  while (writeSome(write, Buffer.alloc(4096)) !== WOULD_BLOCK);
  closeFd(write);
  const all = Buffer.alloc(1 << 20);
  while (readSome(read, all) > 0);
  assert.equal(readSome(read, all), 0);
  closeFd(read);
  assert.throws(() => readSome(read, into), { code: 'EBADF', syscall: 'read' });
  assert.throws(() => writeSome(write, into), { code: 'EBADF', syscall: 'write' });
});

test('calls back for as long as it is ready, and no more once stopped', async () => {
  const { read, write } = pipe();
  let calls = 0;
  await new Promise<void>((resolve) => {
    const watch = watchFd(read, 'readable', () => {
      if (++calls < 3) return; // nothing was read: it is still ready
      watch.stop();
      watch.stop();
      resolve();
    });
    writeSome(write, Buffer.from('x'));
  });
  await turns();
  assert.equal(calls, 3);
  closeWatched(read);
  closeFd(write);
});

test('a full pipe is writable once somebody has read, and when nobody reads any more', async () => {
  const { read, write } = pipe();
  while (writeSome(write, Buffer.alloc(65_536)) !== WOULD_BLOCK);
  let calls = 0;
  const once = (act: () => void): Promise<void> =>
    new Promise((resolve) => {
      const watch = watchFd(write, 'writable', () => {
        calls++;
        watch.stop();
        resolve();
      });
      setTimeout(() => {
        assert.equal(calls, 0, 'it is full');
        act();
      }, 5);
    });
  await once(() => void readSome(read, Buffer.alloc(1 << 20)));
  while (writeSome(write, Buffer.alloc(65_536)) !== WOULD_BLOCK);
  calls = 0;
  await once(() => closeFd(read));
  assert.throws(() => writeSome(write, Buffer.from('x')), { name: 'BrokenPipeError' });
  closeWatched(write);
});

test('one watch at a time; a new one after the first was stopped, and stopping that again harms none', () => {
  const { read, write } = pipe();
  const first = watchFd(read, 'readable', () => {});
  assert.throws(() => watchFd(read, 'readable', () => {}), {
    name: 'RuntimeError',
    message: /watched already/,
  });
  first.stop();
  const second = watchFd(read, 'readable', () => {});
  first.stop();
  assert.throws(() => watchFd(read, 'readable', () => {}), { name: 'RuntimeError' });
  second.stop();
  closeWatched(read);
  closeFd(write);
});

test('a watched descriptor is closed a turn later; of a pipe the other side sees the end at once', async () => {
  for (const close of [closeWatched, closeWatchedPipe]) {
    const { read, write } = pipe();
    watchFd(read, 'readable', () => {}).stop();
    close(read);
    assert.ok(isOpen(read), 'its number is not free yet');
    if (close === closeWatchedPipe)
      assert.throws(() => writeSome(write, Buffer.from('x')), { code: 'EPIPE' });
    await turns();
    assert.ok(!isOpen(read));
    closeFd(write);
  }
});
