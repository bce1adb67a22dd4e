/**
 * Errors that nobody up the stack may get: what a function of the user's throws in the middle of our own work.
 */

/**
 * Makes it an uncaught error of the program, soon, as what an event listener throws; the caller goes on.
 *
 * Not in a tick: one that throws puts off those behind it, and all microtasks, until the event loop comes to its immediates.
 */
export function throwUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
