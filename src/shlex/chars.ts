/**
 * Which kinds of character a lexer tells apart, and a table that answers for one character in constant time.
 *
 * Python asks `nextchar in self.wordchars` and so on, up to seven searches a character. Here the seven strings become
 * one table of bit flags. A lexer's strings may change between two tokens (they are plain attributes, also of
 * subclasses), so a table remembers which strings it was made of; comparing those is seven comparisons of pointers.
 *
 * A character is a code point, as in Python, so no half of a surrogate pair is ever found in a set that holds the pair.
 */

/** Part of a word without any quoting. */
export const WORD = 1;
/** Separates tokens. */
export const BLANK = 2;
/** Starts a comment. */
export const COMMENT = 4;
/** Opens, and closes, a quoted string. */
export const QUOTE = 8;
/** Takes the meaning from the next character. */
export const ESCAPE = 16;
/** A quote within which {@link ESCAPE} works. */
export const ESCAPED_QUOTE = 32;
/** Runs of it are tokens of their own. */
export const PUNCTUATION = 64;

/** The attributes of a lexer that hold sets of characters. */
export interface CharSets {
  readonly wordchars: string;
  readonly whitespace: string;
  readonly commenters: string;
  readonly quotes: string;
  readonly escape: string;
  readonly escapedquotes: string;
  readonly punctuationChars: string;
}

/** What `punctuationChars: true` stands for. */
export const SHELL_PUNCTUATION = '();<>|&';

// The order of the letters is Python's, so that the attribute reads the same.
const plainWord = 'abcdfeghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_';
const latin1Word = 'ßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞ';
const posixWord = plainWord + latin1Word;
/** Usual in file names, options and wildcards; words only where punctuation ends a word anyway. */
const pathWord = '~-./*?=';

/** The word characters that a new lexer has. */
export function defaultWordchars(posix: boolean, punctuation: string): string {
  const word = posix ? posixWord : plainWord;
  if (punctuation === '') return word;
  const taken = new Set(punctuation);
  return [...word, ...pathWord].filter((c) => !taken.has(c)).join('');
}

/** The kinds of each character for one choice of {@link CharSets}. */
export class CharTable {
  readonly #sets: CharSets;
  readonly #low = new Uint8Array(256);
  readonly #high = new Map<number, number>();

  constructor(sets: CharSets) {
    const { wordchars, whitespace, commenters, quotes, escapedquotes, punctuationChars } = sets;
    this.#sets = {
      wordchars,
      whitespace,
      commenters,
      quotes,
      escape: sets.escape,
      escapedquotes,
      punctuationChars,
    };
    this.#mark(wordchars, WORD);
    this.#mark(whitespace, BLANK);
    this.#mark(commenters, COMMENT);
    this.#mark(quotes, QUOTE);
    this.#mark(sets.escape, ESCAPE);
    this.#mark(escapedquotes, ESCAPED_QUOTE);
    this.#mark(punctuationChars, PUNCTUATION);
  }

  #mark(chars: string, kind: number): void {
    for (const char of chars) {
      const code = char.codePointAt(0)!;
      if (code < 256) this.#low[code]! |= kind;
      else this.#high.set(code, (this.#high.get(code) ?? 0) | kind);
    }
  }

  /** The kinds of one character, as a sum of flags; 0 for a character that is in no set. */
  of(char: string): number {
    const unit = char.charCodeAt(0);
    if (unit < 256) return this.#low[unit]!;
    return this.#high.size === 0 ? 0 : (this.#high.get(char.codePointAt(0)!) ?? 0);
  }

  /** Whether this table still says the truth about `sets`. */
  matches(sets: CharSets): boolean {
    const mine = this.#sets;
    return (
      mine.wordchars === sets.wordchars &&
      mine.whitespace === sets.whitespace &&
      mine.commenters === sets.commenters &&
      mine.quotes === sets.quotes &&
      mine.escape === sets.escape &&
      mine.escapedquotes === sets.escapedquotes &&
      mine.punctuationChars === sets.punctuationChars
    );
  }
}

// A program makes many lexers of few kinds: the last tables are kept, so that a short-lived lexer builds none.
const recent: CharTable[] = [];
const kept = 8;

/** The table for `sets`, made or found. */
export function charTable(sets: CharSets): CharTable {
  for (const table of recent) if (table.matches(sets)) return table;
  const table = new CharTable(sets);
  recent.unshift(table);
  if (recent.length > kept) recent.pop();
  return table;
}
