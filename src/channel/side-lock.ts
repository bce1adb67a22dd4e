/**
 * The lock on each side of a ring: held for as long as one message is copied, never across user code.
 *
 * word             | meaning                              | unlock does
 * -----------------+--------------------------------------+------------------------------
 * 0                | free                                 | –
 * tag              | held by that thread; nobody sleeps   | tag→0, no system call
 * tag | SLEEPERS   | held; somebody sleeps, or is about to | →0, wake one, who takes it with SLEEPERS
 *
 * Why not sync/lock.ts: it parks, and tasks of an event loop must not wait their turn for something that takes less
 * than a microsecond; this one blocks the thread, for that long. And a holder that died is no news here: since a side's
 * state is committed by one store (layout.ts), whoever finds it dead just takes its place.
 */
import { availableParallelism } from 'node:os';
import type { Arena } from '../memory/arena.ts';
import { tagMask } from '../memory/participants.ts';
import { futexWait, futexWake } from '../platform/futex.ts';

const SLEEPERS = 1 << 24;
const spins = availableParallelism() > 1 ? 300 : 0;
/** Milliseconds of a nap, after which it looks whether the holder lives. */
const naps = [1, 5, 20, 50] as const;

/** Takes the lock whose word has index `at`, blocking this thread. */
export function lockSide(arena: Arena, at: number): void {
  if (Atomics.compareExchange(arena.i32, at, 0, arena.tag) !== 0) lockSlow(arena, at);
}

/** Takes it if it is free. */
export function tryLockSide(arena: Arena, at: number): boolean {
  return Atomics.compareExchange(arena.i32, at, 0, arena.tag) === 0;
}

/** Gives it back. */
export function unlockSide(arena: Arena, at: number): void {
  if (Atomics.compareExchange(arena.i32, at, arena.tag, 0) === arena.tag) return;
  Atomics.store(arena.i32, at, 0);
  futexWake(arena.segment.address + at * 4, 1);
}

function lockSlow(arena: Arena, at: number): void {
  const { i32, tag } = arena;
  for (let n = 0; n < spins; n++) {
    if (Atomics.load(i32, at) === 0 && Atomics.compareExchange(i32, at, 0, tag) === 0) return;
  }
  const address = arena.segment.address + at * 4;
  for (let nap = 0; ; ) {
    const seen = Atomics.load(i32, at);
    if (seen === 0) {
      // With SLEEPERS: it cannot know who else sleeps.
      if (Atomics.compareExchange(i32, at, 0, tag | SLEEPERS) === 0) return;
      continue;
    }
    if ((seen & SLEEPERS) === 0 && Atomics.compareExchange(i32, at, seen, seen | SLEEPERS) !== seen) continue;
    if (futexWait(address, seen | SLEEPERS, naps[Math.min(nap++, naps.length - 1)])) continue;
    const holder = Atomics.load(i32, at);
    if (holder === 0 || arena.participants.isAlive(holder & tagMask)) continue;
    if (Atomics.compareExchange(i32, at, holder, tag | SLEEPERS) === holder) return;
  }
}
