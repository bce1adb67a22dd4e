/**
 * Python's `multiprocessing.Value`: one cell of shared memory, with a lock beside it.
 *
 * Unlike Python's, `.value` does not take the lock by itself: reading or writing a number is atomic anyway, and
 * `value += 1` is not made atomic by it in Python either.
 *
 * https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Value
 */
import { inspect } from 'node:util';
import { deserialize, registerTravelClass, serialize } from '../base/travel.ts';
import { RawValue } from '../memory/raw-value.ts';
import type { CellKind, InitOf, ValueOf } from '../memory/struct.ts';
import type { BaseLock } from './base-lock.ts';
import { chooseLock, type ValueOptions } from './value-lock.ts';

interface ValueData {
  readonly raw: RawValue;
  readonly lock: BaseLock;
}

let arriving: ValueData | undefined;

/**
 * A number, boolean, character or record in shared memory, with a lock.
 *
 * @example
 * const counter = new Value('i', 0);
 * {
 *   using held = await counter.getLock().guard();
 *   counter.value++;
 * }
 * counter.add(1); // the same in one step
 */
export class Value<C extends CellKind = CellKind> {
  readonly #raw: RawValue<C>;
  readonly #lock: BaseLock;

  /**
   * @param kind A typecode or a `struct()`.
   * @param options `{ lock }`: a lock to use, or `false` for a {@link RawValue} instead.
   * @throws {ValueError} For no such typecode. @throws {TypeError} @throws {RangeError} For a value that does not fit.
   * @throws {AttributeError} For a lock that is none.
   */
  constructor(kind: C, init?: InitOf<C>, options?: ValueOptions) {
    const from = arriving;
    arriving = undefined;
    const lock = from?.lock ?? chooseLock(options);
    this.#raw = (from?.raw as RawValue<C> | undefined) ?? new RawValue(kind, init);
    this.#lock = lock!;
    // biome-ignore lint/correctness/noConstructorReturn: Value(…, lock=False) is a RawValue in Python too
    if (lock === undefined) return this.#raw as unknown as this;
  }

  /** What it holds now; a record is live. Does not take the lock. */
  get value(): ValueOf<C> {
    return this.#raw.value;
  }

  /** @throws {TypeError} For a value of a wrong kind. @throws {RangeError} For one out of range. */
  set value(value: ValueOf<C>) {
    this.#raw.value = value;
  }

  /** Adds in one step, without the lock. Wraps around like C. Integer typecodes only. @returns what it held before. */
  add(n: ValueOf<C>): ValueOf<C> {
    return this.#raw.add(n);
  }

  /** Subtracts in one step, without the lock. @returns what it held before. */
  sub(n: ValueOf<C>): ValueOf<C> {
    return this.#raw.sub(n);
  }

  /** Sets in one step, without the lock. @returns what it held before. */
  exchange(value: ValueOf<C>): ValueOf<C> {
    return this.#raw.exchange(value);
  }

  /** Sets to `value` if it holds `expected`, in one step, without the lock. @returns what it held before. */
  compareExchange(expected: ValueOf<C>, value: ValueOf<C>): ValueOf<C> {
    return this.#raw.compareExchange(expected, value);
  }

  /** The lock beside it. */
  getLock(): BaseLock {
    return this.#lock;
  }

  /** The cell without the lock. */
  getObj(): RawValue<C> {
    return this.#raw;
  }

  /** `<Synchronized wrapper for c_int(0)>`, as Python prints it. */
  [inspect.custom](): string {
    return `<Synchronized wrapper for ${this.#raw}>`;
  }

  toString(): string {
    return this[inspect.custom]();
  }

  static [serialize](value: Value): ValueData {
    return { raw: value.#raw, lock: value.#lock };
  }

  static [deserialize](data: ValueData): Value {
    arriving = data;
    return new Value('i') as unknown as Value;
  }
}

registerTravelClass('sync/Value', Value);
