/**
 * A descriptor that stands for a process or a thread and becomes readable when it ends: pidfd_open(2), Linux 5.3. It goes with the
 * thread that has opened it.
 */
import { closeSync } from 'node:fs';
import { check, declare } from './libc.ts';
import { createOwned } from './thread-end.ts';

const SYS_pidfd_open = 434; // the same number on every architecture
const syscall = declare<(number: number, pid: number, flags: number) => number>(
  'long syscall(long number, long pid, long flags)',
);

/** -1 where there is none: no such process, an older kernel, no descriptors left, a sandbox. */
export function tryPidfd(pid: number): number {
  return tryPidfdOpen(pid, 0);
}

function tryPidfdOpen(id: number, flags: number): number {
  try {
    return pidfdOf(id, flags);
  } catch {
    return -1;
  }
}

function pidfdOf(id: number, flags: number): number {
  return createOwned(1, () => [check(syscall(SYS_pidfd_open, id, flags), 'pidfd_open')])[0]!;
}

const PIDFD_THREAD = 0o200;

/** As {@link tryPidfd}, of one thread, by its id. Linux 6.9. */
export function tryThreadPidfd(tid: number): number {
  return tryPidfdOpen(tid, PIDFD_THREAD);
}

/** @throws {ProcessLookupError} When there is no such process, or it was waited for already. */
export function pidfdOpen(pid: number): number {
  return pidfdOf(pid, 0);
}

/** Closes it. @throws {Error} `EBADF`, Node's. */
export function closePidfd(pidfd: number): void {
  closeSync(pidfd);
}
