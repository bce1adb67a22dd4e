/**
 * One object's place at a channel: its entry among the holders of an end, from its making to `close()`, to its being
 * collected or to the end of the thread, whichever comes first.
 *
 * The end of a thread that just stops (SIGKILL) is noticed by the others; one that ends as usual says so, that they need
 * not wait to notice.
 */
import { at, notAt } from '../base/node-process.ts';
import type { BlockHandle } from '../memory/arena.ts';
import { type Block, openBlock } from '../memory/arena.ts';
import { noteTransit } from '../memory/inheritance.ts';
import { openSegment, type SegmentHandle } from '../memory/segment.ts';
import { extentsOf } from './extents.ts';
import type { Holders, Ticket } from './holders.ts';
import { place } from './layout.ts';
import { Ring } from './ring.ts';
import { endTasks } from './waiting.ts';

/** What leaving takes; holds neither the object nor anything that holds it. */
interface Occupied {
  readonly holders: Holders;
  readonly rings: readonly Ring[];
  entry: number;
}

const occupied = new Set<Occupied>();
/** When what is being encoded now has been. */
const soon = Promise.resolve();

const collected = new FinalizationRegistry<Occupied>(leave);

function leave(o: Occupied): void {
  if (!occupied.delete(o)) return;
  if (occupied.size === 0) notAt('exit: seats', leaveAll);
  o.holders.leave(o.entry);
  for (const ring of o.rings) ring.wakeAll();
}

function leaveAll(): void {
  endTasks();
  for (const o of [...occupied]) leave(o);
}

/** See the file's header. */
export class Seat {
  readonly holders: Holders;
  readonly entry: number;
  readonly #occupied: Occupied;
  #left = false;

  /**
   * @param rings Those whose waiters are to look again when this place is left.
   * @param owner Leaves when it is collected.
   */
  constructor(holders: Holders, rings: readonly Ring[], owner: object, ticket: Ticket | undefined) {
    this.holders = holders;
    this.entry = ticket === undefined ? holders.enter() : holders.arrive(ticket);
    this.#occupied = { holders, rings, entry: this.entry };
    occupied.add(this.#occupied);
    collected.register(owner, this.#occupied, this);
    at('exit: seats', leaveAll);
  }

  /** For a handle that is about to be sent; see {@link Holders.depart}. */
  depart(): Ticket {
    const { holders, rings } = this.#occupied;
    const ticket = holders.depart();
    // Somebody else may bring from now on what tasks of this thread wait for: they keep the program alive.
    soon.then(() => {
      for (const ring of rings) ring.lot.attemptAll();
    });
    let receiver: number | undefined;
    noteTransit({
      bind: (pid) => {
        receiver = pid;
        holders.bind(ticket, pid);
      },
      cancel: () => {
        holders.cancel(ticket, receiver);
        for (const ring of rings) ring.wakeAll();
      },
    });
    return ticket;
  }

  get left(): boolean {
    return this.#left;
  }

  /** May be called twice. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    collected.unregister(this);
    leave(this.#occupied);
  }
}

/** Names a channel to another thread. Plain data. */
export interface ChannelHandle {
  readonly block: BlockHandle;
  /** The memory of its rings; null for a direction that it lacks. */
  readonly rings: readonly (SegmentHandle | null)[];
  readonly ticket: Ticket;
}

/** Opens the rings of a channel in this thread. @throws {FileNotFoundError} When the channel's memory is gone. */
export function openRings(
  handle: ChannelHandle,
  bounded: boolean,
  blockBytes: number,
): { readonly block: Block; readonly rings: readonly (Ring | undefined)[] } {
  const block = openBlock(handle.block, blockBytes);
  const rings = handle.rings.map((segment, i) => {
    const at = (block.offset + (i === 0 ? place.ring0 : place.ring1)) >> 2;
    return segment === null ? undefined : new Ring(block.arena, at, extentsOf(openSegment(segment)), bounded);
  });
  return { block, rings };
}

/** Looks for the dead at most this often when asked casually, in milliseconds. */
const sureEvery = 20;

/** Looks for the dead among the holders of an end, but not all the time. */
export class Watch {
  readonly holders: Holders;
  #next = 0;

  constructor(holders: Holders) {
    this.holders = holders;
  }

  /** Whether nobody has this end. */
  isEmpty(sure: boolean): boolean {
    if (!this.holders.any()) return true;
    const now = performance.now();
    if (!sure && now < this.#next) return false;
    this.#next = now + sureEvery;
    this.holders.prune();
    return !this.holders.any();
  }
}
