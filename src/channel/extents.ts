/**
 * The memory of one direction of a channel: a memfd in parts that double in size, so that a queue without a limit
 * grows in shared memory itself. What was put does not depend on the process that put it.
 *
 *     extent  0        1         2          3           …  17            18 …
 *     bytes   64 KiB   64 KiB    128 KiB    256 KiB        4 GiB         4 GiB each
 *     at      0        64 KiB    128 KiB    256 KiB        4 GiB         8 GiB …
 *
 * Each is a ring of its own. Places are fixed, so nothing about them is shared but their numbers; a process maps one
 * when it first meets it. The file is sparse: pages that nobody wrote to take no memory, and large drained ones are
 * given back (ring.ts says when).
 */
import { RuntimeError } from '../base/errors.ts';
import { Segment } from '../memory/segment.ts';
import { discardPages, mapFilePart, pageBytes } from '../platform/extent.ts';
import { fileStatus, truncateFile } from '../platform/files.ts';
import { type Mapping, unmap, viewMemory } from '../platform/mmap.ts';

const firstBytes = 65_536;
/** Extents that doubling gives. */
const doublings = 17;
const largestBytes = firstBytes * 2 ** (doublings - 1);
const count = 64;

/** The largest message, in bytes: an extent without the room that markers take. */
export const largestMessage = largestBytes - 64;

const units = Array.from(
  { length: count },
  (_, extent) => (firstBytes / 8) * 2 ** Math.max(0, Math.min(extent, doublings) - 1),
);

/** Length of an extent in units of 8 bytes. */
export function extentUnits(extent: number): number {
  return units[extent]!;
}

/** Where an extent begins in the file, in bytes. */
function extentOffset(extent: number): number {
  if (extent === 0) return 0;
  if (extent <= doublings) return firstBytes * 2 ** (extent - 1);
  return largestBytes * (extent - doublings + 1);
}

/** The smallest extent from `from` on that has room for `needed` units. @throws {RuntimeError} When there is none. */
export function extentFor(needed: number, from: number): number {
  for (let extent = from; extent < count; extent++) if (extentUnits(extent) >= needed) return extent;
  throw new RuntimeError(
    needed > extentUnits(doublings)
      ? `Cannot send a message of ${needed * 8} bytes: the largest has ${largestMessage}; send it in parts or as a SharedArray`
      : `Cannot put into the queue: ${extentOffset(count)} bytes wait in it already; let somebody take them`,
  );
}

/** An extent as this thread sees it: the same bytes in five forms. */
export interface Extent {
  readonly i32: Int32Array;
  readonly i64: BigInt64Array;
  readonly f64: Float64Array;
  readonly bytes: Buffer;
  readonly view: DataView;
}

const mappingsLeft = new FinalizationRegistry<Mapping[]>((mappings) => {
  for (const mapping of mappings) unmap(mapping);
});

function views(buffer: ArrayBuffer): Extent {
  return {
    i32: new Int32Array(buffer),
    i64: new BigInt64Array(buffer),
    f64: new Float64Array(buffer),
    bytes: Buffer.from(buffer),
    view: new DataView(buffer),
  };
}

/** In the place of an extent before there is one. */
export const nowhere: Extent = views(new ArrayBuffer(0));

/** All extents of one direction. The same object for everybody in this thread: {@link extentsOf}. */
export class Extents {
  readonly segment: Segment;
  readonly #known: (Extent | undefined)[] = [];
  readonly #mappings: Mapping[] = [];

  constructor(segment: Segment) {
    this.segment = segment;
    this.#known[0] = views(segment.buffer);
    mappingsLeft.register(this, this.#mappings);
  }

  /** An extent that the file has already. */
  at(extent: number): Extent {
    return this.#known[extent] ?? this.#map(extent);
  }

  #map(extent: number): Extent {
    const length = extentUnits(extent) * 8;
    const mapping = mapFilePart(this.segment.fd, extentOffset(extent), length);
    this.#mappings.push(mapping);
    const known = views(viewMemory(mapping.address, length));
    this.#known[extent] = known;
    return known;
  }

  /** Makes the file long enough for an extent. Only for who holds the lock of the writers. @throws {OSError} */
  provide(extent: number): void {
    const end = extentOffset(extent) + extentUnits(extent) * 8;
    if (fileStatus(this.segment.fd).size >= end) return;
    truncateFile(this.segment.fd, end);
  }

  /** Gives back the pages of a drained extent, but for the one at `units`, where the next record or a marker is. */
  discard(extent: number, units: number): void {
    const begin = extentOffset(extent);
    const kept = Math.floor((units * 8) / pageBytes) * pageBytes;
    const after = kept + pageBytes;
    discardPages(this.segment.fd, begin, kept);
    discardPages(this.segment.fd, begin + after, extentUnits(extent) * 8 - after);
  }
}

const known = new WeakMap<Segment, Extents>();

/** The extents in a segment that a handle of another thread named. */
export function extentsOf(segment: Segment): Extents {
  let extents = known.get(segment);
  if (extents === undefined) {
    extents = new Extents(segment);
    known.set(segment, extents);
  }
  return extents;
}

/** Memory for a new direction. @throws {NotSupportedError} Without shared memory on this platform. */
export function createExtents(): Extents {
  return extentsOf(Segment.create(firstBytes, { label: 'multiproc-channel' }));
}
