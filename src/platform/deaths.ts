/**
 * Being told by the kernel when threads of any process end: one epoll (epoll(7)) that holds a pidfd for each of them.
 *
 * The epoll is a descriptor like any other: a thread that blocks polls it, an event loop watches it. Of a process's main thread
 * the pidfd is the process's, since the one ends with the other; a pidfd of another thread takes Linux 6.9.
 */
import { mostDescriptors, POLLIN } from './descriptors.ts';
import { addToEpoll, createOwnEpoll, mostAtOnce, readyIn, removeFromEpoll } from './epoll.ts';
import { isThreadAlive, type ThreadIdentity } from './liveness.ts';
import { closePidfd, tryPidfd, tryThreadPidfd } from './pidfd.ts';
import { closeQuietly } from './wake-pipe.ts';

/** How many are watched at most. */
const mostWatched = 512;
/** So much of the descriptors that a process may have: each of its threads may watch all others, and the program needs some, too. */
const mostOfAll = 1 / 4;

/** What became of asking to be told of a thread's end. */
export type Watched = 'watched' | 'dead' | 'unwatchable';

/** The threads whose end this thread is told of. Use {@link openDeathWatch}. */
export class DeathWatch {
  /** Can be read from when one of them has ended, until {@link takeEnded}. */
  readonly fd: number;
  readonly #mostDescriptors = mostDescriptors() * mostOfAll;
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
    const pidfd = thread.pid === thread.tid ? tryPidfd(thread.pid) : tryThreadPidfd(thread.tid);
    // Only now is it sure that the descriptor is not of a later one with the same number.
    const alive = isThreadAlive(thread);
    // The kernel gives the lowest number that is free.
    if (alive && pidfd !== -1 && pidfd < this.#mostDescriptors && addToEpoll(this.fd, pidfd, POLLIN) !== -1) {
      this.#threads.set(name, pidfd);
      this.#byPidfd.set(pidfd, thread);
      return 'watched';
    }
    if (pidfd !== -1) closePidfd(pidfd);
    return alive ? 'unwatchable' : 'dead';
  }

  /** Those that have ended and were not told of yet; they are watched no more. Does not block. */
  takeEnded(): ThreadIdentity[] {
    const ended: ThreadIdentity[] = [];
    for (;;) {
      const pidfds = readyIn(this.fd);
      for (const pidfd of pidfds) {
        const thread = this.#byPidfd.get(pidfd);
        // Closing does not take it out while a program that is about to be started has a copy of it.
        removeFromEpoll(this.fd, pidfd);
        if (thread === undefined) continue;
        this.#byPidfd.delete(pidfd);
        this.#threads.delete(nameOf(thread));
        closeQuietly(pidfd);
        ended.push(thread);
      }
      if (pidfds.length < mostAtOnce) return ended;
    }
  }
}

const nameOf = ({ pid, tid, start }: ThreadIdentity): string => `${pid}:${tid}:${start}`;

/** @throws {OSError} `EMFILE`, … */
export function openDeathWatch(): DeathWatch {
  return new DeathWatch(createOwnEpoll());
}
