/** epoll(7): one descriptor that can be read from while any of those that it holds is ready. */
import { check, declare } from './libc.ts';
import { createOwned } from './thread-end.ts';

const epoll_create1 = declare<(flags: number) => number>('int epoll_create1(int flags)');
const epoll_ctl = declare<(epoll: number, op: number, fd: number, event: Uint32Array) => number>(
  'int epoll_ctl(int epfd, int op, int fd, void *event)',
);
const epoll_wait = declare<(epoll: number, events: Uint32Array, most: number, timeout: number) => number>(
  'int epoll_wait(int epfd, void *events, int maxevents, int timeout)',
);
const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;

/** Of {@link addToEpoll}'s bits: it is told of once each time it becomes ready, or could be anew. */
export const EPOLLET = 0x8000_0000;

/** struct epoll_event in words: what to watch for, in poll's bits, then 64 bits of ours: the descriptor. Packed on x64 only. */
const eventWords = process.arch === 'x64' ? 3 : 4;
const dataAt = eventWords - 2;
/** So many are told at once. */
export const mostAtOnce = 16;
const events = new Uint32Array(eventWords * mostAtOnce);

/** An empty one, closed on exec. @throws {OSError} `EMFILE`, … */
export function createEpoll(): number {
  return check(epoll_create1(EPOLL_CLOEXEC), 'epoll_create1');
}

/** As {@link createEpoll}; it goes with this thread. */
export function createOwnEpoll(): number {
  return createOwned(1, () => [createEpoll()])[0]!;
}

/** Puts a descriptor in, to be told of while one of `bits` (POLLIN, …) holds. @returns -1 when it cannot be; `lastErrno()` says why. */
export function addToEpoll(epoll: number, fd: number, bits: number): number {
  events[0] = bits;
  events[dataAt] = fd;
  events[dataAt + 1] = 0;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, events);
}

/** Takes it out, which closing does not while there is a copy of it. */
export function removeFromEpoll(epoll: number, fd: number): void {
  epoll_ctl(epoll, EPOLL_CTL_DEL, fd, events);
}

/** Those that are ready now, {@link mostAtOnce} at most. */
export function readyIn(epoll: number): number[] {
  const count = epoll_wait(epoll, events, mostAtOnce, 0);
  return Array.from({ length: Math.max(count, 0) }, (_, n) => events[n * eventWords + dataAt]!);
}
