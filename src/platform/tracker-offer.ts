/** The parent's tracker, as a child is told of it. A file of its own, without imports: every child waits for what is imported. */

/** Names a tracker to another process. */
export interface TrackerHandle {
  readonly pid: number;
  readonly fd: number;
  readonly ino: number;
}

let offered: TrackerHandle | undefined;

/** The parent's tracker, to be held from the first use of shared memory on. */
export function offerTracker(handle: TrackerHandle): void {
  offered = handle;
}

/** What was offered, if anything. */
export function offeredTracker(): TrackerHandle | undefined {
  return offered;
}
