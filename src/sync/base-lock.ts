/**
 * What Lock and RLock share: their words in an arena, waiting for them, guards, and how they travel.
 *
 *     word 0  the lock (lock-word.ts) | word 1  RLock: its scope | word 2  RLock: how often it was taken
 */
import { inspect } from 'node:util';
import { DeadlockError, ValueError } from '../base/errors.ts';
import { allocate, type Block, type BlockHandle, openBlock } from '../memory/arena.ts';
import { tagMask } from '../memory/participants.ts';
import { Guard } from './guard.ts';
import {
  ABANDONED,
  ASYNC,
  abandonedError,
  abandonIfDead,
  GIVEN,
  lockWait,
  type OnAbandoned,
  resetWord,
} from './lock-word.ts';
import {
  type AcquireOptions,
  type AcquireSyncOptions,
  notAcquired,
  type Resolved,
  resolveAcquire,
} from './options.ts';
import { type ParkingLot, parkingLot } from './parking.ts';

const lockBytes = 16;
/** A failed try looks whether the holder lives, but not more often than this. */
const lookMilliseconds = 50;

/** Promises that are resolved already: an acquire that need not wait allocates nothing. */
export const resolvedTrue: Promise<boolean> = Promise.resolve(true);
/** See {@link resolvedTrue}. */
export const resolvedFalse: Promise<boolean> = Promise.resolve(false);

/** Options of `new Lock()` and `new RLock()`. */
export interface LockOptions {
  /** What acquiring does by default when the last holder died with the lock. @default 'throw' */
  readonly onAbandoned?: OnAbandoned | undefined;
}

/** What travels in the place of a lock. */
export interface LockData {
  readonly block: BlockHandle;
  readonly onAbandoned: OnAbandoned;
}

/** Base of {@link Lock} and {@link RLock}. */
export abstract class BaseLock implements Disposable {
  protected readonly block: Block;
  protected readonly i32: Int32Array;
  /** Index of the lock's word. */
  protected readonly at: number;
  /** What this thread writes into the word. */
  protected readonly tag: number;
  protected readonly onAbandoned: OnAbandoned;
  #lot: ParkingLot | undefined;
  #lookedAt = 0;

  /** @param data Where an existing lock is; without it a new one is made. */
  constructor(options: LockOptions, data?: LockData) {
    this.onAbandoned = data?.onAbandoned ?? resolveAcquire(options).onAbandoned ?? 'throw';
    this.block = data === undefined ? allocate(lockBytes).ownedBy(this) : openBlock(data.block, lockBytes);
    this.i32 = this.block.arena.i32;
    this.at = this.block.offset >> 2;
    this.tag = this.block.arena.tag;
  }

  /** Takes the lock or waits for it; see the classes. */
  abstract acquire(options?: AcquireOptions | boolean): Promise<boolean>;
  abstract acquireSync(options?: AcquireSyncOptions | boolean): boolean;
  abstract release(): void;
  abstract runExclusive<T>(fn: () => T | PromiseLike<T>, options?: AcquireOptions): Promise<T>;

  /** Whether anybody holds it, a process that died included. */
  locked(): boolean {
    return Atomics.load(this.i32, this.at) !== 0;
  }

  /**
   * Makes a lock usable again whose holder died. Repair first what the lock guards. Does nothing to a free lock.
   *
   * @throws {ValueError} When a living thread holds it.
   */
  reset(): void {
    if (!resetWord(this.lot, this.at)) {
      throw new ValueError('Cannot reset the lock: its holder is alive; let it release');
    }
  }

  /**
   * Acquires; the block's end releases.
   *
   * @example
   * {
   *   using held = await lock.guard();
   *   counter.value++;
   * }
   * @throws {TimeoutError} When time is up.
   */
  async guard(options?: AcquireOptions): Promise<Guard> {
    if (!(await this.acquire(options))) throw notAcquired('the lock');
    return new Guard(() => this.release());
  }

  /** As {@link guard}, blocking the thread: `using held = lock.guardSync()`. @throws {TimeoutError} When time is up. */
  guardSync(options?: AcquireSyncOptions): Guard {
    if (!this.acquireSync(options)) throw notAcquired('the lock');
    return new Guard(() => this.release());
  }

  /** Releases, as the end of Python's `with lock:` does: `await lock.acquire(); using held = lock;`. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** For a Condition: whether the caller may release it. */
  abstract ownedByCaller(): boolean;
  /** For a Condition: gives it up altogether. */
  abstract releaseAll(): SavedOwner;
  /** For a Condition: after {@link reacquire}, the owner is who it was. */
  abstract restore(saved: SavedOwner): void;
  /** For a Condition: acquires as another owner, without limits. */
  abstract reacquire(): Promise<void>;
  abstract reacquireSync(): void;

