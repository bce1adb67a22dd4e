/** Names of processes and threads, as the text of a lock shows them. The layer that knows processes sets them. */
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
    const { isMainThread, threadId } = process.getBuiltinModule('node:worker_threads');
    thread = isMainThread ? '' : `|Thread-${threadId}`;
  }
  return ownName() + thread;
}
