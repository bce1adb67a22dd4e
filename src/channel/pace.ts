/**
 * When a reader that has caught up with a busy writer takes the next message: not the moment it is there.
 *
 * Who takes every message at once makes the cache lines that both need go back and forth for each of them, which slows
 * the writer down, and then waits for it all the same. So where messages come in quick succession some may gather.
 * Whether they do is learnt by trying: where nothing more comes meanwhile (a peer that waits for an answer, a writer
 * that has other work) it is not done again for a while.
 */
import type { Ring } from './ring.ts';

/** Milliseconds that messages have to gather: a few of them are written in that time, and nobody notices it. */
const gatherMilliseconds = 0.004;
/** How often a message is taken at once after it was in vain. */
const inVain = 64;

/** For one reader of one ring. */
export class Pace {
  readonly #ring: Ring;
  /** Messages to be taken at once before it is tried again. */
  #atOnce = 0;
  /** Until when messages gather, on the clock of `performance.now()`; 0 when they do not. */
  #until = 0;
  #seen = 0;

  constructor(ring: Ring) {
    this.#ring = ring;
  }

  /** Whether the time has come to take a message, for who is looking on. */
  ready(): boolean {
    if (this.#until > 0) {
      if (performance.now() < this.#until) return false;
      this.#until = 0;
      const { size } = this.#ring;
      if (size <= this.#seen) this.#atOnce = inVain;
      return size > 0;
    }
    const { size } = this.#ring;
    if (size === 0) return false;
    if (this.#atOnce > 0) {
      this.#atOnce--;
      return true;
    }
    const { limit } = this.#ring;
    if (limit > 0 && size >= limit) return true;
    this.#seen = size;
    this.#until = performance.now() + gatherMilliseconds;
    return false;
  }
}
