/**
 * The fast path of `split()`: a string in memory, with the lexer's settings fixed as `split()` fixes them.
 *
 * With `whitespaceSplit` every character is one of few special ones, all ASCII, or part of a word, so the text can be cut
 * into slices by UTF-16 units without looking at code points. That these functions equal the class `Shlex` is tested with
 * generated input.
 */
import { noClosingQuotation, noEscapedCharacter } from './errors.ts';

const TAB = 9;
const NEWLINE = 10;
const RETURN = 13;
const BLANK = 32;
const DOUBLE_QUOTE = 34;
const HASH = 35;
const SINGLE_QUOTE = 39;
const BACKSLASH = 92;

function isBlank(code: number): boolean {
  return code === BLANK || code === NEWLINE || code === TAB || code === RETURN;
}

/** Where the line behind a comment begins. */
function skipComment(text: string, from: number): number {
  const newline = text.indexOf('\n', from);
  return newline === -1 ? text.length : newline + 1;
}

/** The words of `text` by the rules of a POSIX shell. */
export function splitPosix(text: string, comments: boolean): string[] {
  const tokens: string[] = [];
  const end = text.length;
  let at = 0;
  for (;;) {
    while (at < end && isBlank(text.charCodeAt(at))) at++;
    if (at >= end) return tokens;
    if (comments && text.charCodeAt(at) === HASH) {
      at = skipComment(text, at);
      continue;
    }
    // What the word holds so far is `word` and the slice from `start` on, which needed no change.
    let word = '';
    let start = at;
    while (at < end) {
      const code = text.charCodeAt(at);
      if (code > BACKSLASH || (code > SINGLE_QUOTE && code < BACKSLASH)) {
        at++;
      } else if (isBlank(code) || (code === HASH && comments)) {
        break;
      } else if (code === SINGLE_QUOTE) {
        const close = text.indexOf("'", at + 1);
        if (close === -1) throw noClosingQuotation();
        word += text.slice(start, at) + text.slice(at + 1, close);
        start = at = close + 1;
      } else if (code === DOUBLE_QUOTE) {
        word += text.slice(start, at);
        const close = closingQuote(text, at + 1);
        word += unescapeQuoted(text, at + 1, close);
        start = at = close + 1;
      } else if (code === BACKSLASH) {
        if (at + 1 >= end) throw noEscapedCharacter();
        word += text.slice(start, at);
        start = at + 1;
        at += 2;
      } else {
        at++;
      }
    }
    tokens.push(word + text.slice(start, at));
  }
}

/** The place of the double quote that closes, searched from `at`. */
function closingQuote(text: string, at: number): number {
  for (let i = at; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOUBLE_QUOTE) return i;
    if (code === BACKSLASH && ++i >= text.length) throw noEscapedCharacter();
  }
  throw noClosingQuotation();
}

/** What stands between double quotes: there a backslash works only before itself and before a double quote. */
function unescapeQuoted(text: string, from: number, to: number): string {
  const inner = text.slice(from, to);
  return inner.includes('\\') ? inner.replace(/\\([\\"])/g, '$1') : inner;
}

/** The words of `text` by the lexer's older rules: quotes stay, matter only in front, and nothing can be escaped. */
export function splitPlain(text: string, comments: boolean): string[] {
  const tokens: string[] = [];
  const end = text.length;
  let at = 0;
  for (;;) {
    while (at < end && isBlank(text.charCodeAt(at))) at++;
    if (at >= end) return tokens;
    const first = text.charCodeAt(at);
    let start = at;
    if (first === SINGLE_QUOTE || first === DOUBLE_QUOTE) {
      const close = text.indexOf(first === SINGLE_QUOTE ? "'" : '"', at + 1);
      if (close === -1) throw noClosingQuotation();
      at = close + 1;
      tokens.push(text.slice(start, at));
      continue;
    }
    let word = '';
    while (at < end) {
      const code = text.charCodeAt(at);
      if (isBlank(code)) break;
      if (code === HASH && comments) {
        // The comment and its newline vanish without ending the word: `foo#bar⏎baz` is `foobaz`.
        word += text.slice(start, at);
        start = at = skipComment(text, at);
        // Unless no word has begun: then what follows may open a quoted string.
        if (word === '') break;
      } else {
        at++;
      }
    }
    word += text.slice(start, at);
    if (word !== '') tokens.push(word);
  }
}
