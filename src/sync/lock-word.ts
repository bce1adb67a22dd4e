/**
 * The word of a lock, and how it is taken and given back when that is not simple.
 *
 * The word is 0 when the lock is free. Else it holds the tag of the thread that has it (bits 0-23), and:
 *
 * bit           | meaning                                        | set by            | cleared by
 * --------------+------------------------------------------------+-------------------+-----------------------------
 * CONTENDED  24 | somebody waits, or is about to                 | waiters           | release, with all of the word
 * HANDOFF    25 | the first in line was woken and came too late  | that waiter       | the release that gives it
 * ASYNC      26 | a task has it, not the thread as such          | who takes it      | release
 * ABANDONED  27 | its holder died with it; the tag says who      | who noticed       | reset(), or who takes it over
 * GIVEN      28 | nobody has it: the thread named may take it    | release           | that thread; or take back, below
 *
 * Uncontended acquire and release are one CAS each, in the classes. A release that finds CONTENDED frees the word and
 * *then* wakes the first in line, which competes with whoever comes by: fast, but it may lose for ever. So a waiter
 * that was woken in vain asks for HANDOFF, and the next release gives the lock to the first in line without freeing it.
 * A woken one takes the lock with CONTENDED set, since it cannot know who else waits: a spare wake is cheap.
 *
 * Giving: the word becomes GIVEN, then the slot WOKEN. The word alone is the truth; who waits in the thread that it names
 * takes the lock by one more CAS. Until then nobody has it, and anybody may **take it back** and give it on, by a CAS too:
 *
 * - the giver, when its waiter left the line between the two steps;
 * - a thread that blocks, for its tasks, which cannot take anything now; who leaves the line unserved;
 * - whoever waits and looks: the giver may have died between the two steps, or the thread that is named.
 *
 * Taking back what somebody was about to take does no harm: he was woken, looks, and stands in line. Only the dead are
 * never holders by having been given something: a lock is abandoned only by who has taken it.
 */

import { availableParallelism } from 'node:os';
import { AbandonedLockError } from '../base/errors.ts';
import { indexOfTag, type Tag, tagMask } from '../memory/participants.ts';
import { type ParkingLot, registerKind, type Wait } from './parking.ts';
import { type SlotState, WAITING, WOKEN } from './slots.ts';

/** Somebody waits, or is about to. */
export const CONTENDED = 1 << 24;
/** The first in line was woken and came too late. */
export const HANDOFF = 1 << 25;
/** A task has it, not the thread as such. */
export const ASYNC = 1 << 26;
/** Its holder died with it. */
export const ABANDONED = 1 << 27;
/** Nobody has it yet: a waiter of the thread that is named may take it. */
export const GIVEN = 1 << 28;

/** Kind of waiters for a lock, see parking.ts. */
const lockKind = 1;

/** What to do with a lock whose holder died: fail, or take it as it is. */
export type OnAbandoned = 'throw' | 'acquire';

/** Rounds of looking before a thread sleeps: about as long as a wake through the kernel takes. */
const spins = availableParallelism() > 1 ? 600 : 0;

registerKind(lockKind, {
  grants: true,
  passOn(lot, key, state, tag) {
    const i32 = lot.arena.i32;
    const at = key >> 2;
    takeBack(lot, at, tag);
    if (state !== WOKEN) return;
    for (;;) {
      const word = Atomics.load(i32, at);
      if (word === 0) {
        lot.wake(key);
        return;
      }
      // Whoever has it now is to wake the next.
      if ((word & CONTENDED) !== 0 || Atomics.compareExchange(i32, at, word, word | CONTENDED) === word)
        return;
    }
  },
  look(lot, key) {
    abandonIfDead(lot, key >> 2);
  },
});

/** Frees a word that somebody holds, or gives it to the first in line. `false` when nobody holds it. */
export function releaseWord(lot: ParkingLot, at: number): boolean {
  for (;;) {
    const word = Atomics.load(lot.arena.i32, at);
    if (word === 0 || (word & (ABANDONED | GIVEN)) !== 0) return false;
    if (giveOn(lot, at, word)) return true;
  }
}

