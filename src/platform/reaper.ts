/**
 * Notices that children have ended, and collects them at once so that none stays behind as a zombie.
 *
 * In the main thread SIGCHLD tells it, through Node's own `process.on`, installed only while there are children. One
 * signal may stand for several ends, hence each living child is asked for, by its pid.
 *
 * Worker threads get no signals. Nothing else that a program's end causes can be waited for by Node's event loop there
 * (it does not take pidfds), so a timer looks: every millisecond when a child is young or one has just ended, down to
 * 40 times a second for those that stay. A look costs half a microsecond a child.
 *
 * A timer that never fires stands for "keep the event loop alive": signal handlers do not.
 */
import { isMainThread } from 'node:worker_threads';

/** What the reaper needs of a child. */
export interface Reapable {
  readonly awaited: boolean;
  poll(): number | null;
}

const living = new Set<Reapable>();
let keepers = 0;
let keepAlive: NodeJS.Timeout | undefined;
const FOREVER = 0x7fffffff;

/** Called just before a start, so that the exit of even the shortest program rings. */
export function expectChild(): void {
  if (living.size === 0) startBell();
}

/** The start succeeded. */
export function childBorn(child: Reapable): void {
  living.add(child);
  lookSoon();
}

/** The start failed. */
export function childStillborn(): void {
  if (living.size === 0) stopBell();
}

/** Its exit code has been collected. */
export function childGone(child: Reapable): void {
  living.delete(child);
  if (living.size === 0) stopBell();
  else lookSoon();
}

/** One more child keeps the event loop alive. */
export function childKept(): void {
  if (keepers++ === 0) keepAlive = setInterval(() => {}, FOREVER);
  if (!isMainThread) lookSoon();
}

/** One child less keeps it alive. */
export function childUnkept(): void {
  if (--keepers === 0) clearInterval(keepAlive);
}

function look(): void {
  for (const child of living) child.poll();
}

function startBell(): void {
  if (isMainThread) process.on('SIGCHLD', look);
}

function stopBell(): void {
  if (isMainThread) {
    process.off('SIGCHLD', look);
  } else {
    clearTimeout(timer);
    timer = undefined;
  }
}

// Worker threads only, from here on.

const SHORTEST = 1;
const LONGEST = 25;
/** When nobody listens, it is only about zombies. */
const UNAWAITED = 250;
let timer: NodeJS.Timeout | undefined;
let quietSince = 0;

/** Something happened: look often again. */
function lookSoon(): void {
  if (isMainThread) return;
  quietSince = performance.now();
  schedule();
}

function schedule(): void {
  clearTimeout(timer);
  let longest = UNAWAITED;
  for (const child of living) if (child.awaited) longest = LONGEST;
  const pause = Math.min(Math.max(SHORTEST, (performance.now() - quietSince) / 8), longest);
  timer = setTimeout(() => {
    look();
    if (living.size > 0) schedule();
  }, pause).unref();
}
