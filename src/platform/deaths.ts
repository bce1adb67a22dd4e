/**
 * Being told by the kernel when threads of any process end: one epoll (epoll(7)) that holds a pidfd for each of them.
 *
 * The epoll is a descriptor like any other: a thread that blocks polls it, an event loop watches it. Of a process's main thread
 * the pidfd is the process's, since the one ends with the other; a pidfd of another thread takes Linux 6.9.
 */
import { closeFd } from './descriptors.ts';
import { check, declare } from './libc.ts';
import { isThreadAlive, type ThreadIdentity } from './liveness.ts';
import { tryPidfd, tryThreadPidfd } from './pidfd.ts';
import { ownNumber } from './thread-end.ts';
import { closeQuietly } from './wake-pipe.ts';

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
const EPOLLIN = 1;

/** struct epoll_event in words: what to watch for, then 64 bits of ours; packed on x64 only. */
const eventWords = process.arch === 'x64' ? 3 : 4;
const dataAt = eventWords - 2;
const mostAtOnce = 16;
const events = new Uint32Array(eventWords * mostAtOnce);

/** How many are watched at most: more than there are cores, fewer than a process may have descriptors. */
const mostWatched = 512;

/** What became of asking to be told of a thread's end. */
export type Watched = 'watched' | 'dead' | 'unwatchable';

/** The threads whose end this thread is told of. Use {@link openDeathWatch}. */
export class DeathWatch {
  /** Can be read from when one of them has ended, until {@link takeEnded}. */
  readonly fd: number;
  readonly #threads = new Map<string, number>();
  readonly #byPidfd = new Map<number, ThreadIdentity>();

  constructor(fd: number) {
    this.fd = fd;
  }

  /** Asks to be told of a thread's end. `unwatchable` where the kernel cannot, or there are too many. */
  watch(thread: ThreadIdentity): Watched {
    const name = nameOf(thread);
    if (this.#threads.has(name)) return 'watched';
    if (this.#threads.size >= mostWatched) return 'unwatchable';
    const opened = thread.pid === thread.tid ? tryPidfd(thread.pid) : tryThreadPidfd(thread.tid);
    // Only now is it sure that the descriptor is not of a later one with the same number.
    const alive = isThreadAlive(thread);
    if (opened === -1) return alive ? 'unwatchable' : 'dead';
    if (!alive) {
      closeFd(opened);
      return 'dead';
    }
    const pidfd = tryOwn(opened);
    if (pidfd === undefined) return 'unwatchable';
    events[0] = EPOLLIN;
    events[dataAt] = pidfd;
    events[dataAt + 1] = 0;
    if (epoll_ctl(this.fd, EPOLL_CTL_ADD, pidfd, events) === -1) {
      closeQuietly(pidfd);
      return 'unwatchable';
    }
    this.#threads.set(name, pidfd);
    this.#byPidfd.set(pidfd, thread);
    return 'watched';
  }

  /** Those that have ended and were not told of yet; they are watched no more. Does not block. */
  takeEnded(): ThreadIdentity[] {
    const ended: ThreadIdentity[] = [];
    for (;;) {
      const count = epoll_wait(this.fd, events, mostAtOnce, 0);
      const pidfds = Array.from({ length: Math.max(count, 0) }, (_, n) => events[n * eventWords + dataAt]!);
      for (const pidfd of pidfds) {
        const thread = this.#byPidfd.get(pidfd);
        // Closing does not take it out while a program that is about to be started has a copy of it.
        epoll_ctl(this.fd, EPOLL_CTL_DEL, pidfd, events);
        if (thread === undefined) continue;
        this.#byPidfd.delete(pidfd);
        this.#threads.delete(nameOf(thread));
        closeQuietly(pidfd);
        ended.push(thread);
      }
      if (count < mostAtOnce) return ended;
    }
  }
}

const nameOf = ({ pid, tid, start }: ThreadIdentity): string => `${pid}:${tid}:${start}`;

function tryOwn(fd: number): number | undefined {
  try {
    return ownNumber(fd);
  } catch {
    return undefined; // no descriptors left
  }
}

/** @throws {OSError} `EMFILE`, … */
export function openDeathWatch(): DeathWatch {
  return new DeathWatch(ownNumber(check(epoll_create1(EPOLL_CLOEXEC), 'epoll_create1')));
}
