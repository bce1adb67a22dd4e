/**
 * What one receiver has already.
 */
import { randomBytes } from 'node:crypto';

/**
 * Memory of what was sent to one receiver, so that a function goes to it once. One for each worker or connection, used by the
 * sender alone; every message encoded with it must reach that receiver, in order.
 *
 * @example
 * const peer = new Peer();
 * connection.write(encode(task, { peer }));
 */
export class Peer {
  /** Tells the receiver whose memory this is. */
  readonly id: string = randomBytes(6).toString('base64url');
  /** Keys of the codes sent. */
  readonly codes = new Set<string>();
  /** Source maps sent, by file. */
  readonly maps = new Set<string>();
  /** Version last sent, by key of the function. */
  readonly functions = new Map<string, number>();
  /** Keys of functions that no longer exist here: the receiver may forget them. */
  readonly dropped: string[] = [];
  readonly #gone = new FinalizationRegistry<string>((key) => {
    if (this.functions.delete(key)) this.dropped.push(key);
  });

  /** Notes that the receiver holds `fn` under `key` until it is gone from here. */
  holds(key: string, version: number, fn: object): void {
    if (!this.functions.has(key)) this.#gone.register(fn, key);
    this.functions.set(key, version);
  }
}
