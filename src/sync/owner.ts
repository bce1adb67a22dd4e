/** Names of processes and threads, as the text of a lock shows them. The layer that knows processes sets them. */

let ownName = () => 'MainProcess';

/** Sets how this process, and thread, is named in the text of a lock that it holds: `MainProcess|Thread-1`. */
export function setOwnerName(name: () => string): void {
  ownName = name;
}

/** The name of this process, and of this thread unless it is the main one. */
export function ownerName(): string {
  return ownName();
}
