/** Code for messages that are alike: when to compile it, and when it is not worth having. */

/** After so many messages that it was not there for, or that were different, it is compiled for the first time. */
export const missesUntil = 1000;
/** Messages may differ so much that no code suits more than a few of them: after so many it is given up for good. */
const mostCompiled = 3;

export class Habit<T> {
  /** Whoever uses it with success counts that in {@link uses}. */
  code: T | undefined;
  uses = 0;
  #misses = 0;
  #until = missesUntil;
  #compiled = 0;

  /**
   * A message was read or written without the code.
   *
   * @param compile Makes it such that it fits this one; undefined when that is not possible, or not yet.
   */
  missed(compile: () => T | undefined): void {
    if (++this.#misses < this.#until) return;
    this.#misses = 0;
    const isWorthIt = this.uses > this.#until;
    this.uses = 0;
    if (isWorthIt) return;
    this.#until *= 2;
    this.code = this.#compiled < mostCompiled ? compile() : undefined;
    if (this.code !== undefined) this.#compiled++;
  }
}
