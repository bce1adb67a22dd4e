/**
 * Bytes to text as Python decodes: chunk by chunk, by any encoding that Python's users meet, with its error handlers.
 *
 * Node's own decoders do the work wherever the input is well-formed. They cannot do the rest: tell where an error is,
 * `ignore`, `surrogateescape`, `backslashreplace`, ASCII as such, UTF-32.
 */
import { isUtf8 } from 'node:buffer';
import { ValueError } from '../base/errors.ts';
import { show } from '../base/validate.ts';
import { bodyOf, cp1252, encodingOf } from './encodings.ts';

/** What to do about bytes that are no text. */
export type ErrorsMode = 'strict' | 'ignore' | 'replace' | 'surrogateescape' | 'backslashreplace';

/** Python's `UnicodeDecodeError`: `object[start:end]` is no text in that encoding. */
export class UnicodeDecodeError extends ValueError {
  readonly encoding: string;
  /** The bytes being decoded when it happened. */
  readonly object: Buffer;
  readonly start: number;
  readonly end: number;
  readonly reason: string;

  constructor(encoding: string, object: Buffer, start: number, end: number, reason: string) {
    const bytes = object.subarray(start, end).toString('hex');
    super(
      `Cannot decode as ${encoding}: byte 0x${bytes} at position ${start}: ${reason}; ` +
        "name the right encoding, or pass errors: 'replace', 'ignore' or 'surrogateescape'",
      { code: 'ERR_MULTIPROC_UNICODE_DECODE' },
    );
    this.encoding = encoding;
    this.object = object;
    this.start = start;
    this.end = end;
    this.reason = reason;
  }
}
Object.defineProperty(UnicodeDecodeError.prototype, 'name', {
  value: 'UnicodeDecodeError',
  configurable: true,
  writable: true,
});

/** Decodes one stream. */
export interface Decoder {
  /** @param final No more will come: what is incomplete now is an error. */
  decode(bytes: Uint8Array, final: boolean): string;
}

/** @throws {ValueError} There is no such encoding or error handler. */
export function createDecoder(encoding: string, errors: string): Decoder {
  const { name, label } = encodingOf(encoding);
  const mode = checkErrors(errors);
  return label === undefined ? new ScanningDecoder(name, mode) : platformDecoder(name, label, mode);
}

function checkErrors(errors: string): ErrorsMode {
  const modes: readonly string[] = ['strict', 'ignore', 'replace', 'surrogateescape', 'backslashreplace'];
  if (!modes.includes(errors)) {
    throw new ValueError(`Cannot use errors ${show(errors)}: there are ${modes.join(', ')}`);
  }
  return errors as ErrorsMode;
}

/** Decodes what is complete; `bad` says what stands for bytes that are no text. */
type Scan = (bytes: Buffer, final: boolean, bad: Bad) => Scanned;
/** Gives the text, and where to go on: not always at `end`, since `surrogateescape` takes only bytes from 0x80 on. */
type Bad = (start: number, end: number, why: string) => readonly [text: string, next: number];
/** The text, and how many bytes it stands for. */
type Scanned = readonly [text: string, used: number];

class ScanningDecoder implements Decoder {
  readonly #name: string;
  readonly #mode: ErrorsMode;
  /** Undefined until the byte order mark, or its absence, has been seen. */
  #scan: Scan | undefined;
  #pending: Buffer = Buffer.alloc(0);

  constructor(name: string, mode: ErrorsMode) {
    this.#name = name;
    this.#mode = mode;
    this.#scan = scans[name];
  }

