/**
 * poll(2): blocking a thread until one of some descriptors is ready.
 *
 * A worker thread may be terminated meanwhile, which takes effect only in JavaScript: so it is told (termination.ts) and comes back
 * from the kernel for a moment. Where it cannot be told, it comes back now and then.
 */
import { isMainThread } from '../base/thread.ts';
import { POLLIN } from './descriptors.ts';
import { check, declare, lastErrno } from './libc.ts';
import { expectTermination, stopExpecting } from './termination.ts';

const pollC = declare<(fds: Uint8Array, count: number, timeout: number) => number>(
  'int poll(void *fds, unsigned long count, int timeout)',
);
const EINTR = 4;
/** struct pollfd: the descriptor, 16 bits to wait for, 16 bits that hold. */
const itemBytes = 8;

/** How long a worker thread blocks, in milliseconds, before it has itself told: most do not block for that long. */
const unnoticedMilliseconds = 100;
/** How long one that cannot be told blocks at most. */
const untoldMilliseconds = 1700;

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
  if (!isMainThread()) return pollTerminably(items, deadline);
  const fds = pack(items);
  while (!pollOnce(fds, items.length, deadline) && performance.now() < deadline);
  return eventsOf(fds, items.length);
}

function pollTerminably(items: readonly PollItem[], deadline: number): number[] {
  const fds = pack([...items, { fd: -1, events: POLLIN }]);
  const told = new Int32Array(fds.buffer, fds.byteOffset + items.length * itemBytes, 1);
  let until = performance.now() + unnoticedMilliseconds;
  try {
    for (;;) {
      pollOnce(fds, items.length + 1, Math.min(deadline, until));
      const events = eventsOf(fds, items.length);
      const now = performance.now();
      if (now >= deadline || events.some((event) => event !== 0)) return events;
      const termination = expectTermination();
      told[0] = termination?.fd ?? -1;
      if (termination === undefined) until = now + untoldMilliseconds;
      else until = termination.sure ? Number.POSITIVE_INFINITY : now + unnoticedMilliseconds;
    }
  } finally {
    stopExpecting();
  }
}

function pack(items: readonly PollItem[]): Buffer {
  const fds = Buffer.alloc(items.length * itemBytes);
  for (const [i, { fd, events }] of items.entries()) {
    fds.writeInt32LE(fd, i * itemBytes);
    fds.writeInt16LE(events, i * itemBytes + 4);
  }
  return fds;
}

/** @returns whether anything is ready. It may come back sooner without. */
function pollOnce(fds: Buffer, count: number, deadline: number): boolean {
  const left = deadline - performance.now();
  // poll counts in an int of whole milliseconds: rounded up, so that it never returns just before the deadline.
  const ms = left === Number.POSITIVE_INFINITY ? -1 : Math.min(Math.max(0, Math.ceil(left)), 0x7fffffff);
  const ready = pollC(fds, count, ms);
  if (ready === -1 && lastErrno() !== EINTR) check(ready, 'poll');
  return ready > 0;
}

function eventsOf(fds: Buffer, count: number): number[] {
  return Array.from({ length: count }, (_, i) => fds.readInt16LE(i * itemBytes + 6));
}
