/**
 * Room for output whose size nobody knows: read straight into blocks that grow, joined once at the end.
 */
import { preferLargePages } from '../platform/large-pages.ts';

const FIRST_BLOCK = 64 * 1024;
const LARGEST_BLOCK = 8 * 1024 * 1024;
/** Less room than this is not worth a read. */
const LEAST_ROOM = 16 * 1024;

/** What one stream of a program has said. */
export class Capture {
  readonly #full: Buffer[] = [];
  #block: Buffer = Buffer.alloc(0);
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
    if (this.#block.length - this.#used < LEAST_ROOM) {
      if (this.#used > 0) this.#full.push(this.#block.subarray(0, this.#used));
      const size = Math.min(Math.max(FIRST_BLOCK, this.#block.length * 2), LARGEST_BLOCK);
      this.#block = large(size);
      this.#used = 0;
    }
    return this.#block.subarray(this.#used);
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

  /**
   * Joins what there is, a part at a time, and lets the event loop have its turn in between; {@link bytes} has nothing
   * left to do then.
   */
  async join(): Promise<void> {
    if (this.#full.length === 0) return;
    const parts = [...this.#full, this.#block.subarray(0, this.#used)];
    const all = large(this.#length);
    let at = 0;
    for (const part of parts) {
      at += part.copy(all, at);
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#joined(all);
  }

  /** All of it. */
  bytes(): Buffer {
    const last = this.#block.subarray(0, this.#used);
    if (this.#full.length === 0) {
      // A small output should not hold on to a large block.
      return this.#used > this.#block.length / 2 ? last : Buffer.from(last);
    }
    const all = large(this.#length);
    let at = 0;
    for (const part of [...this.#full, last]) at += part.copy(all, at);
    this.#joined(all);
    return all;
  }

  #joined(all: Buffer): void {
    this.#full.length = 0;
    this.#block = all;
    this.#used = all.length;
  }
}

function large(size: number): Buffer {
  const block = Buffer.allocUnsafeSlow(size);
  preferLargePages(block);
  return block;
}
