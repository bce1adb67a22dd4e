/**
 * The table of parked waiters of one arena: who waits for what, and whether it was woken.
 *
 * A slot is four words: state | key | ticket | details. The first one packs what must change together:
 *
 *     bits 0-2 state | 3-14 participant | 15-30 how often the slot was used (a CAS on an old sight of it fails)
 *
 * state       | meaning                                     | who leaves it, and how
 * ------------+---------------------------------------------+-----------------------------------------------------
 * FREE      0 | nobody's                                    | a waiter, by CAS, to PREPARED
 * PREPARED  1 | being filled in; wakers pass it by          | the waiter, to WAITING
 * WAITING   2 | may be woken                                | a waker, by CAS, to WOKEN, GRANTED or SPOILED;
 *             |                                             | the waiter that gives up, by CAS, to FREE
 * WOKEN     3 | look again at what you wait for             | the waiter, to FREE or (same turn) WAITING
 * GRANTED   4 | what you wait for is yours already          | the waiter, to FREE
 * SPOILED   5 | what you wait for will not come             | the waiter, to FREE
 * SUSPENDED 6 | its event loop is blocked; as PREPARED. It  | the waiter, to WOKEN
 *             | has passed on what it had been told before  |
 *
 * A waiter's death in any state: the reaper gives on what it was given and frees the slot, in this order, so that the
 * reaper may die too. The key is whatever tells things to wait for apart: the offset of a word in the arena.
 *
 * **top** in the arena's head (bits 0-16 a number, above it a count of changes): every slot in use lies below. Whoever
 * takes a slot always changes it, so that nobody lowers it at the same time past a slot that was just taken.
 */
import { RuntimeError } from '../base/errors.ts';
import { head, slotBytes, slotCount, slotOffset } from '../memory/layout.ts';

/** Nobody's. */
export const FREE = 0;
/** Being filled in. */
export const PREPARED = 1;
/** May be woken. */
export const WAITING = 2;
/** Told to look again. */
export const WOKEN = 3;
/** Given what it waits for. */
export const GRANTED = 4;
/** Told that it will not come. */
export const SPOILED = 5;
/** Its event loop is blocked. */
export const SUSPENDED = 6;

/** A slot as it was seen: whether it is still that, a CAS tells. */
export interface SeenSlot {
  readonly slot: number;
  /** Its whole first word. */
  readonly raw: number;
  /** Number of the entry of the thread that waits. */
  readonly participant: number;
}

/** What a waiter finds that it was told. */
export type SlotState =
  | typeof FREE
  | typeof PREPARED
  | typeof WAITING
  | typeof WOKEN
  | typeof GRANTED
  | typeof SPOILED
  | typeof SUSPENDED;

const stateMask = 7;
const indexShift = 3;
const indexMask = 0xfff;
const useShift = 15;
const useMask = 0xffff;

const topMask = 0x1ffff;
const topChange = 0x20000;

const KEY = 1;
const TICKET = 2;
const DETAILS = 3;

const firstWord = slotOffset >> 2;
const slotWords = slotBytes >> 2;

/** The slots of one arena; `index` is the participant that this thread is. */
export class Slots {
  readonly #i32: Int32Array;
  readonly #index: number;
  /** Where this thread looks first for a free slot. */
  #hint = 0;
  #foundRaw = 0;

  constructor(i32: Int32Array, index: number) {
    this.#i32 = i32;
    this.#index = index;
  }

  /** Index of the first word of a slot: the one that a thread sleeps on. */
  wordOf(slot: number): number {
    return firstWord + slot * slotWords;
  }

