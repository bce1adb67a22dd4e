/**
 * Python's `Barrier`: a given number of processes or threads wait for one another.
 *
 *     word 0  everything that changes together, so that each step is one CAS:
 *             bits 0-13 how many have arrived | 14-15 phase | 16-23 round | 24-30 which of the last 7 rounds were spoiled
 *     word 1  (its offset is what newcomers wait for while an action runs)
 *     word 2  tag of who runs the action, 0 for nobody
 *
 * phase     | meaning                          | left by
 * ----------+----------------------------------+----------------------------------------------------------
 * FILLING 0 | not all have arrived             | the last one, to ACTION or the next round; who times out,
 *           |                                  | aborts or dies, to BROKEN; reset(), to the next round
 * ACTION  1 | the last one runs the action     | the same, to the next round, or BROKEN when it fails; who
 *           |                                  | finds it dead, to BROKEN; reset()
 * BROKEN  2 | nobody passes                    | reset(), to the next round
 *
 * A waiter remembers its round. When the word shows another, its round is over, and the bits tell how. So what a waiter
 * is woken with does not matter, only the word does.
 *
 * https://docs.python.org/3/library/threading.html#barrier-objects
 */
import { inspect } from 'node:util';
import { BrokenBarrierError, ValueError } from '../base/errors.ts';
import { deserialize, registerTravelClass, serialize } from '../base/travel.ts';
import {
  checkTimeout,
  rangeError,
  type SyncWaitOptions,
  show,
  typeError,
  type WaitOptions,
  waitOptionsOf,
} from '../base/validate.ts';
import type { BlockHandle } from '../memory/arena.ts';
import { type Resolved, resolveAcquire } from './options.ts';
import { type ParkingLot, registerKind, type Wait } from './parking.ts';
import { SharedWords } from './shared-words.ts';
import { WAITING } from './slots.ts';

const FILLING = 0;
const ACTION = 1;
const BROKEN = 2;

const countMask = 0x3fff;
const phaseShift = 14;
const roundShift = 16;
const roundMask = 0xff;
const historyShift = 24;
const historyMask = 0x7f;

const barrierBytes = 16;
const barrierKind = 3;
const newcomerKind = 4;
const largestParties = countMask;

const phaseOf = (word: number): number => (word >> phaseShift) & 3;
const roundOf = (word: number): number => (word >> roundShift) & roundMask;
const withPhase = (word: number, phase: number): number =>
  (word & ~(3 << phaseShift)) | (phase << phaseShift);

function nextRound(word: number, spoiled: boolean): number {
  const round = (roundOf(word) + 1) & roundMask;
  const history = (((word >> historyShift) << 1) | (spoiled ? 1 : 0)) & historyMask;
  return (history << historyShift) | (round << roundShift);
}

/** How a round went, as the word says. */
function fate(word: number, round: number): 'pending' | 'passed' | 'broken' {
  const since = (roundOf(word) - round) & roundMask;
  if (since === 0) return phaseOf(word) === BROKEN ? 'broken' : 'pending';
  return ((word >> (historyShift + since - 1)) & 1) === 1 && since <= 7 ? 'broken' : 'passed';
}

/** Breaks the round that `word` shows, unless it is over by now. */
function breakRound(lot: ParkingLot, at: number, round: number): void {
  for (;;) {
    const word = Atomics.load(lot.arena.i32, at);
    if (roundOf(word) !== round || phaseOf(word) === BROKEN) return;
    if (Atomics.compareExchange(lot.arena.i32, at, word, withPhase(word, BROKEN)) === word) break;
  }
  wakeAll(lot, at);
}

function wakeAll(lot: ParkingLot, at: number): void {
  lot.wake(at << 2, Number.POSITIVE_INFINITY);
  lot.wake((at + 1) << 2, Number.POSITIVE_INFINITY);
}

