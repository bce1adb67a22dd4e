/**
 * A child's exit code, who wants to hear of it, and whether that keeps the event loop alive.
 *
 * Neither a signal handler nor an unref'd watch keeps the event loop alive; one timer that never fires does that for
 * all that somebody waits for.
 */

const FOREVER = 0x7fffffff;
let keepers = 0;
/** Made once, since a new one for each program would be a good part of what starting a program costs. */
let timer: NodeJS.Timeout | undefined;

/** Keeps the event loop alive until {@link releaseLoop}. */
export function keepLoop(): void {
  if (keepers++ > 0) return;
  if (timer === undefined) timer = setInterval(() => {}, FOREVER);
  else timer.ref();
}

/** Takes one {@link keepLoop} back. */
export function releaseLoop(): void {
  if (--keepers === 0) timer!.unref();
}

/** Those who wait for one child. */
export class ExitListeners {
  #returncode: number | null = null;
  /** Each with whether it keeps the event loop alive. */
  readonly #listeners = new Map<(returncode: number) => void, boolean>();
  #refd = true;
  #kept = false;

  get returncode(): number | null {
    return this.#returncode;
  }

  /** Calls back once, soon after the end, also when that was before; the result unsubscribes. */
  add(listener: (returncode: number) => void, ref: boolean): () => void {
    // A wrapper of our own, so that the same function may listen twice.
    const entry = (returncode: number): void => listener(returncode);
    this.#listeners.set(entry, ref);
    if (this.#returncode !== null) process.nextTick(() => this.#tell());
    this.#updateKept();
    return () => {
      this.#listeners.delete(entry);
      this.#updateKept();
    };
  }

  /** Whether listeners keep the event loop alive at all. */
  set refd(value: boolean) {
    this.#refd = value;
    this.#updateKept();
  }

  /** It has ended; only the first call counts. */
  end(returncode: number): void {
    if (this.#returncode !== null) return;
    this.#returncode = returncode;
    this.#updateKept();
    if (this.#listeners.size > 0) process.nextTick(() => this.#tell());
  }

  #tell(): void {
    // One by one, each removed before it is called: one that throws does not take the call from the others.
    for (const listener of this.#listeners.keys()) {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) process.nextTick(() => this.#tell());
      listener(this.#returncode!);
      return;
    }
  }

  #updateKept(): void {
    const keep = this.#returncode === null && this.#refd && [...this.#listeners.values()].includes(true);
    if (keep === this.#kept) return;
    this.#kept = keep;
    if (keep) keepLoop();
    else releaseLoop();
  }
}
