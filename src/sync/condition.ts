/**
 * Python's `Condition`: waiting for a change of what a lock guards.
 *
 * It needs no words, only a place in memory to wait for: the line of waiters is the state. `wait` gets in line, gives
 * the lock up and sleeps; `notify(n)` wakes exactly the first n. A waiter that dies or times out having been notified
 * has its turn passed on.
 *
 * https://docs.python.org/3/library/threading.html#condition-objects
 */
import { inspect } from 'node:util';
import { AssertionError } from '../base/errors.ts';
import { deserialize, registerTravelClass, serialize } from '../base/travel.ts';
import { type SyncWaitOptions, show, typeError, type WaitOptions } from '../base/validate.ts';
import type { BlockHandle } from '../memory/arena.ts';
import { BaseLock, type SavedOwner } from './base-lock.ts';
import type { Guard } from './guard.ts';
import { type AcquireOptions, type AcquireSyncOptions, type Resolved, resolveAcquire } from './options.ts';
import type { Wait } from './parking.ts';
import { RLock } from './rlock.ts';
import { SharedWords } from './shared-words.ts';
import { type SlotState, WOKEN } from './slots.ts';

const conditionBytes = 16;

interface ConditionData {
  readonly block: BlockHandle;
  readonly lock: BaseLock;
}

/**
 * A condition variable for all threads and processes.
 *
 * @example
 * await condition.runExclusive(() => condition.waitFor(() => queue.length > 0));
 * // elsewhere: await condition.runExclusive(() => { queue.push(1); condition.notify(); });
 */
export class Condition extends SharedWords implements Disposable {
  readonly #lock: BaseLock;

  /**
   * @param lock A Lock or RLock to use. @default a new RLock
   * @throws {TypeError} For anything else.
   */
  constructor(lock?: BaseLock | null) {
    const from = arriving;
    arriving = undefined;
    if (lock !== undefined && lock !== null && !(lock instanceof BaseLock)) {
      throw typeError(`Cannot create a Condition: its lock must be a Lock or an RLock, got ${show(lock)}`);
    }
    super(conditionBytes, from?.block);
    this.#lock = from?.lock ?? lock ?? new RLock();
  }

  /** The lock that was given or made. */
  get lock(): BaseLock {
    return this.#lock;
  }

  /** Takes the condition's lock. */
  acquire(options?: AcquireOptions | boolean): Promise<boolean> {
    return this.#lock.acquire(options);
  }

  /** Takes the condition's lock, blocking this thread. */
  acquireSync(options?: AcquireSyncOptions | boolean): boolean {
    return this.#lock.acquireSync(options);
  }

  /** Gives the condition's lock back. */
  release(): void {
    this.#lock.release();
  }

  /** Whether anybody holds the condition's lock. */
  locked(): boolean {
    return this.#lock.locked();
  }

  /** Takes the lock; the block's end releases it. @throws {TimeoutError} When time is up. */
  guard(options?: AcquireOptions): Promise<Guard> {
    return this.#lock.guard(options);
  }

  /** As {@link guard}, blocking the thread. */
  guardSync(options?: AcquireSyncOptions): Guard {
    return this.#lock.guardSync(options);
  }

  /** Runs `fn` while holding the lock. @throws {TimeoutError} When time is up before. */
  runExclusive<T>(fn: () => T | PromiseLike<T>, options?: AcquireOptions): Promise<T> {
    return this.#lock.runExclusive(fn, options);
  }

  /**
   * Gives the lock up, waits to be notified, and takes the lock again; also when it throws.
   *
   * @returns `true` when notified, `false` when time is up.
   * @throws {AssertionError} When the caller does not hold the lock.
   */
  async wait(options?: WaitOptions): Promise<boolean> {
    return this.#wait(resolveAcquire(options));
  }

