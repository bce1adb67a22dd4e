/**
 * A child's exit code, who wants to hear of it, and whether that keeps the event loop alive.
 *
 * Neither a signal handler nor an unref'd watch keeps the event loop alive; one timer that never fires does that for
 * all that somebody waits for.
 */
import { inMainRealm } from '../base/node-process.ts';

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
  if (--keepers > 0) return;
  if (inMainRealm) {
    timer!.unref();
  } else {
    // It would hold this instance, of which a test runner makes one for each file of tests.
    clearInterval(timer);
    timer = undefined;
  }
}

interface Entry {
  readonly listener: (returncode: number) => void;
  /** Whether it keeps the event loop alive. */
  readonly ref: boolean;
}

/** No program ends with this. */
const RUNNING = 256;

/** Those who wait for one child. */
export class ExitListeners {
  /** Always a small number: for a field that changes its kind V8 makes the class's shape anew, which takes longer than all the rest. */
  #code = RUNNING;
  /** In the order in which they came. */
  #entries: readonly Entry[] = [];
  #refd = true;
  #kept = false;

  get returncode(): number | null {
    return this.#code === RUNNING ? null : this.#code;
  }

  /** Calls back once, soon after the end, also when that was before; the result unsubscribes. */
  add(listener: (returncode: number) => void, ref: boolean): () => void {
    const entry = { listener, ref };
    this.#entries = [...this.#entries, entry];
    if (this.#code !== RUNNING) this.tellSoon();
    this.#updateKept();
    return () => {
      this.#entries = this.#entries.filter((each) => each !== entry);
      this.#updateKept();
    };
  }

  /** Whether listeners keep the event loop alive at all. */
  set refd(value: boolean) {
    this.#refd = value;
    this.#updateKept();
  }

  /** It has ended; only the first call counts. Listeners hear of it by {@link tell} or {@link tellSoon}. */
  end(returncode: number): void {
    if (this.#code !== RUNNING) return;
    this.#code = returncode;
    this.#updateKept();
  }

  /** For a caller with code of the user's above it. */
  tellSoon(): void {
    if (this.#entries.length > 0) process.nextTick(() => this.tell());
  }

  /** For a caller that the event loop called. */
  tell(): void {
    // One by one, each removed before it is called: one that throws does not take the call from the others.
    const first = this.#entries[0];
    if (first === undefined) return;
    this.#entries = this.#entries.slice(1);
    this.tellSoon();
    first.listener(this.#code);
  }

  #updateKept(): void {
    const keep = this.#code === RUNNING && this.#refd && this.#entries.some(({ ref }) => ref);
    if (keep === this.#kept) return;
    this.#kept = keep;
    if (keep) keepLoop();
    else releaseLoop();
  }
}