function breakIfRunnerDied(lot: ParkingLot, at: number): void {
  const word = Atomics.load(lot.arena.i32, at);
  if (phaseOf(word) !== ACTION || lot.arena.participants.isAlive(Atomics.load(lot.arena.i32, at + 2))) return;
  breakRound(lot, at, roundOf(word));
}

registerKind(barrierKind, {
  grants: false,
  passOn(lot, key, state) {
    // Who dies while it waits is one that the next round would wait for in vain.
    if (state !== WAITING) return;
    const word = Atomics.load(lot.arena.i32, key >> 2);
    if ((word & countMask) > 0) breakRound(lot, key >> 2, roundOf(word));
  },
  look: (lot, key) => breakIfRunnerDied(lot, key >> 2),
});

// Newcomers, who wait for the end of a running action.
registerKind(newcomerKind, {
  grants: false,
  passOn: () => {},
  look: (lot, key) => breakIfRunnerDied(lot, (key >> 2) - 1),
});

/** Options of `new Barrier()`. */
export interface BarrierOptions {
  /** Called by one of them when all have arrived, before any goes on. A Promise is awaited by the async form. */
  readonly action?: (() => unknown) | null | undefined;
  /** Milliseconds that `wait` waits by default. @default for ever */
  readonly timeout?: number | null | undefined;
}

interface BarrierData {
  readonly block: BlockHandle;
  readonly parties: number;
  readonly timeout: number | undefined;
  readonly action: (() => unknown) | undefined;
}

/** Where a party stands. */
interface Arrival {
  index: number;
  round: number;
  /** It is the one to run the action. */
  last: boolean;
}

/**
 * A barrier for a fixed number of threads or processes. Who waits too long, aborts or dies breaks it for all.
 *
 * @example
 * const barrier = new Barrier(3, { timeout: 5000 });
 * const index = await barrier.wait(); // 0, 1 or 2, different in each
 */
export class Barrier extends SharedWords {
  readonly #parties: number;
  readonly #timeout: number | undefined;
  readonly #action: (() => unknown) | undefined;

  /**
   * @param parties How many must wait for all to go on.
   * @param options `action` and `timeout`; or, as in Python, the action and then the timeout.
   * @throws {ValueError} When parties is less than 1.
   */
  constructor(parties: number, options?: BarrierOptions | (() => unknown) | null, timeout?: number | null) {
    const from = arriving;
    arriving = undefined;
    const given = typeof options === 'function' ? { action: options, timeout } : { timeout, ...options };
    if (from === undefined) checkParties(parties);
    if (options !== null && !['undefined', 'function', 'object'].includes(typeof options)) {
      throw typeError(`Cannot create a Barrier: give an action or options, got ${show(options)}`);
    }
    const { action } = given;
    if (action !== undefined && action !== null && typeof action !== 'function') {
      throw typeError(`Cannot create a Barrier: its action must be a function, got ${show(action)}`);
    }
    super(barrierBytes, from?.block);
    this.#parties = from?.parties ?? parties;
    this.#timeout = from === undefined ? checkTimeout(given.timeout) : from.timeout;
    this.#action = from === undefined ? (action ?? undefined) : from.action;
  }

  /** How many must wait for all to go on. */
  get parties(): number {
    return this.#parties;
  }

  /** How many wait now. */
  get nWaiting(): number {
    const word = Atomics.load(this.i32, this.at);
    return phaseOf(word) === FILLING ? word & countMask : 0;
  }

  /** Whether nobody can pass until {@link reset}. */
  get broken(): boolean {
    return phaseOf(Atomics.load(this.i32, this.at)) === BROKEN;
  }

