/**
 * How other threads and processes wake this thread's event loop: a pipe that they write one byte to. A thread that blocks for
 * long is woken by it, too (rest.ts).
 *
 * One for each thread, made when something is first awaited. How the others ring it: foreign-bells.ts. While nothing is awaited
 * the event loop watches but is not kept alive.
 *
 * While something is awaited it looks by itself after a while: a process that was to ring may have been killed. How soon again,
 * who listens says.
 */
import type { Participants } from '../memory/participants.ts';
import { fileStatus } from '../platform/files.ts';
import { createPipe, drain, ring } from '../platform/wake-pipe.ts';
import { type FdWatch, watchFd } from '../platform/watch.ts';

/** What wants to be told that the bell rang. */
export interface Listener {
  /** Looks at what may have changed for it. */
  deliver(): void;
  /** The same, having made sure that what changes from now on will ring again. */
  onBell(): void;
  /** Time to look by itself whether things are as they should be. Returns in how many milliseconds to do so again. */
  onTick(): number;
}

/** Before the first look of who listens. */
const tickMilliseconds = 1000;
/** Of who comes to look less often than this, nobody looks now and then. */
const longTickMilliseconds = 5000;
/** Nobody who waits looks less often, should anything else ever go wrong. */
export const longestTickMilliseconds = 60_000;
/** How much later or sooner than wanted a look may come. */
const jitterMilliseconds = 5;

interface Bell {
  readonly readFd: number;
  readonly writeFd: number;
  readonly inode: number;
  /** Of the event loop, from when something is first awaited. */
  watcher: FdWatch | undefined;
}

const oneByte = new Uint8Array(1);
const scratch = new Uint8Array(4096);

let bell: Bell | undefined;
let timer: NodeJS.Timeout | undefined;
/** What the timer was set to. */
let period = 0;
/** Whether the timer may be too late for somebody new. */
let late = false;
/** How many waits want the program to stay alive. */
let keeping = 0;
const listeners = new Set<Listener>();
/** As `queueMicrotask`, which in Node costs several microseconds. */
const soon = Promise.resolve();

function makePipe(): Bell {
  const [readFd, writeFd] = createPipe();
  return { readFd, writeFd, inode: fileStatus(writeFd).ino, watcher: undefined };
}

function heard(): void {
  for (const listener of listeners) listener.deliver();
  // After those who were woken: they are not to wait for our system calls.
  soon.then(hearBell);
}

/** Tells `participants` of this thread's bell. @returns the descriptor that can be read when it was rung. */
export function hangBell(participants: Participants): number {
  bell ??= makePipe();
  participants.setBell(bell.writeFd, bell.inode);
  return bell.readFd;
}

/** A thread that blocks is about to look at its slot: from now on it is rung for anew. */
export function silenceBell(): void {
  if (bell !== undefined) drain(bell.readFd, scratch);
}

/** What rang while this thread blocked may have been for its tasks: when it does not block any more, they are to look, too. */
export function passBellOn(): void {
  if (bell === undefined || listeners.size === 0) return;
  ring(bell.writeFd, oneByte);
  lookSoon();
}

/** The descriptor that can be read when this thread's bell was rung; undefined when nothing was ever awaited. */
export function bellDescriptor(): number | undefined {
  return bell?.readFd;
}

/**
 * Tells all who listen that the bell rang: by the event loop, or by a thread that blocks and watches the descriptor itself.
 *
 * The pipe is emptied before it is asked to ring again, and that before the look at the slots: so whoever wakes somebody
 * meanwhile is seen now, or rings again.
 */
export function hearBell(): void {
  if (bell === undefined) return;
  drain(bell.readFd, scratch);
  for (const listener of listeners) listener.onBell();
}

/** From now on `listener` hears this thread's bell, which `participants` announces to the others. */
export function listen(listener: Listener, participants: Participants): void {
  hangBell(participants);
  if (bell!.watcher === undefined) {
    bell!.watcher = watchFd(bell!.readFd, 'readable', heard);
    if (keeping === 0) bell!.watcher.unref();
  }
  listeners.add(listener);
  if (timer === undefined || late) tickIn(tickMilliseconds);
}

/** Who listens already is to look by himself soon. */
export function lookSoon(): void {
  if (isTicking) isSoonAgain = true;
  else if (listeners.size > 0 && (timer === undefined || period > longTickMilliseconds))
    tickIn(tickMilliseconds);
}

function tickIn(milliseconds: number): void {
  if (timer !== undefined) clearTimeout(timer);
  period = milliseconds;
  timer = setTimeout(tick, period);
  timer.unref();
  late = milliseconds > tickMilliseconds;
}

/** While all look, and whether one of them has found that all are to look again soon. */
let isTicking = false;
let isSoonAgain = false;

function tick(): void {
  isTicking = true;
  isSoonAgain = false;
  let next = longestTickMilliseconds;
  try {
    for (const listener of listeners) next = Math.min(next, listener.onTick());
  } finally {
    isTicking = false;
    if (isSoonAgain && next > longTickMilliseconds) next = tickMilliseconds;
    if (listeners.size === 0) timer = undefined;
    // The same timer again, which is cheaper than a new one, when it makes hardly a difference.
    else if (Math.abs(next - period) <= jitterMilliseconds) timer?.refresh();
    else tickIn(next);
  }
}

/** It has nothing to wait for any more. */
export function unlisten(listener: Listener): void {
  listeners.delete(listener);
}

/** The program is not to end before {@link letEnd}. */
export function keepAlive(): void {
  if (keeping++ === 0) bell?.watcher?.ref();
}

/** Takes one {@link keepAlive} back. */
export function letEnd(): void {
  if (--keeping === 0) bell?.watcher?.unref();
}
