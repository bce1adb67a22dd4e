/**
 * What a worker thread leaves when it ends. The process goes on, so nothing that the thread took is given back by itself.
 *
 * Descriptors: Node closes those that the thread opened through `fs`, also when it is terminated; so what was made by
 * other means gets a number that came from there. Mappings: given back when the thread ends by itself. Of one that is terminated
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
 * Descriptors that go with this thread, which `create` makes: in a worker they get numbers that `fs` gave, and `fs` is to close them; in
 * the main thread anybody may. The numbers come first, so that a thread that is terminated meanwhile hardly leaves any.
 *
 * @throws {Error} Node's, such as `EMFILE`; what `create` throws.
 */
export function createOwned(count: number, create: () => readonly number[]): number[] {
  if (isMainThread()) return [...create()];
  const numbers: number[] = [];
  try {
    while (numbers.length < count) numbers.push(openSync('/dev/null', 'r'));
    const made = create();
    for (let n = 0; n < count; n++) {
      replaceDescriptor(made[n]!, numbers[n]!);
      closeFd(made[n]!);
    }
    return numbers;
  } catch (error) {
    for (const number of numbers) closeSync(number);
    throw error;
  }
}

/**
 * A descriptor of the same file that goes with this thread, by a number that `fs` gave, from `lowest` on; `fd` is closed.
 *
 * @param opened Whether `fd` came from `fs`.
 */
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
