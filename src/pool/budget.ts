/**
 * How many workers a pool gets that does not say.
 *
 * A program has one budget of cores. A pool's workers share it, so that a pool made inside of a worker does not multiply it:
 * each worker's share is what its pool's workers leave, at least one.
 */
import { usableCores } from '../platform/cpu.ts';

let share: number | undefined;

/** The cores that the calling process may use: all in a main program, its share in a worker. */
export function coreBudget(): number {
  return share ?? usableCores();
}

/** For a worker: what its parent's pool left it. */
export function setCoreBudget(cores: number): void {
  share = cores;
}

/** The share of each of `workers` workers. */
export function shareOf(workers: number): number {
  return Math.max(1, Math.floor(coreBudget() / workers));
}
