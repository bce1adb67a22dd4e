/**
 * Resting: those who have waited for a while sleep on without looking now and then, so that waiting costs nothing.
 *
 * They look now and then at first because of what may go wrong with those who are to wake them. Who rests is told of all that:
 *
 * what may happen                                        | who rings the bell of those who rest
 * -------------------------------------------------------+---------------------------------------------------------------
 * a participant ends, whatever it was about to do        | the kernel, instead of a bell: see platform/deaths.ts
 * somebody comes, whose end is to be told of, too        | the newcomer, of all who rest in the arena
 * another waiter was told something and does not look:   | whoever told it, of all who rest for the same. They stand by: after a
 * its event loop is busy, its process was stopped        | moment that is the other's they attempt themselves, and rest again
 * a bell cannot be rung, for want of a descriptor        | who could not, later; from then on nobody begins to rest in this arena
 * the time for something is over                         | nobody: who waits for that does not rest (`Wait.restless`)
 *
 * In this order: silence the bell, say that one rests, make sure of all this, look whether whom one waits for lives, attempt, sleep. So
 * what has happened before is seen, and what happens later rings.
 */
import type { Arena } from '../memory/arena.ts';
import { restWord } from '../memory/layout.ts';
import { type DeathWatch, openDeathWatch } from '../platform/deaths.ts';
import type { ThreadIdentity } from '../platform/liveness.ts';
import { watchFd } from '../platform/watch.ts';
import { longestTickMilliseconds, lookSoon } from './bell.ts';
import { ringBell } from './foreign-bells.ts';
import type { Slots } from './slots.ts';

/** Whoever rests attempts after so long all the same, should anything else ever go wrong. */
export const longestRest = longestTickMilliseconds;

/** The threads whose end this thread is told of, for all arenas. */
let deaths: DeathWatch | undefined;
let isHeardByLoop = false;

function watchAll(threads: readonly ThreadIdentity[]): 'watched' | 'dead' | 'unwatchable' {
  if (deaths === undefined) {
    try {
      deaths = openDeathWatch();
    } catch {
      return 'unwatchable'; // no descriptors left
    }
  }
  let result: 'watched' | 'dead' = 'watched';
  for (const thread of threads) {
    const watched = deaths.watch(thread);
    if (watched === 'unwatchable') return watched;
    if (watched === 'dead') result = watched;
  }
  return result;
}

/** Who has ended since the last call. */
export function takeEnded(): ThreadIdentity[] {
  return deaths?.takeEnded() ?? [];
}

/** Can be read when somebody has ended: see {@link takeEnded}. Only after {@link Rest.prepare}. */
export function deathDescriptor(): number {
  return deaths!.fd;
}

/** Has the event loop call `onDeath` when somebody has ended. It is not kept alive by that. */
export function hearDeathsByLoop(onDeath: () => void): void {
  if (isHeardByLoop) return;
  isHeardByLoop = true;
  watchFd(deathDescriptor(), 'readable', onDeath).unref();
}

/** Resting in one arena, for one thread. */
export class Rest {
  readonly #arena: Arena;
  readonly #reap: () => void;
  /** How many participants had come when all were watched, or could not be watched, the last time. */
  #watched = -1;
  #unwatchable = -1;
  #on = false;

  /** @param reap Cleans up after participants that are dead. */
  constructor(arena: Arena, reap: () => void) {
    this.#arena = arena;
    this.#reap = reap;
  }

  /**
   * Says that this thread rests, waiting for `keys`, and makes sure that it may. After this it attempts, then it sleeps.
   *
   * @returns `false`: it is to look now and then.
   */
  prepare(keys: Iterable<number>): boolean {
    const { i32, participants } = this.#arena;
    this.#on = true;
    participants.setResting(true);
    if (!participants.allReachable || !this.#watchAll()) return false;
    // Who marked its bell and was killed before ringing it: of that one it is known by now, or will be told.
    participants.clearRung();
    for (const key of keys) Atomics.store(i32, restWord(key), 1);
    return true;
  }

  #watchAll(): boolean {
    const { participants } = this.#arena;
    for (;;) {
      const { arrivals } = participants;
      if (arrivals === this.#watched) return true;
      if (arrivals === this.#unwatchable) return false;
      const result = watchAll(participants.others());
      if (result === 'unwatchable') {
        this.#unwatchable = arrivals;
        return false;
      }
      if (result === 'dead') this.#reap();
      this.#watched = arrivals;
    }
  }

  /** This thread does not rest any more. */
  end(): void {
    if (!this.#on) return;
    this.#on = false;
    this.#arena.participants.setResting(false);
  }
}

/** Who stands by leaves so much time to who was told. */
export const standByMilliseconds = 100;

/** Whether somebody may rest for `key`. Costs next to nothing. */
export function mayBeRestedFor(arena: Arena, key: number): boolean {
  return Atomics.load(arena.i32, restWord(key)) !== 0;
}

/** Somebody who waits for `key` was told something: those who rest for the same are to stand by. */
export function alert(arena: Arena, slots: Slots, key: number): void {
  const { i32, participants } = arena;
  const word = restWord(key);
  Atomics.store(i32, word, 0);
  for (const index of slots.participantsFor((other) => restWord(other) === word)) {
    if (!participants.isResting(index)) continue;
    if (index === participants.index) lookSoon();
    else ringBell(participants, index);
  }
}
