/**
 * What Queue, SimpleQueue and JoinableQueue are made of: a ring for all producers and consumers, and its holders.
 *
 * `put` writes into shared memory itself and is done: there is no feeder thread as in Python, so nothing is lost when a
 * process ends right after it, nothing needs an event loop, and no exit waits for anybody.
 */
import { inspect } from 'node:util';
import { allocate, type Block } from '../memory/arena.ts';
import { queueClosed, ShutDown } from './errors.ts';
import { createExtents } from './extents.ts';
import { DRAINS, Holders, PUT } from './holders.ts';
import { KeyTable } from './key-table.ts';
import { OPEN, place, queueBytes, SHUT, word } from './layout.ts';
import { Pace } from './pace.ts';
import { EMPTY, Ring } from './ring.ts';
import { type ChannelHandle, openRings, Seat } from './seat.ts';
import {
  Coded,
  finish,
  finishAsync,
  keep,
  type Outgoing,
  prepare,
  send,
  sendKept,
  takeNothing,
  takeValue,
} from './values.ts';
import { waitable } from './waitable.ts';
import { attemptNow, isTurnDue, type Limits, letTurn, type Want, wait, waitSync } from './waiting.ts';

let arriving: ChannelHandle | undefined;

/** Lets the next queue that this thread constructs be the one that a handle names. */
export function rebuild<T>(make: () => T, data: ChannelHandle): T {
  arriving = data;
  try {
    return make();
  } finally {
    arriving = undefined;
  }
}

/** How often those who wait for a queue look for the dead, all together: a little less than a waiter that is alone looks. */
const lookMilliseconds = 700;

/** Shared by the three classes; not for callers. */
export abstract class BaseQueue<T = unknown> implements Disposable {
  readonly #block: Block;
  readonly #seat: Seat;
  readonly #pace: Pace;
  protected readonly ring: Ring;
  #hasPut = false;
  #used = false;

