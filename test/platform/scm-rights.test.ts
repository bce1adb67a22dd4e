import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { ConnectionRefusedError, RuntimeError } from '../../src/base/errors.ts';
import { pollFds } from '../../src/platform/blocking-poll.ts';
import { closeFd, openPipe, POLLIN, replaceDescriptor } from '../../src/platform/descriptors.ts';
import {
  acceptLocally,
  connectLocally,
  listenLocally,
  peerCredentials,
  wouldBlock,
} from '../../src/platform/local-socket.ts';
import { receiveDescriptor, sendDescriptor } from '../../src/platform/scm-rights.ts';
import { openedSince, openFds } from '../support/fds.ts';
import { temporaryDirectory } from '../support/run.ts';

const freshName = (): string => `multiproc-test-${randomBytes(8).toString('hex')}`;

/** Two connected sockets: the one that connected, the one that was accepted. */
function pair(): [number, number] {
  const name = freshName();
  const listening = listenLocally(name);
  try {
    const one = connectLocally(name, performance.now() + 1000);
    return [one, acceptLocally(listening)!];
  } finally {
    closeFd(listening);
  }
}

test('a descriptor arrives as the same open file under another number, closed on exec', (t) => {
  const [a, b] = pair();
  const file = path.join(temporaryDirectory(t), 'file');
  const fd = openSync(file, 'w');
  writeSync(fd, 'one ');
  sendDescriptor(a, fd, Buffer.from('here'));
  const { bytes, fd: received } = receiveDescriptor(b, 10);
  assert.equal(bytes.toString(), 'here');
  assert.ok(received !== undefined && received !== fd);
  assert.match(readFileSync(`/proc/self/fdinfo/${received}`, 'utf8'), /^flags:\s+02\d{6}$/m);
  writeSync(received, 'two ');
  writeSync(fd, 'three');
  closeSync(fd);
  assert.equal(fstatSync(received).size, 13);
  for (const each of [a, b, received]) closeFd(each);
  assert.equal(readFileSync(file, 'utf8'), 'one two three', 'the position is shared');
});

test('each message is received as it was sent, with or without a descriptor', () => {
  const [a, b] = pair();
  const ends = openPipe();
  sendDescriptor(a, undefined, Buffer.from('first'));
  sendDescriptor(a, ends.read, Buffer.from('second'));
  assert.deepEqual(receiveDescriptor(b, 100), { bytes: Buffer.from('first'), fd: undefined });
  const second = receiveDescriptor(b, 100);
  assert.equal(second.bytes.toString(), 'second');
  for (const fd of [a, b, ends.read, ends.write, second.fd!]) closeFd(fd);
});

test('says when nothing is there, and when the other side has gone', () => {
  const [a, b] = pair();
  assert.throws(() => receiveDescriptor(b, 1), wouldBlock);
  closeFd(a);
  assert.deepEqual(receiveDescriptor(b, 1), { bytes: Buffer.alloc(0), fd: undefined });
  assert.throws(() => sendDescriptor(b, undefined, Buffer.of(1)), { code: 'EPIPE', name: 'BrokenPipeError' });
  closeFd(b);
});

test('a descriptor that is none is refused, and nothing is sent', () => {
  const [a, b] = pair();
  assert.throws(() => sendDescriptor(a, 99_999, Buffer.of(1)), { code: 'EBADF' });
  assert.throws(() => receiveDescriptor(b, 1), wouldBlock);
  closeFd(a);
  closeFd(b);
});

test('a descriptor for which this process has no room is an error, not a message without it', () => {
  const [a, b] = pair();
  sendDescriptor(a, a, Buffer.of(1));
  const taken: number[] = [];
  try {
    for (;;) taken.push(openPipe().read, openPipe().write);
  } catch {
    // None is left; with one more the last single one goes too.
  }
  let error: unknown;
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch (e) {
    error = e;
  }
  assert.equal((error as NodeJS.ErrnoException).code, 'EMFILE');
  try {
    assert.throws(() => receiveDescriptor(b, 1), RuntimeError);
  } finally {
    for (const fd of taken) closeFd(fd);
  }
  closeFd(a);
  closeFd(b);
});

test('knows who is at the other side', () => {
  const [a, b] = pair();
  const me = { pid: process.pid, uid: process.geteuid!() };
  assert.deepEqual(peerCredentials(a), me);
  assert.deepEqual(peerCredentials(b), me);
  closeFd(a);
  closeFd(b);
});

test('nobody listens: refused at once', () => {
  const before = openFds();
  assert.throws(() => connectLocally(freshName(), performance.now() + 60_000), ConnectionRefusedError);
  assert.deepEqual(openedSince(before), []);
});

test('nobody accepts: gives up when time is up', () => {
  const name = freshName();
  const listening = listenLocally(name);
  const sockets: number[] = [];
  const before = performance.now();
  assert.throws(
    () => {
      // Until the kernel's queue is full.
      for (;;) sockets.push(connectLocally(name, performance.now() + 200));
    },
    { code: 'ETIMEDOUT', name: 'ConnectionError' },
  );
  assert.ok(performance.now() - before >= 200);
  assert.ok(sockets.length > 0);
  for (const fd of [listening, ...sockets]) closeFd(fd);
});

test('a name is taken once', () => {
  const name = freshName();
  const fd = listenLocally(name);
  assert.throws(() => listenLocally(name), { code: 'EADDRINUSE' });
  assert.equal(acceptLocally(fd), undefined, 'nobody has come');
  closeFd(fd);
  closeFd(listenLocally(name));
});

test('a number becomes another name of an open file', () => {
  const ends = openPipe();
  const fd = openSync('/dev/null', 'r+');
  replaceDescriptor(ends.write, fd);
  closeFd(ends.write);
  writeSync(fd, 'x');
  assert.deepEqual(pollFds([{ fd: ends.read, events: POLLIN }], 0), [POLLIN]);
  closeSync(fd);
  closeFd(ends.read);
});
