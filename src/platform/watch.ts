/**
 * Being told by the event loop that a descriptor is ready, and plain reads and writes that never wait.
 *
 * Not `net.Socket`: it reads 64 KiB at most into a fresh buffer each time, makes its descriptor its own, and takes
 * neither pidfds nor a blocking read in between. A descriptor that was watched is closed a turn of the event loop
 * later: libuv may still be about to take it out of epoll, and a new descriptor with the same number would go deaf.
 */
import { closeSync, openSync } from 'node:fs';
import { RuntimeError } from '../base/errors.ts';
import { closeFd } from './descriptors.ts';
import { check, declare, errnoError, lastErrno } from './libc.ts';
import { poll } from './poll.ts';

const nativeRead = declare<(fd: number, buffer: Uint8Array, count: number) => number>(
  'long read(int fd, void *buffer, unsigned long count)',
);
const nativeWrite = declare<(fd: number, buffer: Uint8Array, count: number) => number>(
  'long write(int fd, const void *buffer, unsigned long count)',
);
const EINTR = 4;
const EAGAIN = 11;

/** What a read or write gives on a non-blocking descriptor that is not ready. */
export const WOULD_BLOCK = -1;

/**
 * Fills `buffer` with what is there. @returns bytes; 0 is the end; {@link WOULD_BLOCK} when nothing is there yet.
 * @throws {OSError}
 */
export function readSome(fd: number, buffer: Uint8Array): number {
  for (;;) {
    const n = nativeRead(fd, buffer, buffer.length);
    if (n >= 0) return n;
    const errno = lastErrno();
    if (errno === EAGAIN) return WOULD_BLOCK;
    if (errno !== EINTR) throw errnoError(errno, 'read');
  }
}

/**
 * Writes as much of `bytes` as there is room for. @returns bytes taken, or {@link WOULD_BLOCK}.
 * @throws {BrokenPipeError} Nobody reads any more.
 */
export function writeSome(fd: number, bytes: Uint8Array): number {
  for (;;) {
    const n = nativeWrite(fd, bytes, bytes.length);
    if (n >= 0) return n;
    const errno = lastErrno();
    if (errno === EAGAIN) return WOULD_BLOCK;
    if (errno !== EINTR) throw errnoError(errno, 'write');
  }
}

const watched = new Set<number>();

/** A watched descriptor; it keeps the event loop alive until stopped, unless it is unref'd. */
export interface FdWatch {
  stop(): void;
  ref(): void;
  unref(): void;
}

/** Calls back while `fd` is ready to be read or written, or its other side is gone. The descriptor stays the caller's. */
export function watchFd(fd: number, what: 'readable' | 'writable', onReady: () => void): FdWatch {
  // libuv refuses a second watch, and koffi ends the whole program on such a refusal.
  if (watched.has(fd)) throw new RuntimeError(`Cannot watch descriptor ${fd}: it is being watched already`);
  const handle = poll(fd, what === 'readable' ? { readable: true } : { writable: true }, onReady);
  watched.add(fd);
  let stopped = false;
  return {
    stop() {
      if (stopped) return;
      stopped = true;
      watched.delete(fd);
      handle.close();
    },
    ref: () => handle.ref(),
    unref: () => handle.unref(),
  };
}

const dup3 = declare<(from: number, to: number, flags: number) => number>(
  'int dup3(int from, int to, int flags)',
);
const O_CLOEXEC = 0o2000000;

/** Closes a descriptor that was watched, a turn of the event loop later, by `close`. */
export function closeWatched(fd: number, close = closeFd): void {
  setImmediate(() => close(fd));
}

/** As {@link closeWatched}, but the other side of the pipe sees the end at once: the number lives on as `/dev/null`. */
export function closeWatchedPipe(fd: number): void {
  const nothing = openSync('/dev/null', 'r');
  try {
    check(dup3(nothing, fd, O_CLOEXEC), 'dup3');
  } finally {
    closeSync(nothing);
  }
  closeWatched(fd);
}
