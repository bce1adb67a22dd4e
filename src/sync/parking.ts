/**
 * Parking: how threads and tasks of any process wait for something in an arena, and are woken. One mechanism for all.
 *
 * **Contract.** Something to wait for is a key (the offset of its word) and an `attempt` that takes it if it is there,
 * at once, without blocking. {@link ParkingLot.waitSync} blocks the thread, {@link ParkingLot.wait} gives a Promise;
 * both stand in the same line. The waiter gets in line *before* it attempts, and whoever changes the word changes it
 * *before* it wakes, so one of the two sees the other: no wake is lost.
 *
 * - `wake(key, n)` tells the first n in line to attempt again; who fails stays at its place.
 * - A woken waiter that gives up (timeout, abort, error) has its wake passed on to the next.
 * - `attempt` is told the slot's state, so that one can wait for having been woken itself (a Condition does), or be
 *   given what it waits for (GRANTED) or bad news (SPOILED).
 * - Whatever ends a wait without success tells the kind ({@link Kind.passOn}): it may have been meant for this waiter.
 * - At first a waiter attempts by itself now and then, and one of them looks whether all concerned live. Later it rests, until it is
 *   told: rest.ts. So what was to be done by a process that was killed in the middle of a release is only late, by less than two seconds.
 * - Waking costs a scan of the slots in use in this arena. Whoever wakes often keeps a word "somebody may wait" that a
 *   waiter sets in `attempt` and that the waker looks at first; see lock.ts, event.ts.
 *
 * A kind says what becomes of a slot whose waiter died: {@link registerKind}.
 */
import { onceAborted } from '../base/abort.ts';
import { type Arena, livingArenas, setGreeter, setReaper } from '../memory/arena.ts';
import { head } from '../memory/layout.ts';
import { pollFds } from '../platform/blocking-poll.ts';
import { POLLIN } from '../platform/descriptors.ts';
import { futexWait, futexWake } from '../platform/futex.ts';
import {
  hangBell,
  keepAlive,
  type Listener,
  letEnd,
  listen,
  lookSoon,
  passBellOn,
  silenceBell,
  unlisten,
} from './bell.ts';
import { dropForeignBell, greet, ringAgain, ringBell } from './foreign-bells.ts';
import { ownerName } from './owner.ts';
import {
  alert,
  deathDescriptor,
  hearDeathsByLoop,
  longestRest,
  mayBeRestedFor,
  Rest,
  standByMilliseconds,
  takeEnded,
} from './rest.ts';
import { FREE, GRANTED, type SlotState, Slots, SPOILED, SUSPENDED, WAITING, WOKEN } from './slots.ts';

/** What a waiter waits for. `T` must not be `undefined`. */
export interface Wait<T> {
  /** Tells things to wait for in one arena apart: the offset of a word. */
  readonly key: number;
  /** See {@link registerKind}; 0 when a wake given to a dead waiter just goes to the next one. */
  readonly kind?: number | undefined;
  /** How often a thread looks at its slot before it sleeps. @default 0 */
  readonly spins?: number | undefined;
  /** Takes it if it can be had now; must not block. What it throws ends the wait. */
  attempt(state: SlotState): T | undefined;
  /** Whether it may come, or the wait be over, only because time passes: then it is attempted now and then. */
  restless?(): boolean;
}

/** Limits of an asynchronous wait. */
export interface Limits {
  /** On the clock of `performance.now()`; undefined for never. */
  readonly deadline?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Whether the program stays alive to wait. @default true */
  readonly keepAlive?: boolean | undefined;
  /** What the wait resolves to when the deadline is over. @default undefined */
  readonly otherwise?: unknown;
}

/** What to do for waiters of a kind that die. */
export interface Kind {
  /** Whether its waiters may be given what they wait for: not while their thread is blocked. */
  readonly grants: boolean;
  /**
   * A waiter will not use what it was told (it died, gave up, its thread is blocked): `tag` says who, `state` what it was
   * told; FREE or SUSPENDED when it was told nothing.
   */
  passOn(lot: ParkingLot, key: number, state: SlotState, tag: number): void;
  /**
   * Before somebody rests for `key`, now and then while somebody waits who does not rest, and when somebody was found dead. Does who
   * would wake them live? If not, tells them.
   */
  look?(lot: ParkingLot, key: number): void;
  /** What one was told, no other can use: nobody stands by. */
  readonly isPersonal?: boolean | undefined;
  /** Somebody was found dead while others wait for `key`. */
  onDeath?(lot: ParkingLot, key: number): void;
}

