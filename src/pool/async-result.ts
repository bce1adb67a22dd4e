/**
 * Python's `AsyncResult`: a result that is on its way.
 *
 * It is awaitable, and yet an error that nobody asks for disturbs nobody, as in Python: the promise behind it fails only once somebody
 * has asked for it.
 */
import { onceAborted } from '../base/abort.ts';
import { TimeoutError, ValueError } from '../base/errors.ts';
import {
  checkSignal,
  checkTimeout,
  optionsOf,
  type SyncWaitOptions,
  timerMs,
  type WaitOptions,
} from '../base/validate.ts';

type Outcome<T> =
  | { readonly state: 'pending' }
  | { readonly state: 'done'; readonly value: T }
  | { readonly state: 'failed'; readonly error: unknown };

/** What the owner of an {@link AsyncResult} settles it with. */
export interface Settle<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** Blocks the thread until `done`, or for so many milliseconds; tells whether it is done. */
export type RunSync = (done: () => boolean, timeout: number | undefined) => boolean;

/**
 * What `applyAsync`, `mapAsync` and `starmapAsync` return; made by a pool only.
 *
 * @example
 * const result = pool.applyAsync(slowly, [1]);
 * if (!result.ready()) console.log('still busy');
 * console.log(await result.get({ timeout: 1000 })); // or just: await result
 * @see https://docs.python.org/3/library/multiprocessing.html#multiprocessing.pool.AsyncResult
 */
export class AsyncResult<T> implements PromiseLike<T> {
  #outcome: Outcome<T> = { state: 'pending' };
  readonly #promise: Promise<T>;
  readonly #resolve: (outcome: T | Promise<never>) => void;
  readonly #runSync: RunSync;
  readonly #onError: (error: unknown) => void;
  #asked = false;
  readonly #waiting = new Set<() => void>();

  /**
   * @param runSync How a thread that blocks goes on with the pool's work.
   * @param onError Told of an error when somebody asks for it, before it is thrown: that one is on the stack then.
   */
  constructor(start: (settle: Settle<T>) => void, runSync: RunSync, onError: (error: unknown) => void) {
    this.#runSync = runSync;
    this.#onError = onError;
    let resolve: ((outcome: T | Promise<never>) => void) | undefined;
    this.#promise = new Promise<T>((settle) => {
      resolve = settle;
    });
    this.#resolve = resolve!;
    start({
      resolve: (value) => {
        this.#outcome = { state: 'done', value };
        this.#resolve(value);
        this.#tell();
      },
      reject: (error) => {
        this.#outcome = { state: 'failed', error };
        if (this.#asked) this.#fail(error);
        this.#tell();
      },
    });
  }

  /**
   * Fails the promise. The engine finds those who await it (without any cost until then) when a promise that leads to it is at its turn:
   * so there it is told that the error is asked for, once it leads there.
   */
  #fail(error: unknown): void {
    const failing = Promise.resolve().then((): never => {
      throw error;
    });
    this.#resolve(
      failing.catch((reason: unknown): never => {
        this.#onError(reason);
        throw reason;
      }),
    );
  }

  #tell(): void {
    for (const told of this.#waiting) told();
  }

  /**
   * The result, once it is there.
   *
   * @param options.timeout Milliseconds to wait; the task goes on afterwards.
   * @throws {TimeoutError} When time is up.
   * @throws The task's own error, or `WorkerLostError`.
   */
  async get(options?: WaitOptions): Promise<T> {
    const { timeout, signal } = limitsOf(options);
    // Whoever awaits this is found only when nothing else awaits the promise.
    if (timeout === undefined && signal === undefined) return this.then();
    if (!(await this.#settled(timeout, signal))) throw new TimeoutError();
    return this.then();
  }

  /**
   * {@link get}, blocking the calling thread, while the workers go on.
   *
   * @throws {TimeoutError} When time is up.
   * @throws The task's own error, or `WorkerLostError`.
   */
  getSync(options?: SyncWaitOptions): T {
    this.waitSync(options);
    const outcome = this.#outcome;
    if (outcome.state === 'pending') throw new TimeoutError();
    if (outcome.state === 'done') return outcome.value;
    this.#onError(outcome.error);
    throw outcome.error;
  }

  /** {@link wait}, blocking the calling thread. */
  waitSync(options?: SyncWaitOptions): void {
    const timeout = checkTimeout(optionsOf(options).timeout);
    if (!this.ready()) this.#runSync(() => this.ready(), timeout);
  }

  /** Waits until the result is there, or time is up; ask `ready()` which. Never throws the task's error. */
  async wait(options?: WaitOptions): Promise<void> {
    const { timeout, signal } = limitsOf(options);
    await this.#settled(timeout, signal);
  }

  /** Whether the result, or the error, is there. */
  ready(): boolean {
    return this.#outcome.state !== 'pending';
  }

  /** Whether there was no error. @throws {ValueError} When it is not ready. */
  successful(): boolean {
    if (this.#outcome.state === 'pending') throw new ValueError(`${this} not ready`);
    return this.#outcome.state === 'done';
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaitable is its purpose
  then<A = T, B = never>(
    onfulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const derived = this.#promise.then(onfulfilled, onrejected);
    if (!this.#asked) {
      this.#asked = true;
      if (this.#outcome.state === 'failed') this.#fail(this.#outcome.error);
    }
    return derived;
  }

  get [Symbol.toStringTag](): string {
    return 'AsyncResult';
  }

  #settled(timeout: number | undefined, signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (this.ready()) return resolve(true);
      const settle = (how: () => void): void => {
        clearTimeout(timer);
        deaf?.();
        this.#waiting.delete(done);
        how();
      };
      const onAbort = (): void => settle(() => reject(signal!.reason));
      const timer =
        timeout === undefined
          ? undefined
          : setTimeout(() => settle(() => resolve(this.ready())), timerMs(timeout));
      const deaf = signal && onceAborted(signal, onAbort);
      const done = (): void => settle(() => resolve(true));
      this.#waiting.add(done);
      return undefined;
    });
  }
}

function limitsOf(options: WaitOptions | undefined): {
  readonly timeout: number | undefined;
  readonly signal: AbortSignal | undefined;
} {
  const given = optionsOf(options);
  return { timeout: checkTimeout(given.timeout), signal: checkSignal(given.signal) };
}
