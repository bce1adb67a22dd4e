/**
 * Many small shared objects in one segment: words of locks, values, small arrays.
 *
 * Each thread makes objects in an arena of its own and is the only one to allocate and free there, with lists that it
 * keeps to itself: no other process can be killed in the middle of it. Other processes use the objects in place.
 *
 * A block is freed when its object is collected, unless the object has travelled: then other processes may have it,
 * now or later, and the block stays. Such blocks go with their arena: when one is full the thread begins another, and
 * the kernel takes back the old one after the last process has dropped the last object in it.
 *
 * Blocks come in powers of two from 16 bytes, aligned to their size up to a page; larger ones than
 * {@link largestBlock} get a segment of their own.
 */
import { RuntimeError } from '../base/errors.ts';
import { arenaBytes, blockOffset, head, magic } from './layout.ts';
import { Participants } from './participants.ts';
import { openSegment, Segment, type SegmentHandle } from './segment.ts';

/** Bytes; what is larger does not belong into an arena. */
export const largestBlock = 65_536;

/** How many full arenas a thread keeps, for handles that are on their way. */
const keptArenas = 2;

const enteredBetweenReaps = 512;
let reap: ((arena: Arena) => void) | undefined;

/** How the dead are looked for: set by the layer that knows what they leave. */
export function setReaper(reaper: (arena: Arena) => void): void {
  reap = reaper;
}

let greet: ((arena: Arena) => void) | undefined;

/** What is to be done when this thread has come into an arena of another one. */
export function setGreeter(greeter: (arena: Arena) => void): void {
  greet = greeter;
}

/** Says where a block is. Plain data, travels. */
export interface BlockHandle {
  readonly arena: SegmentHandle;
  readonly offset: number;
}

/** A segment with participants, slots and blocks; see `layout.ts`. */
export class Arena {
  readonly segment: Segment;
  /** The whole arena in words: index = offset / 4. */
  readonly i32: Int32Array;
  readonly participants: Participants;
  /** This thread's {@link Participants.tag}: what it writes into a lock that it takes. */
  readonly tag: number;
  /** Only the maker: free blocks by the logarithm of their size, and where untouched space begins. */
  readonly #free: number[][] = [];
  #next = blockOffset;
  readonly #own: boolean;
  #enteredAtReap: number;

  /** Use {@link allocate} and {@link openArena}. */
  constructor(segment: Segment, own: boolean) {
    this.segment = segment;
    this.i32 = new Int32Array(segment.buffer);
    this.#own = own;
    if (own) Atomics.store(this.i32, head.magic, magic);
    else if (Atomics.load(this.i32, head.magic) !== magic) {
      throw new RuntimeError(
        'Cannot open a shared object: its memory is laid out by another version of multiproc; use one version everywhere',
      );
    }
    this.participants = new Participants(this.i32);
    this.tag = this.participants.tag;
    this.#enteredAtReap = Atomics.load(this.i32, head.participantHint);
    if (!own) greet?.(this);
  }