const kinds: Kind[] = [];

/** Describes a kind of waiters under a number from 1 to 127 that all processes agree on. */
export function registerKind(number: number, kind: Kind): void {
  kinds[number] = kind;
}

/** Bits of a slot's details: its waiter is a task, or a thread that rests. Both are woken by a bell, other threads by their slot. */
const ASYNC = 1;
const RESTING = 1 << 8;
const kindShift = 1;
const kindMask = 0x7f;

/** How often in a row a task may have what is free before another task of its thread may. */
const glanceRounds = 3;
/** How long a thread sleeps at first before it looks by itself; after that it rests, or is told how long by {@link ParkingLot}'s patrol. */
const napMilliseconds = [100, 300] as const;
/**
 * How often one of all waiters of an arena that do not rest looks for the dead: whoever wakes first. The others, who wake up only to
 * make sure of this, sleep on.
 */
const patrolMilliseconds = 1700;
/** A patrol may come a little early, for timers do. */
const slackMilliseconds = 50;

interface Task {
  readonly slot: number;
  readonly wait: Wait<unknown>;
  readonly settle: (value: unknown) => void;
  readonly fail: (error: unknown) => void;
  readonly limits: Limits;
  timer: NodeJS.Timeout | undefined;
  deaf: (() => void) | undefined;
}

/** All waiting in one arena, as this thread sees it. Get it with {@link parkingLot}. */
export class ParkingLot implements Listener {
  readonly arena: Arena;
  readonly slots: Slots;
  readonly #tasks = new Map<number, Task>();
  readonly #rest: Rest;
  /** Whether the tasks rest. */
  #tasksRest = false;
  /** Whether this thread has silenced its bell while it blocked. */
  #hasSilenced = false;
  #glances = 0;
  /** Slots of own tasks that were told something by this very thread. */
  #due: number[] = [];

  constructor(arena: Arena) {
    this.arena = arena;
    this.slots = new Slots(arena.i32, arena.participants.index);
    this.#rest = new Rest(arena, () => this.reap());
  }

  /** Wakes the first `count` in line for `key`. Returns how many there were. */
  wake(key: number, count = 1): number {
    if (count === 1) {
      const slot = this.slots.tellFirst(key, WOKEN);
      if (slot !== -1) this.rouse(slot);
      return slot === -1 ? 0 : 1;
    }
    return this.#tell(key, WOKEN, count);
  }

  /** Tells all who wait for `key` that it will not come. */
  spoil(key: number): number {
    return this.#tell(key, SPOILED, Number.POSITIVE_INFINITY);
  }

