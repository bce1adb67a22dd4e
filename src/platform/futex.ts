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
    timeout: BigInt64Array | null,
    a: number,
    b: number,
  ) => number
>('long syscall(long nr, int64_t address, int op, int value, void *timeout, int64_t a, int b)');

/** seconds and nanoseconds; one for all calls, since a thread sleeps once at a time. */
const timespec = new BigInt64Array(2);

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
  const end = performance.now() + milliseconds;
  for (let left = milliseconds; left > 0; left = end - performance.now()) {
    const seconds = Math.floor(left / 1000);
    timespec[0] = BigInt(seconds);
    timespec[1] = BigInt(Math.floor((left - seconds * 1000) * 1e6));
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