  /** A block of zeros, or undefined when the arena is full. Only for the thread that made the arena. */
  allocate(bytes: number): number | undefined {
    if (!this.#own) throw new RuntimeError('Cannot allocate in an arena of another thread; use allocate()');
    const log = Math.max(4, 32 - Math.clz32(bytes - 1));
    const size = 2 ** log;
    const reused = this.#free[log]?.pop();
    if (reused !== undefined) {
      this.i32.fill(0, reused >> 2, (reused + size) >> 2);
      return reused;
    }
    const alignment = Math.min(size, 4096);
    const offset = Math.ceil(this.#next / alignment) * alignment;
    if (offset + size > arenaBytes) return undefined;
    // What the alignment skips serves for smaller blocks.
    while (this.#next < offset) {
      const piece = Math.min(this.#next & -this.#next, 4096);
      this.#list(31 - Math.clz32(piece)).push(this.#next);
      this.#next += piece;
    }
    this.#next = offset + size;
    return offset;
  }

  /**
   * Whoever gets a handle will need an entry among the participants. Those of children are freed when these end; of
   * worker threads, and of children's children, nobody is told, so now and then it is looked for them.
   */
  makeRoom(): void {
    const entered = Atomics.load(this.i32, head.participantHint);
    if (entered - this.#enteredAtReap < enteredBetweenReaps) return;
    this.#enteredAtReap = entered;
    reap?.(this);
  }

  /** Takes a block back. */
  free(offset: number, bytes: number): void {
    this.#list(Math.max(4, 32 - Math.clz32(bytes - 1))).push(offset);
  }

  #list(log: number): number[] {
    this.#free[log] ??= [];
    return this.#free[log];
  }
}

/** A piece of an arena; who holds it, holds the arena. */
export class Block {
  readonly arena: Arena;
  /** In bytes from the beginning of the arena: the same in all processes. */
  readonly offset: number;
  readonly bytes: number;
  readonly #lease: Lease | undefined;

  constructor(arena: Arena, offset: number, bytes: number, lease: Lease | undefined) {
    this.arena = arena;
    this.offset = offset;
    this.bytes = bytes;
    this.#lease = lease;
  }

  /** For another process or thread; from now on the block is kept as long as its arena. */
  handle(): BlockHandle {
    this.arena.makeRoom();
    if (this.#lease !== undefined) this.#lease.travelled = true;
    return { arena: this.arena.segment.handle(), offset: this.offset };
  }

  /** Whether another thread or process can have it: it came from one, or its handle was made. */
  get shared(): boolean {
    return this.#lease?.travelled ?? true;
  }

  /** Where the block begins in this process. */
  get address(): number {
    return this.arena.segment.address + this.offset;
  }

  /** Lets the block live as long as `owner`, and not longer if it never travelled. */
  ownedBy(owner: object): this {
    if (this.#lease !== undefined) leases.register(owner, this.#lease);
    return this;
  }
}

interface Lease {
  readonly arena: Arena;
  readonly offset: number;
  readonly bytes: number;
  travelled: boolean;
}

const leases = new FinalizationRegistry<Lease>(({ arena, offset, bytes, travelled }) => {
  if (!travelled) arena.free(offset, bytes);
});

let current: Arena | undefined;
const former: Arena[] = [];
/** Every arena that this thread uses, by inode, without keeping it. */
const arenas = new Map<number, WeakRef<Arena>>();
const forget = new FinalizationRegistry<number>((ino) => {
  if (arenas.get(ino)?.deref() === undefined) arenas.delete(ino);
});

function remember(arena: Arena): Arena {
  arenas.set(arena.segment.ino, new WeakRef(arena));
  forget.register(arena, arena.segment.ino);
  return arena;
}

/**
 * A new block of zeros of at most {@link largestBlock} bytes. Give it an owner: {@link Block.ownedBy}.
 *
 * @throws {NotSupportedError} On a platform without memfd.
 * @throws {OSError} When the kernel refuses another arena.
 */
export function allocate(bytes: number): Block {
  current ??= remember(new Arena(Segment.create(arenaBytes, { label: 'multiproc-arena' }), true));
  let offset = current.allocate(bytes);
  if (offset === undefined) {
    former.push(current);
    if (former.length > keptArenas) former.shift();
    current = remember(new Arena(Segment.create(arenaBytes, { label: 'multiproc-arena' }), true));
    offset = current.allocate(bytes)!;
  }
  return new Block(current, offset, bytes, { arena: current, offset, bytes, travelled: false });
}

/** The block that a handle names, in the same memory as its sender has. */
export function openBlock(handle: BlockHandle, bytes: number): Block {
  return new Block(openArena(handle.arena), handle.offset, bytes, undefined);
}

/** The arena in a segment; the same object each time while it is in use. */
export function openArena(handle: SegmentHandle): Arena {
  const known = arenas.get(handle.ino)?.deref();
  return known ?? remember(new Arena(openSegment(handle), false));
}

/** Every arena that this thread uses now. */
export function livingArenas(): Arena[] {
  return [...arenas.values()].map((a) => a.deref()).filter((a) => a !== undefined);
}
