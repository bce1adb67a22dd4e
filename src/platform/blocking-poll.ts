/**
 * poll(2): blocking a thread until one of some descriptors is ready.
 *
 * A worker thread may be terminated meanwhile, which takes effect only in JavaScript: so it is told (termination.ts) and comes back
 * from the kernel for a moment. Where it cannot be told, it comes back now and then.
 */
import { isMainThread } from '../base/thread.ts';
import { POLLIN } from './descriptors.ts';
import { check, declare, lastErrno } from './libc.ts';
import { expectTermination } from './termination.ts';

const pollC = declare<(fds: Uint8Array, count: number, timeout: number) => number>(
  'int poll(void *fds, unsigned long count, int timeout)',
);
const EINTR = 4;
/** struct pollfd: the descriptor, 16 bits to wait for, 16 bits that hold. */
const itemBytes = 8;

/** How long a worker thread blocks before it has itself told, in milliseconds: most do not block for that long. */
const unnoticedMilliseconds = 100;
/** How often one that cannot be told comes back, in milliseconds. */
const lookMilliseconds = 1700;

/** One descriptor to wait for. */
export interface PollItem {
  readonly fd: number;
  readonly events: number;
}

/**
 * Blocks this thread until one of `items` is ready.
 *
 * @param timeout Milliseconds; absent waits for ever; on timeout nothing is ready.
 * @returns What is ready of each item, in its place: 0 or a combination of POLLIN, POLLOUT, POLLERR, POLLHUP.
 */
export function pollFds(items: readonly PollItem[], timeout?: number): number[] {
  const deadline = timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeout;
  const mayBeTerminated = !isMainThread();
  const fds = Buffer.alloc((items.length + (mayBeTerminated ? 1 : 0)) * itemBytes);
  for (const [i, item] of items.entries()) putItem(fds, i, item);
  let count = items.length;
  let longest = mayBeTerminated ? unnoticedMilliseconds : Number.POSITIVE_INFINITY;
  for (;;) {
    const ready = pollC(fds, count, wholeMilliseconds(Math.min(deadline - performance.now(), longest)));
    if (ready === -1 && lastErrno() !== EINTR) check(ready, 'poll');
    const result = items.map((_, i) => (ready > 0 ? fds.readInt16LE(i * itemBytes + 6) : 0));
    if (result.some((events) => events !== 0) || deadline - performance.now() <= 0) return result;
    if (ready === -1 || !mayBeTerminated) continue;
    const termination = expectTermination();
    if (termination !== undefined) putItem(fds, items.length, { fd: termination, events: POLLIN });
    count = items.length + (termination === undefined ? 0 : 1);
    longest = termination === undefined ? lookMilliseconds : Number.POSITIVE_INFINITY;
  }
}

function putItem(fds: Buffer, place: number, { fd, events }: PollItem): void {
  fds.writeInt32LE(fd, place * itemBytes);
  fds.writeInt16LE(events, place * itemBytes + 4);
}

/** poll counts in an int of whole milliseconds: rounded up, so that it never returns just before the deadline. */
function wholeMilliseconds(left: number): number {
  return left === Number.POSITIVE_INFINITY ? -1 : Math.min(Math.max(0, Math.ceil(left)), 0x7fffffff);
}
