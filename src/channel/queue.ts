/**
 * Python's `multiprocessing.Queue`: first in, first out, for any number of producers and consumers in any processes.
 *
 * https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Queue
 */
import { AssertionError, OSError } from '../base/errors.ts';
import { deserialize, registerTravelClass, serialize } from '../base/travel.ts';
import { show, typeError } from '../base/validate.ts';
import { type QueueOptions, type QueueSyncOptions, queueLimits } from './arguments.ts';
import { BaseQueue, rebuild } from './base-queue.ts';
import { Empty, Full } from './errors.ts';
import { DRAINING, SHUT } from './layout.ts';
import { EMPTY } from './ring.ts';
import type { ChannelHandle } from './seat.ts';
import type { Outgoing } from './values.ts';
import type { Limits } from './waiting.ts';

const done: Promise<void> = Promise.resolve();

/**
 * A queue in shared memory, without a limit or for at most `maxsize` messages.
 *
 * - What one producer puts is got in its order, each message once, by one consumer.
 * - `put` has stored the message when it returns: it stays when its producer ends, or is killed, at once. It is kept as
 *   long as anybody has the queue.
 * - A consumer that dies takes with it what it had got, and nothing else.
 * - `for await` takes messages until the queue is shut down or this object closed, or until nobody is left who might put
 *   something: somebody has, and every other object of the queue was closed, has gone with its process, or is itself
 *   only iterating.
 *
 * @example
 * const q = new Queue<number>();
 * new Process({ target: async (q) => { for (let i = 0; i < 3; i++) await q.put(i); q.close(); }, args: [q] }).start();
 * for await (const n of q) console.log(n); // 0 1 2
 */
export class Queue<T = unknown> extends BaseQueue<T> implements AsyncIterable<T>, Iterable<T> {
  /**
   * @param maxsize Messages that it holds at most; 0 (or less) for no limit: then `put` never waits.
   * @throws {NotSupportedError} Without shared memory on this platform.
   */
  constructor(maxsize = 0) {
    if (typeof maxsize !== 'number' || Number.isNaN(maxsize)) {
      throw typeError(`Cannot create a queue: maxsize must be a number, got ${show(maxsize)}`);
    }
    super(Math.min(Math.max(0, Math.ceil(maxsize)), 2 ** 31 - 1));
  }

  /**
   * Puts a message, waiting while the queue is full.
   *
   * @param options `{ block, timeout, signal }`, or Python's `block` followed by `timeout` in milliseconds.
   * @throws {Full} When time is up; nothing was put.
   * @throws {SerializationError} When it cannot travel; nothing was put. See {@link Queue._onQueueFeederError}.
   * @throws {ShutDown} After `shutdown()`; {@link ValueError} after `close()`.
   */
  put(value: T, options?: QueueOptions | boolean | null, timeout?: number | null): Promise<void> {
    try {
      const limits = queueLimits(options, timeout);
      const later = this.#start(value);
      return later === undefined ? done : this.#putLater(later, limits);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #putLater(later: Outgoing, limits: Limits): Promise<void> {
    if (!(await this.putSlow(later, limits))) throw new Full();
  }

  /** As {@link put}, blocking this thread while the queue is full. */
  putSync(value: T, options?: QueueSyncOptions | boolean | null, timeout?: number | null): void {
    const limits = queueLimits(options, timeout);
    const later = this.#start(value);
    if (later !== undefined && !this.putSlowSync(later, limits)) throw new Full();
  }

  /** Puts a message if there is room now. Complete when it returns. @throws {Full} */
  putNowait(value: T): void {
    if (this.#start(value) !== undefined) throw new Full();
  }

  #start(value: T): Outgoing | undefined {
    const hook = (this.constructor as typeof Queue)._onQueueFeederError;
    return hook === undefined ? this.tryPut(value) : this.tryPut(value, hook);
  }

  /**
   * Python's hook `_on_queue_feeder_error(error, object)`: a subclass that defines it is told of what cannot travel, and
   * `put` does not throw then. By default `put` throws, since here it is still there to do so.
   */
  static _onQueueFeederError: ((error: Error, value: unknown) => void) | undefined = undefined;

  /**
   * Takes the oldest message, waiting while there is none.
   *
   * @param options `{ block, timeout, signal }`, or Python's `block` followed by `timeout` in milliseconds.
   * @throws {Empty} When time is up; nothing was taken.
   * @throws {SerializationError} When this message cannot be rebuilt here; the next one can be got.
   * @throws {ShutDown} After `shutdown()`, when nothing is left; {@link ValueError} after `close()`.
   */
  get(options?: QueueOptions | boolean | null, timeout?: number | null): Promise<T> {
    try {
      const limits = queueLimits(options, timeout);
      const got = this.tryTake();
      return got !== EMPTY ? this.finishedAsync(got) : this.#getLater(limits);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #getLater(limits: Limits): Promise<T> {
    const got = await this.take(limits);
    if (got === EMPTY) throw new Empty();
    return this.finishedAsync(got);
  }

  /** As {@link get}, blocking this thread. */
  getSync(options?: QueueSyncOptions | boolean | null, timeout?: number | null): T {
    const limits = queueLimits(options, timeout);
    let got = this.tryTake();
    if (got === EMPTY) got = this.takeSync(limits);
    if (got === EMPTY) throw new Empty();
    return this.finished(got);
  }

  /** Takes the oldest message if there is one now, without waiting. @throws {Empty} */
  getNowait(): T {
    return this.getSync(false);
  }

  /** How many messages are in it: exact, at the moment of the call. */
  qsize(): number {
    return this.count;
  }

  /** Whether nothing is in it. @throws {OSError} After `close()`, when it was used, as in Python. */
  empty(): boolean {
    if (this.closed && this.used) throw new OSError('handle is closed', { code: 'EBADF' });
    return this.count === 0;
  }

  /** Whether `maxsize` messages are in it. */
  full(): boolean {
    return this.limit > 0 && this.count >= this.limit;
  }

  /**
   * Python's `shutdown`: nothing can be put any more, by anybody. What is in the queue can be got, then `get` throws
   * `ShutDown`.
   *
   * @param immediate Drops what is in it.
   */
  shutdown(immediate = false): void {
    this.shutDown(immediate ? SHUT : DRAINING);
  }

  /**
   * Python's `join_thread()`, after `close()`: returns at once, since what was put is in the queue already.
   *
   * @throws {AssertionError} Before `close()`.
   */
  async joinThread(): Promise<void> {
    this.joinThreadSync();
  }

  /** As {@link joinThread}. */
  joinThreadSync(): void {
    if (!this.closed) {
      throw new AssertionError('Queue not closed: cannot join its thread before close()');
    }
  }

  /** Python's `cancel_join_thread()`: does nothing, since no end of a process ever waits for a queue. */
  cancelJoinThread(): void {}

  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return asyncIterator(() => this.nextResult());
  }

  /** Messages until the end, as with `for await`, blocking this thread. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (;;) {
      const got = this.takeOrEndSync();
      if (got === EMPTY) return;
      yield this.finished(got);
    }
  }

  static [serialize](queue: Queue): ChannelHandle {
    return queue.data();
  }

  static [deserialize](data: ChannelHandle): Queue {
    return rebuild(() => new this(), data);
  }
}

function asyncIterator<T>(next: () => Promise<IteratorResult<T, undefined>>): AsyncIterableIterator<T> {
  return {
    next,
    async return(): Promise<IteratorResult<T, undefined>> {
      return { value: undefined, done: true };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

registerTravelClass('channel/Queue', Queue);