/** One try of freeing or giving; `false` when the word or the line has changed meanwhile. */
function giveOn(lot: ParkingLot, at: number, word: number): boolean {
  const { i32, participants } = lot.arena;
  const key = at << 2;
  const next = (word & HANDOFF) === 0 ? undefined : lot.slots.first(key);
  if (next !== undefined) {
    const tag = participants.userOf(next.participant);
    // As long as the slot is what it was, its participant's entry is not used again.
    if (lot.slots.raw(next.slot) !== next.raw) return false;
    if (Atomics.compareExchange(i32, at, word, tag | CONTENDED | GIVEN) !== word) return false;
    if (lot.slots.tellSeen(next, WOKEN)) lot.rouse(next.slot);
    else takeBack(lot, at, tag);
    return true;
  }
  if (Atomics.compareExchange(i32, at, word, 0) !== word) return false;
  if ((word & CONTENDED) !== 0) lot.wake(key);
  return true;
}

/** What is given to a thread but not taken goes to the next, or is free. */
function takeBack(lot: ParkingLot, at: number, tag: Tag): void {
  for (;;) {
    const word = Atomics.load(lot.arena.i32, at);
    if ((word & GIVEN) === 0 || (word & tagMask) !== tag || giveOn(lot, at, word)) return;
  }
}

/** Marks a lock whose holder is dead, and tells all who wait for it. True when it is abandoned now. */
export function abandonIfDead(lot: ParkingLot, at: number): boolean {
  const { i32, participants } = lot.arena;
  const word = Atomics.load(i32, at);
  if (word === 0) return false;
  if ((word & ABANDONED) !== 0) return true;
  const holder = word & tagMask;
  const alive = participants.isAlive(holder);
  if ((word & GIVEN) !== 0) {
    if (!alive || !lot.slots.mayWait(indexOfTag(holder), at << 2)) takeBack(lot, at, holder);
    return false;
  }
  if (alive || Atomics.compareExchange(i32, at, word, holder | ABANDONED) !== word) return false;
  lot.wake(at << 2, Number.POSITIVE_INFINITY);
  return true;
}

/** The error for a lock with this word. */
export function abandonedError(lot: ParkingLot, word: number): AbandonedLockError {
  const pid = lot.arena.participants.pidOf(word & tagMask);
  return new AbandonedLockError(
    `Cannot acquire the lock: process ${pid ?? '(unknown)'} died while it held it; ` +
      "repair what the lock guards and call reset(), or acquire with { onAbandoned: 'acquire' }",
    { pid },
  );
}

/** Makes an abandoned lock free. False when a living thread has it. */
export function resetWord(lot: ParkingLot, at: number): boolean {
  const i32 = lot.arena.i32;
  for (;;) {
    const word = Atomics.load(i32, at);
    if (word === 0) return true;
    if (!abandonIfDead(lot, at)) {
      // Somebody else has changed it, or it was given to one who is dead: once more.
      if (Atomics.load(i32, at) !== word) continue;
      return false;
    }
    const abandoned = Atomics.load(i32, at);
    if ((abandoned & ABANDONED) === 0) continue;
    if (Atomics.compareExchange(i32, at, abandoned, 0) !== abandoned) continue;
    lot.wake(at << 2);
    return true;
  }
}

/** Waiting for the word at `at`, for a thread (`flags` 0) or a task (`ASYNC`). */
export function lockWait(lot: ParkingLot, at: number, flags: number, onAbandoned: OnAbandoned): Wait<true> {
  const i32 = lot.arena.i32;
  const { tag } = lot.arena;
  const mine = tag | CONTENDED | flags;
  // What the thread is given is for one that stood in line before; only if that one is gone, for whoever looks again.
  let came = false;
  return {
    key: at << 2,
    kind: lockKind,
    spins,
    attempt(state: SlotState): true | undefined {
      const mayTake = came || state !== WAITING;
      came = true;
      for (;;) {
        const word = Atomics.load(i32, at);
        if ((word & ABANDONED) !== 0) {
          if (onAbandoned === 'throw') throw abandonedError(lot, word);
          if (Atomics.compareExchange(i32, at, word, mine) === word) return true;
          continue;
        }
        if (word === 0) {
          if (Atomics.compareExchange(i32, at, 0, mine) === 0) return true;
          continue;
        }
        if (mayTake && (word & GIVEN) !== 0 && (word & tagMask) === tag) {
          if (Atomics.compareExchange(i32, at, word, mine | (word & HANDOFF)) === word) return true;
          continue;
        }
        const wanted = word | CONTENDED | (state === WOKEN ? HANDOFF : 0);
        if (word === wanted || Atomics.compareExchange(i32, at, word, wanted) === word) return undefined;
      }
    },
  };
}
