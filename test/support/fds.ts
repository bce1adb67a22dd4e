/** What this process has open, for the tests that nothing is left open. */
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';

/** Each open descriptor with what it is of, as `22 socket:[1234]`; the one that this look itself takes left out. */
export function openFds(): Set<string> {
  const open = new Set<string>();
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      open.add(`${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`);
    } catch {
      // closed since
    }
  }
  return open;
}

/** What is open now and was not `before`. (What was and is not any more is no leak: Node, too, closes late.) */
export function openedSince(before: ReadonlySet<string>): string[] {
  return [...openFds()].filter((fd) => !before.has(fd));
}

/**
 * Waits until nothing is open that was not `before`; fails, with what is, after ten seconds.
 *
 * @param which Only this counts: beside what a test is about, processes open the pipes that wake their peers, and keep them.
 */
export async function nothingStaysOpen(before: ReadonlySet<string>, which = /./): Promise<void> {
  const deadline = performance.now() + 10_000;
  const left = (): string[] => openedSince(before).filter((fd) => which.test(fd));
  while (left().length > 0 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.deepEqual(left(), []);
}
