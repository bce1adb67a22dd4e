/** Names of encodings as Python's users write them, and text to bytes. */
import { ValueError } from '../base/errors.ts';
import { show } from '../base/validate.ts';

/** An encoding: ours by `name`, or Node's by `label` where there is one. */
export interface Encoding {
  readonly name: string;
  readonly label?: string;
}

const own: Readonly<Record<string, string>> = {
  'utf-8': 'utf-8',
  utf8: 'utf-8',
  u8: 'utf-8',
  cp65001: 'utf-8',
  'utf-8-sig': 'utf-8-sig',
  ascii: 'ascii',
  'us-ascii': 'ascii',
  646: 'ascii',
  'latin-1': 'latin-1',
  latin1: 'latin-1',
  'iso-8859-1': 'latin-1',
  'iso8859-1': 'latin-1',
  l1: 'latin-1',
  cp819: 'latin-1',
  cp1252: 'cp1252',
  'cp-1252': 'cp1252',
  'windows-1252': 'cp1252',
  1252: 'cp1252',
  'utf-16': 'utf-16',
  utf16: 'utf-16',
  u16: 'utf-16',
  'utf-16-le': 'utf-16-le',
  'utf-16le': 'utf-16-le',
  utf16le: 'utf-16-le',
  ucs2: 'utf-16-le',
  'utf-16-be': 'utf-16-be',
  'utf-16be': 'utf-16-be',
  'utf-32': 'utf-32',
  utf32: 'utf-32',
  u32: 'utf-32',
  'utf-32-le': 'utf-32-le',
  'utf-32le': 'utf-32-le',
  'utf-32-be': 'utf-32-be',
  'utf-32be': 'utf-32-be',
};

/** What bytes 0x80 to 0x9f mean in cp1252, U+FFFD being nothing. Node 20's own decoder takes them for Latin-1. */
export const cp1252 = '€\ufffd‚ƒ„…†‡ˆ‰Š‹Œ\ufffdŽ\ufffd\ufffd‘’“”•–—˜™š›œ\ufffdžŸ';

/** The encoding of what follows the byte order mark that this one begins with. */
export function bodyOf(name: string): string {
  return name === 'utf-16'
    ? 'utf-16-le'
    : name === 'utf-32'
      ? 'utf-32-le'
      : name === 'utf-8-sig'
        ? 'utf-8'
        : name;
}

/** @throws {ValueError} There is no such encoding (Python's LookupError). */
export function encodingOf(given: string): Encoding {
  const plain = given.toLowerCase().replaceAll(/[_ ]/g, '-');
  const name = own[plain];
  if (name !== undefined) return { name };
  const codePage = /^cp-?(125\d|874)$/.exec(plain);
  const label =
    codePage !== null
      ? `windows-${codePage[1]}`
      : plain === 'cp936'
        ? 'gbk'
        : plain.replace(/^iso8859-/, 'iso-8859-').replace(/^(gb|koi8)-(?=\d)/, '$1');
  try {
    return { name: plain, label: new TextDecoder(label).encoding };
  } catch (cause) {
    throw new ValueError(
      `Cannot use encoding ${show(given)}: unknown encoding; 'utf-8', 'latin-1', 'utf-16', 'gbk' and the like are known`,
      { cause, code: 'ERR_MULTIPROC_UNKNOWN_ENCODING' },
    );
  }
}

/** Python's `UnicodeEncodeError`: a character that the encoding lacks. */
export class UnicodeEncodeError extends ValueError {
  readonly encoding: string;
  readonly start: number;

  constructor(encoding: string, text: string, start: number, reason: string) {
    const c = text.codePointAt(start)!.toString(16).toUpperCase().padStart(4, '0');
    super(
      `Cannot encode as ${encoding}: character U+${c} at position ${start}: ${reason}; ` +
        "use encoding 'utf-8', or errors: 'replace' or 'ignore'",
      { code: 'ERR_MULTIPROC_UNICODE_ENCODE' },
    );
    this.encoding = encoding;
    this.start = start;
  }
}
Object.defineProperty(UnicodeEncodeError.prototype, 'name', {
  value: 'UnicodeEncodeError',
  configurable: true,
  writable: true,
});

const loneSurrogate = /\p{Surrogate}/u;

