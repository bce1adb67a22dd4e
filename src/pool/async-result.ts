/**
 * Python's `AsyncResult`: a result that is on its way.
 *
 * It is awaitable, and yet an error that nobody asks for disturbs nobody, as in Python.
 */
import { inspect } from 'node:util';
import { onceAborted } from '../base/abort.ts';
import { TimeoutError, ValueError } from '../base/errors.ts';
import { registerHomeClass } from '../base/travel.ts';
import {
  checkSignal,
  checkTimeout,
  forSyncWait,
  type SyncWaitOptions,
  timerMs,
  type WaitOptions,
  waitOptionsOf,
} from '../base/validate.ts';
import type { Settlement } from './settlement.ts';

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
  readonly #settlement: Settlement<T>;
  readonly #runSync: RunSync;

  /** @param runSync How a thread that blocks goes on with the pool's work. */
  constructor(settlement: Settlement<T>, runSync: RunSync) {
    this.#settlement = settlement;
    this.#runSync = runSync;
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
    if (!(await this.#settled(timeout, signal))) throw notReady(timeout);
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
    if (!this.ready()) throw notReady(options?.timeout);
    return this.#settlement.get();
  }

  /** {@link wait}, blocking the calling thread. */
  waitSync(options?: SyncWaitOptions): void {
    const timeout = checkTimeout(waitOptionsOf(options, forSyncWait).timeout);
    if (!this.ready()) this.#runSync(() => this.ready(), timeout);
  }

  /** Waits until the result is there, or time is up; ask `ready()` which. Never throws the task's error. */
  async wait(options?: WaitOptions): Promise<void> {
    const { timeout, signal } = limitsOf(options);
    await this.#settled(timeout, signal);
  }

  /** Whether the result, or the error, is there. */
  ready(): boolean {
    return this.#settlement.state !== 'pending';
  }

  /** Whether there was no error. @throws {ValueError} When it is not ready. */
  successful(): boolean {
    if (!this.ready()) throw new ValueError(`${this} not ready`);
    return this.#settlement.state === 'done';
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaitable is its purpose
  then<A = T, B = never>(
    onfulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#settlement.ask(onfulfilled, onrejected);
  }

  /** As a promise's. */
  catch<B = never>(onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.then(undefined, onrejected);
  }

  /** As a promise's. */
  finally(onfinally?: (() => void) | null): Promise<T> {
    return this.then().finally(onfinally);
  }

  toString(): string {
    return `<multiproc.AsyncResult ${this.#settlement.state}>`;
  }

  [inspect.custom](): string {
    return this.toString();
  }

  #settled(timeout: number | undefined, signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (this.ready()) return resolve(true);
      const settle = (how: () => void): void => {
        clearTimeout(timer);
        deaf?.();
        this.#settlement.forget(done);
        how();
      };
      const onAbort = (): void => settle(() => reject(signal!.reason));
      const timer =
        timeout === undefined
          ? undefined
          : setTimeout(() => settle(() => resolve(this.ready())), timerMs(timeout));
      const deaf = signal && onceAborted(signal, onAbort);
      const done = (): void => settle(() => resolve(true));
      this.#settlement.whenSettled(done);
      return undefined;
    });
  }
}

function limitsOf(options: WaitOptions | undefined): {
  readonly timeout: number | undefined;
  readonly signal: AbortSignal | undefined;
} {
  const given = waitOptionsOf(options);
  return { timeout: checkTimeout(given.timeout), signal: checkSignal(given.signal) };
}

function notReady(timeout: number | undefined): TimeoutError {
  return new TimeoutError(`The result is not there after ${timeout} ms; the task goes on: wait for it again`);
}

registerHomeClass(AsyncResult, 'await it first and send what it gives');