  /**
   * Waits until all have arrived. When time is up or `signal` aborts, the barrier is broken for all.
   *
   * @returns a number from 0 to parties - 1, a different one in each.
   * @throws {BrokenBarrierError} When the barrier is broken or reset.
   */
  async wait(options?: WaitOptions): Promise<number> {
    const o = this.#resolve(options);
    if (o.signal?.aborted) throw o.signal.reason;
    const arrival: Arrival = { index: -1, round: 0, last: false };
    try {
      while (!this.#arriveAlone(arrival)) {
        const got = await this.lot.wait(this.#wait(arrival), o);
        if (got === 'arrived') break;
        if (got === undefined) this.#timeOut(arrival);
        if (got !== 'again') return arrival.index;
      }
    } catch (error) {
      if (o.signal?.aborted && arrival.index >= 0 && this.#breakUnlessPassed(arrival.round))
        return arrival.index;
      throw error;
    }
    await this.#runAction(arrival);
    return arrival.index;
  }

  /** As {@link wait}, blocking this thread and its event loop. */
  waitSync(options?: SyncWaitOptions): number {
    const o = this.#resolve(options);
    const arrival: Arrival = { index: -1, round: 0, last: false };
    while (!this.#arriveAlone(arrival)) {
      const got = this.lot.waitSync(this.#wait(arrival), o.deadline);
      if (got === 'arrived') break;
      if (got === undefined) this.#timeOut(arrival);
      if (got !== 'again') return arrival.index;
    }
    this.#runActionSync(arrival);
    return arrival.index;
  }

  #resolve(options: WaitOptions | undefined): Resolved {
    const { timeout, signal } = waitOptionsOf(options);
    return resolveAcquire({ timeout: timeout ?? this.#timeout, signal });
  }

  /** The last one need not get in line. */
  #arriveAlone(arrival: Arrival): boolean {
    const word = Atomics.load(this.i32, this.at);
    return (word & countMask) === this.#parties - 1 && this.#arrive(arrival) === 'arrived';
  }

  /** One step of arriving: `arrived` as the last, `waiting` counted, or undefined while an action runs. */
  #arrive(arrival: Arrival): 'arrived' | 'waiting' | undefined {
    for (;;) {
      const word = Atomics.load(this.i32, this.at);
      const phase = phaseOf(word);
      if (phase === BROKEN) throw brokenError();
      if (phase === ACTION) return undefined;
      const index = word & countMask;
      const last = index === this.#parties - 1;
      if (last && this.#action !== undefined && !this.#claimAction()) continue;
      const next = !last
        ? word + 1
        : this.#action === undefined
          ? nextRound(word, false)
          : withPhase(word + 1, ACTION);
      if (Atomics.compareExchange(this.i32, this.at, word, next) !== word) {
        if (last && this.#action !== undefined) Atomics.store(this.i32, this.at + 2, 0);
        continue;
      }
      arrival.index = index;
      arrival.round = roundOf(word);
      arrival.last = last;
      return last ? 'arrived' : 'waiting';
    }
  }

  /** Makes known who runs the action before it does, so that its death is noticed. */
  #claimAction(): boolean {
    const { arena } = this.lot;
    const runner = Atomics.compareExchange(this.i32, this.at + 2, 0, arena.tag);
    if (runner === 0) return true;
    if (arena.participants.isAlive(runner)) return false;
    return Atomics.compareExchange(this.i32, this.at + 2, runner, arena.tag) === runner;
  }

  /** Arrives when in line, then waits for the round to end. Waits for the end of a running action first. */
  #wait(arrival: Arrival): Wait<'arrived' | 'passed' | 'again'> {
    const entering = phaseOf(Atomics.load(this.i32, this.at)) === ACTION;
    return {
      key: entering ? this.key + 4 : this.key,
      kind: entering ? newcomerKind : barrierKind,
      attempt: () => {
        if (entering) return phaseOf(Atomics.load(this.i32, this.at)) === ACTION ? undefined : 'again';
        if (arrival.index < 0) {
          const arrived = this.#arrive(arrival);
          if (arrived === 'arrived') return 'arrived';
          if (arrived === undefined) return 'again';
        }
        const how = fate(Atomics.load(this.i32, this.at), arrival.round);
        if (how === 'broken') throw brokenError();
        return how === 'passed' ? 'passed' : undefined;
      },
    };
  }

  /** Who was counted gives up. `true`: the last one came at the same time, and the others pass with it. */
  #breakUnlessPassed(round: number): boolean {
    breakRound(this.lot, this.at, round);
    return fate(Atomics.load(this.i32, this.at), round) === 'passed';
  }

  /** Breaks the barrier, unless the last one came at the same time. */
  #timeOut(arrival: Arrival): void {
    if (arrival.index < 0) breakRound(this.lot, this.at, roundOf(Atomics.load(this.i32, this.at)));
    else if (this.#breakUnlessPassed(arrival.round)) return;
    throw new BrokenBarrierError(
      'Cannot pass the barrier: not all arrived in time; it is broken until reset()',
    );
  }

  async #runAction(arrival: Arrival): Promise<void> {
    if (this.#action !== undefined) {
      try {
        await this.#action();
      } catch (error) {
        breakRound(this.lot, this.at, arrival.round);
        throw error;
      }
    }
    this.#letGo(arrival);
  }

