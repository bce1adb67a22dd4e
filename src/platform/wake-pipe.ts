/**
 * Pipes as bare descriptors, and being told by the event loop that one can be read.
 *
 * Not `net.Socket`: it reads ahead, allocates for each wake and takes several times as long to call back.
 */
import { close, closeSync, constants, openSync } from 'node:fs';
import { check, declare, lastErrno } from './libc.ts';
import { poll } from './poll.ts';

const pipe2 = declare<(fds: [number, number], flags: number) => number>(
  'int pipe2(_Out_ int *fds, int flags)',
);
const nativeRead = declare<(fd: number, buffer: Uint8Array, count: number) => number>(
  'int64_t read(int fd, void *buffer, size_t count)',
);
const nativeWrite = declare<(fd: number, buffer: Uint8Array, count: number) => number>(
  'int64_t write(int fd, const void *buffer, size_t count)',
);

const O_CLOEXEC = 0o2000000;
const EAGAIN = 11;

/** A non-blocking pipe that is closed on exec: `[read end, write end]`. */
export function createPipe(): [number, number] {
  const fds: [number, number] = [0, 0];
  check(pipe2(fds, O_CLOEXEC | constants.O_NONBLOCK), 'pipe2');
  return fds;
}

/** Opens another process's end of a pipe for writing, by its number there. Throws when that process is gone. */
export function openForeignPipe(pid: number, fd: number): number {
  return openSync(`/proc/${pid}/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
}

/** Takes what is in a non-blocking pipe. Returns the number of bytes; 0 for "nothing there" or its end. */
export function drain(fd: number, into: Uint8Array): number {
  return Math.max(0, nativeRead(fd, into, into.length));
}

/** Writes to a non-blocking pipe. `false` when nobody is left to read; a full pipe is fine: its reader will wake. */
export function ring(fd: number, bytes: Uint8Array): boolean {
  return nativeWrite(fd, bytes, bytes.length) !== -1 || lastErrno() === EAGAIN;
}

/** Calls back from the event loop while a descriptor can be read. */
export interface Watcher {
  /** The program stays alive for it. */
  ref(): void;
  /** The program may end although it watches. */
  unref(): void;
  /** Stops watching; the descriptor stays open. */
  close(): void;
}

/** Watches a descriptor: `onReadable` is called for as long as there is something unread. Starts unref'd. */
export function watchReadable(fd: number, onReadable: () => void): Watcher {
  const handle = poll(fd, { readable: true }, onReadable);
  handle.unref();
  return handle;
}

/** Closes a descriptor, without a care whether it still was one. */
export function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // Already closed: what was wanted.
  }
}

/** Closes off the main path, where closing may take long (the last user of much memory). */
export function closeLater(fd: number): void {
  close(fd, () => {});
}
