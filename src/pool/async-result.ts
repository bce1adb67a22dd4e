/**
 * Python's `AsyncResult`: a result that is on its way.
 *
 * It is awaitable, and yet an error that nobody asks for disturbs nobody, as in Python: the promise behind it counts as
 * handled until somebody takes it.
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

  readonly #runSync: RunSync;

  /** @param runSync How a thread that blocks goes on with the pool's work. */
  constructor(start: (settle: Settle<T>) => void, runSync: RunSync) {
    this.#runSync = runSync;
    let settle: Settle<T> | undefined;
    this.#promise = new Promise<T>((resolve, reject) => {
      settle = {
        resolve: (value) => {
          this.#outcome = { state: 'done', value };
          resolve(value);
        },
        reject: (error) => {
          this.#outcome = { state: 'failed', error };
          reject(error);
        },
      };
    });
    this.#promise.catch(() => {});
    start(settle!);
  }

  /**
   * The result, once it is there.
   *
   * @param options.timeout Milliseconds to wait; the task goes on afterwards.
   * @throws {TimeoutError} When time is up.
   * @throws The task's own error, or `WorkerLostError`.
   */
  async get(options?: WaitOptions): Promise<T> {
    if (!(await this.#settled(options))) throw new TimeoutError();
    return this.#promise;
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
    if (outcome.state === 'failed') throw outcome.error;
    return outcome.value;
  }

  /** {@link wait}, blocking the calling thread. */
  waitSync(options?: SyncWaitOptions): void {
    const timeout = checkTimeout(optionsOf(options).timeout);
    if (!this.ready()) this.#runSync(() => this.ready(), timeout);
  }

  /** Waits until the result is there, or time is up; ask `ready()` which. Never throws the task's error. */
  async wait(options?: WaitOptions): Promise<void> {
    await this.#settled(options);
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
    return this.#promise.then(onfulfilled, onrejected);
  }

  get [Symbol.toStringTag](): string {
    return 'AsyncResult';
  }

  #settled(options: WaitOptions | undefined): Promise<boolean> {
    const given = optionsOf(options);
    const timeout = checkTimeout(given.timeout);
    const signal = checkSignal(given.signal);
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (this.ready()) return resolve(true);
      const settle = (how: () => void): void => {
        clearTimeout(timer);
        deaf?.();
        how();
      };
      const onAbort = (): void => settle(() => reject(signal!.reason));
      const timer =
        timeout === undefined
          ? undefined
          : setTimeout(() => settle(() => resolve(this.ready())), timerMs(timeout));
      const deaf = signal && onceAborted(signal, onAbort);
      const done = (): void => settle(() => resolve(true));
      this.#promise.then(done, done);
      return undefined;
    });
  }
}