/** Encodes a whole text. @throws {UnicodeEncodeError} */
export function encodeText(text: string, encoding: string, errors: string): Buffer {
  const { name, label } = encodingOf(encoding);
  if (label === undefined && name.startsWith('utf') && !loneSurrogate.test(text))
    return encodeUnicode(text, name);
  if (name === 'ascii' || name === 'latin-1') {
    const limit = name === 'ascii' ? 0x7f : 0xff;
    let plain = true;
    for (let i = 0; i < text.length && plain; i++) plain = text.charCodeAt(i) <= limit;
    if (plain) return Buffer.from(text, 'latin1');
  }
  const one = encoderOf(bodyOf(name), label);
  const parts: Uint8Array[] = bodyOf(name) === name ? [] : [encodeUnicode('', name)];
  let at = 0;
  for (const c of text) {
    parts.push(one(c) ?? missing(c.codePointAt(0)!, at));
    at += c.length;
  }
  return Buffer.concat(parts);

  function missing(code: number, start: number): Uint8Array {
    if (errors === 'ignore') return new Uint8Array();
    if (errors === 'replace') return inPlace('?');
    if (errors === 'backslashreplace') return inPlace(escaped(code));
    // In wider encodings a single byte is no character.
    const wide = name.startsWith('utf-16') || name.startsWith('utf-32');
    if (errors === 'surrogateescape' && code >= 0xdc80 && code <= 0xdcff && !wide) {
      return Uint8Array.of(code - 0xdc00);
    }
    throw new UnicodeEncodeError(
      name,
      text,
      start,
      code >= 0xd800 && code < 0xe000 ? 'surrogates not allowed' : 'it is not in this encoding',
    );
  }

  function inPlace(ascii: string): Uint8Array {
    return Buffer.concat(Array.from(ascii, (c) => one(c)!));
  }
}

function escaped(code: number): string {
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

function encodeUnicode(text: string, name: string): Buffer {
  switch (name) {
    case 'utf-8':
      return Buffer.from(text);
    case 'utf-8-sig':
      return Buffer.from(`\ufeff${text}`);
    case 'utf-16':
      return Buffer.from(`\ufeff${text}`, 'utf16le');
    case 'utf-16-le':
      return Buffer.from(text, 'utf16le');
    case 'utf-16-be':
      return Buffer.from(text, 'utf16le').swap16();
    default: {
      const codes = Array.from(name === 'utf-32' ? `\ufeff${text}` : text, (c) => c.codePointAt(0)!);
      const bytes = Buffer.alloc(codes.length * 4);
      codes.forEach((c, i) => {
        if (name === 'utf-32-be') bytes.writeUInt32BE(c, i * 4);
        else bytes.writeUInt32LE(c, i * 4);
      });
      return bytes;
    }
  }
}

/** One character to bytes; undefined when the encoding lacks it. */
function encoderOf(name: string, label: string | undefined): (c: string) => Uint8Array | undefined {
  if (label !== undefined) {
    const table = reverseTable(label);
    return (c) => table.get(c);
  }
  if (name === 'ascii' || name === 'latin-1') {
    const limit = name === 'ascii' ? 0x7f : 0xff;
    return (c) => (c.charCodeAt(0) <= limit ? Uint8Array.of(c.charCodeAt(0)) : undefined);
  }
  if (name === 'cp1252') {
    return (c) => {
      const code = c.codePointAt(0)!;
      if (code < 0x80 || (code > 0x9f && code < 0x100)) return Uint8Array.of(code);
      const at = c === '\ufffd' ? -1 : cp1252.indexOf(c);
      return at === -1 ? undefined : Uint8Array.of(0x80 + at);
    };
  }
  return (c) => (loneSurrogate.test(c) ? undefined : encodeUnicode(c, name));
}

const tables = new Map<string, ReadonlyMap<string, Uint8Array>>();

/** Node decodes legacy encodings but does not encode them; so every one- and two-byte sequence is decoded once. */
function reverseTable(label: string): ReadonlyMap<string, Uint8Array> {
  let table = tables.get(label);
  if (table === undefined) {
    const made = new Map<string, Uint8Array>();
    const decoder = new TextDecoder(label, { fatal: true });
    const note = (...bytes: number[]): boolean => {
      try {
        const text = decoder.decode(Uint8Array.from(bytes));
        if ([...text].length === 1 && !made.has(text)) made.set(text, Uint8Array.from(bytes));
        return true;
      } catch {
        return false;
      }
    };
    for (let a = 0; a < 256; a++) {
      if (note(a)) continue;
      for (let b = 0x30; b < 256; b++) note(a, b);
    }
    table = made;
    tables.set(label, table);
  }
  return table;
}
