/**
 * Waiting for a message or for room, by threads and tasks alike, on the parking of the sync layer.
 *
 * What there is to wait for is a {@link Want}. Three steps: try; look on for as long as a wake through the kernel would
 * take (a peer that is awake answers in a microsecond); park. Looking on pays only while peers are quick, so whether to is
 * learnt from how it went before.
 *
 * No wake is lost: a waiter is in line before it raises the flag and tries again (parking.ts, {@link Ring.wake}).
 *
 * A pending wait keeps the program alive only while some other thread could end it, or it has a timeout: a program that
 * waits for a message that nobody can send comes to its end.
 */
import { availableParallelism } from 'node:os';
import { yieldCore } from '../platform/yield.ts';
import { keepAlive, letEnd } from '../sync/bell.ts';
import { registerKind, type Wait } from '../sync/parking.ts';
import { type SlotState, WOKEN } from '../sync/slots.ts';
import { EMPTY, type Ring } from './ring.ts';

/** Something to wait for. */
export interface Want<T> {
  readonly ring: Ring;
  /** Where those who wait for it stand in line. */
  readonly key: number;
  /** Word of the ring that says that somebody may stand there. */
  readonly flag: number;
  /** Takes it if it is there. */
  attempt(): T | typeof EMPTY;
  /** Whether to attempt is worth it; costs next to nothing. */
  ready(): boolean;
  /** Why it will never come, if so; `sure`: look whether those who could bring it live. */
  over(sure: boolean): Error | undefined;
  /** Whether another thread could bring it. */
  fromElsewhere(): boolean;
  /** Whether a handle is under way to somebody who could: it counts for a while only. */
  underWay(): boolean;
}

/** Limits of a wait, checked. */
export interface Limits {
  /** On the clock of `performance.now()`. */
  readonly deadline: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const channelKind = 8;
registerKind(channelKind, {
  grants: false,
  passOn(lot, key, state) {
    if (state === WOKEN) lot.wake(key);
  },
  // Who waits may have waited for what only the dead could bring.
  onDeath: (lot, key) => void lot.wake(key, Number.POSITIVE_INFINITY),
});

const several = availableParallelism() > 1;
/** How long a thread looks on: about what a wake through the kernel takes. In milliseconds, as all here. */
const lookMilliseconds = 0.05;
/** How often it looks on in vain until it stops; then once in so many waits it tries again whether it pays. */
const mostPatience = 20;
const retryEvery = 16;
/** A wait that was over as quickly as this would have been worth looking on. */
const quickMilliseconds = 0.3;

/** How much longer looking on seems worth it: of threads that block, and of tasks. */
class Patience {
  #left = several ? mostPatience : 0;
  #refused = 0;

  /** Whether to look on now. */
  get has(): boolean {
    return this.#left > 0 || (several && ++this.#refused % retryEvery === 0);
  }

  won(): void {
    this.#left = mostPatience;
  }

