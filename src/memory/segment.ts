/**
 * A piece of memory that several processes share: a memfd and its mapping.
 *
 * Nothing has a name, so nothing can be left behind: the kernel frees the pages when the last process that has the
 * descriptor or the mapping is gone, however it ends. Another process gets at it with a {@link SegmentHandle}: by a
 * descriptor that it inherited, or by opening `/proc/<pid>/fd/<fd>` of a process that has it.
 *
 * - In one thread a segment is mapped once, however often its handle arrives (table by device and inode).
 * - It lives as long as anybody holds it or any view of it; then its descriptor is closed and its pages are unmapped.
 *   `close()` does so at once: views that are left read zeros.
 * - `reserve` takes more addresses than bytes, so that it can grow without moving; views made before see the old part.
 */

import { FileNotFoundError, ValueError } from '../base/errors.ts';
import { isMainThread } from '../base/thread.ts';
import { rangeError } from '../base/validate.ts';
import { duplicate } from '../platform/descriptors.ts';
import { closeFile, fileStatus, openFile, truncateFile } from '../platform/files.ts';
import { requirePlatform } from '../platform/libc.ts';
import {
  createMemoryFile,
  type Mapping,
  mapFile,
  neutralize,
  requireMemory,
  unmap,
  viewMemory,
} from '../platform/mmap.ts';
import { onThreadEnd, reopenFrom } from '../platform/thread-end.ts';
import { closeLater } from '../platform/wake-pipe.ts';
import { isInherited, noteDescriptor, takeInherited } from './inheritance.ts';

/** What travels: says where a process finds the memory. Plain data. */
export interface SegmentHandle {
  /** A process that has it open… */
  readonly pid: number;
  /** …under this number. */
  readonly fd: number;
  /** Which file that must be. */
  readonly ino: number;
  /** Bytes of addresses to take, to grow into. */
  readonly reserve: number;
}

/** Options of {@link Segment.create}. */
export interface SegmentOptions {
  /** Bytes up to which it may grow. @default the size: it cannot grow */
  readonly reserve?: number | undefined;
  /** Shown in `/proc/<pid>/maps`, for people who look. @default 'multiproc' */
  readonly label?: string | undefined;
}

/** Lower numbers are taken in a child by what every child is given, so that it could not inherit ours under them. */
const lowestDescriptor = 16;

/** The same file under a number that children may inherit it under, closed on exec and when this thread ends. */
function lifted(fd: number, how: 'made' | 'opened' | 'inherited'): number {
  if (!isMainThread() && how !== 'inherited') {
    return fd >= lowestDescriptor && how === 'opened'
      ? fd
      : reopenFrom(fd, lowestDescriptor, how === 'opened');
  }
  if (fd >= lowestDescriptor && how !== 'inherited') return fd;
  const moved = duplicate(fd, lowestDescriptor);
  closeFile(fd);
  return moved;
}

/** How long a segment whose handle was made is held, so that the receiver finds it although its sender dropped it. */
const transitMilliseconds = 60_000;

/** What is left to clean up after a segment; holds neither it nor its buffers. */
interface Remains {
  readonly mapping: Mapping;
  readonly ino: number;
  /** -1 when closed. */
  fd: number;
  /** Buffers over the mapping that are not collected: a segment that grew has had several. */
  views: number;
}

const open = new Map<number, WeakRef<Segment>>();
/** Finds the segment of a view, and keeps it (and its descriptor) as long as there is a view to share. */
const segmentOfBuffer = new WeakMap<ArrayBufferLike, Segment>();
const collected = new FinalizationRegistry<Remains>((r) => {
  r.views--;
  if (r.views === 0) bury(r);
});
const inTransit = new Map<Segment, number>();
let transitTimer: NodeJS.Timeout | undefined;

function closeAll(): void {
  for (const segment of [...open.values()]) segment.deref()?.close();
}

function bury(r: Remains): void {
  if (r.fd >= 0) closeLater(r.fd);
  r.fd = -1;
  unmap(r.mapping);
  if (open.get(r.ino)?.deref() === undefined) open.delete(r.ino);
}

/** Shared memory without a name; see the file's header. */
export class Segment {
  readonly #remains: Remains;
  readonly #mapping: Mapping;
  #buffer: ArrayBuffer;
  #closed = false;

  /** Wraps a descriptor that it owns from now on. Use {@link Segment.create} or {@link openSegment}. */
  constructor(fd: number, ino: number, size: number, reserve: number) {
    this.#mapping = mapFile(fd, reserve);
    this.#remains = { mapping: this.#mapping, fd, ino, views: 0 };
    this.#buffer = this.#view(size);
    open.set(ino, new WeakRef(this));
    onThreadEnd(closeAll);
  }