  decode(bytes: Uint8Array, final: boolean): string {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    let input: Buffer = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    if (this.#scan === undefined) {
      const marked = byteOrder(this.#name, input, final);
      if (marked === undefined) {
        this.#pending = Buffer.from(input);
        return '';
      }
      this.#scan = marked.scan;
      input = input.subarray(marked.skip);
    }
    const [text, used] = this.#scan(input, final, (start, end, why) =>
      substitute(this.#mode, this.#name, input, start, end, why),
    );
    // A copy, since the chunk may be a window onto memory that will be filled again.
    this.#pending = used === input.length ? Buffer.alloc(0) : Buffer.from(input.subarray(used));
    return text;
  }
}

function substitute(
  mode: ErrorsMode,
  name: string,
  bytes: Buffer,
  start: number,
  end: number,
  why: string,
): readonly [text: string, next: number] {
  switch (mode) {
    case 'ignore':
      return ['', end];
    case 'replace':
      return ['\ufffd', end];
    case 'backslashreplace': {
      const escaped = [...bytes.subarray(start, end)].map((b) => `\\x${b.toString(16).padStart(2, '0')}`);
      return [escaped.join(''), end];
    }
    case 'surrogateescape': {
      let text = '';
      let next = start;
      for (; next < end && bytes[next]! >= 0x80; next++) text += String.fromCharCode(0xdc00 + bytes[next]!);
      if (next > start) return [text, next];
      throw new UnicodeDecodeError(name, Buffer.from(bytes), start, end, why);
    }
    case 'strict':
      throw new UnicodeDecodeError(name, Buffer.from(bytes), start, end, why);
  }
}

/** Which byte order, and how many bytes of mark to skip; undefined when there is too little to tell. */
function byteOrder(name: string, bytes: Buffer, final: boolean): { scan: Scan; skip: number } | undefined {
  const need = name === 'utf-16' ? 2 : name === 'utf-32' ? 4 : 3;
  if (bytes.length < need) return final ? { scan: scans[bodyOf(name)]!, skip: 0 } : undefined;
  if (name === 'utf-8-sig') return { scan: utf8, skip: bytes.readUIntBE(0, 3) === 0xefbbbf ? 3 : 0 };
  if (name === 'utf-16') {
    if (bytes.readUInt16LE(0) === 0xfeff) return { scan: utf16le, skip: 2 };
    if (bytes.readUInt16BE(0) === 0xfeff) return { scan: utf16be, skip: 2 };
    return { scan: utf16le, skip: 0 };
  }
  if (bytes.readUInt32LE(0) === 0xfeff) return { scan: utf32le, skip: 4 };
  if (bytes.readUInt32BE(0) === 0xfeff) return { scan: utf32be, skip: 4 };
  return { scan: utf32le, skip: 0 };
}

const utf8: Scan = (bytes, final, bad) => {
  const complete = final ? bytes.length : bytes.length - incompleteTail(bytes);
  const body = complete === bytes.length ? bytes : bytes.subarray(0, complete);
  if (isUtf8(body)) return [body.toString('utf8'), complete];
  let text = '';
  let good = 0;
  for (let i = 0; i < complete; ) {
    const { length, valid, why } = utf8Sequence(bytes, i, complete);
    if (valid) {
      i += length;
      continue;
    }
    const [meant, next] = bad(i, i + length, why);
    text += bytes.toString('utf8', good, i) + meant;
    good = i = next;
  }
  return [text + bytes.toString('utf8', good, complete), complete];
};

/** The sequence at `i`, or the longest beginning of one: that much is one error, as Unicode recommends and CPython does. */
function utf8Sequence(b: Buffer, i: number, end: number): { length: number; valid: boolean; why: string } {
  const first = b[i]!;
  if (first < 0x80) return { length: 1, valid: true, why: '' };
  const total =
    first >= 0xc2 && first <= 0xdf
      ? 2
      : first >= 0xe0 && first <= 0xef
        ? 3
        : first >= 0xf0 && first <= 0xf4
          ? 4
          : 0;
  if (total === 0) return { length: 1, valid: false, why: 'invalid start byte' };
  let low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  let high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  for (let k = 1; k < total; k++) {
    if (i + k >= end) return { length: k, valid: false, why: 'unexpected end of data' };
    const c = b[i + k]!;
    if (c < low || c > high) return { length: k, valid: false, why: 'invalid continuation byte' };
    low = 0x80;
    high = 0xbf;
  }
  return { length: total, valid: true, why: '' };
}

/** How many bytes at the end are the beginning of a sequence that more bytes could complete. */
function incompleteTail(b: Buffer): number {
  for (let back = 1; back <= Math.min(3, b.length); back++) {
    const c = b[b.length - back]!;
    if (c < 0x80) return 0;
    if (c >= 0xc0) {
      const { length, valid, why } = utf8Sequence(b, b.length - back, b.length);
      return !valid && length === back && why === 'unexpected end of data' ? back : 0;
    }
  }
  return 0;
}

const ascii: Scan = (bytes, _final, bad) => {
  let text = '';
  let good = 0;
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i]! < 0x80) continue;
    text += bytes.toString('latin1', good, i) + bad(i, i + 1, 'ordinal not in range(128)')[0];
    good = i + 1;
  }
  return [text + bytes.toString('latin1', good), bytes.length];
};

const windows1252: Scan = (bytes, _final, bad) => {
  let text = '';
  let good = 0;
  for (let i = 0; i < bytes.length; i++) {
    const b = bytes[i]!;
    if (b < 0x80 || b > 0x9f) continue;
    const c = cp1252[b - 0x80]!;
    const meant = c === '\ufffd' ? bad(i, i + 1, 'character maps to <undefined>')[0] : c;
    text += bytes.toString('latin1', good, i) + meant;
    good = i + 1;
  }
  return [text + bytes.toString('latin1', good), bytes.length];
};

