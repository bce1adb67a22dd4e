/**
 * One direction of a channel: whole messages in order, from any number of threads to any number of threads.
 *
 * A circular buffer per extent, and from a full one on to the next larger (extents.ts). A writer never waits for room
 * that is there and never for an event loop. `layout.ts` has the words and says why a killed process leaves nothing
 * to be repaired. Writers exclude one another, so do readers; a writer and a reader never wait for each other.
 *
 * What the writer may use of an extent, with the reader at r and itself at w (units of 8 bytes):
 *
 *     reader in another extent   [w, end - 1)         it will begin at 0 here
 *     r ≤ w                      [w, end - 1) and, after a WRAP at w, [0, r - 2)
 *     w < r                      [w, r - 2)
 *
 * The units that are left over make sure that a marker always fits where the next record would begin, and that a full
 * extent does not look like an empty one. What fits nowhere goes to another extent: the next larger one that is big
 * enough; when everything has been read, the smallest that is. So extents in use follow each other upwards, and a
 * backlog that was worked off gives its memory back: a reader discards an extent of 16 MiB or more when it leaves it,
 * or finds it drained while nobody writes.
 *
 * This class knows no values and does not wait: it says `false`. It wakes those who do.
 */
import type { NumberedKeys } from '../codec/index.ts';
import type { Arena } from '../memory/arena.ts';
import { type ParkingLot, parkingLot } from '../sync/parking.ts';
import { type Extent, type Extents, extentFor, extentUnits, nowhere } from './extents.ts';
import { kind, kindMask, moreShift, OPEN, word } from './layout.ts';
import { lockSide, tryLockSide, unlockSide } from './side-lock.ts';

/** Extents from this number of units on (16 MiB) are given back when they are drained. */
const largeUnits = (16 * 2 ** 20) / 8;
/** An extent up to this (1 MiB) is kept in use when everything has been read; larger ones are left for smaller ones. */
const steadyUnits = 2 ** 20 / 8;
/** In a larger one the writer looks where the readers are after so many units (32 KiB), not for each message. */
const lookAgainUnits = 2 ** 15 / 8;

/** How much may wait in a ring that holds its writers back: about this many units, or a few messages. */
const boundUnits = 2 ** 20 / 8;
const boundMessages = 3;

/** Units that a record takes whose number says `bytes`. */
function unitsOf(bytes: number): number {
  return bytes < 2 ** 30 ? (bytes + 15) >> 3 : 1 + Math.ceil(bytes / 8);
}

/** Bytes of a record after its first two words. */
function payloadOf(kindAndMore: number, number: number): number {
  const k = kindAndMore & kindMask;
  return k === kind.int || k === kind.constant ? 0 : number;
}

/**
 * What follows a record's first two words: bytes, units of memory that has them at its beginning, a number as 8 bytes, or
 * text (in ASCII when its kind says so).
 */
export type Payload = Uint8Array | BigInt64Array | string | number | undefined;

/** What {@link Ring.read} found, by reference into shared memory: only to be used before the next call. */
export interface Place {
  memory: Extent;
  keys: NumberedKeys | undefined;
  /** Byte at which the payload begins. */
  from: number;
  number: number;
  kindAndMore: number;
}

/** What reading gives when there is no message. */
export const EMPTY: unique symbol = Symbol('empty');

/** See the file's header. */
export class Ring {
  readonly arena: Arena;
  readonly extents: Extents;
  readonly i32: Int32Array;
  /** Index of its first word. */
  readonly at: number;
  /** Whether a backlog holds writers back (a pipe), or only `limit` does (a queue). */
  readonly bounded: boolean;
  /** What numbers of lists of keys in its messages mean: only a queue's have some. */
  keys: NumberedKeys | undefined;
  #lot: ParkingLot | undefined;
  /**
   * What this thread saw when it last looked at the other side, whose words are in cache lines that are expensive to share. It
   * counts as long as nobody else has come between: behind its own last message to be written, when that made so many, its
   * extent is free up to there; when it has taken so many, so many were written.
   */
  #lastPuts = 0;
  #freeUntil = 0;
  #lastGets = 0;
  #seenPuts = 0;

