/**
 * Python's `multiprocessing.shared_memory.SharedMemory`: memory with a name, which CPython's programs find too.
 *
 * The name is a file in `/dev/shm`, the size is exact, there is no header. After `close()` a view that somebody kept
 * reads zeros; nothing can crash the program.
 *
 * https://docs.python.org/3/library/multiprocessing.shared_memory.html
 */
import { randomUUID } from 'node:crypto';
import os from 'node:os';
import { inspect } from 'node:util';
import { FileExistsError, ValueError } from '../base/errors.ts';
import { deserialize, registerTravelClass, serialize } from '../base/travel.ts';
import { show, typeError } from '../base/validate.ts';
import { fileStatus } from '../platform/files.ts';
import { requirePlatform } from '../platform/libc.ts';
import {
  type Mapping,
  mapFile,
  neutralize,
  populate,
  requireViewable,
  unmap,
  viewMemory,
} from '../platform/mmap.ts';
import { createShm, openShm, unlinkShm } from '../platform/shm.ts';
import { onThreadEnd } from '../platform/thread-end.ts';
import { joinTracker, type TrackerHandle, track, trackerHandle, untrack } from '../platform/tracker.ts';
import { closeQuietly } from '../platform/wake-pipe.ts';

/** Options of `new SharedMemory()`. */
export interface SharedMemoryOptions {
  /** The name; when creating without one, a new name is made up. */
  readonly name?: string | null | undefined;
  /** Create it, instead of attaching to what exists. @default false */
  readonly create?: boolean | undefined;
  /** Bytes, when creating. */
  readonly size?: number | undefined;
  /** Remove it when the processes of ours that use it are gone without `unlink()`. @default true */
  readonly track?: boolean | undefined;
}

interface SharedMemoryData {
  readonly name: string;
  readonly track: boolean;
  readonly tracker: TrackerHandle | undefined;
}

/** What is left to clean up after an object. */
interface Remains {
  readonly mapping: Mapping;
  fd: number;
}

/** Who makes so much at most will write to all of it: more would take long for somebody who wants a part. */
const mostPopulated = 4 * 2 ** 20;

/** What is open; looked at when a worker thread ends. */
const open = new Set<Remains>();

function release(r: Remains): void {
  if (r.fd >= 0) closeQuietly(r.fd);
  r.fd = -1;
  open.delete(r);
}

/** Watches the object, or, once somebody may have a view of the memory, the buffer behind all views. */
const collected = new FinalizationRegistry<Remains>((r) => {
  release(r);
  unmap(r.mapping);
});

function closeAll(): void {
  for (const r of [...open]) {
    neutralize(r.mapping);
    release(r);
  }
}

/**
 * A block of memory that other processes attach to by its name.
 *
 * @example
 * const a = new SharedMemory({ create: true, size: 1024 });
 * a.buf[0] = 42;
 * // another process, in Node.js or Python: new SharedMemory({ name }).buf[0] === 42
 * a.close(); a.unlink();
 */
export class SharedMemory implements Disposable {
  readonly #name: string;
  readonly #size: number;
  readonly #ino: number;
  readonly #track: boolean;
  readonly #remains: Remains;
  /**
   * Made when it is first asked for. V8 takes what a buffer shows for memory that collecting garbage could free, and so collects
   * all the time in a program that only makes, hands on or removes shared memory.
   */
  #buf: Buffer | undefined;
  readonly #fresh: boolean;
  #closed = false;