const latin1: Scan = (bytes) => [bytes.toString('latin1'), bytes.length];

const loneSurrogate = /\p{Surrogate}/u;

function utf16(bigEndian: boolean): Scan {
  const unit = (b: Buffer, i: number): number => (bigEndian ? b.readUInt16BE(i) : b.readUInt16LE(i));
  return (bytes, final, bad) => {
    let whole = bytes.length & ~1;
    // A high surrogate at the end waits for its other half.
    if (!final && whole >= 2 && (unit(bytes, whole - 2) & 0xfc00) === 0xd800) whole -= 2;
    const body = bytes.subarray(0, whole);
    const fast = (bigEndian ? Buffer.from(body).swap16() : body).toString('utf16le');
    if (!loneSurrogate.test(fast) && (!final || whole === bytes.length)) return [fast, whole];
    let text = '';
    let i = 0;
    const wrong = (end: number, why: string): void => {
      const [meant, next] = bad(i, end, why);
      text += meant;
      i = next;
    };
    for (;;) {
      const left = bytes.length - i;
      const first = left < 2 ? 0 : unit(bytes, i);
      const high = (first & 0xfc00) === 0xd800;
      if (left === 0 || (!final && (left < 2 || (high && left < 4)))) return [text, i];
      if (left < 2) wrong(bytes.length, 'truncated data');
      else if ((first & 0xf800) !== 0xd800) {
        text += String.fromCharCode(first);
        i += 2;
      } else if (!high) wrong(i + 2, 'illegal encoding');
      else if (left < 4) wrong(bytes.length, 'unexpected end of data');
      else if ((unit(bytes, i + 2) & 0xfc00) === 0xdc00) {
        text += String.fromCharCode(first, unit(bytes, i + 2));
        i += 4;
      } else wrong(i + 2, 'illegal UTF-16 surrogate');
    }
  };
}

function utf32(bigEndian: boolean): Scan {
  return (bytes, final, bad) => {
    let text = '';
    let i = 0;
    const wrong = (end: number, why: string): void => {
      const [meant, next] = bad(i, end, why);
      text += meant;
      i = next;
    };
    for (;;) {
      const left = bytes.length - i;
      if (left === 0 || (left < 4 && !final)) return [text, i];
      const c = left < 4 ? 0 : bigEndian ? bytes.readUInt32BE(i) : bytes.readUInt32LE(i);
      if (left < 4) wrong(bytes.length, 'truncated data');
      else if (c > 0x10ffff) wrong(i + 4, 'code point not in range(0x110000)');
      else if (c >= 0xd800 && c < 0xe000) {
        wrong(i + 4, 'code point in surrogate code point range(0xd800, 0xe000)');
      } else {
        text += String.fromCodePoint(c);
        i += 4;
      }
    }
  };
}

const utf16le = utf16(false);
const utf16be = utf16(true);
const utf32le = utf32(false);
const utf32be = utf32(true);

/** Those whose byte order or mark must be seen first are not here. */
const scans: Readonly<Record<string, Scan>> = {
  'utf-8': utf8,
  ascii,
  'latin-1': latin1,
  cp1252: windows1252,
  'utf-16-le': utf16le,
  'utf-16-be': utf16be,
  'utf-32-le': utf32le,
  'utf-32-be': utf32be,
};

/** Encodings that Node brings (ICU): they can be strict or replace, but not say where an error is. */
function platformDecoder(name: string, label: string, mode: ErrorsMode): Decoder {
  if (mode !== 'strict' && mode !== 'replace') {
    throw new ValueError(
      `Cannot decode ${name} with errors ${show(mode)}: for this encoding there are 'strict' and 'replace'; or take bytes`,
    );
  }
  const decoder = new TextDecoder(label, { fatal: mode === 'strict', ignoreBOM: true });
  return {
    decode(bytes, final) {
      try {
        if (!final) return decoder.decode(bytes, { stream: true });
        // A character that is cut off at the end would be dropped in silence; before a newline it is an error.
        const text = decoder.decode(Buffer.concat([bytes, Buffer.from('\n')]));
        if (text.endsWith('\n')) return text.slice(0, -1);
      } catch {
        // What TextDecoder says is no more than what follows.
      }
      throw new UnicodeDecodeError(name, Buffer.from(bytes), 0, bytes.length, 'illegal multibyte sequence');
    },
  };
}