  constructor(arena: Arena, at: number, extents: Extents, bounded: boolean) {
    this.arena = arena;
    this.i32 = arena.i32;
    this.at = at;
    this.extents = extents;
    this.bounded = bounded;
  }

  get lot(): ParkingLot {
    this.#lot ??= parkingLot(this.arena);
    return this.#lot;
  }

  /** What those wait for who want a message. */
  get messageKey(): number {
    return (this.at + word.puts) * 4;
  }

  /** What those wait for who want room. */
  get roomKey(): number {
    return (this.at + word.gets) * 4;
  }

  /** Messages in it: exact at the moment of the call. */
  get size(): number {
    const { i32, at } = this;
    // Taken before written: what is taken meanwhile only makes the result too large by what was there just before.
    const gets = Atomics.load(i32, at + word.gets);
    return (Atomics.load(i32, at + word.puts) - gets) | 0;
  }

  /** Messages that it holds at most; 0 for no limit. */
  get limit(): number {
    return this.i32[this.at + word.limit]!;
  }

  /** A count that changes with every message that is taken. */
  get taken(): number {
    return Atomics.load(this.i32, this.at + word.gets);
  }

  /**
   * Writes a record and wakes a reader that waits.
   *
   * @param number A small integer, or the length of what `payload` gives in bytes.
   * @returns `false` when there is no room now; nothing was written.
   * @throws {RuntimeError} For what is larger than any extent.
   */
  write(kindAndMore: number, number: number, payload: Payload): boolean {
    const { i32, at, arena } = this;
    lockSide(arena, at + word.writeLock);
    try {
      const puts = i32[at + word.puts]!;
      const limit = i32[at + word.limit]!;
      if (limit > 0 && ((puts - Atomics.load(i32, at + word.gets)) | 0) >= limit) return false;
      const units = unitsOf(payloadOf(kindAndMore, number));
      const now = at + word.writeAt + (puts & 1) * 2;
      const next = at + word.writeAt + ((puts + 1) & 1) * 2;
      let extent = i32[now]!;
      let w = i32[now + 1]!;
      const isFree = puts === this.#lastPuts && w + units <= this.#freeUntil;
      const fit = isFree ? w : this.#fit(extent, w, units);
      if (fit < 0) {
        const target = this.#target(extent, units, puts);
        if (target < 0) return false;
        this.extents.provide(target);
        mark(this.extents.at(extent).i32, w, kind.move, target);
        extent = target;
        w = 0;
        this.#freeUntil = 0;
      } else if (fit !== w) {
        mark(this.extents.at(extent).i32, w, kind.wrap, 0);
        w = fit;
        this.#freeUntil = 0;
      }
      const memory = this.extents.at(extent);
      memory.i32[w * 2] = number;
      memory.i32[w * 2 + 1] = kindAndMore;
      if (payload !== undefined) copyIn(memory, w + 1, payload, kindAndMore, number);
      i32[next] = extent;
      i32[next + 1] = w + units;
      this.#lastPuts = (puts + 1) | 0;
      Atomics.store(i32, at + word.puts, this.#lastPuts);
    } finally {
      unlockSide(arena, at + word.writeLock);
    }
    if (Atomics.load(i32, at + word.readers) !== 0) this.wake(this.messageKey, word.readers);
    return true;
  }

  /** Where in its extent a record fits: `w`, 0 (after a WRAP at w), or -1. */
  #fit(extent: number, w: number, units: number): number {
    const { i32, at } = this;
    const length = extentUnits(extent);
    // A reader may go on meanwhile, so its place is read until its count stands still; it only makes more room.
    let gets: number;
    let readExtent: number;
    let r: number;
    do {
      gets = Atomics.load(i32, at + word.gets);
      const from = at + word.readAt + (gets & 1) * 2;
      readExtent = Atomics.load(i32, from);
      r = Atomics.load(i32, from + 1);
    } while (Atomics.load(i32, at + word.gets) !== gets);
    // Readers only make more room. In a large extent it counts when they have read all, so it is looked at again soon.
    const free = readExtent === extent && w < r ? r - 2 : length - 1;
    this.#freeUntil = length > steadyUnits ? Math.min(free, w + units + lookAgainUnits) : free;
    if (readExtent !== extent) return w + units < length ? w : -1;
    if (w < r) return w + units <= r - 2 ? w : -1;
    if (w + units < length) {
      // Back to something small after a large message.
      if (length > steadyUnits && w === r && units < length / 16) return -1;
      return w;
    }
    return units <= r - 2 ? 0 : -1;
  }

