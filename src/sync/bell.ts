/**
 * How other threads and processes wake this thread's event loop: a pipe that they write one byte to.
 *
 * One for each thread, made when something is first awaited. They open its write end through `/proc/<pid>/fd`, once,
 * and check the inode, so that a number that was used again is never written to. While nothing is awaited the event
 * loop watches but is not kept alive.
 *
 * Now and then, only while something is awaited, it looks by itself: a process that was to ring may have been killed.
 */
import { constants } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { Participants } from '../memory/participants.ts';
import { fileStatus } from '../platform/files.ts';
import { ownedByThread } from '../platform/thread-end.ts';
import { closeQuietly, createPipe, drain, openForeignPipe, ring } from '../platform/wake-pipe.ts';
import { type FdWatch, watchFd } from '../platform/watch.ts';

/** What wants to be told that the bell rang. */
export interface Listener {
  /** Something may have changed for it. */
  onBell(): void;
  /** Time to look by itself whether things are as they should be. */
  onTick(now: number): void;
}

/** Between two looks, in milliseconds. */
export const tickMilliseconds = 1000;

interface Bell {
  readonly readFd: number;
  readonly writeFd: number;
  readonly inode: number;
  readonly watcher: FdWatch;
}

const oneByte = new Uint8Array(1);
const scratch = new Uint8Array(4096);

let bell: Bell | undefined;
let timer: NodeJS.Timeout | undefined;
/** How many waits want the program to stay alive. */
let keeping = 0;
const listeners = new Set<Listener>();

function open(): Bell {
  const [reads, writes] = createPipe();
  const readFd = ownedByThread(reads, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeFd = ownedByThread(writes, constants.O_WRONLY | constants.O_NONBLOCK);
  const watcher = watchFd(readFd, 'readable', hearBell);
  watcher.unref(); // while nothing is awaited
  return { readFd, writeFd, inode: fileStatus(writeFd).ino, watcher };
}

/** The descriptor that can be read when this thread's bell was rung; undefined when nothing was ever awaited. */
export function bellDescriptor(): number | undefined {
  return bell?.readFd;
}

/** Tells all who listen that the bell rang: by the event loop, or by a thread that blocks and watches the descriptor itself. */
export function hearBell(): void {
  if (bell === undefined) return;
  drain(bell.readFd, scratch);
  for (const listener of listeners) listener.onBell();
}

/** From now on `listener` hears this thread's bell, which `participants` announces to the others. */
export function listen(listener: Listener, participants: Participants): void {
  bell ??= open();
  participants.setBell(bell.writeFd, bell.inode);
  listeners.add(listener);
  startTicking();
}

function startTicking(): void {
  if (timer !== undefined) return;
  timer = setInterval(() => {
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
      return;
    }
    const now = performance.now();
    for (const listener of listeners) listener.onTick(now);
  }, tickMilliseconds);
  timer.unref();
}

/** It has nothing to wait for any more. */
export function unlisten(listener: Listener): void {
  listeners.delete(listener);
}

/** The program is not to end before {@link letEnd}. */
export function keepAlive(): void {
  if (keeping++ === 0) bell?.watcher.ref();
}

/** Takes one {@link keepAlive} back. */
export function letEnd(): void {
  if (--keeping === 0) bell?.watcher.unref();
}

/** Write ends of other processes' bells, by pid and inode. */
const foreign = new Map<string, number>();

/** Wakes the event loop of a participant, unless that was done already and not yet heard. */
export function ringBell(participants: Participants, index: number): void {
  const { pid, fd, inode } = participants.bellOf(index);
  if (fd < 0 || !participants.markRung(index)) return;
  if (pid === process.pid) {
    ring(fd, oneByte);
    return;
  }
  const name = `${pid}:${inode}`;
  let end = foreign.get(name);
  if (end === undefined) {
    try {
      end = openForeignPipe(pid, fd);
    } catch {
      return; // It is gone; those who wait with it will notice.
    }
    if (fileStatus(end).ino !== inode) {
      closeQuietly(end);
      return;
    }
    foreign.set(name, end);
  }
  if (!ring(end, oneByte)) dropForeignBell(pid, inode);
}

/** Closes what was opened to wake a process that is gone. */
export function dropForeignBell(pid: number, inode?: number): void {
  for (const [name, fd] of foreign) {
    if (name !== `${pid}:${inode}` && (inode !== undefined || !name.startsWith(`${pid}:`))) continue;
    closeQuietly(fd);
    foreign.delete(name);
  }
}
