/**
 * Shared bytes for values and arrays: a block of an arena when small, a segment of their own when large.
 *
 * They have an `ArrayBuffer` of exactly their length, so that no view of it reaches what else is in an arena, and
 * live as long as it does.
 */
import { registerSharedViews } from '../base/travel.ts';
import { rangeError, show } from '../base/validate.ts';
import { viewMemory } from '../platform/mmap.ts';
import { allocate, type Block, type BlockHandle, largestBlock, openBlock } from './arena.ts';
import { openSegment, Segment, type SegmentHandle, segmentOf } from './segment.ts';
import type { CellArray } from './typecodes.ts';

/** Says where shared bytes are. Plain data. */
export type RawHandle =
  | { readonly bytes: number; readonly block: BlockHandle }
  | { readonly bytes: number; readonly segment: SegmentHandle };

/** The block behind a buffer; keeps the arena as long as there is the buffer. */
const blockOf = new WeakMap<ArrayBufferLike, Block>();
/** Buffers of blocks that arrived, so that one object has one buffer in a thread. */
const arrived = new Map<string, WeakRef<ArrayBuffer>>();
const forget = new FinalizationRegistry<string>((key) => {
  if (arrived.get(key)?.deref() === undefined) arrived.delete(key);
});

/**
 * New shared bytes, all zero, aligned for every typecode.
 *
 * @throws {RangeError} For a size that is no integer or negative.
 * @throws {OSError} `ENOMEM`
 */
export function allocateRaw(bytes: number): ArrayBuffer {
  if (!Number.isSafeInteger(bytes) || bytes < 0) {
    throw rangeError(
      `Cannot allocate shared memory: its size must be an integer from 0 on, got ${show(bytes)}`,
    );
  }
  if (bytes > largestBlock) return Segment.create(bytes, { label: 'multiproc-array' }).buffer;
  const block = allocate(Math.max(bytes, 1));
  const buffer = bufferOf(block, bytes);
  block.ownedBy(buffer);
  return buffer;
}

function bufferOf(block: Block, bytes: number): ArrayBuffer {
  const buffer = viewMemory(block.address, Math.max(bytes, 1));
  blockOf.set(buffer, block);
  return buffer;
}

/** For another process: where the bytes of such a buffer are; undefined for memory that is not shared. */
export function rawHandle(buffer: ArrayBufferLike): RawHandle | undefined {
  const block = blockOf.get(buffer);
  if (block !== undefined) return { bytes: buffer.byteLength, block: block.handle() };
  const segment = segmentOf(buffer);
  return segment === undefined || segment.closed
    ? undefined
    : { bytes: buffer.byteLength, segment: segment.handle() };
}

/** The bytes that a handle names; the same buffer each time while it lives. */
export function openRaw(handle: RawHandle): ArrayBuffer {
  if ('segment' in handle) {
    const { buffer } = openSegment(handle.segment);
    return buffer;
  }
  const key = `${handle.block.arena.ino}:${handle.block.offset}`;
  const known = arrived.get(key)?.deref();
  if (known !== undefined) return known;
  const buffer = bufferOf(openBlock(handle.block, handle.bytes), handle.bytes);
  arrived.set(key, new WeakRef(buffer));
  forget.register(buffer, key);
  return buffer;
}

/** Where the bytes are in this process, as Python's texts show it. */
export function rawAddress(buffer: ArrayBufferLike): number {
  return blockOf.get(buffer)?.address ?? segmentOf(buffer)?.address ?? 0;
}

/** What travels in the place of a typed array over shared memory. */
interface ViewData {
  readonly raw: RawHandle;
  readonly cells: string;
  readonly byteOffset: number;
  readonly length: number;
}

const constructors = new Map<string, new (buffer: ArrayBuffer, offset: number, length: number) => CellArray>(
  [
    Int8Array,
    Uint8Array,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    BigInt64Array,
    BigUint64Array,
    Float32Array,
    Float64Array,
  ].map((c) => [c.name, c]),
);

registerSharedViews({
  describe(view: ArrayBufferView): ViewData | undefined {
    const name = (view.constructor as { name: string }).name;
    if (!constructors.has(name) || !(blockOf.has(view.buffer) || segmentOf(view.buffer) !== undefined)) {
      return undefined;
    }
    const raw = rawHandle(view.buffer);
    const { byteOffset, length } = view as CellArray;
    return raw === undefined ? undefined : { raw, cells: name, byteOffset, length };
  },
  rebuild(data: ViewData): ArrayBufferView {
    const Cells = constructors.get(data.cells)!;
    return new Cells(openRaw(data.raw), data.byteOffset, data.length);
  },
});
