/** Arguments of `acquire` and its like, checked once. */
import { TimeoutError } from '../base/errors.ts';
import { checkOptions, checkSignal, checkTimeout, show, typeError } from '../base/validate.ts';

/** Options of `acquireSync`. */
export interface AcquireSyncOptions {
  /** Milliseconds to wait; 0 tries once; absent waits for ever. */
  readonly timeout?: number | undefined;
  /** For a lock whose holder died: `'throw'` an `AbandonedLockError`, or `'acquire'` it as it is. */
  readonly onAbandoned?: 'throw' | 'acquire' | undefined;
}

/** Options of `acquire`. */
export interface AcquireOptions extends AcquireSyncOptions {
  /** Ends the wait: `acquire` rejects with the signal's reason and nothing is held. */
  readonly signal?: AbortSignal | undefined;
}

/** Checked options. */
export interface Resolved {
  /** On the clock of `performance.now()`; undefined is never. */
  readonly deadline: number | undefined;
  /** Whether to try once only. */
  readonly once: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onAbandoned: 'throw' | 'acquire' | undefined;
}

const forEver: Resolved = { deadline: undefined, once: false, signal: undefined, onAbandoned: undefined };
const tryOnce: Resolved = { deadline: 0, once: true, signal: undefined, onAbandoned: undefined };

const forAcquire: readonly string[] = ['timeout', 'signal', 'onAbandoned'];

/**
 * Python's first argument `block` is understood too: `acquire(false)` tries once.
 *
 * @throws {TypeError} For options of a wrong kind.
 */
export function resolveAcquire(options: AcquireOptions | boolean | undefined | null): Resolved {
  if (options === undefined || options === null || options === true) return forEver;
  if (options === false) return tryOnce;
  if (typeof options !== 'object') {
    throw typeError(
      `Cannot wait: the options must be an object like { timeout: 1000 }, in milliseconds, or a boolean; got ${show(options)}`,
    );
  }
  checkOptions(options, forAcquire, 'wait');
  const timeout = checkTimeout(options.timeout);
  const { onAbandoned } = options;
  if (onAbandoned !== undefined && onAbandoned !== 'throw' && onAbandoned !== 'acquire') {
    throw typeError(`Cannot acquire: onAbandoned must be 'throw' or 'acquire', got ${show(onAbandoned)}`);
  }
  return {
    deadline: timeout === undefined ? undefined : performance.now() + timeout,
    once: timeout === 0,
    signal: checkSignal(options.signal),
    onAbandoned,
  };
}

/** What `guard` and `runExclusive` throw when the time is over: without the lock they must not go on. */
export function notAcquired(what: string): TimeoutError {
  return new TimeoutError(`Cannot enter ${what}: it was not free in time; wait longer or use acquire()`);
}
