/**
 * The bytes of a message: one tag per value, then what the table says. Numbers are LEB128 unless noted.
 *
 * Own format rather than msgpackr's: it must keep -0, holes, key order, prototypes, shared references, functions and
 * shared handles, name the path to what cannot travel, and survive any depth; on that list a general format is all
 * extensions, and they cost more than they save.
 *
 * message  | flag byte, then
 * ---------+--------------------------------------------------------------------------------------------------
 * PLAIN 0  | the root value; nothing to load, no function by value
 * DATA 2   | as PLAIN, and to read it runs nobody's code: primitives, plain objects and arrays
 * TREE 3   | as DATA, and no object in it is met twice: there is no REF
 * LINKED 1 | u32 LE position of the table, the root value, the functions' sections, the table (see `table.ts`)
 *
 * A section is a run of values that can be read alone: REF counts objects from the section's first, SHAPE its own
 * shapes. REF_FAR counts from the message's first object and ties sections together.
 */
import { EventEmitter } from 'node:events';

export const PLAIN = 0;
export const LINKED = 1;
export const DATA = 2;
export const TREE = 3;

export const T = {
  UNDEFINED: 0,
  NULL: 1,
  TRUE: 2,
  FALSE: 3,
  /** Zigzag, within 32 bits. */
  INT: 4,
  /** Eight bytes, little endian. */
  F64: 5,
  /** Sign byte, length, hexadecimal digits in ASCII. */
  BIGINT: 6,
  /** Length, one byte per character below 128. */
  ASCII: 7,
  UTF8: 8,
  /** For lone surrogates. */
  UTF16: 9,
  /** Length, elements; then count, keys and values of named properties. */
  ARRAY: 10,
  /** In the place of an element. */
  HOLE: 11,
  /** In the place of as many elements as it says. */
  HOLES: 12,
  /** Count, keys, then the values; the keys become the section's next shape. For keys that are not worth remembering. */
  OBJECT: 13,
  /** Number of the shape (its list of keys), values. */
  SHAPE: 14,
  /** Prototype, then properties (see PROPS in `encoder.ts`). */
  OBJECT_WITH: 15,
  MAP: 16,
  SET: 17,
  DATE: 18,
  /** Source, flags, lastIndex. */
  REGEXP: 19,
  BUFFER: 20,
  ARRAY_BUFFER: 21,
  /** Kind byte, ArrayBuffer as a value, byte offset, length. */
  VIEW: 22,
  ERROR: 23,
  URL: 24,
  URL_PARAMS: 25,
  /** A primitive in its object. */
  BOXED: 26,
  SYMBOL_FOR: 27,
  SYMBOL_WELL: 28,
  /** Class as a value, properties. */
  INSTANCE: 29,
  /** Class as a value, then a built-in container, then properties: `class X extends Map`. */
  SUBCLASS: 30,
  /** Fixed name, data. */
  TRAVEL: 31,
  /** Class as a value, data of its `[serialize]`. */
  CUSTOM: 32,
  REF: 33,
  REF_FAR: 34,
  /** Kind of container, number; the contents follow the root, so that depth costs no stack. */
  LATER: 35,
  /** Function or class as code: its key. */
  FN: 36,
  /** Path among the built-ins. */
  BUILTIN: 38,
  /** Number in the table of modules, export name ("*" for the namespace). */
  IMPORT: 39,
  /** File that `require` belongs to. */
  REQUIRE: 40,
  /** URL of the module whose `import.meta` it is. */
  META: 41,
  /** `this`; then a reference, or NULL, function, arguments. */
  BOUND: 42,
  /** Wrapper function, arguments after the first, then the first: `__toESM(require("fs"))`. */
  WRAPPED: 43,
  /** An error class of this library, by name. */
  OWN_CLASS: 44,
  /** Constructor path, its arguments as an array: encoders, formatters; a DOMException's stack follows them. */
  REBUILT: 45,
  MINUS_ZERO: 46,
  /** File that `import()` belongs to. */
  IMPORTER: 47,
  /** An array of 32-bit integers: length, four bytes each, little endian. */
  INTS: 48,
  /** An array of numbers: length, eight bytes each, little endian. */
  FLOATS: 49,
  /**
   * A byte that tells how many bytes of padding follow it (so that the next is a whole word of the message, where the sender
   * could), then words: their number in two bytes, the count of keys in a byte, a 0, the keys in ASCII, zeros; then the values.
   * The keys become the section's next shape.
   */
  KEYED: 50,
  /** A byte, by which both sides of the channel know a list of keys (see `key-table.ts`), then the values. The section's next shape. */
  NUMBERED: 51,
  /** An ArrayBuffer that can grow: to how many bytes; then what it has. */
  RESIZABLE: 52,
} as const;

/** Kinds of containers that LATER puts off. */
export const LATER_ARRAY = 0;
export const LATER_OBJECT = 1;
export const LATER_MAP = 2;
export const LATER_SET = 3;

/** Order is the wire's. */
export const viewKinds = [
  'DataView',
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'Float16Array',
] as const;

/** Order is the wire's; only append. */
const wellKnownNames = [
  'asyncIterator',
  'hasInstance',
  'isConcatSpreadable',
  'iterator',
  'match',
  'matchAll',
  'replace',
  'search',
  'species',
  'split',
  'toPrimitive',
  'toStringTag',
  'unscopables',
  'dispose',
  'asyncDispose',
];

/** Symbols that are not registered, but which every process has: the language's, and those under which Node's emitters keep their state. */
export const wellKnownSymbols: readonly (symbol | undefined)[] = [
  ...wellKnownNames.map((name) => (Symbol as unknown as Record<string, symbol | undefined>)[name]),
  ...Object.getOwnPropertySymbols(new EventEmitter()),
];
