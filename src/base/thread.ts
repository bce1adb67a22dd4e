/**
 * Whether this is the main thread of its process.
 *
 * Asked here, since `node:worker_threads` takes milliseconds to load: who knows it otherwise need not.
 */
let known: boolean | undefined;

/** Whether this is the main thread. */
export function isMainThread(): boolean {
  known ??= process.getBuiltinModule('node:worker_threads').isMainThread;
  return known;
}

/** For the main script of a process of ours: no thread runs that. */
export function thisIsMainThread(): void {
  known = true;
}