  /**
   * New memory, all zero.
   *
   * @throws {RangeError} For a size that is not a positive integer.
   * @throws {OSError} `ENOMEM`, `EMFILE`, …; nothing is left behind.
   * @throws {NotSupportedError} On a platform without memfd.
   */
  static create(size: number, { reserve = size, label = 'multiproc' }: SegmentOptions = {}): Segment {
    requirePlatform('shared memory');
    if (!Number.isSafeInteger(size) || size < 1) {
      throw rangeError(`Cannot create shared memory: its size must be a positive integer, got ${size}`);
    }
    requireMemory(size);
    const fd = lifted(createMemoryFile(label), 'made');
    try {
      truncateFile(fd, size);
      return new Segment(fd, fileStatus(fd).ino, size, Math.max(reserve, size));
    } catch (error) {
      closeFile(fd);
      throw error;
    }
  }

  /** The memory. After {@link grow} a new one, longer, over the same bytes; after {@link close} an empty one. */
  get buffer(): ArrayBuffer {
    return this.#buffer;
  }

  /** Where {@link buffer} begins in this process: what a futex wants to know. */
  get address(): number {
    return this.#mapping.address;
  }

  /** Bytes that {@link buffer} shows. */
  get size(): number {
    return this.#buffer.byteLength;
  }

  /** The descriptor, for calls of the kernel; -1 when closed. */
  get fd(): number {
    return this.#remains.fd;
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Names the file among all memfds of this machine. */
  get ino(): number {
    return this.#remains.ino;
  }

  /**
   * Makes it longer, for all processes; they see the new part after {@link refresh}. Never makes it shorter.
   *
   * @throws {RangeError} Beyond what was reserved.
   */
  grow(size: number): void {
    this.#checkOpen();
    if (size > this.#mapping.length) {
      throw rangeError(
        `Cannot grow shared memory to ${size} bytes: ${this.#mapping.length} were reserved; create it with more`,
      );
    }
    this.refresh();
    if (size <= this.size) return;
    requireMemory(size);
    truncateFile(this.fd, size);
    this.#buffer = this.#view(size);
  }

  /** Looks whether another process made it longer. Returns {@link size}. */
  refresh(): number {
    this.#checkOpen();
    const size = Math.min(fileStatus(this.fd).size, this.#mapping.length);
    if (size > this.size) this.#buffer = this.#view(size);
    return this.size;
  }

  /**
   * What another process needs to get at this memory. It is held for a minute from now even when nobody else does, for
   * the handle to arrive.
   */
  handle(): SegmentHandle {
    this.#checkOpen();
    noteDescriptor(this.fd);
    holdInTransit(this);
    return { pid: process.pid, fd: this.fd, ino: this.ino, reserve: this.#mapping.length };
  }

  /** Gives the memory back now; views that are left read zeros. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const r = this.#remains;
    neutralize(this.#mapping);
    closeFile(r.fd);
    r.fd = -1;
    open.delete(r.ino);
    inTransit.delete(this);
    this.#buffer = new ArrayBuffer(0);
  }

  #view(size: number): ArrayBuffer {
    const view = viewMemory(this.#mapping.address, size);
    segmentOfBuffer.set(view, this);
    this.#remains.views++;
    collected.register(view, this.#remains);
    return view;
  }

  #checkOpen(): void {
    if (this.#closed) throw new ValueError('Cannot use shared memory: it is closed; do not close it before');
  }
}

/** The segment that a buffer shows, if it shows one. */
export function segmentOf(buffer: ArrayBufferLike): Segment | undefined {
  return segmentOfBuffer.get(buffer);
}

/**
 * The memory that a handle names; the same object each time while it is open in this thread.
 *
 * @throws {FileNotFoundError} When the process that named it, or its memory, is gone.
 */
export function openSegment(handle: SegmentHandle): Segment {
  requirePlatform('shared memory');
  const known = open.get(handle.ino)?.deref();
  if (known !== undefined && !known.closed) return known;
  const path = `/proc/${handle.pid}/fd/${handle.fd}`;
  const fromParent = isInherited(handle.pid, handle.fd);
  // What a child inherits is open in the programs that it runs, too, until it has a number that is closed on exec.
  const fd = fromParent ? lifted(handle.fd, 'inherited') : lifted(openFile(path, 'r+'), 'opened');
  if (fromParent) takeInherited(handle.fd);
  try {
    const { ino, size } = fileStatus(fd);
    if (ino !== handle.ino) throw gone(path);
    return new Segment(fd, ino, Math.min(size, handle.reserve), handle.reserve);
  } catch (error) {
    closeFile(fd);
    throw error;
  }
}

function gone(path: string): FileNotFoundError {
  return new FileNotFoundError(
    `Cannot open shared memory ${path}: it is gone; keep it in the process that sent it`,
    {
      code: 'ENOENT',
      syscall: 'open',
      path,
    },
  );
}

function holdInTransit(segment: Segment): void {
  inTransit.set(segment, performance.now() + transitMilliseconds);
  if (transitTimer !== undefined) return;
  transitTimer = setInterval(() => {
    const now = performance.now();
    for (const [s, until] of inTransit) if (until < now) inTransit.delete(s);
    if (inTransit.size > 0) return;
    clearInterval(transitTimer);
    transitTimer = undefined;
  }, transitMilliseconds / 4);
  transitTimer.unref();
}
