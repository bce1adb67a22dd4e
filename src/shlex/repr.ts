/** Python's `repr` of a string, for the lexer's debug output only. */

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
// What Python calls not printable: the categories "other" and "separator" without the blank.
const notPlain = /[\\\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

/** `text` between quotes as Python prints it; null is `None`. */
export function repr(text: string | null): string {
  if (text === null) return 'None';
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const plain = text.replace(notPlain, (c) => escapes[c] ?? escapeCode(c.codePointAt(0)!));
  return quote + (quote === "'" ? plain.replaceAll("'", "\\'") : plain) + quote;
}

function escapeCode(code: number): string {
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, '0')}`;
  return code < 0x1_0000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}
