/**
 * Python's `Semaphore` and `BoundedSemaphore`: a number of units that processes and threads take and give back.
 *
 *     word 0  units free | word 1  who waits:
 *
 * waiting     | meaning
 * ------------+-------------------------------------------------------------------------------
 * NOBODY    0 | release() need not look for waiters
 * SOMEBODY  1 | release() frees a unit and wakes the first in line, which competes for it
 * HANDOFF   2 | the first in line was woken in vain: release() gives it the unit, never freed
 *
 * A waiter gets in line, then writes word 1, then looks at word 0; release() writes word 0, then looks at word 1. So
 * one of the two sees the other.
 *
 * Units belong to nobody: those of a process that died are not given back, as in Python.
 *
 * https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Semaphore
 */
import { inspect } from 'node:util';
import { ValueError } from '../base/errors.ts';
import { deserialize, registerTravelClass, serialize } from '../base/travel.ts';
import { rangeError, show, typeError } from '../base/validate.ts';
import type { BlockHandle } from '../memory/arena.ts';
import { resolvedTrue } from './base-lock.ts';
import { Guard } from './guard.ts';
import { type AcquireOptions, type AcquireSyncOptions, notAcquired, resolveAcquire } from './options.ts';
import { type ParkingLot, registerKind, type Wait } from './parking.ts';
import { SharedWords } from './shared-words.ts';
import { GRANTED, type SlotState, WOKEN } from './slots.ts';

const NOBODY = 0;
const SOMEBODY = 1;
const HANDOFF = 2;

const semaphoreBytes = 16;
const semaphoreKind = 2;
/** Python's SEM_VALUE_MAX. */
const largestValue = 2 ** 31 - 1;

registerKind(semaphoreKind, {
  grants: true,
  passOn(lot, key, state) {
    if (state === GRANTED) giveUnit(lot, key);
    else if (state === WOKEN) lot.wake(key);
  },
});

/** Gives a unit to who waits longest and in vain, or frees it. */
function giveUnit(lot: ParkingLot, key: number): void {
  const i32 = lot.arena.i32;
  const at = key >> 2;
  if (Atomics.load(i32, at + 1) === HANDOFF) {
    Atomics.store(i32, at + 1, SOMEBODY);
    const slot = lot.slots.tellFirst(key, GRANTED);
    if (slot !== -1) {
      lot.rouse(slot);
      return;
    }
  }
  Atomics.add(i32, at, 1);
  wakeOne(lot, key);
}

function wakeOne(lot: ParkingLot, key: number): void {
  const i32 = lot.arena.i32;
  const at = key >> 2;
  if (Atomics.load(i32, at + 1) === NOBODY || lot.wake(key) > 0) return;
  Atomics.store(i32, at + 1, NOBODY);
  // Who got in line between the scan and the store has its mark wiped out: put it back.
  if (lot.slots.count(key) === 0) return;
  Atomics.store(i32, at + 1, SOMEBODY);
  // And who gave a unit meanwhile has seen nobody.
  if (Atomics.load(i32, at) > 0) lot.wake(key);
}

/** What travels in the place of a semaphore. */
interface SemaphoreData {
  readonly block: BlockHandle;
  readonly initial: number;
}

/**
 * A semaphore for all threads and processes: {@link acquire} takes a unit or waits for one, {@link release} adds one.
 *
 * @example
 * const slots = new Semaphore(4);
 * await slots.runExclusive(() => download(url)); // at most four at a time
 */
export class Semaphore extends SharedWords implements Disposable {
  readonly #initial: number;

  /**
   * @param value Units at the beginning.
   * @throws {ValueError} For a negative value.
   * @throws {RangeError} For one that does not fit 31 bits.
   */
  constructor(value = 1) {
    const from = arriving;
    arriving = undefined;
    const initial = from?.initial ?? checkValue(value);
    super(semaphoreBytes, from?.block);
    this.#initial = initial;
    if (from === undefined) Atomics.store(this.i32, this.at, initial);
  }

  /** Whether release() may go beyond the initial value. */
  protected get bounded(): boolean {
    return false;
  }

