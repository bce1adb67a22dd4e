/**
 * What a worker thread leaves when it ends. The process goes on, so nothing that the thread took is given back by itself.
 *
 * Descriptors: Node closes those that the thread opened through `fs`, also when it is terminated; so what was made by
 * other means is opened again that way. Mappings: given back when the thread ends by itself. Of one that is terminated
 * no code runs any more: its mappings stay until the process ends.
 */

import { closeSync, openSync } from 'node:fs';
import { at } from '../base/node-process.ts';
import { isMainThread } from '../base/thread.ts';
import { closeFd, replaceDescriptor } from './descriptors.ts';

const endings = new Set<() => void>();

function endAll(): void {
  for (const each of endings) each();
}

/** Calls `ending` when this worker thread ends by itself; in the main thread never, for there the kernel does it all. */
export function onThreadEnd(ending: () => void): void {
  if (isMainThread()) return;
  at('exit: thread', endAll);
  endings.add(ending);
}

/**
 * A descriptor that goes with this thread, for one that a call of the kernel gave: the same in the main thread, in a
 * worker another one of the same file.
 *
 * @param flags How to open it. @throws {Error} Node's, such as `EMFILE`; the descriptor is closed then.
 */
export function ownedByThread(fd: number, flags: string | number): number {
  if (isMainThread()) return fd;
  try {
    return openSync(`/proc/self/fd/${fd}`, flags);
  } finally {
    closeFd(fd);
  }
}

/**
 * As {@link ownedByThread}, for what has no file that could be opened again (epolls, pidfds): in a worker it gets a number that
 * `fs` gave. To be closed by `fs`.
 */
export function ownNumber(fd: number): number {
  if (isMainThread()) return fd;
  try {
    const number = openSync('/dev/null', 'r');
    try {
      replaceDescriptor(fd, number);
    } catch (error) {
      closeSync(number);
      throw error;
    }
    return number;
  } finally {
    closeFd(fd);
  }
}

/** As {@link ownedByThread} in any thread, for a number from `lowest` on. `opened`: whether `fd` came from `fs`. */
export function reopenFrom(fd: number, lowest: number, opened: boolean): number {
  const low: number[] = [];
  try {
    for (;;) {
      const moved = openSync(`/proc/self/fd/${fd}`, 'r+');
      if (moved >= lowest) return moved;
      low.push(moved);
    }
  } finally {
    for (const each of low) closeSync(each);
    if (opened) closeSync(fd);
    else closeFd(fd);
  }
}
