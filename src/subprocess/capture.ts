/**
 * Room for output whose size nobody knows: read straight into blocks, joined once at the end.
 *
 * From some megabytes on blocks are such that their pages can be moved to where they are joined, so that much output is
 * neither copied nor there twice.
 */
import { FreshMemory, LARGE_PAGE, largeBuffer, movePages } from '../platform/large-pages.ts';

const FIRST_BLOCK = 64 * 1024;
/** Blocks double up to this size … */
const LAST_SMALL_BLOCK = 4 * 1024 * 1024;
/** … and go on from this size, which the C library gets from the kernel by itself … */
const FIRST_LARGE_BLOCK = 32 * 1024 * 1024;
/** … to this one: for each block V8 counts the memory, and collects garbage on account of it. */
const LAST_LARGE_BLOCK = 128 * 1024 * 1024;
/** In a small block less room than this is not worth a read. */
const LEAST_ROOM = 16 * 1024;

/** A piece of what was read. */
interface Part {
  readonly bytes: Buffer;
  /** Nobody else has it, so its pages may be taken away. */
  readonly movable: boolean;
}

/** What one stream of a program has said. */
export class Capture {
  readonly #full: Part[] = [];
  #block: Buffer = Buffer.alloc(0);
  /** The block, if it is a large one that nobody else has. */
  #fresh: FreshMemory | undefined;
  #used = 0;
  #length = 0;
  readonly #max: number;
  #dropped = 0;

  /** @param max Keeps this many bytes; what comes after is read and dropped, so that the program can go on. */
  constructor(max: number = Number.POSITIVE_INFINITY) {
    this.#max = max;
  }

  /** Bytes kept. */
  get length(): number {
    return this.#length;
  }

  /** Bytes that came beyond the bound. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Where the next read may put its bytes. */
  room(): Buffer {
    const left = this.#block.length - this.#used;
    // A large block is filled to its end: only then its pages can be moved.
    if (left < (this.#fresh === undefined ? LEAST_ROOM : 1)) this.#nextBlock();
    // Pages that the kernel makes in the midst of a read keep the program from writing meanwhile.
    return this.#block.subarray(this.#used, this.#fresh?.makeAfter(this.#used));
  }

  #nextBlock(): void {
    if (this.#used > 0) this.#full.push(this.#last());
    let size = Math.max(FIRST_BLOCK, this.#block.length * 2);
    if (size > LAST_SMALL_BLOCK) size = Math.min(Math.max(size, FIRST_LARGE_BLOCK), LAST_LARGE_BLOCK);
    this.#fresh = size > LAST_SMALL_BLOCK ? new FreshMemory(size) : undefined;
    this.#block = this.#fresh?.bytes ?? largeBuffer(size);
    this.#used = 0;
  }

  /** A read put `n` bytes into {@link room}. */
  took(n: number): void {
    const kept = Math.min(n, this.#max - this.#length);
    this.#used += kept;
    this.#length += kept;
    this.#dropped += n - kept;
  }

  /** Takes over bytes that were read elsewhere. */
  add(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const room = this.room();
      const n = bytes.copy(room, 0, at);
      this.took(n);
      at += n;
    }
  }

  /** Whether {@link bytes} has nothing to join. */
  get joined(): boolean {
    return this.#full.length === 0;
  }

  /**
   * Joins what there is, a part at a time, and lets the event loop have its turn in between; {@link bytes} has nothing
   * left to do then.
   */
  async join(): Promise<void> {
    if (this.joined) return;
    const steps = this.#joining();
    while (!steps.next().done) await new Promise((resolve) => setImmediate(resolve));
  }

  /** All of it. */
  bytes(): Buffer {
    if (this.joined) {
      const { bytes } = this.#last();
      // A small output should not hold on to a large block.
      if (this.#used <= this.#block.length / 2) return Buffer.from(bytes);
      this.#fresh = undefined;
      return bytes;
    }
    const steps = this.#joining();
    while (!steps.next().done);
    return this.#block;
  }

  #last(): Part {
    return { bytes: this.#block.subarray(0, this.#used), movable: this.#fresh !== undefined };
  }

  /** Puts all parts into one block; pauses after each that took time. */
  *#joining(): Generator<undefined, undefined> {
    const parts = [...this.#full, this.#last()];
    const small = parts.findIndex((part) => part.movable);
    const before = parts.slice(0, Math.max(small, 0)).reduce((sum, { bytes }) => sum + bytes.length, 0);
    const all = largeBuffer(this.#length, before % LARGE_PAGE);
    let at = 0;
    for (const { bytes, movable } of parts) {
      if (!movable || !movePages(bytes, all.subarray(at), bytes.length)) {
        bytes.copy(all, at);
        yield;
      }
      at += bytes.length;
    }
    this.#full.length = 0;
    this.#block = all;
    this.#fresh = undefined;
    this.#used = all.length;
  }
}