  /**
   * Takes a unit, waiting while there is none.
   *
   * @returns `true` when it has one, `false` when time is up.
   */
  acquire(options?: AcquireOptions | boolean): Promise<boolean> {
    if (options === undefined && this.#take()) return resolvedTrue;
    return this.#acquireSlow(options);
  }

  async #acquireSlow(options: AcquireOptions | boolean | undefined): Promise<boolean> {
    const o = resolveAcquire(options);
    if (o.signal?.aborted) throw o.signal.reason;
    if (this.#take()) return true;
    return !o.once && (await this.lot.wait(this.#wait(), o)) === true;
  }

  /**
   * Takes a unit, blocking this thread while there is none.
   *
   * @returns `true` when it has one, `false` when time is up.
   */
  acquireSync(options?: AcquireSyncOptions | boolean): boolean {
    if (options === undefined && this.#take()) return true;
    const o = resolveAcquire(options);
    if (this.#take()) return true;
    return !o.once && this.lot.waitSync(this.#wait(), o.deadline) === true;
  }

  #take(): boolean {
    for (;;) {
      const units = Atomics.load(this.i32, this.at);
      if (units < 1) return false;
      if (Atomics.compareExchange(this.i32, this.at, units, units - 1) === units) return true;
    }
  }

  #wait(): Wait<true> {
    return {
      key: this.key,
      kind: semaphoreKind,
      attempt: (state: SlotState) => {
        if (state === GRANTED) return true;
        const waiting = Atomics.load(this.i32, this.at + 1);
        const wanted = state === WOKEN ? HANDOFF : Math.max(waiting, SOMEBODY);
        if (waiting !== wanted) Atomics.store(this.i32, this.at + 1, wanted);
        return this.#take() ? true : undefined;
      },
    };
  }

  /**
   * Adds `n` units; as many that wait go on. Never blocks, and anybody may call it.
   *
   * @throws {ValueError} When `n` is less than one; for a BoundedSemaphore, beyond its initial value.
   */
  release(n = 1): void {
    if (!Number.isSafeInteger(n)) {
      throw typeError(`Cannot release a semaphore: n must be an integer, got ${show(n)}`);
    }
    if (n < 1) throw new ValueError(`Cannot release a semaphore: n must be one or more, got ${n}`);
    const limit = this.bounded ? this.#initial : largestValue;
    if (Atomics.load(this.i32, this.at) + n > limit) {
      throw new ValueError(
        'semaphore or lock released too many times: cannot release more units than were taken; acquire first',
      );
    }
    for (let i = 0; i < n; i++) {
      if (Atomics.load(this.i32, this.at + 1) === NOBODY && i === 0) {
        Atomics.add(this.i32, this.at, n);
        if (Atomics.load(this.i32, this.at + 1) !== NOBODY)
          for (let k = 0; k < n; k++) wakeOne(this.lot, this.key);
        return;
      }
      giveUnit(this.lot, this.key);
    }
  }

  /** Units free now; another process may change it at any time. */
  getValue(): number {
    return Atomics.load(this.i32, this.at);
  }

  /** Whether no unit is free. */
  locked(): boolean {
    return this.getValue() === 0;
  }

  /** Takes a unit; the block's end gives it back: `using held = await semaphore.guard()`. @throws {TimeoutError} */
  async guard(options?: AcquireOptions): Promise<Guard> {
    if (!(await this.acquire(options))) throw notAcquired('the semaphore');
    return new Guard(() => this.release());
  }

  /** As {@link guard}, blocking the thread. @throws {TimeoutError} When time is up. */
  guardSync(options?: AcquireSyncOptions): Guard {
    if (!this.acquireSync(options)) throw notAcquired('the semaphore');
    return new Guard(() => this.release());
  }

  /** Runs `fn` while holding a unit, and gives what it returns. @throws {TimeoutError} When time is up before. */
  async runExclusive<T>(fn: () => T | PromiseLike<T>, options?: AcquireOptions): Promise<T> {
    if (!(await this.acquire(options))) throw notAcquired('the semaphore');
    try {
      return await fn();
    } finally {
      this.release();
    }
  }

  /** Gives a unit back, as the end of Python's `with semaphore:` does. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** `<Semaphore(value=3)>`, as Python prints it. */
  override [inspect.custom](): string {
    return `<Semaphore(value=${this.getValue()})>`;
  }

  protected get initial(): number {
    return this.#initial;
  }

  static [serialize](semaphore: Semaphore): SemaphoreData {
    return { block: semaphore.block.handle(), initial: semaphore.#initial };
  }

  static [deserialize](data: SemaphoreData): Semaphore {
    arriving = data;
    return new Semaphore();
  }

  /** Rebuilds a bounded one. */
  protected static arriveBounded(data: SemaphoreData): BoundedSemaphore {
    arriving = data;
    return new BoundedSemaphore();
  }
}

/**
 * A semaphore that throws when it is released more often than acquired, which is a mistake in most programs.
 *
 * @example const seats = new BoundedSemaphore(2);
 */
export class BoundedSemaphore extends Semaphore {
  protected override get bounded(): boolean {
    return true;
  }

  /** `<BoundedSemaphore(value=2, maxvalue=2)>`, as Python prints it. */
  override [inspect.custom](): string {
    return `<BoundedSemaphore(value=${this.getValue()}, maxvalue=${this.initial})>`;
  }

  static override [deserialize](data: SemaphoreData): BoundedSemaphore {
    return Semaphore.arriveBounded(data);
  }
}

let arriving: SemaphoreData | undefined;

function checkValue(value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw typeError(`Cannot create a semaphore: its value must be an integer, got ${show(value)}`);
  }
  if (value < 0) throw new ValueError(`Cannot create a semaphore: its value must be 0 or more, got ${value}`);
  if (value > largestValue) {
    throw rangeError(`Cannot create a semaphore: its value must be at most ${largestValue}, got ${value}`);
  }
  return value;
}

registerTravelClass('sync/Semaphore', Semaphore);
registerTravelClass('sync/BoundedSemaphore', BoundedSemaphore);
