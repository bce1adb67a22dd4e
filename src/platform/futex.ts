/**
 * Sleeping on a word of shared memory, and waking who sleeps there: Linux's futex.
 *
 * Without the PRIVATE flag, since our words are shared by processes. Three functions, one contract:
 * a sleep may end early for no reason, so that the caller looks at its word again; it never starts when the word is
 * no longer what was expected. The thread is blocked, event loop included.
 */
import { declare, lastErrno } from './libc.ts';

const SYS_FUTEX = process.arch === 'arm64' ? 98 : 202;
const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const EAGAIN = 11;
const EINTR = 4;

const futex = declare<
  (
    nr: number,
    address: number,
    op: number,
    value: number,
    timeout: Int32Array | null,
    a: number,
    b: number,
  ) => number
>('long syscall(long nr, int64_t address, int op, int value, void *timeout, int64_t a, int b)');

/** Seconds and nanoseconds, 64 bits each; one for all calls, since a thread sleeps once at a time. */
const timespec = new Int32Array(4);
const longestSeconds = 2 ** 31 - 1;

/**
 * Blocks this thread while the word holds `expected`, for at most `milliseconds`; a signal does not end it.
 *
 * @returns `false` when the time was over (true says nothing: look at the word).
 */
export function futexWait(address: number, expected: number, milliseconds: number | undefined): boolean {
  if (milliseconds === undefined) {
    while (futex(SYS_FUTEX, address, FUTEX_WAIT, expected, null, 0, 0) === -1 && lastErrno() === EINTR);
    return true;
  }
  // Only a signal makes the clock matter. Not `performance.now()`: in a program that does nothing but sleep and look, it costs
  // half as much as the sleep.
  const start = Date.now();
  for (let left = milliseconds; left > 0; left = Math.min(left, start + milliseconds - Date.now())) {
    const seconds = Math.floor(left / 1000);
    timespec[0] = Math.min(seconds, longestSeconds);
    timespec[2] = Math.floor((left - seconds * 1000) * 1e6);
    if (futex(SYS_FUTEX, address, FUTEX_WAIT, expected, timespec, 0, 0) === 0) return true;
    const errno = lastErrno();
    if (errno === EAGAIN) return true;
    if (errno !== EINTR) return false;
  }
  return false;
}

/** Wakes up to `count` threads, of any process, that sleep on the word at `address`. Returns how many it were. */
export function futexWake(address: number, count: number): number {
  return futex(SYS_FUTEX, address, FUTEX_WAKE, count, null, 0, 0);
}
