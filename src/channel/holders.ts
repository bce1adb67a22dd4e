/**
 * Who has one end of a channel: so that the other side learns when nobody is left, however they went.
 *
 * A table in the channel's block. Words: 0 entries in use lie below this number | 1 a count of all handles made | then
 * entries of two words:
 *
 *     first   0 free; else the tag of a thread (bits 0-23) and flags
 *     second  TRANSIT: which handle it stands for, and when it ends, see below; BOUND: pid of who is to open it
 *
 * flag        | meaning
 * ------------+---------------------------------------------------------------------------------------------
 * TRANSIT  24 | nobody's yet: a handle that the thread made and that somebody may open
 * PUT      25 | this object has put something
 * DRAINS   26 | its owner is waiting in `for await`: unless it has PUT, it is not going to
 * BOUND    27 | beside TRANSIT: it is for a process that was started with it
 *
 * Entries appear by CAS on 0 and vanish by CAS to 0. One object has one entry, taken back by `close()`, when the object is
 * collected, or at the process's end; of who dies otherwise, the entry is void because its tag is, and whoever looks
 * removes it. A handle in transit counts for a minute, since its sender may close its own end, or end, at once: the time
 * for which the memory that it names is kept, too. One that a child is started with counts as long as that child lives, so
 * that the other side need not wait for a minute when it is killed before it has got so far.
 */
import { RuntimeError } from '../base/errors.ts';
import type { Arena } from '../memory/arena.ts';
import { indexOfTag, tagMask } from '../memory/participants.ts';
import { processExists } from '../platform/liveness.ts';

const TRANSIT = 1 << 24;
export const PUT = 1 << 25;
export const DRAINS = 1 << 26;
const BOUND = 1 << 27;

const transitSeconds = 60;
/** Of an entry's second word: low bits a number of the handle, high bits the second at which it ends. */
const numberBits = 12;
const secondsMask = 0x7ffff;

/** Names an entry in transit to who opens the handle. */
export interface Ticket {
  readonly entry: number;
  readonly stamp: number;
}

/** The two words of an entry as one. */
function pair(first: number, second: number): bigint {
  return BigInt.asIntN(64, (BigInt(second) << 32n) | BigInt(first >>> 0));
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000) & secondsMask;
}

/** The table of one end, as one thread sees it. */
export class Holders {
  readonly arena: Arena;
  readonly #i32: Int32Array;
  readonly #at: number;
  readonly #count: number;

  /** @param from, end Offsets in the arena. */
  constructor(arena: Arena, from: number, end: number) {
    this.arena = arena;
    this.#i32 = arena.i32;
    this.#at = from >> 2;
    this.#count = ((end - from) >> 3) - 1;
  }

