/** Names of processes and threads, as the text of a lock shows them. The layer that knows processes sets them. */
import { isMainThread } from '../base/thread.ts';

let ownName = () => 'MainProcess';
let thread: string | undefined;

/** Sets how this process is named in the text of a lock that it holds. */
export function setOwnerName(name: () => string): void {
  ownName = name;
}

/** The name of this process, and of this thread unless it is the main one: `MainProcess|Thread-1`. */
export function ownerName(): string {
  if (thread === undefined) {
    // Loaded when it is needed: every child waits for what is imported.
    thread = isMainThread() ? '' : `|Thread-${process.getBuiltinModule('node:worker_threads').threadId}`;
  }
  return ownName() + thread;
}
