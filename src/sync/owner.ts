/** Names of processes and threads, as the text of a lock shows them. The layer that knows processes sets them. */
import { isMainThread, threadId } from 'node:worker_threads';

let ownName = () => 'MainProcess';
const thread = isMainThread ? '' : `|Thread-${threadId}`;

/** Sets how this process is named in the text of a lock that it holds. */
export function setOwnerName(name: () => string): void {
  ownName = name;
}

/** The name of this process, and of this thread unless it is the main one: `MainProcess|Thread-1`. */
export function ownerName(): string {
  return ownName() + thread;
}
