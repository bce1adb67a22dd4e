/**
 * Notices that children have ended, and collects them at once so that none stays behind as a zombie.
 *
 * In the main thread SIGCHLD tells it, through Node's own `process.on`. One
 * signal may stand for several ends, hence each living child is asked for, by its pid.
 *
 * Worker threads get no signals. There each child has a pidfd, which the event loop watches. Where the system gives
 * none (before Linux 5.3, no descriptors left, forbidden by a sandbox) a timer looks, often while a child is young.
 */
import { at, notAt } from '../base/node-process.ts';
import { isMainThread } from '../base/thread.ts';
import { throwUncaught } from '../base/uncaught.ts';
import { closePidfd, tryPidfd } from './pidfd.ts';
import { closeWatched, type FdWatch, watchFd } from './watch.ts';

/** What the reaper needs of a child. */
export interface Reapable {
  readonly pid: number;
  /** Collects its exit code if it has ended, and tells who waits for that. */
  look(): void;
}

/** Everything alive, with its pidfd watch in a worker thread. */
const living = new Map<Reapable, { readonly watch: FdWatch; readonly pidfd: number } | undefined>();

/** Called just before a start, so that the end of even the shortest program is noticed. */
export function expectChild(): void {
  if (isMainThread()) at('SIGCHLD: children', look);
}

/** The start succeeded. */
export function childBorn(child: Reapable): void {
  living.set(child, isMainThread() ? undefined : watchPidfd(child));
}

/** Its exit code has been collected. */
export function childGone(child: Reapable): void {
  const watched = living.get(child);
  if (watched !== undefined) {
    watched.watch.stop();
    closeWatched(watched.pidfd, closePidfd);
  }
  living.delete(child);
  if (living.size > 0) return;
  clearTimeout(timer);
  notAt('SIGCHLD: children', look);
}

function look(): void {
  for (const child of living.keys()) {
    try {
      child.look();
    } catch (error) {
      // Whoever was told threw; the others have ended all the same.
      throwUncaught(error);
    }
  }
}

function watchPidfd(child: Reapable): { watch: FdWatch; pidfd: number } | undefined {
  const pidfd = tryPidfd(child.pid);
  if (pidfd === -1) {
    lookOften();
    return undefined;
  }
  const watch = watchFd(pidfd, 'readable', () => child.look());
  watch.unref();
  return { watch, pidfd };
}

const SHORTEST = 1;
const LONGEST = 25;
let timer: NodeJS.Timeout | undefined;
let quietSince = 0;

/** Without pidfds: every millisecond at first, then 40 times a second. */
function lookOften(): void {
  quietSince = performance.now();
  clearTimeout(timer);
  const again = (): void => {
    const pause = Math.min(Math.max(SHORTEST, (performance.now() - quietSince) / 8), LONGEST);
    timer = setTimeout(() => {
      look();
      if (living.size > 0) again();
    }, pause).unref();
  };
  again();
}
