/**
 * A growing run of bytes to write into: the sender's half of the format in `tags.ts`.
 *
 * Short ASCII strings are written by a loop, since a native call costs more than a dozen characters; all other strings go
 * through Buffer. Growth doubles, but a big block reserves exactly what it needs.
 */
import { T } from './tags.ts';

const firstBytes = 8192;
const KEEP_BYTES = 1 << 20;

/** Of a buffer that has its memory to itself. */
function wordsOf(bytes: Buffer): Int32Array {
  return new Int32Array(bytes.buffer, 0, bytes.length >> 2);
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer);
}

export class Sink {
  bytes: Buffer;
  /** The same memory, in words. */
  words: Int32Array;
  #view: DataView;
  #size = firstBytes;
  at = 0;

  constructor() {
    this.bytes = Buffer.allocUnsafeSlow(firstBytes);
    this.words = wordsOf(this.bytes);
    this.#view = viewOf(this.bytes);
  }

  #use(bytes: Buffer): void {
    this.bytes = bytes;
    this.#size = bytes.length;
    this.words = wordsOf(bytes);
    this.#view = viewOf(bytes);
  }

  reserve(n: number): void {
    if (this.at + n > this.#size) this.#grow(this.at + n);
  }

  #grow(need: number): void {
    const bigger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, (need + 64) & ~3));
    this.bytes.copy(bigger, 0, 0, this.at);
    this.#use(bigger);
  }

  u8(n: number): void {
    if (this.at === this.#size) this.#grow(this.at + 1);
    this.bytes[this.at++] = n;
  }

  varint(n: number): void {
    this.reserve(10);
    if (n < 128) this.bytes[this.at++] = n;
    else this.#longVarint(n);
  }

  #longVarint(n: number): void {
    const bytes = this.bytes;
    let at = this.at;
    while (n > 0x7fffffff) {
      bytes[at++] = (n % 128) | 0x80;
      n = Math.floor(n / 128);
    }
    while (n > 127) {
      bytes[at++] = (n & 127) | 0x80;
      n >>>= 7;
    }
    bytes[at++] = n;
    this.at = at;
  }

  number(n: number): void {
    this.reserve(11);
    const { bytes } = this;
    let { at } = this;
    if ((n | 0) === n) {
      if (n === 0 && Object.is(n, -0)) bytes[at++] = T.MINUS_ZERO;
      else {
        bytes[at++] = T.INT;
        let z = ((n << 1) ^ (n >> 31)) >>> 0;
        while (z > 127) {
          bytes[at++] = (z & 127) | 0x80;
          z >>>= 7;
        }
        bytes[at++] = z;
      }
      this.at = at;
      return;
    }
    bytes[at] = T.F64;
    this.#view.setFloat64(at + 1, n, true);
    this.at = at + 9;
  }

  string(s: string): void {
    const n = s.length;
    if (n <= 24) {
      this.reserve(n + 6);
      const bytes = this.bytes;
      const start = this.at;
      bytes[start] = T.ASCII;
      bytes[start + 1] = n;
      let i = 0;
      for (let at = start + 2; i < n; i++) {
        const c = s.charCodeAt(i);
        if (c > 127) break;
        bytes[at++] = c;
      }
      if (i === n) {
        this.at = start + 2 + n;
        return;
      }
    }
    this.#longString(s);
  }

  #longString(s: string): void {
    const byteLength = Buffer.byteLength(s, 'utf8');
    if (byteLength === s.length) {
      this.reserve(byteLength + 11);
      this.bytes[this.at++] = T.ASCII;
      this.varint(byteLength);
      this.at += this.bytes.write(s, this.at, byteLength, 'latin1');
    } else if (s.isWellFormed()) {
      this.reserve(byteLength + 11);
      this.bytes[this.at++] = T.UTF8;
      this.varint(byteLength);
      this.at += this.bytes.write(s, this.at, byteLength, 'utf8');
    } else {
      this.reserve(s.length * 2 + 11);
      this.bytes[this.at++] = T.UTF16;
      this.varint(s.length * 2);
      this.at += this.bytes.write(s, this.at, s.length * 2, 'ucs2');
    }
  }

  /** A list of keys, at a whole word so that it can be copied and compared by words; see `tags.ts`. */
  keyed(words: Int32Array): void {
    this.reserve(5 + words.length * 4);
    const { bytes, at, words: target } = this;
    const count = words.length;
    const padding = -(at + 2) & 3;
    const from = (at + 2 + padding) >> 2;
    bytes[at] = T.KEYED;
    bytes[at + 1] = padding;
    for (let i = at + 2; i < from * 4; i++) bytes[i] = 0;
    for (let i = 0; i < count; i++) target[from + i] = words[i]!;
    this.at = (from + count) * 4;
  }

  block(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** Bytes whose number the reader knows. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** Whether so little was written that the memory is worth keeping. */
  get isSmall(): boolean {
    return this.at <= KEEP_BYTES;
  }

  /** Empties it; a big block is let go. */
  release(): void {
    this.at = 0;
    if (this.bytes.length > KEEP_BYTES) this.#use(Buffer.allocUnsafeSlow(firstBytes));
  }

  /** What was written; afterwards the sink is empty. A big block is handed over, a small one copied out. */
  take(): Buffer {
    const { at } = this;
    if (!this.isSmall) {
      const whole = this.bytes.subarray(0, at);
      this.#use(Buffer.allocUnsafeSlow(firstBytes));
      this.at = 0;
      return whole;
    }
    this.at = 0;
    const copy = Buffer.allocUnsafe(at);
    this.bytes.copy(copy, 0, 0, at);
    return copy;
  }
}
