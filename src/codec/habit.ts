/** Code for messages that are as most are: when to compile it, and when it is not worth having. */

/** So many messages that none was there for, or that were different, until code is compiled after the next of them. */
export const missesUntil = 1000;
const mostTries = 4;

export class Habit<T> {
  /** Whoever uses it with success counts that in {@link uses}. */
  code: T | undefined;
  uses = 0;
  #misses = 0;
  #tries = 0;

  /** A message was read or written without the code. `compile` makes it such that it fits this one. */
  missed(compile: () => T | undefined): void {
    if (++this.#misses < missesUntil || this.#tries === mostTries) return;
    this.#misses = 0;
    const isWorthIt = this.uses > missesUntil;
    this.uses = 0;
    if (isWorthIt) return;
    // What it was made for is rare. Messages may differ so much that no other does better.
    this.code = ++this.#tries < mostTries ? compile() : undefined;
  }
}
