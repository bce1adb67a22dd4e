/**
 * Python's `multiprocessing.Array`: cells of shared memory in a row, with a lock beside them.
 *
 * `.array` is the live typed array: no copy, as fast as any typed array. Nothing takes the lock by itself.
 *
 * https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Array
 */
import { inspect } from 'node:util';
import { IndexError, ValueError } from '../base/errors.ts';
import { deserialize, registerTravelClass, serialize } from '../base/travel.ts';
import { show, typeError } from '../base/validate.ts';
import { type ArrayInit, type ArrayOf, createCells, openCells } from '../memory/raw-array.ts';
import { openRaw, type RawHandle, rawAddress, rawHandle } from '../memory/raw-memory.ts';
import {
  type CellKind,
  type InitOf,
  type KindData,
  kindData,
  kindOf,
  StructType,
  type ValueOf,
} from '../memory/struct.ts';
import { type CellArray, type CellType, cellType, type Typecode } from '../memory/typecodes.ts';
import type { BaseLock } from './base-lock.ts';
import { chooseLock, type ValueOptions } from './value-lock.ts';

interface ArrayData {
  readonly kind: KindData;
  readonly raw: RawHandle;
  readonly length: number;
  readonly lock: BaseLock;
}

let arriving: ArrayData | undefined;

/**
 * A row of numbers, booleans, characters or records in shared memory, with a lock.
 *
 * @example
 * const a = new SharedArray('d', [1, 2, 3]);
 * a.array[0] += 1;          // a Float64Array
 * for (const x of a) …
 */
export class SharedArray<C extends CellKind = CellKind> implements Iterable<ValueOf<C>> {
  readonly #kind: CellKind;
  readonly #type: CellType | undefined;
  readonly #buffer: ArrayBuffer;
  readonly #array: ArrayOf<C>;
  readonly #lock: BaseLock;

