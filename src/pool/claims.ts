/**
 * Who has a task that was sent to a worker: one shared word for each task in flight.
 *
 * A worker is sent tasks ahead of time, so that it never waits for the next; but a task that it has not begun must still be
 * movable to an idle worker, and after its death the parent must know which tasks it had begun. The word decides, and every
 * change is one compare-and-swap, so that a SIGKILL at any instant leaves a true answer.
 *
 * state       | meaning                        | may become
 * ------------+--------------------------------+----------------------------------------------------------
 * FREE      0 | no such task                   | SENT (parent, before it sends the message)
 * SENT      1 | not begun                      | TAKEN (worker), WITHDRAWN (parent)
 * TAKEN     2 | begun, or done                 | SENT (parent, for a later task, once it has the result)
 * WITHDRAWN 3 | the worker must pass over it   | SENT (parent, for a later task, once a later result shows it passed)
 *
 * A task's word is that of its sequence number modulo the size; fewer than `size` numbers are outstanding at a time.
 */

const SENT = 1;
const TAKEN = 2;
const WITHDRAWN = 3;

/** Both sides of the table; the parent sends and withdraws, the worker takes. */
export class Claims {
  /** How many tasks fit. */
  static readonly size = 1024;
  static readonly byteLength = Claims.size * Int32Array.BYTES_PER_ELEMENT;
  readonly #words: Int32Array;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** Parent: the task is about to be sent. */
  sent(sequence: number): void {
    Atomics.store(this.#words, sequence % Claims.size, SENT);
  }

  /** Worker: begins the task, unless it was withdrawn. */
  take(sequence: number): boolean {
    return Atomics.compareExchange(this.#words, sequence % Claims.size, SENT, TAKEN) === SENT;
  }

  /** Parent: takes the task back, unless it has begun. */
  withdraw(sequence: number): boolean {
    return Atomics.compareExchange(this.#words, sequence % Claims.size, SENT, WITHDRAWN) === SENT;
  }
}