  /** The whole first word: what a futex compares. */
  raw(slot: number): number {
    return Atomics.load(this.#i32, firstWord + slot * slotWords);
  }

  /** What its waiter was told last. */
  state(slot: number): SlotState {
    return (Atomics.load(this.#i32, firstWord + slot * slotWords) & stateMask) as SlotState;
  }

  /** Whose it is. */
  participant(slot: number): number {
    return (this.raw(slot) >> indexShift) & indexMask;
  }

  /** What its waiter noted about itself. */
  details(slot: number): number {
    return Atomics.load(this.#i32, this.wordOf(slot) + DETAILS);
  }

  /** Only for the waiter. */
  setDetails(slot: number, details: number): void {
    Atomics.store(this.#i32, this.wordOf(slot) + DETAILS, details);
  }

  /** What its waiter waits for. */
  key(slot: number): number {
    return Atomics.load(this.#i32, this.wordOf(slot) + KEY);
  }

  /** Takes a slot at the end of the line for `key`, visible to wakers when this returns. */
  enqueue(key: number, details: number): number {
    const i32 = this.#i32;
    const slot = this.#claim();
    const at = this.wordOf(slot);
    Atomics.store(i32, at + KEY, key);
    Atomics.store(i32, at + DETAILS, details);
    Atomics.store(i32, at + TICKET, Atomics.add(i32, head.tickets, 1));
    this.#set(slot, WAITING);
    for (;;) {
      const top = Atomics.load(i32, head.top);
      const raised = Math.max(top & topMask, slot + 1) | ((top + topChange) & ~topMask);
      if (Atomics.compareExchange(i32, head.top, top, raised) === top) return slot;
    }
  }

  #claim(): number {
    const i32 = this.#i32;
    for (let n = 0; n < slotCount; n++) {
      const slot = (this.#hint + n) % slotCount;
      const at = this.wordOf(slot);
      const seen = Atomics.load(i32, at);
      if ((seen & stateMask) !== FREE) continue;
      const use = ((seen >> useShift) + 1) & useMask;
      const mine = (use << useShift) | (this.#index << indexShift) | PREPARED;
      if (Atomics.compareExchange(i32, at, seen, mine) === seen) {
        this.#hint = (slot + 1) % slotCount;
        return slot;
      }
    }
    throw new RuntimeError(
      `Cannot wait: ${slotCount} waiters wait already for objects that were made by one thread`,
    );
  }

  /** Only for the waiter, in a state that no waker leaves. */
  #set(slot: number, state: SlotState): void {
    const at = this.wordOf(slot);
    Atomics.store(this.#i32, at, (Atomics.load(this.#i32, at) & ~stateMask) | state);
  }

  /** The waiter gives up. `false`: it was told something meanwhile, which it has to use or to pass on. */
  cancel(slot: number): boolean {
    if (!this.change(slot, WAITING, FREE)) return false;
    this.lower(slot);
    return true;
  }

  /** The waiter has what it was told; the slot is anybody's. */
  leave(slot: number): void {
    this.free(slot);
    this.lower(slot);
  }

  /** As {@link leave}, for who is in a hurry: he calls {@link lower} a little later. */
  free(slot: number): void {
    this.#set(slot, FREE);
  }

  /** The waiter waits again, with the turn that it had. */
  waitAgain(slot: number): void {
    this.#set(slot, WAITING);
  }

  /** One state for another, unless somebody else was faster. */
  change(slot: number, from: SlotState, to: SlotState): boolean {
    const at = this.wordOf(slot);
    const seen = Atomics.load(this.#i32, at);
    if ((seen & stateMask) !== from) return false;
    return Atomics.compareExchange(this.#i32, at, seen, (seen & ~stateMask) | to) === seen;
  }

  /** After a slot became free: lowers top past free slots; the count of changes makes this safe, see the header. */
  lower(slot: number): void {
    if (slot < this.#hint) this.#hint = slot;
    const i32 = this.#i32;
    for (;;) {
      const seen = Atomics.load(i32, head.top);
      const top = seen & topMask;
      let lower = top;
      while (lower > 0 && this.state(lower - 1) === FREE) lower--;
      if (lower === top) return;
      if (Atomics.compareExchange(i32, head.top, seen, lower | ((seen + topChange) & ~topMask)) === seen)
        return;
    }
  }

  /** Who waits longest for `key`. */
  first(key: number): SeenSlot | undefined {
    const slot = this.#find(key);
    const raw = this.#foundRaw;
    return slot === -1 ? undefined : { slot, raw, participant: (raw >> indexShift) & indexMask };
  }

  /** Tells one that was seen waiting something. `false`: it does not wait any more, or was told something else. */
  tellSeen({ slot, raw }: SeenSlot, state: SlotState): boolean {
    return Atomics.compareExchange(this.#i32, this.wordOf(slot), raw, (raw & ~stateMask) | state) === raw;
  }

  /**
   * Tells the one that waits longest for `key` something, by a CAS on what was seen of its slot.
   *
   * @returns its slot, or -1 when nobody waits.
   */
  tellFirst(key: number, state: SlotState): number {
    for (;;) {
      const slot = this.#find(key);
      if (slot === -1) return -1;
      const raw = this.#foundRaw;
      const told = (raw & ~stateMask) | state;
      if (Atomics.compareExchange(this.#i32, this.wordOf(slot), raw, told) === raw) return slot;
    }
  }

  /** The slot of who waits longest, or -1; its first word is left in `#foundRaw`, for waking is to allocate nothing. */
  #find(key: number): number {
    const i32 = this.#i32;
    const top = Atomics.load(i32, head.top) & topMask;
    let best = -1;
    let bestTicket = 0;
    for (let slot = 0, at = firstWord; slot < top; slot++, at += slotWords) {
      const raw = Atomics.load(i32, at);
      if ((raw & stateMask) !== WAITING || Atomics.load(i32, at + KEY) !== key) continue;
      const ticket = Atomics.load(i32, at + TICKET);
      if (best !== -1 && ((ticket - bestTicket) | 0) > 0) continue;
      best = slot;
      this.#foundRaw = raw;
      bestTicket = ticket;
    }
    return best;
  }

  /** Tells everybody who waits for `key`, up to `limit`, longest first. Returns their slots. */
  tell(key: number, state: SlotState, limit: number): number[] {
    const i32 = this.#i32;
    const top = Atomics.load(i32, head.top) & topMask;
    const seen: { slot: number; raw: number; ticket: number }[] = [];
    for (let slot = 0, at = firstWord; slot < top; slot++, at += slotWords) {
      const raw = Atomics.load(i32, at);
      if ((raw & stateMask) !== WAITING || Atomics.load(i32, at + KEY) !== key) continue;
      seen.push({ slot, raw, ticket: Atomics.load(i32, at + TICKET) });
    }
    seen.sort((a, b) => (a.ticket - b.ticket) | 0);
    const told: number[] = [];
    for (const { slot, raw } of seen) {
      if (told.length >= limit) break;
      const changed = (raw & ~stateMask) | state;
      if (Atomics.compareExchange(i32, this.wordOf(slot), raw, changed) === raw) told.push(slot);
    }
    return told;
  }

  /** How many wait for `key`. */
  count(key: number): number {
    const i32 = this.#i32;
    const top = Atomics.load(i32, head.top) & topMask;
    let n = 0;
    for (let slot = 0, at = firstWord; slot < top; slot++, at += slotWords) {
      if ((Atomics.load(i32, at) & stateMask) === WAITING && Atomics.load(i32, at + KEY) === key) n++;
    }
    return n;
  }

  /** The participants that wait for one of the keys that `concerns` picks. */
  participantsFor(concerns: (key: number) => boolean): Set<number> {
    const top = Atomics.load(this.#i32, head.top) & topMask;
    const found = new Set<number>();
    for (let slot = 0; slot < top; slot++) {
      const raw = this.raw(slot);
      if ((raw & stateMask) === WAITING && concerns(this.key(slot)))
        found.add((raw >> indexShift) & indexMask);
    }
    return found;
  }

  /** Whether a participant waits for `key` and can be told so: it will look, or is about to get in line. */
  mayWait(participant: number, key: number): boolean {
    for (const slot of this.ofParticipant(participant)) {
      const state = this.state(slot);
      if (state === PREPARED) return true;
      if ((state === WAITING || state === WOKEN) && this.key(slot) === key) return true;
    }
    return false;
  }

  /** All keys that somebody waits for, be it told already or not in line for now, each with the details of one that does. */
  keysWaitedFor(): Map<number, number> {
    const top = Atomics.load(this.#i32, head.top) & topMask;
    const found = new Map<number, number>();
    for (let slot = 0; slot < top; slot++) {
      const state = this.state(slot);
      if (state !== FREE && state !== PREPARED) found.set(this.key(slot), this.details(slot));
    }
    return found;
  }

  /** The participants that have slots now. */
  participants(): Set<number> {
    const top = Atomics.load(this.#i32, head.top) & topMask;
    const found = new Set<number>();
    for (let slot = 0; slot < top; slot++) {
      const raw = this.raw(slot);
      if ((raw & stateMask) !== FREE) found.add((raw >> indexShift) & indexMask);
    }
    return found;
  }

  /** Slots of a participant that are not free, in whatever state. */
  ofParticipant(index: number): number[] {
    const found: number[] = [];
    const top = Atomics.load(this.#i32, head.top) & topMask;
    for (let slot = 0; slot < slotCount; slot++) {
      const raw = this.raw(slot);
      // Beyond top is only who died while it took a slot; slots that were never used follow the ones that were.
      if (raw === 0 && slot >= top + 64) break;
      if ((raw & stateMask) !== FREE && ((raw >> indexShift) & indexMask) === index) found.push(slot);
    }
    return found;
  }
}
