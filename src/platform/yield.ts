/**
 * Letting others have this core, in loops that look on for a moment instead of sleeping.
 *
 * Who is looked for may be waiting for the very core on which this loop runs: when the others are busy, the kernel puts both
 * on one. Without giving way the loop would then keep away what it looks for, until it gives up.
 */
import { declare } from './libc.ts';

const sched_yield = declare<() => number>('int sched_yield()');

/** Lets another thread run that waits for this core; returns at once when there is none. */
export function yieldCore(): void {
  sched_yield();
}
