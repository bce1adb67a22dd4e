/**
 * Who takes part in an arena: one entry for each thread, of any process, that uses an object in it.
 *
 * A lock has room for 24 bits to say who holds it. These are a participant's **tag**: its entry's number (12 bits) and
 * how often that entry was given away (12 bits). From a tag every process learns who that is and whether it lives.
 *
 * Words of an entry:
 *
 *     0 state  FREE, CLAIMED, LIVE or DEAD, and the count of its users so far
 *     1 pid    0 when free. Claiming is a CAS on this word, so that even a claimer that is killed at once is known
 *     2 tid, 3 start  the thread (platform/liveness.ts)
 *     4 bell, 5 bellInode  the write end of the pipe that wakes its event loop; -1 for none
 *     6 rung   1 from a ring of the bell until its event loop looks: one byte for many wakes
 *     7 lastPid  the user before this one, so that a lock that it left can say whose it was
 *     8 resting  1 while it sleeps until its bell rings: whoever comes rings it, so that it learns whose death concerns it
 *
 * state       | who changes it                               | to
 * ------------+----------------------------------------------+------------------------------------------
 * FREE    0   | a newcomer, having set pid                   | CLAIMED
 * CLAIMED 1   | the same, when all words are set             | LIVE; or DEAD, by the reaper, if it died
 * LIVE    2   | the reaper, when the thread is dead          | DEAD, with the count raised: tags are void now
 * DEAD    3   | the reaper, when its slots are freed         | FREE, and pid 0 after that
 */
import { RuntimeError } from '../base/errors.ts';
import {
  currentThreadIdentity,
  isThreadAlive,
  processExists,
  type ThreadIdentity,
} from '../platform/liveness.ts';
import { head, participantBytes, participantCount, participantOffset } from './layout.ts';

const FREE = 0;
const CLAIMED = 1;
const LIVE = 2;
const DEAD = 3;
const STATE = 3;

const word = {
  state: 0,
  pid: 1,
  tid: 2,
  start: 3,
  bell: 4,
  bellInode: 5,
  rung: 6,
  lastPid: 7,
  resting: 8,
} as const;

const indexMask = participantCount - 1;
const generationMask = 0xfff;

/** Index and generation of a participant in 24 bits; never 0. */
export type Tag = number;

/** The bits of a word that a {@link Tag} takes. */
export const tagMask = 0xffffff;

/** The number of the entry that a tag names. */
export function indexOfTag(tag: Tag): number {
  return tag & indexMask;
}

/** The table of participants of one arena. */
export class Participants {
  readonly #i32: Int32Array;
  /** This thread's own tag. */
  readonly tag: Tag;
  /** This thread's own entry. */
  readonly index: number;

  /** Enters this thread into the table. */
  constructor(i32: Int32Array) {
    this.#i32 = i32;
    this.index = this.#enter();
    this.tag = this.tagAt(this.index);
  }

