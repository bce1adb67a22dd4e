/** Values as Python prints them, in texts that Python's users know: `['ls', '-l']`, `b'hi\n'`, `None`. */

const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };

function quoted(text: string, escapeOne: (c: string) => string, unsafe: RegExp): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text.replace(unsafe, (c) => named[c] ?? escapeOne(c));
  return quote + (quote === "'" ? body.replaceAll("'", "\\'") : body) + quote;
}

function escapeCodePoint(c: string): string {
  const n = c.codePointAt(0)!;
  if (n < 0x100) return `\\x${n.toString(16).padStart(2, '0')}`;
  return n < 0x10000 ? `\\u${n.toString(16).padStart(4, '0')}` : `\\U${n.toString(16).padStart(8, '0')}`;
}

/** Python's `repr` of a string, bytes, a number, a boolean, null, an array; a URL or anything else as its own text. */
export function repr(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string')
    return quoted(value, escapeCodePoint, /[\\\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu);
  if (value instanceof Uint8Array) {
    return `b${quoted(Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1'), escapeCodePoint, /[\\]|[^\x20-\x7e]/g)}`;
  }
  if (Array.isArray(value)) return `[${value.map(repr).join(', ')}]`;
  return String(value);
}
