/**
 * The receiver's memory of which keys objects have, found by the bytes in which they were written.
 *
 * For a list that comes often a function is compiled that makes such objects: from a literal, so that all have one hidden
 * class from the start, and property by property in straight code. Where a program must not compile code
 * (`--disallow-code-generation-from-strings`), objects are made one key after the other, as are those with a key that means
 * something in a literal (`__proto__`).
 */
import { Habit } from './habit.ts';
import { damaged, Source } from './source.ts';
import { T } from './tags.ts';
import type { TreeReader } from './tree-readers.ts';

/** What a maker needs of the decoder. */
export interface Filler {
  /** Numbers an object, before its properties are read: they may refer to it. */
  keep<O>(o: O): O;
  /** Reads the next value. */
  value(): unknown;
  /** For who looks at the tag of the next value first, and reads what is frequent itself. */
  readonly source: Source;
  /** Reads a value whose tag was read. */
  valueBehind(tag: number): unknown;
}

/** Lists of keys that both sides of a channel know by a number, the same for all who share it. */
export interface NumberedKeys {
  /** Which channel this is, among all that this thread has; above 0. */
  readonly id: number;
  /**
   * For the sender.
   *
   * @param words As {@link KeyList.words}, always the same object for the same list.
   * @returns a byte; -1 for a list that has no number.
   */
  numberOf(words: Int32Array): number;
  /** For the receiver. @returns undefined for a number that was not given. */
  listOf(number: number): KeyList | undefined;
}

const compileAfter = 16;
const places = 512;

/** Keys of objects, in order. */
export class KeyList {
  readonly keys: readonly string[];
  /** As in the message; undefined for a list that is not remembered. */
  readonly words: Int32Array | undefined;
  /** Reads whole messages that are such objects; for a list that is remembered. */
  readonly tree: Habit<TreeReader> | undefined;
  #uses = 0;
  /** Whether it may be assigned to a new object: no key has a meaning in `Object.prototype`. */
  readonly #simple: boolean;
  #make: ((filler: Filler) => object) | undefined;

  constructor(keys: readonly string[], words?: Int32Array) {
    this.keys = keys;
    this.words = words;
    this.tree = words && new Habit();
    this.#simple = !keys.some((key) => key in Object.prototype);
  }

  /** A new object with its properties. */
  make(filler: Filler): object {
    if (this.#make !== undefined) return this.#make(filler);
    if (this.words !== undefined && ++this.#uses === compileAfter) this.#make = compile(this.keys);
    return this.fill(filler.keep({}), filler);
  }

  /** Reads the properties of an object that is numbered already. */
  fill(o: Record<string, unknown>, filler: Filler): object {
    const { keys } = this;
    if (this.#simple) for (let i = 0; i < keys.length; i++) o[keys[i]!] = filler.value();
    else {
      for (const key of keys) {
        Object.defineProperty(o, key, {
          value: filler.value(),
          enumerable: true,
          configurable: true,
          writable: true,
        });
      }
    }
    return o;
  }
}

let mayCompile = true;

function compile(keys: readonly string[]): ((filler: Filler) => object) | undefined {
  if (!mayCompile || keys.includes('__proto__')) return undefined;
  const names = keys.map((key) => JSON.stringify(key));
  const literal = names.map((name) => `${name}:undefined`).join();
  const assignments = names
    .map(
      (name) =>
        `t=s.u8();o[${name}]=t===${T.ASCII}?s.ascii():t===${T.INT}?s.int():t===${T.F64}?s.f64():f.valueBehind(t);`,
    )
    .join('');
  try {
    return new Function(
      'f',
      `"use strict";const o=f.keep({${literal}}),s=f.source;let t;${assignments}return o;`,
    ) as (filler: Filler) => object;
  } catch (error) {
    if (!(error instanceof EvalError)) throw error;
    mayCompile = false;
    return undefined;
  }
}

const known: (KeyList | undefined)[] = new Array(places).fill(undefined);

/**
 * Reads a remembered list: what follows KEYED and its padding.
 *
 * @param likely What was in its place in the last message.
 */
export function readKeyList(source: Source, likely: KeyList | undefined): KeyList {
  const { bytes, at } = source;
  const count = bytes[at]! | (bytes[at + 1]! << 8);
  if (!(count > 0) || at + count * 4 > source.end) throw damaged('it has a list of keys without an end');
  source.at = at + count * 4;
  if (likely?.words !== undefined && isAt(source, at, likely.words, count)) return likely;
  const place = placeOf(bytes, at, count * 4);
  const list = known[place];
  if (list?.words !== undefined && isAt(source, at, list.words, count)) return list;
  const fresh = parse(source, at, count);
  known[place] = fresh;
  return fresh;
}

/** Whether the `count` words at byte `at` are these. */
function isAt({ bytes, words }: Source, at: number, mine: Int32Array, count: number): boolean {
  if (mine.length !== count) return false;
  if (words === undefined || (at & 3) !== 0) return isSame(mine, bytes, at);
  const from = at >> 2;
  let i = 0;
  while (i < count && mine[i] === words[from + i]) i++;
  return i === count;
}

/** Where a list is looked for: any mixture of a few of its bytes will do. */
function placeOf(bytes: Readonly<Uint8Array>, at: number, length: number): number {
  const middle = at + (length >> 1);
  const mixed =
    length * 7 +
    bytes[at + 6]! * 31 +
    bytes[middle]! * 131 +
    bytes[middle + 1]! * 17 +
    bytes[at + length - 4]! * 61;
  return (mixed + bytes[at + length - 3]! * 5) & (places - 1);
}

function isSame(words: Int32Array, bytes: Readonly<Uint8Array>, at: number): boolean {
  const mine = new Uint8Array(words.buffer);
  for (let i = 0; i < mine.length; i++) if (mine[i] !== bytes[at + i]) return false;
  return true;
}

/** The list that these words are. */
export function keyListOf(words: Int32Array): KeyList {
  return parse(new Source(new Uint8Array(words.buffer, words.byteOffset, words.byteLength)), 0, words.length);
}

function parse(source: Source, at: number, count: number): KeyList {
  const after = source.at;
  source.at = at + 4;
  const keys: string[] = [];
  for (let n = source.bytes[at + 2]!; n > 0; n--) keys.push(source.string());
  source.at = after;
  const words = new Int32Array(count);
  new Uint8Array(words.buffer).set(source.bytes.subarray(at, at + count * 4));
  return new KeyList(keys, words);
}
