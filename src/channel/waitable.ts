/** What can be waited for with `wait()`: whatever says what it wants to see happen. */
import type { Want } from './waiting.ts';

/** Under this symbol an object gives what makes it ready. Nothing is taken by waiting for it. */
export const waitable: unique symbol = Symbol('multiproc.waitable');

/** A connection or a queue. */
export interface Waitable {
  /** @throws {OSError} When it is closed, or never becomes ready. */
  [waitable](): Want<true>;
}
