/**
 * What a worker thread leaves when it ends. The process goes on, so nothing that the thread took is given back by itself.
 *
 * Descriptors: Node closes those that the thread opened through `fs`, also when it is terminated; so what was made by
 * other means is opened again that way, or gets a number that was. Mappings: given back when the thread ends by itself. Of one that is terminated
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
 * Descriptors that go with this thread, which `create` makes: in a worker they get numbers that `fs` gave, to be closed by `fs`. It gives
 * them first, so that a thread that is terminated meanwhile hardly leaves any.
 *
 * @throws {Error} Node's, such as `EMFILE`; what `create` throws.
 */
export function ownNumbers(count: number, create: () => readonly number[]): number[] {
  if (isMainThread()) return [...create()];
  const numbers: number[] = [];
  try {
    while (numbers.length < count) numbers.push(openSync('/dev/null', 'r'));
    const made = create();
    for (const [n, fd] of made.entries()) replaceDescriptor(fd, numbers[n]!);
    for (const fd of made) closeFd(fd);
    return numbers;
  } catch (error) {
    for (const number of numbers) closeSync(number);
    throw error;
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
