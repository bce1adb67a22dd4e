/** Arguments of calls that wait, in our form and in Python's positional one, checked once. */
import {
  checkSignal,
  checkTimeout,
  show,
  typeError,
  type WaitOptions,
  waitOptionsOf,
} from '../base/validate.ts';
import type { Limits } from './waiting.ts';

/** Options of `put` and `get`. */
export interface QueueOptions extends WaitOptions {
  /** Python's `block`: false tries once. @default true */
  readonly block?: boolean | undefined;
}

/** Options of `putSync` and `getSync`. */
export type QueueSyncOptions = Omit<QueueOptions, 'signal'>;

export const forEver: Limits = { deadline: undefined };
export const once: Limits = { deadline: 0 };

/**
 * `put(x, false)`, `put(x, true, 100)` as in Python, or `put(x, { timeout: 100 })`. Called first,
 * so that what is wrong is refused also when nothing has to be waited for.
 *
 * @throws {TypeError} And the reason of a signal that is aborted already.
 */
export function queueLimits(
  block: QueueOptions | boolean | null | undefined,
  timeout: number | null | undefined,
): Limits {
  if (block === undefined && timeout === undefined) return forEver;
  if (typeof block === 'object' && block !== null) {
    const limits = limitsOf(block, forBlocking);
    const { block: mayWait } = block;
    if (mayWait === false) return once;
    if (mayWait === undefined || mayWait === null || mayWait === true) return limits;
    throw typeError(`Cannot wait: block must be a boolean, got ${show(mayWait)}`);
  }
  if (block === false) {
    checkTimeout(timeout);
    return once;
  }
  if (block !== undefined && block !== null && block !== true) {
    throw typeError(
      `Cannot wait: the options must be an object like { timeout: 1000 }, in milliseconds, or a boolean; got ${show(block)}`,
    );
  }
  return deadlineLimits(timeout);
}

function deadlineLimits(timeout: unknown, signal?: unknown): Limits {
  const checked = checkTimeout(timeout);
  const checkedSignal = checkSignal(signal);
  if (checked === undefined && checkedSignal === undefined) return forEver;
  if (checkedSignal?.aborted) throw checkedSignal.reason;
  return { deadline: checked === undefined ? undefined : performance.now() + checked, signal: checkedSignal };
}

const forBlocking: readonly string[] = ['timeout', 'signal', 'block'];

/** `{ timeout, signal }`. @throws {TypeError} And the reason of a signal that is aborted already. */
export function limitsOf(options: WaitOptions | undefined | null, known?: readonly string[]): Limits {
  const { timeout, signal } = waitOptionsOf(options, known);
  return deadlineLimits(timeout, signal);
}

/** `100`, `null` for ever, or `{ timeout, signal }`; absent is `otherwise`. @throws {TypeError} */
export function timeoutLimits(timeout: number | null | WaitOptions | undefined, otherwise: Limits): Limits {
  if (timeout === undefined) return otherwise;
  return typeof timeout === 'object' && timeout !== null ? limitsOf(timeout) : deadlineLimits(timeout);
}