  /** @param maxsize Messages that it holds at most; 0 for no limit. */
  constructor(maxsize: number) {
    const data = arriving;
    arriving = undefined;
    if (data === undefined) {
      this.#block = allocate(queueBytes);
      const at = (this.#block.offset + place.ring0) >> 2;
      this.ring = new Ring(this.#block.arena, at, createExtents(), false);
      Atomics.store(this.ring.i32, at + word.limit, maxsize);
      this.#block.ownedBy(this.ring);
    } else {
      const { block, rings } = openRings(data, false, queueBytes);
      this.#block = block;
      this.ring = rings[0]!;
    }
    const { arena, offset } = this.#block;
    const holders = new Holders(arena, offset + place.holders, offset + place.keys);
    this.ring.keys = new KeyTable(this.ring, (offset + place.keys) >> 2, (offset + place.end) >> 2);
    this.#seat = new Seat(holders, [this.ring], this, data?.ticket);
    this.#pace = new Pace(this.ring);
  }

  protected get closed(): boolean {
    return this.#seat.left;
  }

  /** Whether this object has put or got anything. */
  protected get used(): boolean {
    return this.#used;
  }

  protected get limit(): number {
    return this.ring.limit;
  }

  /** Messages in it now. */
  protected get count(): number {
    return this.ring.size;
  }

  /** What `put` and `get` throw after `close()`. */
  protected closedError(): Error {
    return queueClosed();
  }

  #markPut(): void {
    this.#hasPut = true;
    this.#used = true;
    if (this.#seat.holders.flag(this.#seat.entry, PUT, true)) {
      Atomics.add(this.ring.i32, this.ring.at + word.producers, 1);
    }
  }

  #checkPut(): void {
    if (this.#seat.left) throw this.closedError();
    if (!this.ring.isOpen) throw new ShutDown('Cannot put into the queue: it was shut down');
    if (!this.#hasPut) this.#markPut();
  }

  /** Puts `value` if there is room now; else returns what to put when there is. */
  protected tryPut(value: unknown, onError?: (error: Error, value: unknown) => void): Outgoing | undefined {
    this.#checkPut();
    if (onError === undefined) prepare(value, this.ring.keys);
    else {
      try {
        prepare(value, this.ring.keys);
      } catch (error) {
        onError(error as Error, value);
        return undefined;
      }
    }
    return send(this.ring) ? undefined : keep();
  }

  protected async putSlow(outgoing: Outgoing, limits: Limits): Promise<boolean> {
    return (await wait(this.#roomWant(outgoing), limits)) !== EMPTY;
  }

  protected putSlowSync(outgoing: Outgoing, limits: Limits): boolean {
    return waitSync(this.#roomWant(outgoing), limits.deadline) !== EMPTY;
  }

  #roomWant(outgoing: Outgoing): Want<true> {
    const { ring } = this;
    return {
      ring,
      key: ring.roomKey,
      flag: word.writers,
      attempt: () => {
        this.#checkPut();
        return sendKept(ring, outgoing) ? true : EMPTY;
      },
      ready: () => ring.size < this.limit,
      over: () => undefined,
      fromElsewhere: () => this.sharedElsewhere,
      underWay: () => false,
    };
  }

  /** Whether another thread has this queue. */
  protected get sharedElsewhere(): boolean {
    return this.#seat.holders.anyElsewhere();
  }

  /** Whether a handle of this queue is on its way to another thread. */
  protected get underWay(): boolean {
    return this.#seat.holders.anyInTransit();
  }

  /**
   * Removes those who died from its holders. Called by all who wait, now and then: one of them does it for all, and wakes the others
   * when there were any. If each did it for itself, many that wait would keep a core busy with looking at one another.
   */
  protected lookForDead(): void {
    const { i32, at } = this.ring;
    const now = Date.now() & 0x7fffffff;
    const last = Atomics.load(i32, at + word.looked);
    if (((now - last) & 0x7fffffff) < lookMilliseconds) return;
    if (Atomics.compareExchange(i32, at + word.looked, last, now) !== last) return;
    if (this.#seat.holders.prune()) this.ring.wakeAll();
  }

  /** Takes the oldest message, not yet decoded, or EMPTY. */
  protected tryTake(): unknown {
    if (this.#seat.left) throw this.closedError();
    this.#used = true;
    return this.ring.read(takeValue);
  }

  protected async take(limits: Limits): Promise<unknown> {
    const want = this.#messageWant();
    const got = attemptNow(want);
    return got !== EMPTY ? got : wait(want, limits);
  }

  protected takeSync(limits: Limits): unknown {
    return waitSync(this.#messageWant(), limits.deadline);
  }

  #messageWant(): Want<unknown> {
    const { ring } = this;
    return {
      ring,
      key: ring.messageKey,
      flag: word.readers,
      attempt: () => (this.#seat.left ? EMPTY : ring.read(takeValue)),
      ready: () => this.#pace.ready(),
      over: (sure) => {
        if (sure) this.lookForDead();
        return this.#overForTaking();
      },
      fromElsewhere: () => this.sharedElsewhere,
      underWay: () => this.underWay,
    };
  }

  #overForTaking(): Error | undefined {
    if (this.#seat.left) return this.closedError();
    return this.ring.isOpen ? undefined : new ShutDown('Cannot get from the queue: it was shut down');
  }

  /** Takes and decodes, or throws why there is nothing. */
  protected finished(taken: unknown): T {
    return finish(taken) as T;
  }

  protected finishedAsync(taken: unknown): Promise<T> {
    return Promise.resolve(finishAsync(taken) as T | Promise<T>);
  }

  /** One step of an iteration. A message that is there already costs one promise and no other turn of the microtask queue. */
  protected nextResult(): Promise<IteratorResult<T, undefined>> {
    if (isTurnDue()) return this.#resultLater(letTurn());
    if (this.closed) return Promise.resolve({ value: undefined, done: true });
    this.#used = true;
    const got = this.ring.read(takeValue);
    if (got === EMPTY || got instanceof Coded) return this.#resultLater(undefined, got);
    return Promise.resolve({ value: got as T, done: false });
  }

  /** @param before To be waited for first. @param taken A message that was taken already, or EMPTY. */
  async #resultLater(
    before: Promise<void> | undefined,
    taken: unknown = EMPTY,
  ): Promise<IteratorResult<T, undefined>> {
    if (before !== undefined) await before;
    const got = taken !== EMPTY ? taken : await this.#takeOrEnd();
    if (got === EMPTY) return { value: undefined, done: true };
    return { value: await this.finishedAsync(got), done: false };
  }

  /** What iteration waits for: a message, or that there will be none. */
  async #takeOrEnd(): Promise<unknown> {
    if (this.closed) return EMPTY;
    this.#used = true;
    const got = this.ring.read(takeValue);
    return got !== EMPTY ? got : this.#drain((want) => wait(want, { deadline: undefined }));
  }

  /** The next message of an iteration, or that there will be none; blocks this thread. */
  protected takeOrEndSync(): unknown {
    if (this.closed) return EMPTY;
    this.#used = true;
    let got: unknown = this.ring.read(takeValue);
    if (got !== EMPTY) return got;
    this.#startDraining();
    try {
      got = waitSync(this.#drainWant(), undefined);
    } finally {
      this.#stopDraining(got);
    }
    return unlessEnded(got);
  }

  async #drain(waitFor: (want: Want<unknown>) => Promise<unknown>): Promise<unknown> {
    let got: unknown = EMPTY;
    this.#startDraining();
    try {
      const want = this.#drainWant();
      got = want.attempt();
      if (got === EMPTY) got = await waitFor(want);
    } finally {
      this.#stopDraining(got);
    }
    return unlessEnded(got);
  }

  /** Iterations of this object that wait now. */
  #draining = 0;

  /** The others look again: with one less who might put something, iteration may be over for them. */
  #startDraining(): void {
    const { holders, entry } = this.#seat;
    this.#draining++;
    if (holders.flag(entry, DRAINS, true) && !this.#hasPut && this.ring.size === 0) this.ring.wakeReaders();
  }

  /** At the end the flag stays: else the first whose iteration ends would be one who might put, to all others. */
  #stopDraining(got: unknown): void {
    const { holders, entry } = this.#seat;
    if (--this.#draining === 0 && got !== ENDED && !this.#seat.left) holders.flag(entry, DRAINS, false);
  }

  #drainWant(): Want<unknown> {
    const want = this.#messageWant();
    const { ring } = this;
    return {
      ...want,
      attempt: () => {
        if (this.#seat.left) return ENDED;
        const got = ring.read(takeValue);
        if (got !== EMPTY || !this.#hasEnded()) return got;
        const last = ring.read(takeValue);
        return last !== EMPTY ? last : ENDED;
      },
      over: (sure) => {
        if (sure) this.lookForDead();
        return undefined;
      },
    };
  }

  /** Whether nobody is left who might put something, though somebody has; or the queue was shut down. */
  #hasEnded(): boolean {
    if (!this.ring.isOpen) return true;
    if (this.#hasPut || Atomics.load(this.ring.i32, this.ring.at + word.producers) === 0) return false;
    return !this.#seat.holders.anyMayPut(this.#seat.entry);
  }

  /**
   * Python's `shutdown` of 3.13: nothing can be put any more. What is in the queue may still be taken, or is dropped when
   * `immediate`. Who waits gets `ShutDown`, in all processes.
   */
  protected shutDown(mode: number): void {
    this.ring.raiseMode(mode);
    if (mode === SHUT) this.dropAll();
    this.ring.wakeAll();
  }

  /** Drops what is in it. @returns how many messages that were. */
  protected dropAll(): number {
    let dropped = 0;
    while (this.ring.read(takeNothing) !== EMPTY) dropped++;
    return dropped;
  }

  /**
   * This object puts and gets no more; those of other processes go on. Its calls that wait are ended with an error, an
   * iteration over it ends. May be called twice.
   */
  close(): void {
    this.#seat.leave();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** `<multiprocessing.queues.Queue object at 0x7f20>`, as Python prints it. */
  [inspect.custom](): string {
    const address = this.#block.address.toString(16);
    return `<multiprocessing.queues.${this.constructor.name} object at 0x${address}>`;
  }

  toString(): string {
    return this[inspect.custom]();
  }

  protected data(): ChannelHandle {
    if (this.#seat.left) throw this.closedError();
    return {
      block: this.#block.handle(),
      rings: [this.ring.extents.segment.handle()],
      ticket: this.#seat.depart(),
    };
  }

  /** For `wait()`: ready when `get` would return, or throw, at once. */
  [waitable](): Want<true> {
    if (this.#seat.left) throw this.closedError();
    const { ring } = this;
    return {
      ...this.#messageWant(),
      attempt: () => {
        if (this.#seat.left) throw this.closedError();
        if (ring.size === 0 && ring.mode === OPEN) return EMPTY;
        // It may have been woken in the place of somebody who wants to take it.
        ring.lot.wake(ring.messageKey);
        return true;
      },
      over: (sure) => {
        if (sure) this.lookForDead();
        return undefined;
      },
    };
  }
}

/** What the wait of an iteration gives at its end. */
const ENDED = Symbol('ended');

function unlessEnded(got: unknown): unknown {
  return got === ENDED ? EMPTY : got;
}
