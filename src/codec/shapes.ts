/**
 * The sender's memory of which keys objects have: most objects of a program have one of a few lists of keys.
 *
 * The keys of an object lead through a tree to its shape, which has them in the form in which they are written: so they are
 * turned into bytes once for all messages. Objects that serve as dictionaries have ever new keys; they must not fill the
 * memory, so a place in the tree with many ways on takes no more, and the whole is forgotten when it gets too large.
 */
import { Habit } from './habit.ts';
import type { NumberedKeys } from './key-lists.ts';
import type { Sink } from './sink.ts';
import { T } from './tags.ts';
import { compileTree, type TreeWriter } from './tree-writers.ts';
import { compileWriter, type Writer, type Writing, writeByName } from './writers.ts';

const mostKeys = 40;
const mostWays = 200;
const mostPlaces = 4000;
/** After so many objects that found no way it is time to forget those that have it blocked. */
const mostRefusals = 20_000;
/** Longest key that is remembered. */
const longestKey = 40;
/** Objects of a shape until code is compiled to write it, and for how many shapes that is done. */
const compileAfter = 16;
const mostCompiled = 500;

/** Objects with the same keys in the same order. */
export class Shape {
  readonly keys: readonly string[];
  /** What follows the tag KEYED and its padding; see `tags.ts`. */
  readonly words: Int32Array;
  /** The section that has written it last, and its number there. */
  section = 0;
  number = 0;
  #uses = 0;
  #writer: Writer | undefined;
  /** Writes whole messages that are such objects. */
  readonly tree = new Habit<TreeWriter>();
  /** The channel that was last asked for the number of these keys, by its own number: nothing of it is held; and what it said. */
  #channel = 0;
  #numberThere = -1;

  constructor(keys: readonly string[]) {
    this.keys = keys;
    this.words = wordsOf(keys);
  }

  /** The number of these keys in a channel; -1 without, as for keys that do not come often. */
  numberIn(channel: NumberedKeys): number {
    if (this.#channel === channel.id) return this.#numberThere;
    if (this.#writer === undefined) return -1;
    this.#channel = channel.id;
    this.#numberThere = channel.numberOf(this.words);
    return this.#numberThere;
  }

  /** Writes the list of keys. */
  writeKeys(to: Sink): void {
    if (this.#writer !== undefined) this.#writer.keys(to);
    else to.keyed(this.words);
  }

  /** Writes the values of an object that has this shape. */
  write(o: Record<string, unknown>, to: Writing): void {
    if (this.#writer !== undefined) this.#writer.values(o, to);
    else {
      if (++this.#uses === compileAfter && compiled < mostCompiled) this.#compile();
      writeByName(o, this.keys, to);
    }
  }

  /** Writes `o` as a whole if it is a plain object of this shape. @returns false also where that is not known. */
  writeObject(o: object, to: Writing): boolean {
    return this.#writer?.object(o, to, this) === true;
  }

  /** See {@link Writer.isLike}; undefined for a shape that did not come often yet. */
  get isLike(): ((o: object) => boolean) | undefined {
    return this.#writer?.isLike;
  }

  /** A message that is such an object was written value by value. */
  wasMessage(o: object): void {
    this.tree.missed(() => compileTree(o, knownShape));
  }

  #compile(): void {
    this.#writer = compileWriter(this.keys, this.words);
    compiled++;
  }
}

/** A place in the tree: the keys on the way to it. */
class Place {
  readonly keys: readonly string[];
  shape: Shape | undefined;
  /** The way that was taken last, most often the only one. */
  key: string | undefined;
  next: Place | undefined;
  ways: Map<string, Place> | undefined;

  constructor(keys: readonly string[]) {
    this.keys = keys;
  }
}

let root = new Place([]);
let places = 1;
let refusals = 0;
let compiled = 0;

function forget(): void {
  root = new Place([]);
  places = 1;
  refusals = 0;
  compiled = 0;
}

/**
 * The shape of a plain object that has these keys.
 *
 * @param likely A guess, which is looked at first.
 * @returns undefined for an object that is not worth remembering.
 */
export function shapeOf(keys: readonly string[], likely: Shape | undefined): Shape | undefined {
  return likely !== undefined && isSame(keys, likely.keys) ? likely : find(keys);
}

/** The shape of an object that may be a plain one. */
function knownShape(o: object): Shape | undefined {
  return find(Object.keys(o));
}

function isSame(keys: readonly string[], others: readonly string[]): boolean {
  const n = keys.length;
  if (n !== others.length) return false;
  for (let i = 0; i < n; i++) if (keys[i] !== others[i]) return false;
  return true;
}

function find(keys: readonly string[]): Shape | undefined {
  let place: Place | undefined = root;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    place = place.key === key ? place.next : step(place, key);
    if (place === undefined) return undefined;
  }
  place.shape ??= new Shape(place.keys);
  return place.shape;
}

function step(place: Place, key: string): Place | undefined {
  const known = place.ways?.get(key);
  if (known !== undefined) {
    place.key = key;
    place.next = known;
    return known;
  }
  if (place.keys.length >= mostKeys || !isRemembered(key)) return undefined;
  if ((place.ways?.size ?? 0) >= mostWays) {
    if (++refusals > mostRefusals) forget();
    return undefined;
  }
  if (places >= mostPlaces) {
    forget();
    return undefined;
  }
  const next = new Place([...place.keys, key]);
  places++;
  place.ways ??= new Map();
  place.ways.set(key, next);
  place.key = key;
  place.next = next;
  return next;
}

function isRemembered(key: string): boolean {
  if (key.length > longestKey) return false;
  for (let i = 0; i < key.length; i++) if (key.charCodeAt(i) > 127) return false;
  return true;
}

function wordsOf(keys: readonly string[]): Int32Array {
  let bytes = 4;
  for (const key of keys) bytes += 2 + key.length;
  const block = Buffer.alloc(Math.ceil(bytes / 4) * 4);
  block[0] = block.length / 4;
  block[1] = (block.length / 4) >>> 8;
  block[2] = keys.length;
  let at = 4;
  for (const key of keys) {
    block[at] = T.ASCII;
    block[at + 1] = key.length;
    block.write(key, at + 2, 'latin1');
    at += 2 + key.length;
  }
  const words = new Int32Array(block.length / 4);
  Buffer.from(words.buffer).set(block);
  return words;
}
