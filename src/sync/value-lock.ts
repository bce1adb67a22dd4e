/** The lock of a Value or an Array: made, given, or none; as Python's `lock` argument says. */
import { inspect } from 'node:util';
import { AttributeError } from '../base/errors.ts';
import { BaseLock } from './base-lock.ts';
import { RLock } from './rlock.ts';

/** `true` (the default) or null for a new RLock, a lock to use, `false` for none. */
export type LockChoice = boolean | BaseLock | null;

/** The last argument of `Value` and `Array`: `{ lock }`, or the lock itself. */
export type ValueOptions = { readonly lock?: LockChoice | undefined } | LockChoice;

/** @throws {AttributeError} For what cannot be acquired. */
export function chooseLock(options: ValueOptions | undefined): BaseLock | undefined {
  const given =
    typeof options === 'object' && options !== null && !(options instanceof BaseLock)
      ? (options as { lock?: unknown }).lock
      : options;
  if (given === false) return undefined;
  if (given === true || given === undefined || given === null) return new RLock();
  if (given instanceof BaseLock) return given;
  throw new AttributeError(
    `${inspect(given, { depth: 0 })} has no method 'acquire': cannot use it as a lock; give a Lock or an RLock`,
  );
}
