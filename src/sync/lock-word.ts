/**
 * The word of a lock, and how it is taken and given back when that is not simple.
 *
 * The word is 0 when the lock is free. Else it holds the tag of the thread that has it (bits 0-23), and:
 *
 * bit           | meaning                                        | set by            | cleared by
 * --------------+------------------------------------------------+-------------------+-----------------------------
 * CONTENDED  24 | somebody waits, or is about to                 | waiters           | release, with all of the word
 * HANDOFF    25 | the first in line was woken and came too late  | that waiter       | the release that hands over
 * ASYNC      26 | a task has it, not the thread as such          | who takes it      | release
 * ABANDONED  27 | its holder died with it; the tag says who      | who noticed       | reset(), or who takes it over
 *
 * Uncontended acquire and release are one CAS each, in the classes. A release that finds CONTENDED frees the word and
 * *then* wakes the first in line, which competes with whoever comes by: fast, but it may lose for ever. So a waiter
 * that was woken in vain asks for HANDOFF, and the next release gives the lock to the first in line without freeing it.
 * A woken one takes the lock with CONTENDED set, since it cannot know who else waits: a spare wake is cheap.
 *
 * Handing over is two steps: the slot is GRANTED, then the word names the new holder. A holder that dies between them
 * leaves a word that names it: the one who was GRANTED finds it dead, which is the truth.
 */

import { availableParallelism } from 'node:os';
import { AbandonedLockError } from '../base/errors.ts';
import { indexOfTag, tagMask } from '../memory/participants.ts';
import { type ParkingLot, registerKind, type Wait } from './parking.ts';
import { GRANTED, type SlotState, WOKEN } from './slots.ts';

/** Somebody waits, or is about to. */
export const CONTENDED = 1 << 24;
/** The first in line was woken and came too late. */
export const HANDOFF = 1 << 25;
/** A task has it, not the thread as such. */
export const ASYNC = 1 << 26;
/** Its holder died with it. */
export const ABANDONED = 1 << 27;

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
    if (state === WOKEN) {
      for (;;) {
        const word = Atomics.load(i32, at);
        if (word === 0) {
          lot.wake(key);
          return true;
        }
        // Whoever has it now is to wake the next.
        if ((word & CONTENDED) !== 0 || Atomics.compareExchange(i32, at, word, word | CONTENDED) === word)
          return true;
      }
    }
    if (state !== GRANTED) return true;
    if ((Atomics.load(i32, at) & tagMask) !== tag) return false;
    releaseWord(lot, at);
    return true;
  },
  look(lot, key) {
    abandonIfDead(lot, key >> 2);
  },
});

/** Frees a contended word or hands it over. The caller has made sure that it may. */
export function releaseWord(lot: ParkingLot, at: number): void {
  const i32 = lot.arena.i32;
  const key = at << 2;
  for (;;) {
    const word = Atomics.load(i32, at);
    if ((word & HANDOFF) !== 0) {
      const slot = lot.slots.tellFirst(key, GRANTED);
      if (slot !== -1) {
        handOver(lot, at, word & tagMask, slot);
        return;
      }
    }
    if (Atomics.compareExchange(i32, at, word, 0) !== word) continue;
    if ((word & CONTENDED) !== 0) lot.wake(key);
    return;
  }
}

function handOver(lot: ParkingLot, at: number, from: number, slot: number): void {
  const i32 = lot.arena.i32;
  const to = lot.arena.participants.tagAt(lot.slots.participant(slot));
  const next = to | CONTENDED | (lot.isTask(slot) ? ASYNC : 0);
  for (;;) {
    const word = Atomics.load(i32, at);
    // Somebody else released it at the same time; the next holder's release serves the slot.
    if ((word & tagMask) !== from) {
      lot.slots.change(slot, GRANTED, WOKEN);
      break;
    }
    if (Atomics.compareExchange(i32, at, word, next) === word) break;
  }
  lot.rouse(slot);
}

/** Marks a lock whose holder is dead, and tells all who wait for it. True when it is abandoned now. */
export function abandonIfDead(lot: ParkingLot, at: number): boolean {
  const i32 = lot.arena.i32;
  const word = Atomics.load(i32, at);
  if (word === 0) return false;
  if ((word & ABANDONED) !== 0) return true;
  const holder = word & tagMask;
  if (lot.arena.participants.isAlive(holder)) return false;
  if (Atomics.compareExchange(i32, at, word, holder | ABANDONED) !== word) return false;
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
    if (!abandonIfDead(lot, at)) return false;
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
  const mine = lot.arena.tag | CONTENDED | flags;
  return {
    key: at << 2,
    kind: lockKind,
    spins,
    attempt(state: SlotState): true | undefined {
      if (state === GRANTED && (Atomics.load(i32, at) & tagMask) === (mine & tagMask)) return true;
      for (;;) {
        const word = Atomics.load(i32, at);
        if ((word & ABANDONED) !== 0) {
          if (onAbandoned === 'throw') throw abandonedError(lot, word);
          if (Atomics.compareExchange(i32, at, word, mine) === word) return true;
          continue;
        }
        if (state === GRANTED) {
          // The giver is about to write the word, unless it died.
          if (abandonIfDead(lot, at)) continue;
          return undefined;
        }
        if (word === 0) {
          if (Atomics.compareExchange(i32, at, 0, mine) === 0) return true;
          continue;
        }
        const wanted = word | CONTENDED | (state === WOKEN ? HANDOFF : 0);
        if (word === wanted || Atomics.compareExchange(i32, at, word, wanted) === word) return undefined;
      }
    },
  };
}

/** Number of the participant that holds the word. */
export function holderIndex(word: number): number {
  return indexOfTag(word & tagMask);
}
