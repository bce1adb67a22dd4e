/**
 * Lists of keys that all who share a queue know by a number: messages name them instead of repeating them.
 *
 *     word   what
 *     0      how many lists there are. **Storing it is what commits one**
 *     1…     the lists, one after the other; each begins with the number of its words, in 16 bits
 *
 * Lists are only added, by who holds the lock of the writers. A list stands there before the first message that names it is
 * committed, so readers need no lock. Who is killed while adding one leaves words behind that nothing counts.
 *
 * The memory is part of the queue's block. So a table keeps the ring that owns the block: a message that was taken may still have to be
 * decoded when nobody has the queue any more.
 */
import { type KeyList, keyListOf, type NumberedKeys } from '../codec/index.ts';
import { word } from './layout.ts';
import type { Ring } from './ring.ts';
import { lockSide, unlockSide } from './side-lock.ts';

/** A number has to fit into a byte. */
const mostLists = 256;
/** What a sender remembers: a program that has ever new keys must not fill its memory with those that got no number. */
const mostRemembered = 1000;

let tables = 0;

/** See the file's header. */
export class KeyTable implements NumberedKeys {
  readonly id = ++tables;
  readonly #ring: Ring;
  /** Indices of words: where the table begins and ends. */
  readonly #at: number;
  readonly #end: number;
  readonly #numbers = new Map<Int32Array, number>();
  readonly #lists: KeyList[] = [];
  /** Behind the last of {@link #lists}. */
  #next: number;

  constructor(ring: Ring, at: number, end: number) {
    this.#ring = ring;
    this.#at = at;
    this.#end = end;
    this.#next = at + 1;
  }

  numberOf(words: Int32Array): number {
    const known = this.#numbers.get(words);
    if (known !== undefined) return known;
    if (this.#numbers.size >= mostRemembered) this.#numbers.clear();
    const number = this.#find(words);
    this.#numbers.set(words, number);
    return number;
  }

  #find(words: Int32Array): number {
    const { arena, at } = this.#ring;
    lockSide(arena, at + word.writeLock);
    try {
      return this.#add(words);
    } finally {
      unlockSide(arena, at + word.writeLock);
    }
  }

  /** The number that the list has already, or a new one, or -1. */
  #add(words: Int32Array): number {
    const { i32 } = this.#ring;
    const count = i32[this.#at]!;
    let at = this.#at + 1;
    for (let number = 0; number < count; number++) {
      if (isAt(i32, at, words)) return number;
      at += lengthAt(i32, at);
    }
    if (count === mostLists || at + words.length > this.#end) return -1;
    i32.set(words, at);
    Atomics.store(i32, this.#at, count + 1);
    return count;
  }

  listOf(number: number): KeyList | undefined {
    if (number >= this.#lists.length) this.#readOn();
    return this.#lists[number];
  }

  /** Learns the lists that were added since. */
  #readOn(): void {
    const { i32 } = this.#ring;
    const count = Atomics.load(i32, this.#at);
    while (this.#lists.length < count) {
      const next = this.#next + lengthAt(i32, this.#next);
      this.#lists.push(keyListOf(i32.slice(this.#next, next)));
      this.#next = next;
    }
  }
}

function lengthAt(i32: Int32Array, at: number): number {
  return i32[at]! & 0xffff;
}

function isAt(i32: Int32Array, at: number, words: Int32Array): boolean {
  for (let i = 0; i < words.length; i++) if (i32[at + i] !== words[i]) return false;
  return true;
}
