/**
 * Pipes that wake an event loop in another thread or process: one byte says "look". And closing without a care.
 */
import { close, closeSync, constants, openSync } from 'node:fs';
import { openNonBlockingPipe } from './descriptors.ts';
import { declare, lastErrno } from './libc.ts';
import { createOwned } from './thread-end.ts';

const nativeWrite = declare<(fd: number, buffer: Uint8Array, count: number) => number>(
  'int64_t write(int fd, const void *buffer, size_t count)',
);
const nativeRead = declare<(fd: number, buffer: Uint8Array, count: number) => number>(
  'int64_t read(int fd, void *buffer, size_t count)',
);
const EAGAIN = 11;

/** A non-blocking pipe that is closed on exec and goes with this thread: `[read end, write end]`. */
export function createPipe(): [number, number] {
  return createOwned(2, openNonBlockingPipe) as [number, number];
}

/** Opens another process's end of a pipe for writing, by its number there. Throws when that process is gone. */
export function openForeignPipe(pid: number, fd: number): number {
  return openSync(`/proc/${pid}/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
}

/** Takes what is there, whatever became of the other side. @returns bytes; 0 for "nothing there" or its end. */
export function drain(fd: number, into: Uint8Array): number {
  return Math.max(0, nativeRead(fd, into, into.length));
}

/** Writes to a non-blocking pipe. `false` when nobody is left to read; a full pipe is fine: its reader will wake. */
export function ring(fd: number, bytes: Uint8Array): boolean {
  return nativeWrite(fd, bytes, bytes.length) !== -1 || lastErrno() === EAGAIN;
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
