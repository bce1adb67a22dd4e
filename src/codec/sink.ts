/**
 * A growing run of bytes to write into: the sender's half of the format in `tags.ts`.
 *
 * Short ASCII strings are written by a loop, since a native call costs more than a dozen characters; all other strings go
 * through Buffer. Growth doubles, but a big block reserves exactly what it needs.
 */
import { T } from './tags.ts';

const firstBytes = 8192;
const KEEP_BYTES = 1 << 20;

/** From here on no more is reserved than what is needed. */
const MODEST_BYTES = 1 << 30;

/** Bytes to go on with, a multiple of eight. */
function roomFor(need: number, size: number): number {
  const enough = Math.ceil((need + 64) / 8) * 8;
  return size < MODEST_BYTES ? Math.max(size * 2, enough) : enough;
}

/** Longest text that a loop writes. */
const shortText = 24;
/** A number or a short text takes no more than this, its tag included. */
export const shortBytes = shortText + 2;

/** Writes a number at `at`, where {@link shortBytes} are free. @returns where it ends. */
export function putNumber(bytes: Buffer, view: DataView, at: number, n: number): number {
  if ((n | 0) !== n) {
    bytes[at] = T.F64;
    view.setFloat64(at + 1, n, true);
    return at + 9;
  }
  if (n === 0 && Object.is(n, -0)) {
    bytes[at] = T.MINUS_ZERO;
    return at + 1;
  }
  let end = at + 1;
  bytes[at] = T.INT;
  let z = ((n << 1) ^ (n >> 31)) >>> 0;
  while (z > 127) {
    bytes[end++] = (z & 127) | 0x80;
    z >>>= 7;
  }
  bytes[end] = z;
  return end + 1;
}

/** Writes a short text of ASCII at `at`, where {@link shortBytes} are free. @returns where it ends; -1 for any other text. */
export function putShort(bytes: Buffer, at: number, s: string): number {
  const n = s.length;
  if (n > shortText) return -1;
  bytes[at] = T.ASCII;
  bytes[at + 1] = n;
  let end = at + 2;
  for (let i = 0; i < n; i++) {
    const c = s.charCodeAt(i);
    if (c > 127) return -1;
    bytes[end++] = c;
  }
  return end;
}

type TextTag = typeof T.ASCII | typeof T.UTF8 | typeof T.UTF16;

/** @param byteLength In UTF-8. */
function tagOf(s: string, byteLength: number): TextTag {
  if (byteLength === s.length) return T.ASCII;
  return s.isWellFormed() ? T.UTF8 : T.UTF16;
}

/** Writes a text of so many bytes at `at`, where there is room. @returns where it ends. */
function putText(bytes: Buffer, at: number, s: string, tag: TextTag, length: number): number {
  bytes[at] = tag;
  let from = at + 1;
  let n = length;
  while (n > 127) {
    bytes[from++] = (n & 127) | 0x80;
    n >>>= 7;
  }
  bytes[from++] = n;
  return from + bytes.write(s, from, length, tag === T.ASCII ? 'latin1' : tag === T.UTF8 ? 'utf8' : 'ucs2');
}

/** Writes a text that {@link putShort} refused at `at`. @returns where it ends; -1 when that may be behind `limit`, or it has lone surrogates. */
export function putLong(bytes: Buffer, at: number, s: string, limit: number): number {
  if (at + s.length * 3 + 5 > limit) return -1;
  const length = Buffer.byteLength(s, 'utf8');
  const tag = tagOf(s, length);
  return tag === T.UTF16 ? -1 : putText(bytes, at, s, tag, length);
}

/** Writes a value that is one of a few. @returns where it ends; -1 for any other. */
export function putSimple(bytes: Buffer, at: number, v: unknown): number {
  if (v === true) bytes[at] = T.TRUE;
  else if (v === false) bytes[at] = T.FALSE;
  else if (v === null) bytes[at] = T.NULL;
  else if (v === undefined) bytes[at] = T.UNDEFINED;
  else return -1;
  return at + 1;
}

export class Sink {
  bytes!: Buffer;
  /** The same memory in words, in units of eight bytes, and for numbers with a fraction. */
  words!: Int32Array;
  units!: BigInt64Array;
  view!: DataView;
  #size!: number;
  at = 0;

  constructor() {
    this.#use(Buffer.allocUnsafeSlow(firstBytes));
  }

  /** A buffer that has its memory to itself, a multiple of eight bytes. */
  #use(bytes: Buffer): void {
    const { buffer, length } = bytes;
    this.bytes = bytes;
    this.#size = length;
    this.words = new Int32Array(buffer, 0, length / 4);
    this.units = new BigInt64Array(buffer, 0, length / 8);
    this.view = new DataView(buffer);
  }

  #grow(need: number): void {
    const bigger = Buffer.allocUnsafeSlow(roomFor(need, this.#size));
    this.bytes.copy(bigger, 0, 0, this.at);
    this.#use(bigger);
  }

  u8(n: number): void {
    if (this.at === this.#size) this.#grow(this.at + 1);
    this.bytes[this.at++] = n;
  }

  varint(n: number): void {
    this.room(10);
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

  /** Makes room for `n` bytes. @returns where to write them. */
  room(n: number): number {
    const { at } = this;
    if (at + n > this.#size) this.#grow(at + n);
    return at;
  }

  number(n: number): void {
    this.room(shortBytes);
    this.at = putNumber(this.bytes, this.view, this.at, n);
  }

  string(s: string): void {
    this.room(shortBytes);
    const end = putShort(this.bytes, this.at, s);
    if (end < 0) this.longString(s);
    else this.at = end;
  }

  /** A text that {@link putShort} refused; any other as well. */
  longString(s: string): void {
    const byteLength = Buffer.byteLength(s, 'utf8');
    const tag = tagOf(s, byteLength);
    const length = tag === T.UTF16 ? s.length * 2 : byteLength;
    this.room(length + 11);
    this.at = putText(this.bytes, this.at, s, tag, length);
  }

  /** A list of keys, at a whole word so that it can be copied and compared by words; see `tags.ts`. */
  keyed(words: Int32Array): void {
    const from = this.startKeys(words.length);
    const target = this.words;
    for (let i = 0; i < words.length; i++) target[from + i] = words[i]!;
    this.at = (from + words.length) * 4;
  }

  /** Writes what stands in front of a list of keys of so many words. @returns the word at which it is to be written. */
  startKeys(words: number): number {
    const at = this.room(5 + words * 4);
    const { bytes } = this;
    const padding = -(at + 2) & 3;
    bytes[at] = T.KEYED;
    bytes[at + 1] = padding;
    const from = at + 2 + padding;
    for (let i = at + 2; i < from; i++) bytes[i] = 0;
    return from >>> 2;
  }

  block(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** Bytes whose number the reader knows. */
  raw(bytes: Uint8Array): void {
    this.room(bytes.length);
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
