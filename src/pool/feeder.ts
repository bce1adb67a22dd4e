/**
 * Long inputs, turned into tasks a few milliseconds at a time, so that a map over a million items does not stop the event loop.
 */

/** Works until `deadline` (clock of `performance.now()`) at most; false when nothing is left to do. */
export type Feed = (deadline: number) => boolean;

/** How long one turn of the event loop is used, in milliseconds. */
const feedMs = 4;

/** All inputs of a pool that are not yet tasks. */
export class Feeder {
  readonly #feeds: Feed[] = [];
  #scheduled = false;

  add(feed: Feed): void {
    this.#feeds.push(feed);
    this.#schedule();
  }

  /** Does some of what there is to do; false when nothing is left. */
  feed(): boolean {
    const deadline = performance.now() + feedMs;
    while (this.#feeds.length > 0 && performance.now() < deadline) {
      if (!this.#feeds[0]!(deadline)) this.#feeds.shift();
    }
    return this.#feeds.length > 0;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.feed()) this.#schedule();
    });
  }
}
