/**
 * A run of bytes to read from: the receiver's half of the format in `tags.ts`. Everything it returns is a copy.
 */
import { SerializationError } from '../base/errors.ts';
import type { NumberedKeys } from './key-lists.ts';
import { shortLength, shortText } from './short-text.ts';
import { T } from './tags.ts';

/** What `toString` calls after looking at its arguments. */
type Sliced = Buffer & { latin1Slice(from: number, to: number): string };

/** Memory that a message is in, as a reader wants it. */
export interface Memory {
  readonly bytes: Buffer;
  /** The same from its first byte on. */
  readonly i32?: Int32Array | undefined;
  readonly view?: DataView | undefined;
}

const nowhere: Memory = { bytes: Buffer.alloc(0) };

/** Keys come again and again; finding one by its bytes is cheaper than making and interning a new string. */
const keyCache: (string | undefined)[] = new Array(1024).fill(undefined);

export class Source {
  bytes: Buffer;
  words: Int32Array | undefined;
  #view: DataView | undefined;
  #memory = nowhere;
  at: number;
  end: number;
  keys: NumberedKeys | undefined;

  constructor(bytes: Uint8Array, keys?: NumberedKeys) {
    this.bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.words = undefined;
    this.#view = undefined;
    this.at = 0;
    this.end = bytes.length;
    this.keys = keys;
  }

  /**
   * Goes on with another message: the bytes of `memory` from `at` up to `end`.
   *
   * @param keys Lists of keys that it names by numbers.
   */
  open(memory: Memory, at: number, end: number, keys: NumberedKeys | undefined): void {
    if (memory !== this.#memory) this.#use(memory);
    this.at = at;
    this.end = end;
    this.keys = keys;
  }

  #use(memory: Memory): void {
    this.#memory = memory;
    this.bytes = memory.bytes;
    this.words = memory.i32;
    this.#view = memory.view;
  }

  /** The message is read. Shared memory, which the next one is likely to be in too, is none of it that this would keep. */
  close(): void {
    if (this.#memory.i32 === undefined) this.#use(nowhere);
    this.end = 0;
    this.keys = undefined;
  }

  u8(): number {
    if (this.at >= this.end) throw damaged('it ends too early');
    return this.bytes[this.at++]!;
  }

  varint(): number {
    const first = this.u8();
    return first < 128 ? first : this.#longVarint(first);
  }

  #longVarint(first: number): number {
    let value = first & 127;
    let scale = 128;
    for (;;) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  }

  int(): number {
    const z = this.varint();
    return (z >>> 1) ^ -(z & 1);
  }

  f64(): number {
    const at = this.#skip(8);
    return this.#view === undefined ? this.bytes.readDoubleLE(at) : this.#view.getFloat64(at, true);
  }

  ascii(): string {
    const { bytes, at } = this;
    const n = bytes[at]!;
    const after = at + 1 + n;
    if (!(n <= shortLength && after <= this.end)) return this.#longAscii();
    this.at = after;
    return shortText(bytes, at + 1, n);
  }

  #longAscii(): string {
    const n = this.varint();
    const start = this.#skip(n);
    return (this.bytes as Sliced).latin1Slice(start, start + n);
  }

  utf8(): string {
    const n = this.varint();
    const start = this.#skip(n);
    return this.bytes.toString('utf8', start, start + n);
  }

  utf16(): string {
    const n = this.varint();
    const start = this.#skip(n);
    return this.bytes.toString('ucs2', start, start + n);
  }

  /** An integer with its tag. */
  tagged(): number {
    const tag = this.u8();
    if (tag === T.MINUS_ZERO) return 0;
    if (tag === T.INT) return this.int();
    throw damaged(`an integer was due, not tag ${tag}`);
  }

  /** A string with its tag. */
  string(): string {
    const tag = this.u8();
    if (tag === T.ASCII) return this.ascii();
    if (tag === T.UTF8) return this.utf8();
    if (tag === T.UTF16) return this.utf16();
    throw damaged(`a string was due, not tag ${tag}`);
  }

  /** A string with its tag, through the cache of keys. */
  key(): string {
    const { bytes, at } = this;
    const n = bytes[at + 1]!;
    const start = at + 2;
    if (start > this.end || bytes[at] !== T.ASCII || n > 32 || start + n > this.end) return this.string();
    let hash = n;
    for (let i = start; i < start + n; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
    const slot = hash & 1023;
    const cached = keyCache[slot];
    if (cached !== undefined && cached.length === n) {
      let i = 0;
      while (i < n && cached.charCodeAt(i) === bytes[start + i]) i++;
      if (i === n) {
        this.at = start + n;
        return cached;
      }
    }
    const key = this.string();
    keyCache[slot] = key;
    return key;
  }

  /** The bytes of a block, still inside the message. */
  block(): Buffer {
    const n = this.varint();
    const start = this.#skip(n);
    return this.bytes.subarray(start, start + n);
  }

  /** A copy of `count` words of `size` bytes each, aligned. */
  aligned(count: number, size: number): ArrayBuffer {
    const start = this.#skip(count * size);
    const { buffer, byteOffset } = this.bytes;
    return buffer.slice(byteOffset + start, byteOffset + start + count * size) as ArrayBuffer;
  }

  #skip(n: number): number {
    const start = this.at;
    if (start + n > this.end) throw damaged('it ends too early');
    this.at = start + n;
    return start;
  }
}

/** What arrived is not what an encoder of this version writes. */
export function damaged(why: string): SerializationError {
  return new SerializationError(
    `Cannot decode a message: ${why}; both sides must run the same version of multiproc`,
    { code: 'ERR_MULTIPROC_MESSAGE' },
  );
}
