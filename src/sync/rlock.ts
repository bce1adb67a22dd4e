/**
 * Python's `multiprocessing.RLock` (and `threading.RLock`): the owner may take it again.
 *
 * Who the owner is: in Sync use the thread, as in Python. In async use not the thread, for then two tasks of one
 * program would not exclude one another, but a **scope**: the time of `runExclusive(fn)`, followed through every await
 * by AsyncLocalStorage. Inside it, every acquire of this lock re-enters. A plain `await acquire()` is an owner of its
 * own, which nobody can re-enter. Setting a scope in `acquire()` itself would leak it into the caller's other tasks.
 *
 * Two more words, valid while the lock is held; only the holding thread reads and writes them:
 *
 * scope     | owner
 * ----------+--------------------------------------------
 * THREAD  0 | the thread, by acquireSync
 * PLAIN  -1 | a task, by a plain acquire
 * > 0       | the scope of this number in the holding thread
 *
 * https://docs.python.org/3/library/multiprocessing.html#multiprocessing.RLock
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { inspect } from 'node:util';
import { AssertionError } from '../base/errors.ts';
import { deserialize, registerTravelClass, serialize } from '../base/travel.ts';
import { BaseLock, type LockData, type LockOptions, resolvedTrue, type SavedOwner } from './base-lock.ts';
import { ASYNC, releaseWord } from './lock-word.ts';
import { type AcquireOptions, type AcquireSyncOptions, notAcquired, resolveAcquire } from './options.ts';
import { anyTaskWaits } from './parking.ts';

const THREAD = 0;
const PLAIN = -1;

interface Scope {
  readonly id: number;
  readonly outer: Scope | undefined;
}

/** The scopes that the running code is in, the innermost first; made when first needed. */
let scopes: AsyncLocalStorage<Scope> | undefined;
let lastScope = 0;

function isInScope(id: number): boolean {
  for (let s = scopes?.getStore(); s !== undefined; s = s.outer) if (s.id === id) return true;
  return false;
}

/**
 * A re-entrant lock: every acquire by its owner succeeds at once, and it is free after as many releases.
 *
 * @example
 * const lock = new RLock();
 * await lock.runExclusive(async () => {
 *   await lock.acquire(); // re-enters
 *   lock.release();
 * });
 */
export class RLock extends BaseLock {
  protected override readonly othersMayRelease = false;
  readonly #scopeAt: number;
  readonly #countAt: number;

  /** A free lock in shared memory. @throws {NotSupportedError} Without shared memory on this platform. */
  constructor(options: LockOptions = {}) {
    const from = arriving;
    arriving = undefined;
    super(options, from);
    this.#scopeAt = this.at + 1;
    this.#countAt = this.at + 2;
  }

  /**
   * Takes the lock, waiting while another owner has it. Re-enters inside {@link runExclusive} of this lock.
   *
   * @returns `true` when it is held, `false` when time is up.
   * @throws {AbandonedLockError} When the last holder died with it.
   */
  override acquire(options?: AcquireOptions | boolean): Promise<boolean> {
    if (options === undefined && Atomics.compareExchange(this.i32, this.at, 0, this.tag | ASYNC) === 0) {
      this.#own(PLAIN, 1);
      return resolvedTrue;
    }
    return this.#acquireSlow(PLAIN, options);
  }

  async #acquireSlow(scope: number, options: AcquireOptions | boolean | undefined): Promise<boolean> {
    const o = resolveAcquire(options);
    if (o.signal?.aborted) throw o.signal.reason;
    if (this.#reenter(false)) return true;
    const free = Atomics.compareExchange(this.i32, this.at, 0, this.tag | ASYNC) === 0;
    if (!free && !(await this.waitForWord(o))) return false;
    this.#own(scope, 1);
    return true;
  }

