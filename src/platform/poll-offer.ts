/** How descriptors are watched, once something has loaded what that takes. A file of its own, without imports: every child waits for what is imported. */

/** Calls back when the descriptor can be read or its other side is gone, and keeps the event loop alive; returns what ends it. */
export type Watcher = (fd: number, onReadable: () => void) => () => void;

let offered: Watcher | undefined;

/** From now on watching costs next to nothing. */
export function offerWatcher(watcher: Watcher): void {
  offered = watcher;
}

/** What was offered, if anything. */
export function offeredWatcher(): Watcher | undefined {
  return offered;
}
