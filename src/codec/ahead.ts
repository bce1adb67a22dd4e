/**
 * Work for the next message, put off until the one in hand is done: nobody should wait for it.
 *
 * See `sendFirst` and `sendOnce` in `encode.ts`.
 */

const waiting: (() => void)[] = [];
let catchingUp = false;

/** Whether what was put off is being done: nobody sends anything then. */
export function isCatchingUp(): boolean {
  return catchingUp;
}

/** Puts `work` off. It must do without succeeding. */
export function putOff(work: () => void): void {
  waiting.push(work);
}

/** Does what was put off. */
export function catchUp(): void {
  if (waiting.length === 0) return;
  // In the order in which it was put off: what is seen at the top of a script serves its functions.
  catchingUp = true;
  for (const work of waiting.splice(0)) {
    try {
      work();
    } catch {
      // The next message takes longer, that is all: the stack may be used up, or the inspector refuse.
    }
  }
  catchingUp = false;
}

/** Gives up what was put off. */
export function forget(): void {
  waiting.length = 0;
}