  async #wait(o: Resolved): Promise<boolean> {
    this.#checkOwned('wait');
    if (o.signal?.aborted) throw o.signal.reason;
    const turn = this.#turn();
    try {
      return (await this.lot.wait(turn.wait, o)) === true;
    } finally {
      if (turn.saved !== undefined) {
        await this.#lock.reacquire();
        this.#lock.restore(turn.saved);
      }
    }
  }

  /** As {@link wait}, blocking this thread and its event loop. */
  waitSync(options?: SyncWaitOptions): boolean {
    return this.#waitSync(resolveAcquire(options));
  }

  #waitSync(o: Resolved): boolean {
    this.#checkOwned('wait');
    const turn = this.#turn();
    try {
      return this.lot.waitSync(turn.wait, o.deadline) === true;
    } finally {
      if (turn.saved !== undefined) {
        this.#lock.reacquireSync();
        this.#lock.restore(turn.saved);
      }
    }
  }

  /** The lock is given up at the first attempt: when the waiter is in line already. Without a place in line, not at all. */
  #turn(): { readonly wait: Wait<true>; saved: SavedOwner | undefined } {
    const turn = {
      saved: undefined as SavedOwner | undefined,
      wait: {
        key: this.key,
        attempt: (state: SlotState): true | undefined => {
          turn.saved ??= this.#lock.releaseAll();
          return state === WOKEN ? true : undefined;
        },
      },
    };
    return turn;
  }

  /**
   * Waits until `predicate()` is truthy, looking at it whenever notified. The timeout covers all of it.
   *
   * @returns the last result of `predicate`.
   * @throws {AssertionError} When the caller does not hold the lock.
   */
  async waitFor<T>(predicate: () => T | PromiseLike<T>, options?: WaitOptions): Promise<T> {
    const o = resolveAcquire(options);
    this.#checkOwned('wait');
    for (;;) {
      const result = await predicate();
      if (result || isOver(o)) return result;
      await this.#wait(o);
    }
  }

  /** As {@link waitFor}, blocking this thread and its event loop. */
  waitForSync<T>(predicate: () => T, options?: SyncWaitOptions): T {
    const o = resolveAcquire(options);
    this.#checkOwned('wait');
    for (;;) {
      const result = predicate();
      if (result || isOver(o)) return result;
      this.#waitSync(o);
    }
  }

  /**
   * Wakes the `n` that wait longest, or all when fewer wait. They go on when the caller has released the lock.
   *
   * @throws {AssertionError} When the caller does not hold the lock.
   */
  notify(n = 1): void {
    this.#checkOwned('notify');
    if (typeof n !== 'number' || Number.isNaN(n)) {
      throw typeError(`Cannot notify: n must be a number, got ${show(n)}`);
    }
    if (n >= 1) this.lot.wake(this.key, n);
  }

  /** Wakes all that wait. @throws {AssertionError} When the caller does not hold the lock. */
  notifyAll(): void {
    this.notify(Number.POSITIVE_INFINITY);
  }

  #checkOwned(what: string): void {
    if (!this.#lock.ownedByCaller()) {
      throw new AssertionError(
        `lock is not owned: cannot ${what} on a Condition without its lock; acquire it first`,
      );
    }
  }

  /** Releases, as the end of Python's `with condition:` does. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** `<Condition(<RLock(None, 0)>, 0)>`, as Python prints it; the number is how many wait. */
  override [inspect.custom](): string {
    return `<Condition(${this.#lock}, ${this.lot.slots.count(this.key)})>`;
  }

  static [serialize](condition: Condition): ConditionData {
    return { block: condition.block.handle(), lock: condition.#lock };
  }

  static [deserialize](data: ConditionData): Condition {
    arriving = data;
    return new Condition();
  }
}

let arriving: ConditionData | undefined;

function isOver(o: Resolved): boolean {
  return o.deadline !== undefined && performance.now() >= o.deadline;
}

registerTravelClass('sync/Condition', Condition);