  /**
   * @throws {ValueError} For a size that is not positive, or no name when attaching.
   * @throws {RangeError} For more than a buffer of this Node.js can show (4 GiB in Node.js 20).
   * @throws {FileExistsError} When creating what exists. @throws {FileNotFoundError} When attaching to what does not.
   * @throws {OSError} `EINVAL` for a slash in the name, `ENAMETOOLONG`, `ENOSPC`, …; nothing is left behind.
   */
  constructor(options: SharedMemoryOptions | string = {}) {
    requirePlatform('SharedMemory');
    const o = typeof options === 'string' ? { name: options } : options;
    const { name, create = false, size = 0, track: tracked = true } = o;
    if (name !== undefined && name !== null && typeof name !== 'string') {
      throw typeError(`Cannot open shared memory: its name must be a string, got ${show(name)}`);
    }
    const opened = create ? createNamed(name ?? undefined, size, tracked) : attach(name ?? undefined);
    this.#name = opened.name;
    this.#size = opened.size;
    this.#ino = opened.ino;
    this.#track = tracked;
    this.#fresh = create;
    const { fd } = opened;
    try {
      this.#remains = { mapping: mapFile(fd, opened.size), fd };
      collected.register(this, this.#remains, this.#remains);
      open.add(this.#remains);
      onThreadEnd(closeAll);
      if (tracked) track(opened.name, opened.ino);
    } catch (error) {
      closeQuietly(fd);
      if (create) unlinkShm(opened.name);
      throw error;
    }
  }

  /**
   * The memory.
   *
   * @throws {ValueError} After {@link close}.
   */
  get buf(): Buffer {
    return this.#buf ?? this.#view();
  }

  #view(): Buffer {
    if (this.#closed) {
      throw new ValueError(`Cannot use shared memory ${show(this.#name)}: it is closed; attach to it again`);
    }
    if (this.#fresh && this.#size <= mostPopulated) populate(this.#remains.mapping);
    this.#buf = Buffer.from(viewMemory(this.#remains.mapping.address, this.#size));
    // A view may outlive this object, and the memory has to outlive the view.
    collected.unregister(this.#remains);
    collected.register(this.#buf.buffer, this.#remains);
    return this.#buf;
  }

  /** Its name, without a slash. */
  get name(): string {
    return this.#name;
  }

  /** Bytes. */
  get size(): number {
    return this.#size;
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Gives this process's access up; the memory and its name stay. Views that were kept read zeros. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#buf === undefined) {
      collected.unregister(this.#remains);
      unmap(this.#remains.mapping);
    } else {
      this.#buf = undefined;
      neutralize(this.#remains.mapping);
    }
    release(this.#remains);
  }

  /**
   * Removes the name; who is attached keeps the memory. To be called once, by whoever decides that it is over.
   *
   * @throws {FileNotFoundError} When it was removed already.
   */
  unlink(): void {
    unlinkShm(this.#name);
    if (this.#track) untrack(this.#name, this.#ino);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** `SharedMemory('psm_19e9f4f2', size=1024)`, as Python prints it. */
  [inspect.custom](): string {
    return `SharedMemory('${this.#name}', size=${this.#size})`;
  }

  toString(): string {
    return this[inspect.custom]();
  }

  static [serialize](memory: SharedMemory): SharedMemoryData {
    return {
      name: memory.#name,
      track: memory.#track,
      tracker: memory.#track ? trackerHandle() : undefined,
    };
  }

  static [deserialize](data: SharedMemoryData): SharedMemory {
    if (data.tracker !== undefined) joinTracker(data.tracker);
    return new SharedMemory({ name: data.name, track: data.track });
  }
}

/** A file of shared memory that is open now. */
interface Opened {
  readonly name: string;
  readonly fd: number;
  readonly ino: number;
  readonly size: number;
}

function createNamed(name: string | undefined, size: number, tracked: boolean): Opened {
  if (typeof size !== 'number' || !Number.isSafeInteger(size)) {
    throw typeError(`Cannot create shared memory: its size must be an integer, got ${show(size)}`);
  }
  if (size < 0)
    throw new ValueError(`'size' must be a positive integer: cannot create shared memory of ${size} bytes`);
  if (size === 0) {
    throw new ValueError(
      "'size' must be a positive number different from zero: cannot create shared memory of 0 bytes",
    );
  }
  // What the machine has not got is the kernel's to refuse.
  if (size <= os.totalmem()) requireViewable(size);
  if (name !== undefined) return createTracked(withoutSlash(name), size, tracked);
  for (;;) {
    try {
      return createTracked(`psm_${randomUUID().slice(0, 8)}`, size, tracked);
    } catch (error) {
      if (!(error instanceof FileExistsError)) throw error;
    }
  }
}

/** The tracker knows of it before it has a name: so it goes with this process, whenever that is killed. */
function createTracked(name: string, size: number, tracked: boolean): Opened {
  let announced: number | undefined;
  try {
    const { fd, ino } = createShm(name, size, (inode) => {
      if (!tracked) return;
      track(name, inode);
      announced = inode;
    });
    return { name, fd, ino, size };
  } catch (error) {
    if (announced !== undefined) untrack(name, announced);
    throw error;
  }
}

function attach(name: string | undefined): Opened {
  if (name === undefined) {
    throw new ValueError(
      "'name' can only be None if create=True: cannot attach to shared memory without its name",
    );
  }
  const plain = withoutSlash(name);
  const fd = openShm(plain);
  try {
    const { ino, size } = fileStatus(fd);
    requireViewable(size);
    if (size > 0) return { name: plain, fd, ino, size };
    throw new ValueError(
      `cannot mmap an empty file: shared memory ${show(plain)} has no bytes; create it anew`,
    );
  } catch (error) {
    closeQuietly(fd);
    throw error;
  }
}

/** Python tolerates one slash at the beginning, as in `shm_open`. */
function withoutSlash(name: string): string {
  return name.startsWith('/') ? name.slice(1) : name;
}

registerTravelClass('memory/SharedMemory', SharedMemory);