  #word(entry: number): number {
    return this.#at + entry * 2;
  }

  get #top(): number {
    return Atomics.load(this.#i32, this.#at);
  }

  /** Enters an object of this thread. @returns its entry. */
  enter(): number {
    return this.#claim();
  }

  #claim(): number {
    const i32 = this.#i32;
    for (let round = 0; round < 2; round++) {
      for (let entry = 1; entry <= this.#count; entry++) {
        const at = this.#word(entry);
        if (Atomics.load(i32, at) !== 0) continue;
        if (Atomics.compareExchange(i32, at, 0, this.arena.tag) !== 0) continue;
        for (;;) {
          const top = this.#top;
          if (top >= entry || Atomics.compareExchange(i32, this.#at, top, entry) === top) return entry;
        }
      }
      this.prune();
    }
    throw new RuntimeError(
      `Cannot open the channel: ${this.#count} objects have this end of it already; close some of them`,
    );
  }

  /** Takes an object's entry back. */
  leave(entry: number): void {
    Atomics.store(this.#i32, this.#word(entry), 0);
  }

  /** Sets or takes back a flag of an own entry, unless it was taken back; returns whether that changed anything. */
  flag(entry: number, flag: number, on: boolean): boolean {
    const at = this.#word(entry);
    if ((Atomics.load(this.#i32, at) & tagMask) !== this.arena.tag) return false;
    const before = on ? Atomics.or(this.#i32, at, flag) : Atomics.and(this.#i32, at, ~flag);
    return ((before & flag) !== 0) !== on;
  }

  /** For a handle that is about to be sent: it counts as a holder until it is opened. */
  depart(): Ticket {
    const number = Atomics.add(this.#i32, this.#at + 1, 1) & ((1 << numberBits) - 1);
    const ends = (nowSeconds() + transitSeconds) & secondsMask;
    const stamp = (ends << numberBits) | number;
    const entry = this.#claim();
    Atomics.store(this.#i32, this.#word(entry) + 1, stamp);
    Atomics.store(this.#i32, this.#word(entry), this.arena.tag | TRANSIT);
    return { entry, stamp };
  }

  /** The handle goes to process `pid`, which was just started, unless that has opened it already. */
  bind({ entry, stamp }: Ticket, pid: number): void {
    const from = this.arena.tag | TRANSIT;
    const pairs = new BigInt64Array(this.#i32.buffer);
    // Both words at once: nobody is to take the pid for a stamp.
    Atomics.compareExchange(pairs, this.#word(entry) >> 1, pair(from, stamp), pair(from | BOUND, pid));
  }

  /** Whether an entry, whose first word is `seen`, stands for a handle that has this stamp, or is for process `pid`. */
  #standsFor({ entry, stamp }: Ticket, seen: number, pid: number | undefined): boolean {
    if ((seen & TRANSIT) === 0) return false;
    return Atomics.load(this.#i32, this.#word(entry) + 1) === ((seen & BOUND) !== 0 ? pid : stamp);
  }

  /** Whoever opens a handle takes its entry over, or a new one when it was opened before. @returns the entry. */
  arrive(ticket: Ticket): number {
    const i32 = this.#i32;
    const { entry } = ticket;
    const at = this.#word(entry);
    // It may be bound meanwhile, once.
    for (let tries = 0; tries < 2; tries++) {
      const seen = Atomics.load(i32, at);
      if (!this.#standsFor(ticket, seen, process.pid)) continue;
      if (Atomics.compareExchange(i32, at, seen, this.arena.tag) === seen) return entry;
    }
    return this.enter();
  }

  /** Gives up a handle that will not be opened any more: process `pid`, which it was for, is gone, or was never there. */
  cancel(ticket: Ticket, pid: number | undefined): void {
    const at = this.#word(ticket.entry);
    const seen = Atomics.load(this.#i32, at);
    if (!this.#standsFor(ticket, seen, pid)) return;
    Atomics.compareExchange(this.#i32, at, seen, 0);
  }

  #isOver(seen: number, second: number): boolean {
    if ((seen & BOUND) !== 0) return !processExists(second);
    const left = ((second >>> numberBits) - nowSeconds()) & secondsMask;
    return left > transitSeconds;
  }

  /** Removes who is dead; returns whether anybody was. Looks into `/proc` once for each entry of another thread. */
  prune(): boolean {
    const i32 = this.#i32;
    const { participants, tag } = this.arena;
    let found = false;
    for (let entry = 1, top = this.#top; entry <= top; entry++) {
      const at = this.#word(entry);
      const seen = Atomics.load(i32, at);
      if (seen === 0) continue;
      const transit = (seen & TRANSIT) !== 0;
      const over = transit
        ? this.#isOver(seen, Atomics.load(i32, at + 1))
        : (seen & tagMask) !== tag && !participants.isAlive(seen & tagMask);
      if (over && Atomics.compareExchange(i32, at, seen, 0) === seen) found = true;
    }
    return found;
  }

  /**
   * Whether anybody has this end who is not known to be dead. Costs a look at a word or two: use {@link prune} before to
   * know it for sure.
   */
  any(): boolean {
    const i32 = this.#i32;
    const { participants } = this.arena;
    for (let entry = 1, top = this.#top; entry <= top; entry++) {
      const seen = Atomics.load(i32, this.#word(entry));
      if (seen === 0) continue;
      if ((seen & TRANSIT) !== 0) return true;
      const tag = seen & tagMask;
      if (participants.tagAt(indexOfTag(tag)) === tag) return true;
    }
    return false;
  }

  /** Whether a handle for this end is under way: it counts until it is opened, or for a while. */
  anyInTransit(): boolean {
    for (let entry = 1, top = this.#top; entry <= top; entry++) {
      if ((Atomics.load(this.#i32, this.#word(entry)) & TRANSIT) !== 0) return true;
    }
    return false;
  }

  /** Whether another thread has this end, or may soon. */
  anyElsewhere(): boolean {
    const own = this.arena.tag;
    return this.#some((seen) => (seen & TRANSIT) !== 0 || (seen & tagMask) !== own);
  }

  /** Whether anybody but `self` may still put something: see `DRAINS`. */
  anyMayPut(self: number): boolean {
    return this.#some((seen, entry) => {
      if (entry === self) return false;
      return (seen & PUT) !== 0 || (seen & DRAINS) === 0;
    });
  }

  #some(test: (seen: number, entry: number) => boolean): boolean {
    const { participants } = this.arena;
    for (let entry = 1, top = this.#top; entry <= top; entry++) {
      const seen = Atomics.load(this.#i32, this.#word(entry));
      if (seen === 0) continue;
      const tag = seen & tagMask;
      if ((seen & TRANSIT) === 0 && participants.tagAt(indexOfTag(tag)) !== tag) continue;
      if (test(seen, entry)) return true;
    }
    return false;
  }
}