  #runActionSync(arrival: Arrival): void {
    if (this.#action !== undefined) {
      try {
        this.#action();
      } catch (error) {
        breakRound(this.lot, this.at, arrival.round);
        throw error;
      }
    }
    this.#letGo(arrival);
  }

  /** All have arrived and the action is done: the next round begins. */
  #letGo({ round }: Arrival): void {
    if (this.#action !== undefined) {
      const word = Atomics.load(this.i32, this.at);
      const ended = roundOf(word) !== round || phaseOf(word) !== ACTION;
      if (ended || Atomics.compareExchange(this.i32, this.at, word, nextRound(word, false)) !== word) {
        Atomics.store(this.i32, this.at + 2, 0);
        throw brokenError();
      }
      Atomics.store(this.i32, this.at + 2, 0);
    }
    wakeAll(this.lot, this.at);
  }

  /** Makes it empty and whole; those who wait get a BrokenBarrierError. */
  reset(): void {
    for (;;) {
      const word = Atomics.load(this.i32, this.at);
      if (phaseOf(word) === FILLING && (word & countMask) === 0) return;
      if (Atomics.compareExchange(this.i32, this.at, word, nextRound(word, true)) === word) break;
    }
    wakeAll(this.lot, this.at);
  }

  /** Breaks it: those who wait, and all who come until {@link reset}, get a BrokenBarrierError. */
  abort(): void {
    for (;;) {
      const word = Atomics.load(this.i32, this.at);
      if (phaseOf(word) === BROKEN) return;
      if (Atomics.compareExchange(this.i32, this.at, word, withPhase(word, BROKEN)) === word) break;
    }
    wakeAll(this.lot, this.at);
  }

  /** `<Barrier at 0x7f20: waiters=1/5>`, as Python prints it. */
  override [inspect.custom](): string {
    const state = this.broken ? 'broken' : `waiters=${this.nWaiting}/${this.#parties}`;
    return `<Barrier at ${this.addressText}: ${state}>`;
  }

  static [serialize](barrier: Barrier): BarrierData {
    return {
      block: barrier.block.handle(),
      parties: barrier.#parties,
      timeout: barrier.#timeout,
      action: barrier.#action,
    };
  }

  static [deserialize](data: BarrierData): Barrier {
    arriving = data;
    return new Barrier(data.parties);
  }
}

let arriving: BarrierData | undefined;

function checkParties(parties: unknown): void {
  if (typeof parties !== 'number' || !Number.isInteger(parties)) {
    throw typeError(`Cannot create a Barrier: parties must be an integer, got ${show(parties)}`);
  }
  if (parties < 1) {
    throw new ValueError(`parties must be > 0: cannot create a Barrier for ${parties}; let one or more wait`);
  }
  if (parties > largestParties) {
    throw rangeError(`Cannot create a Barrier: parties must be at most ${largestParties}, got ${parties}`);
  }
}

function brokenError(): BrokenBarrierError {
  return new BrokenBarrierError(
    'Cannot pass the barrier: it is broken, or was reset while waiting; somebody timed out, aborted or died; reset() it',
  );
}

registerTravelClass('sync/Barrier', Barrier);
