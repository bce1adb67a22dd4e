/**
 * Checks of arguments that every layer shares, done once at the public edge.
 *
 * A wrong kind is a native `TypeError`, a wrong number a native `RangeError`, each with Node's habit of a stable `code`.
 */

/** Options of a call that waits without blocking the thread. */
export interface WaitOptions {
  /** Milliseconds to wait; 0 tries once; absent waits for ever. */
  readonly timeout?: number | undefined;
  /** Ends the wait: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a call that blocks the thread. */
export interface SyncWaitOptions {
  /** Milliseconds to wait; 0 tries once; absent waits for ever. */
  readonly timeout?: number | undefined;
}

const none = Object.freeze({});

/**
 * Options, or none. Of what is no object nothing would be seen: Python's `join(10)` would wait for ever.
 *
 * @throws {TypeError} When they are no object.
 */
export function optionsOf<O extends object>(
  options: O | null | undefined,
  call = 'wait',
  example = '{ timeout: 1000 }, in milliseconds',
): Partial<O> {
  if (options === undefined || options === null) return none;
  if (typeof options !== 'object') {
    throw typeError(`Cannot ${call}: options must be an object like ${example}; got ${show(options)}`);
  }
  return options;
}

/**
 * Options of a call that waits, or none.
 *
 * @throws {TypeError} When they are no object, or have another name: with `timeOut` it would wait for ever.
 */
export function waitOptionsOf<O extends WaitOptions>(
  options: O | null | undefined,
  known: readonly string[] = forWait,
): Partial<O> {
  return checkOptions(optionsOf(options), known, 'wait');
}

const forWait: readonly string[] = ['timeout', 'signal'];
/** Names of {@link SyncWaitOptions}. */
export const forSyncWait: readonly string[] = ['timeout'];

/** A native `TypeError` with code `ERR_MULTIPROC_INVALID_ARG_TYPE`. */
export function typeError(message: string): TypeError & { readonly code: string } {
  return Object.assign(new TypeError(message), { code: 'ERR_MULTIPROC_INVALID_ARG_TYPE' });
}

/** A native `RangeError` with code `ERR_MULTIPROC_OUT_OF_RANGE`. */
export function rangeError(message: string): RangeError & { readonly code: string } {
  return Object.assign(new RangeError(message), { code: 'ERR_MULTIPROC_OUT_OF_RANGE' });
}

/** How a wrong value is shown in a message: short, and never throwing. */
export function show(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return `function ${value.name || '(anonymous)'}`;
  if (typeof value === 'object' && value !== null) {
    const name: unknown = (Object.getPrototypeOf(value) as { constructor?: { name?: unknown } } | null)
      ?.constructor?.name;
    return typeof name === 'string' ? `an instance of ${name}` : 'an object';
  }
  return String(value);
}

/**
 * Milliseconds to wait: `undefined` (or `null`, Python's None) is for ever, a negative time is 0, as in Python.
 *
 * @throws {TypeError} When it is not a number, or is NaN.
 */
export function checkTimeout(timeout: unknown, what = 'timeout'): number | undefined {
  if (timeout === undefined || timeout === null || timeout === Number.POSITIVE_INFINITY) return undefined;
  if (typeof timeout !== 'number' || Number.isNaN(timeout)) {
    throw typeError(`Cannot wait: ${what} must be a number of milliseconds, got ${show(timeout)}`);
  }
  return timeout < 0 ? 0 : timeout;
}

/** What a timer of Node's can hold, a good 24 days; a longer time would end at once. */
export function timerMs(timeout: number): number {
  return Math.min(timeout, 2 ** 31 - 1);
}

/** @throws {TypeError} When it is given and not an `AbortSignal`. */
export function checkSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined || signal === null) return undefined;
  if (!(signal instanceof AbortSignal)) {
    throw typeError(`Cannot wait: signal must be an AbortSignal, got ${show(signal)}`);
  }
  return signal;
}

/**
 * Passes options on. A name that no option has is a mistake that would otherwise go unnoticed.
 *
 * @throws {TypeError} When they are no object, or have a name that is not in `known`.
 */
export function checkOptions<O extends object>(options: O, known: readonly string[], call: string): O {
  if (typeof options !== 'object' || options === null)
    throw typeError(`Cannot ${call}: options must be an object, got ${show(options)}`);
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw typeError(`Cannot ${call}: there is no option ${show(name)}; known are ${known.join(', ')}`);
    }
  }
  return options;
}
