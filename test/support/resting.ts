/** Whether a thread sleeps without ever waking up: as the kernel counts how often it went to sleep. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { allocate, largestBlock } from '../../src/memory/arena.ts';
import type { Peer } from '../fixtures/peer.ts';

/** How often it went to sleep; something else each time while it runs. */
function sleepsOf(tid: number): number {
  const status = readFileSync(`/proc/${tid}/status`, 'utf8');
  const running = /^State:\s*R/m.test(status);
  return running ? Number.NaN : Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)![1]);
}

/** The number that the kernel has for the thread in which a peer runs what it is given. */
export function threadOf(peer: Peer): Promise<number> {
  return peer.run(async () => {
    const { readlinkSync } = await import('node:fs');
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  });
}

/** Longer than any pause between two looks of who does not rest. */
const longMs = 2200;

/**
 * Waits until each of the threads has not woken up for a while. Their engines have their own work at first.
 *
 * @param tids The numbers that the kernel has for them; of a main thread it is its process's.
 */
export async function untilResting(...tids: number[]): Promise<void> {
  const deadline = performance.now() + 40_000;
  for (;;) {
    const before = tids.map(sleepsOf);
    await delay(longMs);
    const awake = tids.filter((tid, i) => sleepsOf(tid) !== before[i]);
    if (awake.length === 0) return;
    if (performance.now() > deadline) throw new Error(`still waking up now and then: ${awake}`);
  }
}

/** Has the next objects made in an arena of their own: who comes and ends elsewhere does not disturb those who wait for them. */
export function beginArena(): void {
  const { arena } = allocate(16);
  while (allocate(largestBlock).arena === arena);
}

/** Resolves as `promise` does; rejects after some seconds: less than those who rest would take to look by themselves. */
export async function soon<T>(promise: Promise<T>): Promise<T> {
  const late = new AbortController();
  try {
    return await Promise.race([
      promise,
      delay(15_000, undefined, { signal: late.signal }).then(() => {
        throw new Error('it was not told');
      }),
    ]);
  } finally {
    late.abort();
  }
}