  protected get lot(): ParkingLot {
    this.#lot ??= parkingLot(this.block.arena);
    return this.#lot;
  }

  /** Whether this thread, or a task of it, has the word. */
  protected get mine(): boolean {
    const word = Atomics.load(this.i32, this.at);
    return (word & tagMask) === this.tag && (word & (ABANDONED | GIVEN)) === 0;
  }

  /** One try, which does not hang for ever on a dead holder either. */
  protected tryOnce(flags: number, onAbandoned: OnAbandoned): boolean {
    if (Atomics.compareExchange(this.i32, this.at, 0, this.tag | flags) === 0) return true;
    const now = performance.now();
    if (now - this.#lookedAt > lookMilliseconds) {
      this.#lookedAt = now;
      abandonIfDead(this.lot, this.at);
    }
    const word = Atomics.load(this.i32, this.at);
    if (word === 0) return Atomics.compareExchange(this.i32, this.at, 0, this.tag | flags) === 0;
    if ((word & ABANDONED) === 0) return false;
    if (onAbandoned === 'throw') throw abandonedError(this.lot, word);
    return Atomics.compareExchange(this.i32, this.at, word, this.tag | flags) === word;
  }

  /** Waits for the word as a task. */
  protected waitForWord(o: Resolved): Promise<boolean> {
    const onAbandoned = o.onAbandoned ?? this.onAbandoned;
    if (o.signal?.aborted) return Promise.reject(o.signal.reason);
    if (o.once) return this.tryOnce(ASYNC, onAbandoned) ? resolvedTrue : resolvedFalse;
    this.#lookNow();
    // The Promise itself, since each further one would let the others run before the new holder.
    const { deadline, signal } = o;
    const wait = lockWait(this.lot, this.at, ASYNC, onAbandoned);
    return this.lot.wait(wait, { deadline, signal, otherwise: false }) as Promise<boolean>;
  }

  /** Waits for the word as a thread. */
  protected waitForWordSync(o: Resolved): boolean {
    const onAbandoned = o.onAbandoned ?? this.onAbandoned;
    if (o.once) return this.tryOnce(0, onAbandoned);
    this.#lookNow();
    if (o.deadline === undefined) this.#checkDeadlock();
    return this.lot.waitSync(lockWait(this.lot, this.at, 0, onAbandoned), o.deadline) === true;
  }

  /** Before waiting: the holder may be dead for long. What has just changed hands is not worth a look. */
  #lookNow(): void {
    const word = Atomics.load(this.i32, this.at);
    const holder = word & tagMask;
    const now = performance.now();
    if (holder === 0 || holder === this.tag || now - this.#lookedAt < lookMilliseconds) return;
    this.#lookedAt = now;
    abandonIfDead(this.lot, this.at);
  }

  /**
   * Blocking for what a task of this thread holds can never end, since the task cannot run. The same for what this
   * thread holds itself, unless somebody else has the lock and may release it, as Python allows.
   */
  #checkDeadlock(): void {
    if (!this.mine) return;
    const byTask = (Atomics.load(this.i32, this.at) & ASYNC) !== 0;
    if (!byTask && this.othersMayRelease && this.block.shared) return;
    throw new DeadlockError(
      byTask
        ? 'Cannot acquire the lock: a task of this very thread holds it and cannot go on while the thread is blocked; use await acquire()'
        : 'Cannot acquire the lock: this very thread holds it and nobody else could release it; release it first or give a timeout',
    );
  }

  /** Whether another thread than the holder may release. */
  protected abstract readonly othersMayRelease: boolean;

  /** Who holds it, as Python's text says it. */
  protected ownerText(): { readonly name: string; readonly mine: boolean } {
    const word = Atomics.load(this.i32, this.at);
    if (word === 0) return { name: 'None', mine: false };
    const holder = word & tagMask;
    return { name: this.lot.ownerText(holder), mine: holder === this.tag };
  }

  protected data(): LockData {
    return { block: this.block.handle(), onAbandoned: this.onAbandoned };
  }

  abstract [inspect.custom](): string;

  toString(): string {
    return this[inspect.custom]();
  }
}

/** Who held a lock that a Condition gave up for the time of a wait. */
export interface SavedOwner {
  readonly scope: number;
  readonly count: number;
}