  #tell(key: number, state: SlotState, limit: number): number {
    const slots = this.slots.tell(key, state, limit);
    for (const slot of slots) this.rouse(slot);
    return slots.length;
  }

  /** The second half of waking: the slot says something, now its waiter is to look at it. */
  rouse(slot: number): void {
    const details = this.slots.details(slot);
    if ((details & (ASYNC | RESTING)) === 0) {
      futexWake(this.arena.segment.address + this.slots.wordOf(slot) * 4, 1);
    } else {
      const index = this.slots.participant(slot);
      if (index === this.arena.participants.index) this.#deliverSoon(slot);
      else ringBell(this.arena.participants, index);
    }
    const key = this.slots.key(slot);
    if (mayBeRestedFor(this.arena, key) && kinds[(details >> kindShift) & kindMask]?.isPersonal !== true) {
      alert(this.arena, this.slots, key);
    }
  }

  /**
   * Waits, blocking this thread and its event loop.
   *
   * @returns what `attempt` gave, or undefined when the deadline is over.
   */
  waitSync<T>(wait: Wait<T>, deadline?: number): T | undefined {
    const suspended = suspendGrants();
    try {
      const slot = this.slots.enqueue(wait.key, (wait.kind ?? 0) << kindShift);
      return this.#sleepUntil(slot, wait, deadline);
    } finally {
      if (!this.#tasksRest) this.#rest.end();
      if (this.#hasSilenced) passBellOn();
      this.#hasSilenced = false;
      for (const lot of suspended) lot.resumeGrants();
    }
  }

  #sleepUntil<T>(slot: number, wait: Wait<T>, deadline: number | undefined): T | undefined {
    const address = this.arena.segment.address + this.slots.wordOf(slot) * 4;
    let state: SlotState = WAITING;
    let naps = 0;
    let nap: number = napMilliseconds[0];
    let standsBy = false;
    const spins = wait.spins ?? 0;
    for (;;) {
      // Before the attempt: what has happened until now, that one sees; what happens later, this thread is told.
      const mayRest = state === WAITING && naps >= napMilliseconds.length && !standsBy;
      const rests = mayRest && this.#mayRest(slot, wait);
      const got = this.#attempt(slot, wait, state);
      if (got !== undefined) {
        this.slots.lower(slot);
        return got;
      }
      if (state !== WAITING) {
        // It may have come back between the attempt and this: attempt once more before sleeping.
        this.slots.waitAgain(slot);
        state = WAITING;
        continue;
      }
      // Not after a nap: what did not come for so long will hardly come right now.
      if (naps === 0 && this.#spin(slot, spins)) {
        state = this.slots.state(slot);
        continue;
      }
      const left = deadline === undefined ? Number.POSITIVE_INFINITY : deadline - performance.now();
      if (left <= 0 && this.slots.cancel(slot)) {
        this.#passOn(wait, FREE);
        return undefined;
      }
      const raw = this.slots.raw(slot);
      state = this.slots.state(slot);
      if (state !== WAITING) continue;
      if (rests && left > 0) standsBy = this.#sleepTillRung(slot, wait, raw, Math.min(left, longestRest));
      else if (left > 0) {
        futexWait(address, raw, Math.min(left, nap));
        standsBy = false;
      }
      state = this.slots.state(slot);
      if (state === WAITING && left > nap && !rests) {
        naps++;
        nap = Math.min(napMilliseconds[naps] ?? Number.POSITIVE_INFINITY, this.#patrol());
      }
    }
  }

  /** Whether this thread may block without looking now and then. */
  #mayRest(slot: number, wait: Wait<unknown>): boolean {
    if (wait.restless?.() === true || ringAgain()) return false;
    const { participants } = this.arena;
    try {
      hangBell(participants);
    } catch {
      return false; // no descriptors left
    }
    try {
      // First: whoever rings from now on is heard.
      silenceBell();
      this.#hasSilenced = true;
      reapEnded();
      if (!this.#rest.prepare([wait.key])) return false;
      kinds[wait.kind ?? 0]?.look?.(this, wait.key);
      return true;
    } catch (error) {
      this.#leave(slot, wait);
      throw error;
    }
  }

  /**
   * Blocks the thread until its slot is told something, its bell rings or somebody ends. After {@link #mayRest} and an attempt.
   *
   * @returns whether it is to stand by: its bell has rung, but not for what its slot was told.
   */
  #sleepTillRung(slot: number, wait: Wait<unknown>, raw: number, milliseconds: number): boolean {
    const end = performance.now() + milliseconds;
    let rung: boolean;
    try {
      rung = this.#blockTillRung(slot, milliseconds);
    } catch (error) {
      this.#leave(slot, wait);
      throw error;
    }
    if (!rung) return false;
    if (this.slots.state(slot) !== WAITING) return false;
    const address = this.arena.segment.address + this.slots.wordOf(slot) * 4;
    futexWait(address, raw, Math.min(standByMilliseconds, end - performance.now()));
    return true;
  }

  #blockTillRung(slot: number, milliseconds: number): boolean {
    const details = this.slots.details(slot);
    this.slots.setDetails(slot, details | RESTING);
    try {
      // Who tells it something from now on rings.
      if (this.slots.state(slot) !== WAITING) return false;
      const items = [hangBell(this.arena.participants), deathDescriptor()];
      const [rung, ended] = pollFds(
        items.map((fd) => ({ fd, events: POLLIN })),
        milliseconds,
      );
      if (ended !== 0) reapEnded();
      return rung !== 0;
    } finally {
      this.slots.setDetails(slot, details);
    }
  }

  /** Looks at the slot for a while before the thread sleeps. True when it was told something. */
  #spin(slot: number, rounds: number): boolean {
    for (let n = 0; n < rounds; n++) if (this.slots.state(slot) !== WAITING) return true;
    return false;
  }

  /** Runs `attempt` and leaves the line when it succeeds or throws. */
  #attempt<T>(slot: number, wait: Wait<T>, state: SlotState): T | undefined {
    let got: T | undefined;
    try {
      got = wait.attempt(state);
    } catch (error) {
      this.#leave(slot, wait);
      throw error;
    }
    if (got === undefined) return undefined;
    // To wakers its place counts until then, which costs them a look: less than who was woken would lose.
    if (state !== WAITING) this.slots.free(slot);
    else if (!this.slots.cancel(slot)) this.#leave(slot, wait);
    return got;
  }

  /** Leaves the line without using what it was told, if it was told anything. */
  #leave(slot: number, wait: Wait<unknown>): void {
    let state: SlotState = FREE;
    if (!this.slots.cancel(slot)) {
      state = this.slots.state(slot);
      this.slots.leave(slot);
    }
    this.#passOn(wait, state);
  }

  #passOn(wait: Wait<unknown>, state: SlotState): void {
    this.#passOnFor(wait.kind ?? 0, wait.key, state, this.arena.tag);
  }

  #passOnFor(kind: number, key: number, state: SlotState, tag: number): void {
    const special = kinds[kind];
    if (special !== undefined) special.passOn(this, key, state, tag);
    else if (state === WOKEN) this.wake(key);
  }

  /** Waits without blocking. Resolves to what `attempt` gave, or to `otherwise` when the deadline is over. */
  wait<T>(wait: Wait<T>, limits: Limits = {}): Promise<T | undefined> {
    const { signal, deadline } = limits;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#tasks.size === 0) {
      listen(this, this.arena.participants);
      this.arena.participants.clearRung();
    } else lookSoon();
    const slot = this.slots.enqueue(wait.key, ((wait.kind ?? 0) << kindShift) | ASYNC);
    return new Promise<T | undefined>((resolve, reject) => {
      const task: Task = {
        slot,
        wait,
        settle: resolve as (value: unknown) => void,
        fail: reject,
        limits,
        timer: undefined,
        deaf: undefined,
      };
      this.#tasks.set(slot, task);
      tasks++;
      if (limits.keepAlive !== false) keepAlive();
      if (signal !== undefined) {
        task.deaf = onceAborted(signal, () => this.#giveUp(task, () => reject(signal.reason)));
      }
      if (deadline !== undefined) this.#startTimer(task, deadline);
      this.#step(task, WAITING);
    });
  }

  #startTimer(task: Task, deadline: number): void {
    const left = Math.ceil(deadline - performance.now());
    const tooLong = 2 ** 31 - 1;
    task.timer = setTimeout(
      () => {
        if (left > tooLong) this.#startTimer(task, deadline);
        else this.#giveUp(task, () => task.settle(task.limits.otherwise));
      },
      Math.min(Math.max(left, 0), tooLong),
    );
    // The bell keeps the program alive, or does not, as asked for.
    task.timer.unref();
  }

  /** Attempts, and again while it is told things. */
  #step(task: Task, seen: SlotState): void {
    let state = seen;
    for (;;) {
      let got: unknown;
      try {
        got = this.#attempt(task.slot, task.wait, state);
      } catch (error) {
        this.#finish(task);
        task.fail(error);
        return;
      }
      if (got !== undefined) {
        // First, so that its turn comes before what is put off.
        task.settle(got);
        this.#finish(task);
        return;
      }
      if (state !== WAITING) {
        this.slots.waitAgain(task.slot);
        state = WAITING;
        continue;
      }
      state = this.slots.state(task.slot);
      if (state === WAITING || state === SUSPENDED) break;
    }
    if (task.wait.restless?.() === true) lookSoon();
  }

  /** Time is up or the caller aborts; what it was told by now is used if possible, else passed on. */
  #giveUp(task: Task, settle: () => void): void {
    if (this.#tasks.get(task.slot) !== task) return;
    // Each time it is told something in between, a look: a place in line is left only in a state where nobody gives.
    while (!this.slots.cancel(task.slot)) {
      this.#step(task, this.slots.state(task.slot));
      if (this.#tasks.get(task.slot) !== task) return;
    }
    this.#passOn(task.wait, FREE);
    this.#finish(task);
    settle();
  }

  #finish(task: Task): void {
    this.#tasks.delete(task.slot);
    tasks--;
    // After the one that was just settled has run: it is not to wait for what it does not need.
    soon.then(() => this.#tidyUp(task));
  }

  #tidyUp({ slot, timer, deaf, limits }: Task): void {
    this.slots.lower(slot);
    if (this.#tasks.size === 0) {
      unlisten(this);
      this.#endRest();
    }
    if (limits.keepAlive !== false) letEnd();
    if (timer !== undefined) clearTimeout(timer);
    deaf?.();
  }

  #deliverSoon(slot: number): void {
    if (this.#due.push(slot) > 1) return;
    soon.then(() => {
      const due = this.#due;
      this.#due = [];
      if (this.#tasksRest) lookSoon();
      for (const each of due) {
        const task = this.#tasks.get(each);
        if (task !== undefined) this.#deliver(task);
      }
    });
  }

  #deliver(task: Task): void {
    const state = this.slots.state(task.slot);
    if (state === WOKEN || state === GRANTED || state === SPOILED) this.#step(task, state);
  }

  /**
   * A task that takes and gives back what is free, again and again, never lets the event loop turn, and so another task of
   * this thread would not hear that a process has woken it; and who was woken instead may be in a process that does not run
   * now. So every few times the first task that waits for the same attempts by itself, the more seldom the more wait.
   */
  glance(key: number): void {
    if (++this.#glances < Math.max(glanceRounds, this.#tasks.size)) return;
    this.#glances = 0;
    for (const task of this.#tasks.values()) {
      if (task.wait.key !== key) continue;
      const state = this.slots.state(task.slot);
      if (state === SUSPENDED) continue;
      this.#step(task, state);
      return;
    }
  }

  deliver(): void {
    for (const task of this.#tasks.values()) this.#deliver(task);
  }

  onBell(): void {
    this.arena.participants.clearRung();
    // Somebody has come, or others were told something.
    if (this.#tasksRest) lookSoon();
    this.deliver();
  }

  onTick(): number {
    this.arena.participants.clearRung();
    // First, as in #sleepUntil.
    const rests = this.tasksMayRest();
    const next = this.#patrol();
    this.attemptAll();
    return rests ? longestRest : next;
  }

  /** Somebody has ended. It may have been about to ring. */
  onDeath(): void {
    if (this.#tasks.size === 0) return;
    this.arena.participants.clearRung();
    this.attemptAll();
    lookSoon();
  }

  /** Each task attempts by itself. */
  attemptAll(): void {
    for (const task of this.#tasks.values()) {
      const state = this.slots.state(task.slot);
      if (state !== SUSPENDED) this.#step(task, state);
    }
  }

  /** Whether the tasks need not look now and then, but will be told. */
  tasksMayRest(): boolean {
    const waits = [...this.#tasks.values()].map(({ wait }) => wait);
    const keys = new Map(waits.map(({ key, kind }) => [key, kind ?? 0]));
    reapEnded();
    if (waits.some((wait) => wait.restless?.()) || !this.#rest.prepare([...keys.keys()])) {
      this.#endRest();
      return false;
    }
    for (const [key, kind] of keys) kinds[kind]?.look?.(this, key);
    hearDeathsByLoop(hearDeaths);
    this.#tasksRest = true;
    return true;
  }

  #endRest(): void {
    this.#tasksRest = false;
    this.#rest.end();
  }

  /**
   * Looks whether those who have slots here, and those whom they wait for, live. Called by whoever waits; of all that
   * do, in whatever process, one looks at a time and for all, so that waiting costs next to nothing.
   *
   * @returns in how many milliseconds the caller is to come again.
   */
  #patrol(): number {
    const { i32, participants } = this.arena;
    const now = Date.now() & 0x7fffffff;
    const last = Atomics.load(i32, head.patrol);
    const age = (now - last) & 0x7fffffff;
    if (age < patrolMilliseconds - slackMilliseconds) return patrolMilliseconds - age;
    if (Atomics.compareExchange(i32, head.patrol, last, now) !== last) return patrolMilliseconds;
    for (const index of this.slots.participants()) {
      if (participants.isAlive(participants.tagAt(index))) continue;
      this.reap();
      return patrolMilliseconds;
    }
    this.#lookAtHolders();
    return patrolMilliseconds;
  }

  #lookAtHolders(): void {
    for (const [key, details] of this.slots.keysWaitedFor()) {
      kinds[(details >> kindShift) & kindMask]?.look?.(this, key);
    }
  }

  #tellOfDeath(): void {
    for (const [key, details] of this.slots.keysWaitedFor()) {
      kinds[(details >> kindShift) & kindMask]?.onDeath?.(this, key);
    }
  }

  /** Frees what dead participants left: their slots, with what they were told passed on. */
  reap(pid?: number): void {
    const found = this.arena.participants.reap((index, tag) => {
      for (const slot of this.slots.ofParticipant(index)) {
        const state = this.slots.state(slot);
        const kind = (this.slots.details(slot) >> kindShift) & kindMask;
        // First pass on, then free: should we die between the two, somebody is woken twice, and nobody never. But what was
        // given is given on once at most: then it is lost with the one who had it, as if he had lived to take it.
        if (state === GRANTED) this.slots.change(slot, GRANTED, SPOILED);
        if (state !== FREE) this.#passOnFor(kind, this.slots.key(slot), state, tag);
        this.slots.leave(slot);
      }
    }, pid);
    this.#lookAtHolders();
    if (found > 0) this.#tellOfDeath();
    if (pid !== undefined) dropForeignBell(pid);
  }

  /** Makes own tasks that wait for what is granted step aside; see {@link suspendGrants}. */
  #suspend(): boolean {
    let any = false;
    for (const { slot, wait } of this.#tasks.values()) {
      const kind = kinds[wait.kind ?? 0];
      if (kind?.grants !== true) continue;
      let told = this.slots.state(slot);
      if (told === SUSPENDED) continue;
      // Until it is in line nothing tells it anything, and what rings the bell meanwhile must not make it take anything.
      while (!this.slots.change(slot, told, SUSPENDED)) told = this.slots.state(slot);
      any = true;
      kind.passOn(this, wait.key, told === WAITING ? SUSPENDED : told, this.arena.tag);
    }
    return any;
  }

  /** Tasks that stood aside are in line again. */
  resumeGrants(): void {
    for (const { slot } of this.#tasks.values()) {
      if (this.slots.change(slot, SUSPENDED, WOKEN)) this.#deliverSoon(slot);
    }
  }

  /** Who has this tag, in Python's words. */
  ownerText(tag: number): string {
    const { participants, tag: own } = this.arena;
    if (tag === own) return ownerName();
    return participants.pidOf(tag) === process.pid ? 'SomeOtherThread' : 'SomeOtherProcess';
  }

  /** For tests and `statistics`: how many tasks of this thread wait here. */
  get pendingTasks(): number {
    return this.#tasks.size;
  }

  /** Suspends in all arenas of this thread. Returns the lots to resume. */
  static suspendAll(): ParkingLot[] {
    return [...lots].filter((lot) => lot.#tasks.size > 0 && lot.#suspend());
  }
}