  lost(): void {
    if (this.#left > 0) this.#left--;
  }

  /** A wait that parked took so long. */
  parkedFor(milliseconds: number): void {
    if (several && milliseconds < quickMilliseconds) this.#left = Math.min(mostPatience, this.#left + 2);
  }
}

const ofThreads = new Patience();
const ofTasks = new Patience();

/** Between two looks, after the first few: each takes a cache line from who is about to write to it. */
const restRounds = 60;
let rested = 0;

function rest(): void {
  for (let n = 0; n < restRounds; n++) rested = (rested * 31 + n) | 0;
}

/** Whether it becomes ready before `end`; who is to bring it may be waiting for this very core. */
function readyBefore(want: Want<unknown>, end: number): boolean {
  for (let n = 0; n < 4; n++) if (want.ready()) return true;
  do {
    for (let n = 0; n < 8; n++) {
      rest();
      if (want.ready()) return true;
    }
    yieldCore();
  } while (performance.now() < end);
  return false;
}

/** Looks on for a while, and attempts. */
function lookOn<T>(want: Want<T>, deadline: number | undefined): T | typeof EMPTY {
  if (!ofThreads.has) return EMPTY;
  const end = performance.now() + lookMilliseconds;
  if (readyBefore(want, deadline === undefined ? end : Math.min(end, deadline))) {
    const got = want.attempt();
    if (got !== EMPTY) {
      ofThreads.won();
      return got;
    }
  }
  ofThreads.lost();
  return EMPTY;
}

/** How often a waiter looks whether the other side lives. */
const sureMilliseconds = 400;

interface Box<T> {
  readonly value: T;
}

/** Throws why it is over, unless it came just before that. */
function attemptOrThrow<T>(want: Want<T>, sure: boolean): T | typeof EMPTY {
  const error = want.over(sure);
  if (error === undefined) return EMPTY;
  const last = want.attempt();
  if (last !== EMPTY) return last;
  throw error;
}

let ending = false;

/** The thread is at its end: what its tasks still wait for comes no more, and is no failure of theirs either. */
export function endTasks(): void {
  ending = true;
}

function parked<T>(want: Want<T>, onAttempt?: () => void): Wait<Box<T>> {
  const { ring } = want;
  let lastSure = performance.now();
  /** Now and then it is looked whether the other side lives; who rests is told. */
  const sure = (): boolean => {
    const now = performance.now();
    if (now - lastSure < sureMilliseconds) return false;
    lastSure = now;
    return true;
  };
  return {
    key: want.key,
    kind: channelKind,
    restless: () => want.underWay(),
    attempt() {
      if (ending && onAttempt !== undefined) return undefined;
      let got = want.attempt();
      if (got === EMPTY) {
        Atomics.store(ring.i32, ring.at + want.flag, 1);
        got = want.attempt();
      }
      if (got === EMPTY) got = attemptOrThrow(want, sure());
      onAttempt?.();
      return got === EMPTY ? undefined : { value: got };
    },
  };
}

/**
 * Waits, blocking this thread.
 *
 * @returns what the attempt gave, or EMPTY when time is up.
 * @throws what `over` gives.
 */
export function waitSync<T>(want: Want<T>, deadline: number | undefined): T | typeof EMPTY {
  // Before asking whether it is over: with a quick peer that would be most of the work.
  if (deadline === undefined) {
    const quick = lookOn(want, deadline);
    if (quick !== EMPTY) return quick;
  }
  const now = attemptNow(want);
  if (now !== EMPTY) return now;
  if (deadline !== undefined) {
    if (performance.now() >= deadline) return EMPTY;
    const quick = lookOn(want, deadline);
    if (quick !== EMPTY) return quick;
  }
  const begun = performance.now();
  const box = want.ring.lot.waitSync(parked(want), deadline);
  ofThreads.parkedFor(performance.now() - begun);
  return box === undefined ? EMPTY : box.value;
}

/** Tries once. @throws what `over` gives. */
export function attemptNow<T>(want: Want<T>): T | typeof EMPTY {
  const got = want.attempt();
  return got !== EMPTY ? got : attemptOrThrow(want, false);
}

/** How long a task looks on without letting the event loop turn, and with turns, before it parks. */
const stareMilliseconds = 0.02;
const turnMilliseconds = 0.15;
/** The event loop turns at least this often, however quick the peers are. */
const mostWithoutTurn = 5;

let lastTurn = 0;
const turn = async (): Promise<void> => {
  await new Promise((resolve) => setImmediate(resolve));
  lastTurn = performance.now();
};

let sinceTurn = 0;

/** For loops over messages that are there already: now and then the event loop is to turn. */
export function isTurnDue(): boolean {
  return (++sinceTurn & 255) === 0 && performance.now() - lastTurn > mostWithoutTurn;
}

/** Lets the event loop turn. */
export function letTurn(): Promise<void> {
  return turn();
}

/** Looks on for a while as a task, and attempts. */
async function lookOnTurning<T>(
  want: Want<T>,
  begun: number,
  signal: AbortSignal | undefined,
): Promise<T | typeof EMPTY> {
  let ready = begun - lastTurn < mostWithoutTurn && readyBefore(want, begun + stareMilliseconds);
  for (;;) {
    if (ready) {
      const got = want.attempt();
      if (got !== EMPTY) {
        ofTasks.won();
        return got;
      }
    }
    if (performance.now() - begun >= turnMilliseconds) break;
    await turn();
    if (signal?.aborted) throw signal.reason;
    ready = want.ready();
  }
  ofTasks.lost();
  return EMPTY;
}

/** As {@link waitSync}, without blocking. It is not tried first: do so before. */
export async function wait<T>(want: Want<T>, { deadline, signal }: Limits): Promise<T | typeof EMPTY> {
  if (signal?.aborted) throw signal.reason;
  const begun = performance.now();
  if (deadline !== undefined && begun >= deadline) return EMPTY;
  if (ofTasks.has) {
    const quick = await lookOnTurning(want, begun, signal);
    if (quick !== EMPTY) return quick;
  }
  const parkedAt = performance.now();
  let keeping = false;
  const adjust = (): void => {
    const wanted = deadline !== undefined || want.fromElsewhere();
    if (wanted === keeping) return;
    keeping = wanted;
    if (wanted) keepAlive();
    else letEnd();
  };
  const waiting = want.ring.lot.wait(parked(want, adjust), { deadline, signal, keepAlive: false });
  try {
    const box = await waiting;
    ofTasks.parkedFor(performance.now() - parkedAt);
    return box === undefined ? EMPTY : box.value;
  } finally {
    if (keeping) letEnd();
  }
}

/** A place in line. */
export interface Parked {
  /** `false` when it was there, and the line was left. */
  readonly isInLine: boolean;
}

/**
 * Gets in line for what is wanted, for a thread that waits for several things at once and looks by itself: see `wait.ts`. It
 * leaves the line when `signal` is aborted, or when it was there.
 */
export function park(want: Want<unknown>, signal: AbortSignal): Parked {
  const place = { isInLine: true };
  const { attempt } = parked(want);
  const wait = {
    ...parked(want),
    attempt(state: SlotState) {
      place.isInLine = false;
      const got = attempt(state);
      place.isInLine = got === undefined;
      return got;
    },
  };
  want.ring.lot.wait(wait, { signal, keepAlive: false }).catch(() => {});
  return place;
}
