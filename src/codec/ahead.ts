/**
 * Work for the next message, put off until the one in hand is done: nobody should wait for it.
 *
 * See `sendFirst` and `sendOnce` in `encode.ts`.
 */

const waiting: (() => void)[] = [];

/** Puts `work` off. It must do without succeeding. */
export function putOff(work: () => void): void {
  waiting.push(work);
}

/** Does what was put off. */
export function catchUp(): void {
  if (waiting.length === 0) return;
  // In the order in which it was put off: what is seen at the top of a script serves its functions.
  for (const work of waiting.splice(0)) {
    try {
      work();
    } catch {
      // The next message takes longer, that is all: the stack may be used up, or the inspector refuse.
    }
  }
}

/** Gives up what was put off. */
export function forget(): void {
  waiting.length = 0;
}
