/**
 * Python's `multiprocessing.SimpleQueue`: put, get, empty and close, and nothing else.
 *
 * https://docs.python.org/3/library/multiprocessing.html#multiprocessing.SimpleQueue
 */
import type { OSError } from '../base/errors.ts';
import { deserialize, registerTravelClass, serialize } from '../base/travel.ts';
import { type QueueOptions, type QueueSyncOptions, queueLimits } from './arguments.ts';
import { BaseQueue, rebuild } from './base-queue.ts';
import { Empty, handleClosed } from './errors.ts';
import { EMPTY } from './ring.ts';
import type { ChannelHandle } from './seat.ts';

const done: Promise<void> = Promise.resolve();

/**
 * A queue without a limit. In Python it is the fast one; here it is as fast as {@link Queue}.
 *
 * @example
 * const q = new SimpleQueue<string>();
 * await q.put('x');
 * console.log(await q.get());
 */
export class SimpleQueue<T = unknown> extends BaseQueue<T> {
  /** @throws {NotSupportedError} Without shared memory on this platform. */
  constructor() {
    super(0);
  }

  protected override closedError(): OSError {
    return handleClosed();
  }

  /** Puts a message; never waits. @throws {SerializationError} When it cannot travel. @throws {OSError} After `close()`. */
  put(value: T): Promise<void> {
    try {
      this.tryPut(value);
      return done;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As {@link put}. */
  putSync(value: T): void {
    this.tryPut(value);
  }

  /**
   * Takes the oldest message, waiting while there is none.
   *
   * @throws {Empty} When a timeout was given and time is up.
   * @throws {SerializationError} When this message cannot be rebuilt here; the next one can be got.
   * @throws {OSError} After `close()`.
   */
  async get(options?: QueueOptions): Promise<T> {
    const limits = queueLimits(options, undefined);
    let got = this.tryTake();
    if (got === EMPTY) got = await this.take(limits);
    if (got === EMPTY) throw new Empty();
    return this.finishedAsync(got);
  }

  /** As {@link get}, blocking this thread. */
  getSync(options?: QueueSyncOptions): T {
    const limits = queueLimits(options, undefined);
    let got = this.tryTake();
    if (got === EMPTY) got = this.takeSync(limits);
    if (got === EMPTY) throw new Empty();
    return this.finished(got);
  }

  /** Whether nothing is in it. @throws {OSError} After `close()`. */
  empty(): boolean {
    if (this.closed) throw handleClosed();
    return this.count === 0;
  }

  static [serialize](queue: SimpleQueue): ChannelHandle {
    return queue.data();
  }

  static [deserialize](data: ChannelHandle): SimpleQueue {
    return rebuild(() => new this(), data);
  }
}

registerTravelClass('channel/SimpleQueue', SimpleQueue);
