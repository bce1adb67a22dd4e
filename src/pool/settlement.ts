/**
 * What a call of a pool comes to: settled once, by the pool; told to callbacks, to who waits, and to who asks.
 *
 * There is one for each task of an `applyAsync`, so it makes no more objects than it needs.
 */
import { callBack } from './callbacks.ts';
import type { Callbacks } from './options.ts';
import type { Caller } from './remote-errors.ts';

/** What an owner settles it with; what comes after the first time is dropped. */
export interface Settle<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** See the file's header. */
export class Settlement<T> implements Settle<T> {
  /** As Python's: a callback still finds it pending. */
  state: 'pending' | 'done' | 'failed' = 'pending';
  /** The value, or the error. */
  #outcome: unknown;
  readonly #caller: Caller;
  readonly #callback: Callbacks<T>['callback'];
  readonly #errorCallback: Callbacks<T>['errorCallback'];
  readonly #promise: Promise<T>;
  #resolve: ((outcome: T | Promise<never>) => void) | undefined;
  #over = false;
  #asked = false;
  #waiting: Set<() => void> | undefined;
  #release: (() => void) | undefined;

  constructor(caller: Caller, { callback, errorCallback }: Callbacks<T>) {
    this.#caller = caller;
    this.#callback = callback;
    this.#errorCallback = errorCallback;
    this.#promise = new Promise<T>((resolve) => {
      this.#resolve = resolve;
    });
  }

  resolve(value: T): void {
    if (!this.#begin()) return;
    callBack(this.#callback, value);
    this.#outcome = value;
    this.state = 'done';
    this.#resolve!(value);
    this.#tell();
  }

  reject(error: unknown): void {
    if (!this.#begin()) return;
    // Perhaps nobody else will ask.
    if (this.#errorCallback) this.#caller.show(error);
    callBack(this.#errorCallback, error);
    this.#outcome = error;
    this.state = 'failed';
    if (this.#asked) this.#fail();
    this.#tell();
  }

  /** What is to be done as soon as it is being settled. */
  onceOver(release: () => void): void {
    if (this.#over) release();
    else this.#release = release;
  }

  /** Calls back once it is settled, unless that is taken back with {@link forget}. */
  whenSettled(told: () => void): void {
    this.#waiting ??= new Set();
    this.#waiting.add(told);
  }

  forget(told: () => void): void {
    this.#waiting?.delete(told);
  }

  /** Hands it to who asks. The promise fails only then: an error that nobody asks for disturbs nobody. */
  ask<A, B>(
    onfulfilled: ((value: T) => A | PromiseLike<A>) | null | undefined,
    onrejected: ((reason: unknown) => B | PromiseLike<B>) | null | undefined,
  ): Promise<A | B> {
    const derived = this.#promise.then(onfulfilled, onrejected);
    if (!this.#asked) {
      this.#asked = true;
      if (this.state === 'failed') this.#fail();
    }
    return derived as Promise<A | B>;
  }

  /** What it came to. @throws its error. */
  get(): T {
    if (this.state === 'done') return this.#outcome as T;
    this.#caller.show(this.#outcome);
    throw this.#outcome;
  }

  /** @returns whether this is the first time. */
  #begin(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#release?.();
    this.#release = undefined;
    return true;
  }

  #tell(): void {
    if (this.#waiting !== undefined) for (const told of this.#waiting) told();
  }

  /**
   * Fails the promise. The engine finds those who await it (without any cost until then) when a promise that leads to it is at its turn:
   * so there the error is completed, once that one leads there.
   */
  #fail(): void {
    const error = this.#outcome;
    const failing = Promise.resolve().then((): never => {
      throw error;
    });
    this.#resolve!(
      failing.catch((): never => {
        this.#caller.show(error);
        throw error;
      }),
    );
  }
}
