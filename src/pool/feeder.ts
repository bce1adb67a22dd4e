/**
 * Long inputs, turned into tasks a few milliseconds at a time and not far ahead of the workers: a map over a million items neither
 * stops the event loop nor fills the memory with tasks.
 */

/** An input that is not yet cut into tasks. */
export interface Feed {
  /** Makes tasks until `enough`; false when nothing is left to do. */
  make(enough: () => boolean): boolean;
  /** No more tasks can be had: whoever waits for them is told so. */
  giveUp(error: unknown): void;
}

/** How long one turn of the event loop is used, in milliseconds. */
const feedMs = 4;

/** All inputs of a pool that are not yet tasks. */
export class Feeder {
  readonly #hasRoom: () => boolean;
  #feeds: Feed[] = [];
  #scheduled = false;

  /** @param hasRoom Whether more tasks are wanted now; when they are again, call {@link resume}. */
  constructor(hasRoom: () => boolean) {
    this.#hasRoom = hasRoom;
  }

  add(feed: Feed): void {
    this.#feeds.push(feed);
    this.resume();
  }

  /** Makes some tasks. @returns whether there is room for more, and more to make. */
  feed(): boolean {
    const deadline = performance.now() + feedMs;
    const enough = (): boolean => performance.now() >= deadline || !this.#hasRoom();
    while (this.#feeds.length > 0 && !enough()) {
      if (!this.#feeds[0]!.make(enough)) this.#feeds.shift();
    }
    return this.#feeds.length > 0 && this.#hasRoom();
  }

  /** Gives all inputs up. */
  giveUp(error: unknown): void {
    const feeds = this.#feeds;
    this.#feeds = [];
    for (const feed of feeds) feed.giveUp(error);
  }

  /** Goes on as soon as the event loop has time, if there is room. */
  resume(): void {
    if (this.#scheduled || this.#feeds.length === 0 || !this.#hasRoom()) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.feed()) this.resume();
    });
  }
}