  #at(index: number, w: number): number {
    return ((participantOffset + index * participantBytes) >> 2) + w;
  }

  /** The tag of the present user of an entry. */
  tagAt(index: number): Tag {
    const state = Atomics.load(this.#i32, this.#at(index, word.state));
    return index | (((state >> 2) & generationMask) << 12);
  }

  /** As {@link tagAt}; of an entry whose user died and was not swept yet, the tag that the dead one had. */
  userOf(index: number): Tag {
    const state = Atomics.load(this.#i32, this.#at(index, word.state));
    const users = (state >> 2) - ((state & STATE) === DEAD ? 1 : 0);
    return index | ((users & generationMask) << 12);
  }

  /** The pid behind a tag, also of one who is dead already; undefined when the entry was used again since. */
  pidOf(tag: Tag): number | undefined {
    const index = tag & indexMask;
    const users = (this.tagAt(index) - tag) >> 12;
    if ((users & generationMask) === 0) return Atomics.load(this.#i32, this.#at(index, word.pid));
    if ((users & generationMask) !== 1) return undefined;
    return Atomics.load(this.#i32, this.#at(index, word.lastPid));
  }

  /** Whether the thread that this tag was given to still runs. Costs a look into `/proc`. */
  isAlive(tag: Tag): boolean {
    if (tag === this.tag) return true;
    const index = tag & indexMask;
    if (this.tagAt(index) !== tag) return false;
    const i32 = this.#i32;
    const state = Atomics.load(i32, this.#at(index, word.state)) & STATE;
    if (state === FREE || state === DEAD) return false;
    // A newcomer has not written all words yet: ask for its process only.
    if (state === CLAIMED) return processExists(Atomics.load(i32, this.#at(index, word.pid)));
    return isThreadAlive(this.#threadAt(index)) && this.tagAt(index) === tag;
  }

  #threadAt(index: number): ThreadIdentity {
    const i32 = this.#i32;
    return {
      pid: Atomics.load(i32, this.#at(index, word.pid)),
      tid: Atomics.load(i32, this.#at(index, word.tid)),
      start: Atomics.load(i32, this.#at(index, word.start)),
    };
  }

  /** The threads that take part now, but for this one. Whoever comes later is counted among the {@link arrivals} by then. */
  others(): ThreadIdentity[] {
    const found: ThreadIdentity[] = [];
    const i32 = this.#i32;
    const top = Atomics.load(i32, head.participantTop);
    for (let index = 1; index <= top; index++) {
      if (index === this.index) continue;
      const at = this.#at(index, word.state);
      const state = Atomics.load(i32, at);
      const thread = this.#threadAt(index);
      if ((state & STATE) === LIVE && Atomics.load(i32, at) === state) found.push(thread);
    }
    return found;
  }

  /** How many have come so far. */
  get arrivals(): number {
    return Atomics.load(this.#i32, head.arrivals);
  }

  /** Whether this thread wants its bell rung when somebody comes. */
  setResting(resting: boolean): void {
    Atomics.store(this.#i32, this.#at(this.index, word.resting), resting ? 1 : 0);
  }

  /** Whether a participant wants that. */
  isResting(index: number): boolean {
    return Atomics.load(this.#i32, this.#at(index, word.resting)) === 1;
  }

  /** The entries of all but this one that want to be told of this thread, which has just come. */
  resting(): number[] {
    const found: number[] = [];
    const top = Atomics.load(this.#i32, head.participantTop);
    for (let index = 1; index <= top; index++) {
      if (this.isResting(index) && index !== this.index) found.push(index);
    }
    return found;
  }

  /** Somebody's bell could not be rung, though it lives: from now on nobody is to rely on being told. */
  markUnreachable(): void {
    Atomics.store(this.#i32, head.unreachable, 1);
  }

  /** Whether everybody's bell could be rung so far. */
  get allReachable(): boolean {
    return Atomics.load(this.#i32, head.unreachable) === 0;
  }

  /** How many entries are taken, for tests: by the living, and by the dead who were not found yet. */
  count(): number {
    let n = 0;
    const top = Atomics.load(this.#i32, head.participantTop);
    for (let index = 1; index <= top; index++) {
      if (Atomics.load(this.#i32, this.#at(index, word.pid)) !== 0) n++;
    }
    return n;
  }

  /** Tells the others how to wake this thread's event loop. */
  setBell(fd: number, inode: number): void {
    Atomics.store(this.#i32, this.#at(this.index, word.bellInode), inode);
    Atomics.store(this.#i32, this.#at(this.index, word.bell), fd);
  }

  /** How to wake the event loop of a participant; `fd` is -1 when it has no bell. */
  bellOf(index: number): { readonly pid: number; readonly fd: number; readonly inode: number } {
    return {
      pid: Atomics.load(this.#i32, this.#at(index, word.pid)),
      fd: Atomics.load(this.#i32, this.#at(index, word.bell)),
      inode: Atomics.load(this.#i32, this.#at(index, word.bellInode)),
    };
  }

  /** Claims the right to ring the bell: false when somebody did and it was not heard yet. */
  markRung(index: number): boolean {
    return Atomics.exchange(this.#i32, this.#at(index, word.rung), 1) === 0;
  }

  /** The bell could not be rung after all. */
  unmarkRung(index: number): void {
    Atomics.store(this.#i32, this.#at(index, word.rung), 0);
  }

  /** Before looking at its slots: from now on a wake rings again. */
  clearRung(): void {
    Atomics.store(this.#i32, this.#at(this.index, word.rung), 0);
  }

  /**
   * Cleans up after participants that died: `sweep` frees what an entry left in the slots, then it may be used again.
   * Only one thread does so at a time. When another is at it, this returns at once, and that one looks once more, for all.
   *
   * @param pid Looks at this process only (it was just seen to end).
   * @returns How many were found dead.
   */
  reap(sweep: (index: number, tag: Tag) => void, pid?: number): number {
    // Those who are told of a death are told all at once; most of them come too late.
    if (pid !== undefined && !this.#has(pid)) return 0;
    const i32 = this.#i32;
    let found = 0;
    let whose = pid;
    for (;;) {
      const reaper = Atomics.compareExchange(i32, head.reaper, 0, this.tag);
      if (reaper === this.tag) return found;
      if (reaper !== 0) {
        // First, then a look whether the other is still at it: it looks at this after it has stopped.
        Atomics.store(i32, head.reapAgain, 1);
        if (this.isAlive(reaper)) {
          if (Atomics.load(i32, head.reaper) === reaper) return found;
          continue;
        }
        if (Atomics.compareExchange(i32, head.reaper, reaper, this.tag) !== reaper) continue;
      }
      try {
        // What a reaper that died was to look at, nobody knows.
        if (reaper !== 0 || Atomics.exchange(i32, head.reapAgain, 0) === 1) whose = undefined;
        found += this.#buryDead(sweep, whose);
      } finally {
        Atomics.compareExchange(i32, head.reaper, this.tag, 0);
      }
      if (Atomics.load(i32, head.reapAgain) === 0) return found;
    }
  }

  #has(pid: number): boolean {
    const top = Atomics.load(this.#i32, head.participantTop);
    for (let index = 1; index <= top; index++) {
      if (Atomics.load(this.#i32, this.#at(index, word.pid)) === pid) return true;
    }
    return false;
  }

  #buryDead(sweep: (index: number, tag: Tag) => void, pid: number | undefined): number {
    let found = 0;
    const top = Atomics.load(this.#i32, head.participantTop);
    for (let index = 1; index <= top; index++) {
      const user = Atomics.load(this.#i32, this.#at(index, word.pid));
      if (user === 0 || (pid !== undefined && user !== pid) || this.#isUsed(index)) continue;
      this.#bury(index, sweep);
      found++;
    }
    return found;
  }

  /** Whether a living thread has this entry. */
  #isUsed(index: number): boolean {
    const state = Atomics.load(this.#i32, this.#at(index, word.state)) & STATE;
    if (state === DEAD) return false;
    // With a pid and still FREE: between two steps of a newcomer, or of a reaper that was killed.
    if (state === FREE) return processExists(Atomics.load(this.#i32, this.#at(index, word.pid)));
    return this.isAlive(this.tagAt(index));
  }

  /** Each step may be the last one of a reaper that is killed: the next one begins anew. */
  #bury(index: number, sweep: (index: number, tag: Tag) => void): void {
    const i32 = this.#i32;
    const at = this.#at(index, word.state);
    const pid = Atomics.load(i32, this.#at(index, word.pid));
    const state = Atomics.load(i32, at);
    if ((state & STATE) === LIVE || (state & STATE) === CLAIMED) {
      Atomics.store(i32, this.#at(index, word.lastPid), pid);
      Atomics.store(i32, at, (((((state >> 2) + 1) & generationMask) << 2) | DEAD) as number);
    }
    const users = (Atomics.load(i32, at) >> 2) - 1;
    sweep(index, index | ((users & generationMask) << 12));
    Atomics.store(i32, this.#at(index, word.resting), 0);
    Atomics.store(i32, this.#at(index, word.bell), -1);
    Atomics.store(i32, at, (Atomics.load(i32, at) & ~STATE) | FREE);
    Atomics.compareExchange(i32, this.#at(index, word.pid), pid, 0);
  }

  #enter(): number {
    const i32 = this.#i32;
    const me = currentThreadIdentity();
    // It may have used this arena before, dropped it and got it again.
    const top = Atomics.load(i32, head.participantTop);
    for (let index = 1; index <= top; index++) {
      if (
        Atomics.load(i32, this.#at(index, word.pid)) === me.pid &&
        (Atomics.load(i32, this.#at(index, word.state)) & STATE) === LIVE &&
        Atomics.load(i32, this.#at(index, word.tid)) === me.tid &&
        Atomics.load(i32, this.#at(index, word.start)) === me.start
      ) {
        return index;
      }
    }
    const hint = Atomics.add(i32, head.participantHint, 1);
    for (let n = 0; n < participantCount; n++) {
      const index = (hint + n) & indexMask;
      if (index === 0 || Atomics.compareExchange(i32, this.#at(index, word.pid), 0, me.pid) !== 0) continue;
      const at = this.#at(index, word.state);
      const users = Atomics.load(i32, at) & ~STATE;
      Atomics.store(i32, at, users | CLAIMED);
      Atomics.store(i32, this.#at(index, word.tid), me.tid);
      Atomics.store(i32, this.#at(index, word.start), me.start);
      Atomics.store(i32, this.#at(index, word.bell), -1);
      Atomics.store(i32, this.#at(index, word.rung), 0);
      for (;;) {
        const top = Atomics.load(i32, head.participantTop);
        if (top >= index || Atomics.compareExchange(i32, head.participantTop, top, index) === top) break;
      }
      Atomics.store(i32, at, users | LIVE);
      Atomics.add(i32, head.arrivals, 1);
      return index;
    }
    throw new RuntimeError(
      `Cannot use a shared object: ${participantCount - 1} threads use its arena already; end some of them`,
    );
  }
}
