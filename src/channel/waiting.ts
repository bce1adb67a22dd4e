/**
 * Waiting for a message or for room, by threads and tasks alike, on the parking of the sync layer.
 *
 * What there is to wait for is a {@link Want}. Three steps: try; look on for as long as a wake through the kernel would
 * take (a peer that is awake answers in a microsecond); park. Looking on pays only while peers are quick, so how long is
 * learnt: it grows with every success and shrinks with every failure.
 *
 * No wake is lost: a waiter is in line before it raises the flag and tries again (parking.ts, {@link Ring.wake}).
 *
 * A pending wait keeps the program alive only while some other thread could end it, or it has a timeout: a program that
 * waits for a message that nobody can send comes to its end.
 */
import { availableParallelism } from 'node:os';
import { keepAlive, letEnd } from '../sync/bell.ts';
import { registerKind, type Wait } from '../sync/parking.ts';
import { WOKEN } from '../sync/slots.ts';
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
    return true;
  },
});

const several = availableParallelism() > 1;
const fewestRounds = 20;
const mostRounds = 4000;
let rounds = several ? 1000 : 0;

/** Looks on for a while. */
function lookOn(want: Want<unknown>): boolean {
  for (let n = 0; n < rounds; n++) {
    if (want.ready()) {
      if (rounds < mostRounds) rounds += 100;
      return true;
    }
  }
  if (several) rounds = Math.max(fewestRounds, rounds >> 1);
  return false;
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
  /** Now and then it is looked whether the other side lives: each waiter attempts at least once a second. */
  const sure = (): boolean => {
    const now = performance.now();
    if (now - lastSure < sureMilliseconds) return false;
    lastSure = now;
    return true;
  };
  return {
    key: want.key,
    kind: channelKind,
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
  const now = attemptNow(want);
  if (now !== EMPTY) return now;
  if (deadline !== undefined && performance.now() >= deadline) return EMPTY;
  if (lookOn(want)) {
    const got = want.attempt();
    if (got !== EMPTY) return got;
  }
  const box = want.ring.lot.waitSync(parked(want), deadline);
  return box === undefined ? EMPTY : box.value;
}

/** Tries once. @throws what `over` gives. */
export function attemptNow<T>(want: Want<T>): T | typeof EMPTY {
  const got = want.attempt();
  return got !== EMPTY ? got : attemptOrThrow(want, false);
}

/** Milliseconds for which a task lets the event loop turn before it parks; and how often in vain until it stops. */
const turnMilliseconds = 0.05;
const mostPatience = 20;
let patience = several ? mostPatience : 0;
/** A wait that was over as quickly as this would have been worth some turns. */
const quickMilliseconds = 0.3;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** As {@link waitSync}, without blocking. It is not tried first: do so before. */
export async function wait<T>(want: Want<T>, { deadline, signal }: Limits): Promise<T | typeof EMPTY> {
  if (signal?.aborted) throw signal.reason;
  const begun = performance.now();
  if (deadline !== undefined && begun >= deadline) return EMPTY;
  if (patience > 0) {
    do {
      await turn();
      if (signal?.aborted) throw signal.reason;
      if (want.ready()) {
        const got = want.attempt();
        if (got !== EMPTY) {
          patience = mostPatience;
          return got;
        }
      }
    } while (performance.now() - begun < turnMilliseconds);
    patience--;
  }
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
    if (performance.now() - begun < quickMilliseconds && several)
      patience = Math.min(mostPatience, patience + 2);
    return box === undefined ? EMPTY : box.value;
  } finally {
    if (keeping) letEnd();
  }
}

/**
 * Gets in line for what is wanted, for a thread that waits for several things at once and looks by itself: see `wait.ts`. It
 * leaves the line when `signal` is aborted, or when it was there.
 */
export function park(want: Want<unknown>, signal: AbortSignal): void {
  want.ring.lot.wait(parked(want), { signal, keepAlive: false }).catch(() => {});
}
