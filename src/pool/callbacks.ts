/**
 * Functions of the user's that a pool calls when something has come: they run in the middle of the pool's own work, so
 * what they throw must not get there.
 */
import { throwUncaught } from '../base/uncaught.ts';
import { show, typeError } from '../base/validate.ts';

/** Calls it. What it throws is an uncaught error of the program, as of an event listener; the pool goes on. */
export function callBack<A>(callback: ((argument: A) => unknown) | null | undefined, argument: A): void {
  try {
    callback?.(argument);
  } catch (error) {
    throwUncaught(error);
  }
}

/** @throws {TypeError} When one of the named options is there and not a function. */
export function checkCallbacks(options: object, ...names: readonly string[]): void {
  for (const name of names) {
    const given: unknown = (options as Record<string, unknown>)[name];
    if (given !== undefined && given !== null && typeof given !== 'function') {
      throw typeError(`Cannot run tasks: ${name} must be a function, got ${show(given)}`);
    }
  }
}