  /** The extent to go to when a record does not fit; -1 to wait for readers. */
  #target(extent: number, units: number, puts: number): number {
    // Two more: for a marker behind it, and to tell full from empty.
    const needed = units + 2;
    if (Atomics.load(this.i32, this.at + word.gets) === puts) {
      const smallest = extentFor(needed, 0);
      return smallest === extent ? extentFor(needed, extent + 1) : smallest;
    }
    if (this.bounded && extentUnits(extent) >= Math.max(boundUnits, boundMessages * units)) return -1;
    const next = extentFor(needed, extent + 1);
    // After a step down the reader may still be at the marker that leads here.
    return next === this.#readExtent() ? extentFor(needed, next + 1) : next;
  }

  #readExtent(): number {
    const { i32, at } = this;
    const gets = Atomics.load(i32, at + word.gets);
    return Atomics.load(i32, at + word.readAt + (gets & 1) * 2);
  }

  /**
   * Takes the oldest message: `use` turns its bytes into what the caller wants while it is still there, and the message
   * is taken when `use` has returned. When `use` throws, the message stays.
   *
   * @returns what `use` gave, or {@link EMPTY} when there is no message.
   */
  read<T>(use: (place: Place) => T): T | typeof EMPTY {
    const { i32, at, arena } = this;
    // An old count cannot hide a message: it makes this look at what was written, or is seen to be old behind the lock.
    if (!this.#hasMore(i32[at + word.gets]!)) return EMPTY;
    lockSide(arena, at + word.readLock);
    let result: T;
    let drainedLarge = false;
    try {
      const gets = i32[at + word.gets]!;
      if (!this.#hasMore(gets)) return EMPTY;
      const from = at + word.readAt + (gets & 1) * 2;
      let extent = i32[from]!;
      let r = i32[from + 1]!;
      let memory = this.extents.at(extent);
      let kindAndMore = memory.i32[r * 2 + 1]!;
      while ((kindAndMore & kindMask) <= kind.move) {
        if (kindAndMore === kind.move) {
          if (extentUnits(extent) >= largeUnits) this.extents.discard(extent, r);
          extent = memory.i32[r * 2]!;
          memory = this.extents.at(extent);
        }
        r = 0;
        kindAndMore = memory.i32[1]!;
      }
      const number = memory.i32[r * 2]!;
      place.memory = memory;
      place.from = (r + 1) * 8;
      place.keys = this.keys;
      place.number = number;
      place.kindAndMore = kindAndMore;
      result = use(place);
      const to = at + word.readAt + ((gets + 1) & 1) * 2;
      i32[to] = extent;
      i32[to + 1] = r + unitsOf(payloadOf(kindAndMore, number >>> 0));
      this.#lastGets = (gets + 1) | 0;
      Atomics.store(i32, at + word.gets, this.#lastGets);
      drainedLarge =
        extentUnits(extent) >= largeUnits && Atomics.load(i32, at + word.puts) === ((gets + 1) | 0);
      if (drainedLarge) this.#discardDrained();
    } finally {
      // They would keep this ring.
      place.keys = undefined;
      unlockSide(arena, at + word.readLock);
    }
    if (Atomics.load(i32, at + word.writers) !== 0) this.wake(this.roomKey, word.writers);
    return result;
  }

  /** Whether more than `gets` messages have been written; looks only when it does not know. */
  #hasMore(gets: number): boolean {
    if (gets === this.#lastGets && gets !== this.#seenPuts) return true;
    this.#lastGets = gets;
    this.#seenPuts = Atomics.load(this.i32, this.at + word.puts);
    return this.#seenPuts !== gets;
  }

  /** Gives back the memory of a large extent in which nothing is left. The caller holds the lock of the readers. */
  #discardDrained(): void {
    const { i32, at, arena } = this;
    if (!tryLockSide(arena, at + word.writeLock)) return;
    try {
      const puts = i32[at + word.puts]!;
      if (puts !== i32[at + word.gets]!) return;
      const now = at + word.writeAt + (puts & 1) * 2;
      this.extents.discard(i32[now]!, i32[now + 1]!);
    } finally {
      unlockSide(arena, at + word.writeLock);
    }
  }

  /**
   * Wakes the first in line for `key`. `flag` says whether there may be one: it is taken back when there is none, and set
   * again when somebody came meanwhile, since that one has set it before it was taken back.
   */
  wake(key: number, flag: number): void {
    if (this.lot.wake(key) > 0) return;
    Atomics.store(this.i32, this.at + flag, 0);
    if (this.lot.wake(key) > 0) Atomics.store(this.i32, this.at + flag, 1);
  }

  /** Wakes everybody who waits for anything here: something ended. */
  wakeAll(): void {
    for (const key of [this.messageKey, this.roomKey, this.doneKey]) {
      this.lot.wake(key, Number.POSITIVE_INFINITY);
    }
  }

  /** Wakes everybody who waits for a message. */
  wakeReaders(): void {
    this.lot.wake(this.messageKey, Number.POSITIVE_INFINITY);
  }

  /** What those wait for who want all tasks to be done. */
  get doneKey(): number {
    return (this.at + word.done) * 4;
  }

  /** OPEN, DRAINING or SHUT. */
  get mode(): number {
    return Atomics.load(this.i32, this.at + word.mode);
  }

  /** From OPEN to DRAINING to SHUT, never back. */
  raiseMode(mode: number): void {
    for (;;) {
      const seen = this.mode;
      if (seen >= mode || Atomics.compareExchange(this.i32, this.at + word.mode, seen, mode) === seen) return;
    }
  }

  /** As {@link mode} was when this thread last had to do with the others: asked before each message, it costs nothing. */
  get isOpen(): boolean {
    return this.i32[this.at + word.mode] === OPEN;
  }
}

/** One for all reads of this thread, which never overlap. */
const place: Place = {
  memory: nowhere,
  keys: undefined,
  from: 0,
  number: 0,
  kindAndMore: 0,
};

function mark(i32: Int32Array, unit: number, marker: number, number: number): void {
  i32[unit * 2] = number;
  i32[unit * 2 + 1] = marker;
}

/** A loop beats the call that copies for a few bytes, or units. */
const fewBytes = 48;
const fewUnits = 64;

function copyIn(
  { bytes, i64, f64 }: Extent,
  unit: number,
  payload: Exclude<Payload, undefined>,
  kindAndMore: number,
  length: number,
): void {
  const from = unit * 8;
  if (typeof payload === 'number') f64[unit] = payload;
  else if (typeof payload === 'string') {
    if (kindAndMore !== kind.ascii) bytes.write(payload, from, 'utf8');
    else if (payload.length > fewBytes) bytes.write(payload, from, 'latin1');
    else for (let i = 0; i < payload.length; i++) bytes[from + i] = payload.charCodeAt(i);
  } else if (payload instanceof BigInt64Array) {
    // The engine copies them as what they are, without making a bigint of each, and takes as long as for half as many bytes.
    const units = (length + 7) >> 3;
    if (units > fewUnits) i64.set(payload.subarray(0, units), unit);
    else for (let i = 0; i < units; i++) i64[unit + i] = payload[i]!;
  } else if (length > fewBytes) bytes.set(payload, from);
  else for (let i = 0; i < length; i++) bytes[from + i] = payload[i]!;
}

/** What stands above a record's kind. */
export function moreOf(kindAndMore: number): number {
  return kindAndMore >>> moreShift;
}
