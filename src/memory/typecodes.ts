/**
 * Typecodes, as Python's `array` and `multiprocessing` have them: one letter says what kind of number a cell holds.
 *
 * Sizes and names are those of C on 64-bit Linux. Integers of 8 bytes are bigint. What does not fit is refused, where
 * ctypes would wrap it silently.
 */
import { ValueError } from '../base/errors.ts';
import { rangeError, show, typeError } from '../base/validate.ts';

/** Typed arrays that cells are read and written through. */
export type CellArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** The typed array that `RawArray` gives for each typecode. */
export interface ArrayOfTypecode {
  b: Int8Array;
  B: Uint8Array;
  h: Int16Array;
  H: Uint16Array;
  i: Int32Array;
  I: Uint32Array;
  l: BigInt64Array;
  L: BigUint64Array;
  q: BigInt64Array;
  Q: BigUint64Array;
  f: Float32Array;
  d: Float64Array;
  '?': Uint8Array;
  c: Uint8Array;
  u: Uint16Array;
}

/** One of the letters `b B h H i I l L q Q f d ? c u`. */
export type Typecode = keyof ArrayOfTypecode;

/** What `.value` of a `Value` of each typecode is. */
export interface ValueOfTypecode {
  b: number;
  B: number;
  h: number;
  H: number;
  i: number;
  I: number;
  l: bigint;
  L: bigint;
  q: bigint;
  Q: bigint;
  f: number;
  d: number;
  '?': boolean;
  c: number;
  u: string;
}

type CellConstructor = {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, offset?: number, length?: number): CellArray;
};

/** What is known about a typecode. */
export interface CellType {
  readonly code: Typecode;
  /** Its name in Python's ctypes. */
  readonly ctype: string;
  readonly bytes: number;
  readonly Cells: CellConstructor;
  /** Whether atomic operations are to be had. */
  readonly integer: boolean;
  /** What is stored for a value. @throws {TypeError} Of a wrong kind. @throws {RangeError} Out of range. */
  encode(value: unknown): number | bigint;
  /** The value for what is stored; absent when it is the same. */
  readonly decode?: (stored: number | bigint) => unknown;
}

function fits(code: string, min: number, max: number): (value: unknown) => number {
  return (value) => {
    if (typeof value === 'number' && value >= min && value <= max && Number.isInteger(value)) return value;
    throw wrong(code, value, 'an integer', min, max);
  };
}

function wrong(
  code: string,
  value: unknown,
  kind: string,
  min: number | bigint,
  max: number | bigint,
): Error {
  const integral = typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value));
  if (!integral) return typeError(`Cannot store ${show(value)} as '${code}': it must be ${kind}`);
  return rangeError(`Cannot store ${show(value)} as '${code}': it must be from ${min} to ${max}`);
}

function fitsBig(code: string, min: bigint, max: bigint): (value: unknown) => bigint {
  return (value) => {
    const big = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
    if (typeof big === 'bigint' && big >= min && big <= max) return big;
    throw wrong(code, value, 'a bigint or an integer', min, max);
  };
}

function real(code: string): (value: unknown) => number {
  return (value) => {
    if (typeof value === 'number') return value;
    throw typeError(`Cannot store ${show(value)} as '${code}': it must be a number`);
  };
}

function oneByte(value: unknown): number {
  if (typeof value === 'string' && value.length === 1 && value.charCodeAt(0) < 256)
    return value.charCodeAt(0);
  if (value instanceof Uint8Array && value.length === 1) return value[0]!;
  return fits('c', 0, 255)(value);
}

function oneUnit(value: unknown): number {
  if (typeof value === 'string' && value.length === 1) return value.charCodeAt(0);
  throw typeError(`Cannot store ${show(value)} as 'u': it must be a string of one code unit`);
}

const long = { bytes: 8, Cells: BigInt64Array, integer: true };
const ulong = { bytes: 8, Cells: BigUint64Array, integer: true };
const minLong = -(2n ** 63n);
const maxLong = 2n ** 63n - 1n;
const maxUlong = 2n ** 64n - 1n;

const types: Readonly<Record<Typecode, Omit<CellType, 'code'>>> = {
  b: { ctype: 'c_byte', bytes: 1, Cells: Int8Array, integer: true, encode: fits('b', -128, 127) },
  B: { ctype: 'c_ubyte', bytes: 1, Cells: Uint8Array, integer: true, encode: fits('B', 0, 255) },
  h: { ctype: 'c_short', bytes: 2, Cells: Int16Array, integer: true, encode: fits('h', -32768, 32767) },
  H: { ctype: 'c_ushort', bytes: 2, Cells: Uint16Array, integer: true, encode: fits('H', 0, 65535) },
  i: {
    ctype: 'c_int',
    bytes: 4,
    Cells: Int32Array,
    integer: true,
    encode: fits('i', -(2 ** 31), 2 ** 31 - 1),
  },
  I: { ctype: 'c_uint', bytes: 4, Cells: Uint32Array, integer: true, encode: fits('I', 0, 2 ** 32 - 1) },
  l: { ctype: 'c_long', ...long, encode: fitsBig('l', minLong, maxLong) },
  L: { ctype: 'c_ulong', ...ulong, encode: fitsBig('L', 0n, maxUlong) },
  q: { ctype: 'c_long', ...long, encode: fitsBig('q', minLong, maxLong) },
  Q: { ctype: 'c_ulong', ...ulong, encode: fitsBig('Q', 0n, maxUlong) },
  f: { ctype: 'c_float', bytes: 4, Cells: Float32Array, integer: false, encode: real('f') },
  d: { ctype: 'c_double', bytes: 8, Cells: Float64Array, integer: false, encode: real('d') },
  '?': {
    ctype: 'c_bool',
    bytes: 1,
    Cells: Uint8Array,
    integer: false,
    encode: (value) => (value ? 1 : 0),
    decode: (stored) => stored !== 0,
  },
  c: { ctype: 'c_char', bytes: 1, Cells: Uint8Array, integer: false, encode: oneByte },
  u: {
    ctype: 'c_wchar',
    bytes: 2,
    Cells: Uint16Array,
    integer: false,
    encode: oneUnit,
    decode: (stored) => String.fromCharCode(Number(stored)),
  },
};

const byCode = new Map<string, CellType>(
  Object.entries(types).map(([code, type]) => [code, { code: code as Typecode, ...type }]),
);

/** @throws {ValueError} For a letter that is none. @throws {TypeError} For what is no letter. */
export function cellType(code: unknown): CellType {
  if (typeof code !== 'string') {
    throw typeError(
      `Cannot make a shared value: the typecode must be a letter or a struct(), got ${show(code)}`,
    );
  }
  const type = byCode.get(code);
  if (type !== undefined) return type;
  throw new ValueError(
    `Cannot make a shared value: ${show(code)} is no typecode; use one of ${[...byCode.keys()].join(' ')}`,
  );
}
