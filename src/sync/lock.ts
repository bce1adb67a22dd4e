/**
 * Python's `multiprocessing.Lock` (and `threading.Lock`): one holder at a time, among all threads and processes.
 *
 * https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Lock
 */
import { inspect } from 'node:util';
import { ValueError } from '../base/errors.ts';
import { deserialize, registerTravelClass, serialize } from '../base/travel.ts';
import { BaseLock, type LockData, type LockOptions, resolvedTrue, type SavedOwner } from './base-lock.ts';
import { ABANDONED, ASYNC, releaseWord } from './lock-word.ts';
import { type AcquireOptions, type AcquireSyncOptions, notAcquired, resolveAcquire } from './options.ts';
import { anyTaskWaits } from './parking.ts';

/**
 * A lock that is not re-entrant: whoever holds it, task or thread, waits for ever when it acquires it again. Anybody
 * may release it, as in Python.
 *
 * When its holder dies, acquiring fails with {@link AbandonedLockError} instead of hanging, until {@link reset}.
 *
 * @example
 * const lock = new Lock();
 * await lock.runExclusive(async () => { … });   // or: lock.acquireSync(); try { … } finally { lock.release(); }
 */
export class Lock extends BaseLock {
  protected override readonly othersMayRelease = true;

  /** A free lock in shared memory. @throws {NotSupportedError} Without shared memory on this platform. */
  constructor(options: LockOptions = {}) {
    const from = arriving;
    arriving = undefined;
    super(options, from);
  }

  /**
   * Takes the lock, waiting while somebody else has it; other tasks of this program go on meanwhile.
   *
   * @param options `timeout` in milliseconds, `signal`, `onAbandoned`; or `false` to try once.
   * @returns `true` when it is held, `false` when time is up.
   * @throws {AbandonedLockError} When the last holder died with it.
   */
  override acquire(options?: AcquireOptions | boolean): Promise<boolean> {
    if (options === undefined && Atomics.compareExchange(this.i32, this.at, 0, this.tag | ASYNC) === 0) {
      return resolvedTrue;
    }
    return this.#acquireSlow(options);
  }

  #acquireSlow(options: AcquireOptions | boolean | undefined): Promise<boolean> {
    try {
      const o = resolveAcquire(options);
      if (o.signal?.aborted) throw o.signal.reason;
      if (Atomics.compareExchange(this.i32, this.at, 0, this.tag | ASYNC) === 0) return resolvedTrue;
      return this.waitForWord(o);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Takes the lock, blocking this thread and its event loop while somebody else has it.
   *
   * @returns `true` when it is held, `false` when time is up.
   * @throws {AbandonedLockError} When the last holder died with it.
   * @throws {DeadlockError} When only this blocked thread could release it and no timeout is given.
   */
  override acquireSync(options?: AcquireSyncOptions | boolean): boolean {
    if (options === undefined && Atomics.compareExchange(this.i32, this.at, 0, this.tag) === 0) return true;
    const o = resolveAcquire(options);
    return Atomics.compareExchange(this.i32, this.at, 0, this.tag) === 0 || this.waitForWordSync(o);
  }

  /**
   * Gives the lock back; the first that waits is woken. Never blocks.
   *
   * @throws {ValueError} When nobody holds it.
   */
  override release(): void {
    // A thread's and a task's hold differ by a bit; both are the simple case.
    if (Atomics.compareExchange(this.i32, this.at, this.tag, 0) === this.tag) return;
    const mine = this.tag | ASYNC;
    if (Atomics.compareExchange(this.i32, this.at, mine, 0) === mine) {
      if (anyTaskWaits()) this.lot.glance(this.at << 2);
      return;
    }
    if (releaseWord(this.lot, this.at)) return;
    if ((Atomics.load(this.i32, this.at) & ABANDONED) !== 0) {
      throw new ValueError('Cannot release the lock: its holder died with it; use reset()');
    }
    throw new ValueError(
      'semaphore or lock released too many times: cannot release the lock, nobody holds it; acquire it first',
    );
  }

  /** Runs `fn` while holding the lock, and gives what it returns. @throws {TimeoutError} When time is up before. */
  async runExclusive<T>(fn: () => T | PromiseLike<T>, options?: AcquireOptions): Promise<T> {
    if (!(await this.acquire(options))) throw notAcquired('the lock');
    try {
      return await fn();
    } finally {
      this.release();
    }
  }

  override ownedByCaller(): boolean {
    return this.mine;
  }

  override releaseAll(): SavedOwner {
    this.release();
    return { scope: 0, count: 1 };
  }

  override restore(): void {}

  override async reacquire(): Promise<void> {
    await this.acquire();
  }

  override reacquireSync(): void {
    this.acquireSync();
  }

  /** `<Lock(owner=None)>`, as Python prints it. */
  override [inspect.custom](): string {
    return `<Lock(owner=${this.ownerText().name})>`;
  }

  static [serialize](lock: Lock): LockData {
    return lock.data();
  }

  static [deserialize](data: LockData): Lock {
    arriving = data;
    return new Lock();
  }
}

/** Handed past the constructor's public arguments to the lock that is being rebuilt. */
let arriving: LockData | undefined;

registerTravelClass('sync/Lock', Lock);