  /**
   * Takes the lock, blocking this thread while another owner has it. Re-enters in the thread that has it, and inside
   * {@link runExclusive} of this lock.
   *
   * @returns `true` when it is held, `false` when time is up.
   * @throws {AbandonedLockError} When the last holder died with it.
   * @throws {DeadlockError} When a task of this thread holds it and no timeout is given.
   */
  override acquireSync(options?: AcquireSyncOptions | boolean): boolean {
    if (options === undefined && Atomics.compareExchange(this.i32, this.at, 0, this.tag) === 0) {
      this.#own(THREAD, 1);
      return true;
    }
    const o = resolveAcquire(options);
    if (this.#reenter(true)) return true;
    if (Atomics.compareExchange(this.i32, this.at, 0, this.tag) !== 0 && !this.waitForWordSync(o))
      return false;
    this.#own(THREAD, 1);
    return true;
  }

  /** Takes it once more if the caller is its owner. */
  #reenter(sync: boolean): boolean {
    if (!this.mine) return false;
    const scope = this.i32[this.#scopeAt]!;
    if (scope === THREAD ? !sync : !isInScope(scope)) return false;
    this.i32[this.#countAt]!++;
    return true;
  }

  #own(scope: number, count: number): void {
    this.i32[this.#scopeAt] = scope;
    this.i32[this.#countAt] = count;
  }

  /**
   * Takes back one acquire; the last one frees the lock. Never blocks.
   *
   * @throws {AssertionError} When the caller does not own it.
   */
  override release(): void {
    if (!this.ownedByCaller()) {
      throw new AssertionError(
        'attempt to release recursive lock not owned by thread: cannot release what another thread, process or runExclusive holds, or nobody; acquire it first',
      );
    }
    const count = this.i32[this.#countAt]! - 1;
    this.i32[this.#countAt] = count;
    if (count === 0) this.#free();
  }

  #free(): void {
    const { i32, at, tag } = this;
    // Until its next owner writes it: somebody of that thread, but nobody who may re-enter.
    i32[this.#scopeAt] = PLAIN;
    if (Atomics.compareExchange(i32, at, tag, 0) === tag) return;
    if (Atomics.compareExchange(i32, at, tag | ASYNC, 0) === (tag | ASYNC)) {
      if (anyTaskWaits()) this.lot.glance(at << 2);
      return;
    }
    releaseWord(this.lot, at);
  }

  /**
   * Runs `fn` while holding the lock, and gives what it returns. Inside `fn`, across all its awaits and calls, every
   * acquire of this lock re-enters.
   *
   * @throws {TimeoutError} When time is up before.
   */
  async runExclusive<T>(fn: () => T | PromiseLike<T>, options?: AcquireOptions): Promise<T> {
    if (this.#reenter(false)) return this.#runAndRelease(fn);
    const scope: Scope = { id: ++lastScope, outer: scopes?.getStore() };
    if (!(await this.#acquireSlow(scope.id, options))) throw notAcquired('the lock');
    scopes ??= new AsyncLocalStorage<Scope>();
    return scopes.run(scope, () => this.#runAndRelease(fn));
  }

  async #runAndRelease<T>(fn: () => T | PromiseLike<T>): Promise<T> {
    try {
      return await fn();
    } finally {
      this.release();
    }
  }

  override ownedByCaller(): boolean {
    if (!this.mine || this.i32[this.#countAt]! < 1) return false;
    const scope = this.i32[this.#scopeAt]!;
    return scope <= 0 || isInScope(scope);
  }

  override releaseAll(): SavedOwner {
    const saved = { scope: this.i32[this.#scopeAt]!, count: this.i32[this.#countAt]! };
    this.i32[this.#countAt] = 0;
    this.#free();
    return saved;
  }

  override restore({ scope, count }: SavedOwner): void {
    this.#own(scope, count);
  }

  override async reacquire(): Promise<void> {
    await this.#acquireSlow(PLAIN, undefined);
  }

  override reacquireSync(): void {
    this.acquireSync();
  }

  /** `<RLock(None, 0)>`, `<RLock(MainProcess, 2)>`, `<RLock(SomeOtherProcess, nonzero)>`: as Python prints it. */
  override [inspect.custom](): string {
    const { name, mine } = this.ownerText();
    const count = name === 'None' ? 0 : mine ? this.i32[this.#countAt]! : 'nonzero';
    return `<RLock(${name}, ${count})>`;
  }

  static [serialize](lock: RLock): LockData {
    return lock.data();
  }

  static [deserialize](data: LockData): RLock {
    arriving = data;
    return new RLock();
  }
}

/** Handed past the constructor's public arguments to the lock that is being rebuilt. */
let arriving: LockData | undefined;

registerTravelClass('sync/RLock', RLock);