/** For what comes after all that is due now: as `queueMicrotask`, which in Node costs several microseconds. */
const soon = Promise.resolve();

/** Tasks of this thread that wait anywhere. */
let tasks = 0;

/** Whether any task of this thread waits: then whoever gives something back calls {@link ParkingLot.glance}. */
export function anyTaskWaits(): boolean {
  return tasks !== 0;
}
/** Lots that have tasks keep themselves here through their listener; the others are found by their arena. */
const lotOfArena = new WeakMap<Arena, ParkingLot>();
const lots: Iterable<ParkingLot> = {
  *[Symbol.iterator]() {
    for (const arena of livingArenas()) {
      const lot = lotOfArena.get(arena);
      if (lot !== undefined) yield lot;
    }
  },
};

/**
 * A thread that blocks cannot run its tasks: a lock that is handed to one of them meanwhile would be held by nobody who
 * runs, possibly the very lock that the thread waits for. So they let others go first until the thread runs again.
 */
export function suspendGrants(): ParkingLot[] {
  return tasks === 0 ? [] : ParkingLot.suspendAll();
}

/** The one parking lot of an arena in this thread. */
export function parkingLot(arena: Arena): ParkingLot {
  let lot = lotOfArena.get(arena);
  if (lot === undefined) {
    lot = new ParkingLot(arena);
    lotOfArena.set(arena, lot);
  }
  return lot;
}

setReaper((arena) => parkingLot(arena).reap());
setGreeter(({ participants }) => {
  for (const index of participants.resting()) greet(participants, index);
});

/** What threads left that have ended since is given on. */
function reapEnded(): void {
  const pids = new Set(takeEnded().map(({ pid }) => pid));
  for (const lot of lots) for (const pid of pids) lot.reap(pid);
}

/** Threads have ended: what they left is given on, and the tasks of this thread look what became of what they wait for. */
export function hearDeaths(): void {
  reapEnded();
  for (const lot of lots) lot.onDeath();
}

/**
 * Tells the shared objects of this process that the process `pid` has ended: what it held becomes abandoned, what it was
 * given is given on, now and not only when somebody looks. For whoever sees children end.
 */
export function noteDeath(pid: number): void {
  for (const arena of livingArenas()) parkingLot(arena).reap(pid);
}
