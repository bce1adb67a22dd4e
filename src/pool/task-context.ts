/** What a task can learn about itself while it runs in a worker. */

let controller: AbortController | undefined;
let aborted: { readonly reason: unknown } | undefined;

/**
 * A signal that is aborted when the running task is given up by its caller, or has used up its `timeout`. Outside of a
 * pool's worker it is a signal that is never aborted.
 *
 * @example await pool.apply(() => fetch(url, { signal: taskSignal() }), [], { signal });
 */
export function taskSignal(): AbortSignal {
  if (controller === undefined) {
    controller = new AbortController();
    if (aborted !== undefined) controller.abort(aborted.reason);
  }
  return controller.signal;
}

/** For the worker: a new task begins. */
export function beginTask(): void {
  controller = undefined;
  aborted = undefined;
}

/** For the worker: the running task is given up. */
export function abortTask(reason: unknown): void {
  aborted = { reason };
  controller?.abort(reason);
}