  /**
   * @param kind A typecode or a `struct()`. @param sizeOrInit A length, or the values.
   * @param options `{ lock }`: a lock to use, or `false` for what `RawArray` gives instead.
   * @throws {ValueError} For no such typecode, a negative length. @throws {TypeError} @throws {RangeError}
   * @throws {AttributeError} For a lock that is none. @throws {OSError} `ENOMEM`
   */
  constructor(kind: C, sizeOrInit: number | ArrayInit<C>, options?: ValueOptions) {
    const from = arriving;
    arriving = undefined;
    const lock = from?.lock ?? chooseLock(options);
    this.#kind = from === undefined ? kind : kindOf(from.kind);
    this.#type = this.#kind instanceof StructType ? undefined : cellType(this.#kind);
    const cells =
      from === undefined
        ? createCells(kind, sizeOrInit)
        : openCells(this.#kind as C, openRaw(from.raw), from.length);
    this.#buffer = cells.buffer;
    this.#array = cells.array;
    this.#lock = lock!;
    // biome-ignore lint/correctness/noConstructorReturn: Array(…, lock=False) is a raw array in Python too
    if (lock === undefined) return this.#array as unknown as this;
  }

  /** The live typed array over the shared memory; for a `struct()`, live records. */
  get array(): ArrayOf<C> {
    return this.#array;
  }

  /** How many cells. */
  get length(): number {
    return this.#array.length;
  }

  /** The cell at `index`; a negative one counts from the end. Undefined beyond, as for any array. */
  at(index: number): ValueOf<C> | undefined {
    const i = index < 0 ? this.length + index : index;
    const stored = this.#array[i] as number | bigint | undefined;
    const decode = this.#type?.decode;
    return (stored === undefined || decode === undefined ? stored : decode(stored)) as ValueOf<C> | undefined;
  }

  /**
   * Sets a cell; a negative index counts from the end. Checks the value, which `.array[i] = x` does not.
   *
   * @throws {IndexError} Beyond the end. @throws {TypeError} @throws {RangeError} For a value that does not fit.
   */
  set(index: number, value: InitOf<C>): void {
    const i = index < 0 ? this.length + index : index;
    if (!Number.isInteger(i) || i < 0 || i >= this.length) {
      throw new IndexError(
        `invalid index: cannot set cell ${show(index)} of an array of ${this.length}; stay within`,
      );
    }
    if (this.#type === undefined) (this.#kind as StructType).fill(this.#array[i] as never, value as never);
    else (this.#array as CellArray)[i] = this.#type.encode(value) as never;
  }

  /** A plain array with a copy of the cells from `start` up to `end`, as `slice` of any array. */
  slice(start?: number, end?: number): ValueOf<C>[] {
    return [...this].slice(start, end);
  }

  *[Symbol.iterator](): IterableIterator<ValueOf<C>> {
    for (let i = 0; i < this.length; i++) yield this.at(i)!;
  }

  /**
   * Of an array of `c` the bytes up to the first zero (a Buffer), of `u` the string up to it. Setting one leaves what
   * follows its closing zero alone.
   *
   * @throws {ValueError} For an array of another kind; when set to what is too long.
   */
  get value(): C extends 'u' ? string : Buffer {
    const code = this.#characters();
    const cells = this.#array as Uint8Array | Uint16Array;
    const end = cells.indexOf(0);
    const used = cells.subarray(0, end === -1 ? undefined : end);
    return (
      code === 'c'
        ? Buffer.from(used)
        : globalThis.Array.from(used, (unit) => String.fromCharCode(unit)).join('')
    ) as C extends 'u' ? string : Buffer;
  }

  set value(value: string | Uint8Array) {
    const code = this.#characters();
    if (typeof value !== 'string' && !(code === 'c' && value instanceof Uint8Array)) {
      throw typeError(
        `Cannot set an array of '${code}' to ${show(value)}: give a string${code === 'c' ? ' or bytes' : ''}`,
      );
    }
    const cells = this.#array as Uint8Array | Uint16Array;
    const units =
      code === 'c'
        ? Buffer.from(value as string)
        : globalThis.Array.from({ length: value.length }, (_, i) => (value as string).charCodeAt(i));
    if (units.length > cells.length) {
      throw new ValueError(
        `byte string too long: cannot set ${units.length} in an array of ${cells.length}; shorten it`,
      );
    }
    cells.set(units);
    if (units.length < cells.length) cells[units.length] = 0;
  }

  /** Of an array of `c`, all its bytes, live. @throws {ValueError} For another kind. */
  get raw(): Buffer {
    if (this.#characters() !== 'c') {
      throw new ValueError(
        "Cannot take the bytes of an array of 'u': only arrays of 'c' have raw; use .array",
      );
    }
    return Buffer.from(this.#buffer, 0, (this.#array as Uint8Array).byteLength);
  }

  #characters(): 'c' | 'u' {
    const code = this.#type?.code;
    if (code === 'c' || code === 'u') return code;
    throw new ValueError("Cannot take an array as text: only arrays of 'c' and 'u' have a value; use .array");
  }

  /** The lock beside it. */
  getLock(): BaseLock {
    return this.#lock;
  }

  /** The cells without the lock: {@link array}. */
  getObj(): ArrayOf<C> {
    return this.#array;
  }

  /** As Python prints it: `<SynchronizedArray wrapper for <…c_int_Array_10 object at 0x…>>`. */
  [inspect.custom](): string {
    const name = `${this.#type?.ctype ?? 'struct'}_Array_${this.length}`;
    const address = `0x${rawAddress(this.#buffer).toString(16)}`;
    const kind = this.#type?.code === 'c' ? 'SynchronizedString' : 'SynchronizedArray';
    return `<${kind} wrapper for <multiprocessing.sharedctypes.${name} object at ${address}>>`;
  }

  toString(): string {
    return this[inspect.custom]();
  }

  static [serialize](array: SharedArray): ArrayData {
    return {
      kind: kindData(array.#kind),
      raw: rawHandle(array.#buffer)!,
      length: array.length,
      lock: array.#lock,
    };
  }

  static [deserialize](data: ArrayData): SharedArray {
    arriving = data;
    return new SharedArray('i' as Typecode, 0) as unknown as SharedArray;
  }
}

registerTravelClass('sync/Array', SharedArray);
