/**
 * Python's `multiprocessing.sharedctypes.RawArray`: cells of shared memory in a row, without a lock.
 *
 * It is the typed array itself: as fast as any, and it travels as the same memory.
 */
import { ValueError } from '../base/errors.ts';
import { rangeError, show, typeError } from '../base/validate.ts';
import { allocateRaw } from './raw-memory.ts';
import { RawValue } from './raw-value.ts';
import { type CellKind, type InitOf, type RecordOf, StructType } from './struct.ts';
import { type ArrayOfTypecode, type CellArray, type CellType, cellType, type Typecode } from './typecodes.ts';

/** What `RawArray` gives, and `.array` of a `SharedArray`: a typed array, or live records. */
export type ArrayOf<C extends CellKind> = C extends Typecode
  ? ArrayOfTypecode[C]
  : C extends StructType<infer F>
    ? readonly RecordOf<F>[]
    : never;

/** Values to begin with: any iterable, or for `c` and `u` a string. */
export type ArrayInit<C extends CellKind> = Iterable<InitOf<C>> | string;

/** Bytes of `kind` in a row, and how they are looked at. */
export interface Cells<C extends CellKind> {
  readonly buffer: ArrayBuffer;
  readonly array: ArrayOf<C>;
}

/**
 * New cells, zero or with the given values.
 *
 * @throws {ValueError} For a negative length or no such typecode. @throws {TypeError} @throws {RangeError}
 */
export function createCells<C extends CellKind>(kind: C, sizeOrInit: number | ArrayInit<C>): Cells<C> {
  const type = kind instanceof StructType ? undefined : cellType(kind);
  const values = typeof sizeOrInit === 'number' ? undefined : valuesOf(type, sizeOrInit);
  const length = values?.length ?? checkLength(sizeOrInit);
  const bytes = length * (type?.bytes ?? (kind as StructType).bytes);
  const { buffer, array } = openCells(kind, allocateRaw(bytes), length);
  if (values === undefined) return { buffer, array };
  if (type === undefined) {
    for (const [i, value] of values.entries())
      (kind as StructType).fill((array as never)[i]!, value as never);
  } else {
    const cells = array as CellArray;
    for (let i = 0; i < length; i++) cells[i] = type.encode(values[i]) as never;
  }
  return { buffer, array };
}

/** Looks at bytes as cells. */
export function openCells<C extends CellKind>(kind: C, buffer: ArrayBuffer, length: number): Cells<C> {
  if (!(kind instanceof StructType)) {
    const array = new (cellType(kind).Cells)(buffer, 0, length);
    return { buffer, array: array as unknown as ArrayOf<C> };
  }
  const view = new DataView(buffer);
  const records = globalThis.Array.from({ length }, (_, i) => kind.at(view, i * kind.bytes));
  return { buffer, array: Object.freeze(records) as ArrayOf<C> };
}

function checkLength(length: unknown): number {
  if (typeof length !== 'number' || !Number.isInteger(length)) {
    throw typeError(`Cannot create a shared array: its length must be an integer, got ${show(length)}`);
  }
  if (length < 0) {
    throw new ValueError(`Cannot create a shared array: its length must be 0 or more, got ${length}`);
  }
  if (!Number.isSafeInteger(length * 8)) {
    throw rangeError(`Cannot create a shared array: ${length} cells are more than can be addressed`);
  }
  return length;
}

function valuesOf(type: CellType | undefined, init: unknown): readonly unknown[] | Uint8Array {
  if (typeof init === 'string') {
    if (type?.code === 'c') return Buffer.from(init);
    if (type?.code === 'u') return init.split('');
    throw typeError(`Cannot create a shared array from a string: only 'c' and 'u' hold characters`);
  }
  if (typeof init === 'object' && init !== null && Symbol.iterator in init) {
    return globalThis.Array.from(init as Iterable<unknown>);
  }
  throw typeError(`Cannot create a shared array: give a length or values, got ${show(init)}`);
}

/**
 * A typed array in shared memory (or an array of live records), without a lock.
 *
 * @example
 * const a = RawArray('d', 10); // a Float64Array
 * @param kind A typecode or a `struct()`. @param sizeOrInit A length, or the values.
 * @throws {ValueError} For no such typecode, a negative length.
 * @throws {OSError} `ENOMEM`
 */
export function RawArray<C extends CellKind>(kind: C, sizeOrInit: number | ArrayInit<C>): ArrayOf<C> {
  return createCells(kind, sizeOrInit).array;
}

/** What {@link copy} takes. */
export type Copyable = RawValue | CellArray;

/**
 * Python's `sharedctypes.copy`: the same content in new shared memory, without a lock.
 *
 * @example const snapshot = copy(array.getObj());
 */
export function copy<T extends Copyable>(object: T): T {
  if (object instanceof RawValue) {
    const { kind, value } = object;
    const twin = new RawValue(kind);
    twin.value = (
      kind instanceof StructType ? (value as unknown as { toJSON(): object }).toJSON() : value
    ) as never;
    return twin as unknown as T;
  }
  if (ArrayBuffer.isView(object) && !(object instanceof DataView)) {
    const source = object as CellArray;
    const Same = Object.getPrototypeOf(source).constructor as new (
      b: ArrayBuffer,
      o: number,
      n: number,
    ) => CellArray;
    const twin = new Same(allocateRaw(source.byteLength), 0, source.length);
    twin.set(source as never);
    return twin as T;
  }
  throw typeError(`Cannot copy ${show(object)}: it must be a RawValue or a RawArray; use getObj()`);
}
