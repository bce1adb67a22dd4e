/**
 * The memory that a pool shares with one worker: its claims, and a ring for each direction.
 *
 * An arena of its own for each worker, so that a killed worker spoils nobody else's and all goes with it. Block:
 *
 *     bytes        what
 *     0-4,095      claims, see claims.ts
 *     4,096-4,351  ring to the worker
 *     4,352-4,607  ring to the parent
 *     4,608        word: the parent sleeps
 *     4,672        word: the worker sleeps
 */
import { createExtents, type Extents, extentsOf } from '../channel/extents.ts';
import { Ring } from '../channel/ring.ts';
import { Arena, openArena } from '../memory/arena.ts';
import { arenaBytes } from '../memory/layout.ts';
import { openSegment, Segment, type SegmentHandle } from '../memory/segment.ts';
import { Claims } from './claims.ts';
import { Transport } from './transport.ts';

const linkBytes = 8192;
const toWorker = 4096;
const toParent = 4352;
const parentSleeps = 4608 / 4;
const workerSleeps = 4672 / 4;

/** Names a link to the worker. Plain data. */
export interface LinkHandle {
  readonly arena: SegmentHandle;
  readonly offset: number;
  readonly toWorker: SegmentHandle;
  readonly toParent: SegmentHandle;
}

/** What one side works with. */
export interface Link {
  readonly transport: Transport;
  readonly claims: Claims;
}

/** The parent's side: the memory, until the worker is gone. */
export class OwnLink {
  readonly #arena: Arena;
  readonly #offset: number;
  readonly #toWorker: Extents;
  readonly #toParent: Extents;

  /** @throws {NotSupportedError} Without shared memory on this platform. @throws {OSError} */
  constructor() {
    this.#arena = new Arena(Segment.create(arenaBytes, { label: 'multiproc-pool' }), true);
    this.#offset = this.#arena.allocate(linkBytes)!;
    this.#toWorker = createExtents();
    this.#toParent = createExtents();
  }

  handle(): LinkHandle {
    return {
      arena: this.#arena.segment.handle(),
      offset: this.#offset,
      toWorker: this.#toWorker.segment.handle(),
      toParent: this.#toParent.segment.handle(),
    };
  }

  /** @param bell See {@link Transport}. */
  open(bell: number): Link {
    const { outward, inward, words, claims } = parts(
      this.#arena,
      this.#offset,
      this.#toWorker,
      this.#toParent,
    );
    const transport = new Transport({
      incoming: inward,
      outgoing: outward,
      words,
      own: parentSleeps,
      peer: workerSleeps,
      bell,
    });
    return { transport, claims };
  }

  /** Gives the memory back. The transport must be closed. */
  close(): void {
    this.#arena.segment.close();
    this.#toWorker.segment.close();
    this.#toParent.segment.close();
  }
}

/** The worker's side. @throws {FileNotFoundError} When the parent is gone. */
export function openLink(handle: LinkHandle, bell: number): Link {
  const { outward, inward, words, claims } = parts(
    openArena(handle.arena),
    handle.offset,
    extentsOf(openSegment(handle.toWorker)),
    extentsOf(openSegment(handle.toParent)),
  );
  const transport = new Transport({
    incoming: outward,
    outgoing: inward,
    words,
    own: workerSleeps,
    peer: parentSleeps,
    bell,
  });
  return { transport, claims };
}

function parts(arena: Arena, offset: number, outwardMemory: Extents, inwardMemory: Extents) {
  const words = arena.i32.subarray(offset >> 2, (offset + linkBytes) >> 2);
  return {
    outward: new Ring(arena, (offset + toWorker) >> 2, outwardMemory, false),
    inward: new Ring(arena, (offset + toParent) >> 2, inwardMemory, false),
    words,
    claims: new Claims(words.subarray(0, Claims.size)),
  };
}
