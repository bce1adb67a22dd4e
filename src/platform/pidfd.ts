/** A descriptor that stands for a process or a thread and becomes readable when it ends: pidfd_open(2), Linux 5.3. */
import { closeFd } from './descriptors.ts';
import { check, declare } from './libc.ts';

const SYS_pidfd_open = 434; // the same number on every architecture
const syscall = declare<(number: number, pid: number, flags: number) => number>(
  'long syscall(long number, long pid, long flags)',
);

/** -1 where there is none: no such process, an older kernel, no descriptors left, a sandbox. */
export function tryPidfd(pid: number): number {
  return syscall(SYS_pidfd_open, pid, 0);
}

const PIDFD_THREAD = 0o200;

/** As {@link tryPidfd}, of one thread, by its id. Linux 6.9. */
export function tryThreadPidfd(tid: number): number {
  return syscall(SYS_pidfd_open, tid, PIDFD_THREAD);
}

/** @throws {ProcessLookupError} When there is no such process, or it was waited for already. */
export function pidfdOpen(pid: number): number {
  return check(tryPidfd(pid), 'pidfd_open');
}

/** Closes it. */
export function closePidfd(fd: number): void {
  closeFd(fd);
}
