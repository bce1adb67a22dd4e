/**
 * The lexer itself: CPython's `shlex.shlex`, character for character.
 *
 * Why a state machine over single characters and nothing cleverer: sources may be pushed and attributes changed between
 * any two tokens, and what CPython does then, odd cases included, is what programs rely on. The branches of `readToken`
 * therefore stand in CPython's order. Where only a string has to be split, `split()` takes a faster way.
 *
 * state        | meaning                                        | left by
 * -------------+------------------------------------------------+------------------------------------------
 * ' '          | between tokens                                 | the first character of a token
 * 'a'          | in a word                                      | a blank, punctuation, the end
 * 'c'          | in a run of punctuation                        | any other character, which is read again
 * a quote      | in a quoted string                             | the same quote
 * an escape    | behind an escape character                     | the next character, whatever it is
 * null         | the source has ended                           | popSource(), never by reading
 */
import path from 'node:path';
import { AttributeError, RuntimeError, ValueError } from '../base/errors.ts';
import { show, typeError } from '../base/validate.ts';
import {
  BLANK,
  type CharSets,
  type CharTable,
  COMMENT,
  charTable,
  defaultWordchars,
  ESCAPE,
  ESCAPED_QUOTE,
  PUNCTUATION,
  QUOTE,
  SHELL_PUNCTUATION,
  WORD,
} from './chars.ts';
import { noClosingQuotation, noEscapedCharacter } from './errors.ts';
import { repr } from './repr.ts';
import { fileSource, type LexerInput, type TextSource, toSource } from './source.ts';

/** Options of {@link Shlex}. */
export interface ShlexOptions {
  /** Name of the source, for `errorLeader()` and as the place that included files are relative to. */
  readonly infile?: string | null | undefined;
  /** Quotes and escapes work as in a POSIX shell, and the end of the input is null. @default false */
  readonly posix?: boolean | undefined;
  /** Characters whose runs are tokens of their own; true means `();<>|&`. @default false */
  readonly punctuationChars?: boolean | string | undefined;
}

/** What {@link Shlex.sourcehook} gives: the included file's name and its text. */
export type Inclusion = readonly [newfile: string | null, newstream: LexerInput];

/** A source put aside by {@link Shlex.pushSource}. */
export type PushedSource = readonly [infile: string | null, instream: TextSource, lineno: number];

/**
 * A lexer for simple languages that look like a shell's: yields tokens, synchronously, from a string, a descriptor or
 * any object that has `read` and `readline`. Without an input it reads standard input, blocking the thread for it.
 *
 * The attributes may be set at any time and apply from the next token on. Iterating is reading: a loop that was left
 * goes on where it stopped.
 *
 * @throws {TypeError} When an argument is of the wrong kind.
 * @throws {ValueError} From whatever reads a token: "No closing quotation" (code `ERR_MULTIPROC_NO_CLOSING_QUOTATION`),
 *   "No escaped character" (`ERR_MULTIPROC_NO_ESCAPED_CHARACTER`).
 * @example
 * const lexer = new Shlex('a && b || c', { punctuationChars: true });
 * console.log([...lexer]); // [ 'a', '&&', 'b', '||', 'c' ]
 * @see https://docs.python.org/3/library/shlex.html#shlex.shlex
 */
export class Shlex implements IterableIterator<string, undefined>, CharSets {
  /** The present source. Replace it with `pushSource()`, unless for good. */
  instream: TextSource;
  /** The present source's name. */
  infile: string | null;
  /** Whether the rules are a POSIX shell's. */
  posix: boolean;
  /** What `getToken()` gives at the end: null by POSIX rules, where an empty token can occur, else `''`. */
  eof: string | null;
  /** A comment reaches from one of these to the end of the line. */
  commenters = '#';
  /** What words are made of. */
  wordchars: string;
  /** What separates tokens. */
  whitespace = ' \t\r\n';
  /** Splits at whitespace (and `punctuationChars`) only: everything else is part of a word. */
  whitespaceSplit = false;
  /** What opens and closes a quoted string. */
  quotes = '\'"';
  /** Takes the meaning from the next character; POSIX only. */
  escape = '\\';
  /** The quotes within which `escape` works; POSIX only. */
  escapedquotes = '"';
  /** See the table above. */
  state: string | null = ' ';
  /** Tokens given back, the next one first. */
  readonly pushback: string[] = [];
  /** The present line, from 1. */
  lineno = 1;
  /** From 1 on, tells on standard output what it does; 2 and 3 tell more. */
  debug = 0;
  /** The token as far as it is read; interesting when an error was thrown. */
  token = '';
  /** The sources put aside by `pushSource()`, the last one first. */
  readonly filestack: PushedSource[] = [];
  /** The token that includes a file: what follows it goes to `sourcehook()`. Null includes nothing. */
  source: string | null = null;

  readonly #punctuationChars: string;
  /** A character that ended a token without belonging to it. Its own queue: as a token it could not grow. */
  readonly #pushbackChars: string[] = [];
  #table: CharTable;
  /** Whether the token had quotes, and so counts even if empty. */
  #quoted = false;
  /** The state that an escape character interrupted. */
  #escapedState = ' ';

  constructor(instream?: LexerInput | null, options?: ShlexOptions);
  constructor(instream?: LexerInput | null, infile?: string | null, options?: ShlexOptions);
  constructor(
    instream?: LexerInput | null,
    infileOrOptions?: string | null | ShlexOptions,
    lastOptions?: ShlexOptions,
  ) {
    const [infile, options] = sortArguments(infileOrOptions, lastOptions);
    const { posix = false, punctuationChars = false } = options;
    if (typeof posix !== 'boolean') {
      throw typeError(`Cannot make a lexer: posix must be true or false, got ${show(posix)}`);
    }
    if (typeof punctuationChars !== 'boolean' && typeof punctuationChars !== 'string') {
      throw typeError(
        `Cannot make a lexer: punctuationChars must be a string, true or false, got ${show(punctuationChars)}`,
      );
    }
    this.instream = toSource(instream);
    // Python's rule: standard input has no name.
    this.infile = instream === undefined || instream === null ? null : infile;
    this.posix = posix;
    this.eof = posix ? null : '';
    if (typeof punctuationChars === 'string') this.#punctuationChars = punctuationChars;
    else this.#punctuationChars = punctuationChars ? SHELL_PUNCTUATION : '';
    this.wordchars = defaultWordchars(posix, this.#punctuationChars);
    this.#table = charTable(this);
  }

  /** The characters whose runs are tokens of their own. Fixed when the lexer is made, since `wordchars` depends on it. */
  get punctuationChars(): string {
    return this.#punctuationChars;
  }

  /** @throws {AttributeError} Always. */
  set punctuationChars(_value: never) {
    throw new AttributeError('Cannot set punctuationChars: it is fixed when a lexer is made; make a new one');
  }

  /**
   * Gives a token back: the next `getToken()` returns it, whatever it is.
   *
   * @see https://docs.python.org/3/library/shlex.html#shlex.shlex.push_token
   */
  pushToken(token: string): void {
    if (this.debug >= 1) say(`pushing token ${repr(token)}`);
    this.pushback.unshift(token);
  }

  /**
   * Reads from another source until it ends, then goes on with the present one.
   *
   * @param newfile Its name, for `errorLeader()`.
   * @throws {TypeError} When `newstream` cannot be read from.
   * @see https://docs.python.org/3/library/shlex.html#shlex.shlex.push_source
   */
  pushSource(newstream: LexerInput, newfile: string | null = null): void {
    if (newstream === undefined || newstream === null) {
      throw typeError(
        'Cannot push a source: there is none; give a string or an object with read() and readline()',
      );
    }
    const stream = toSource(newstream);
    this.filestack.unshift([this.infile, this.instream, this.lineno]);
    this.infile = newfile;
    this.instream = stream;
    this.lineno = 1;
    if (this.debug) {
      say(newfile === null ? `pushing to stream ${show(stream)}` : `pushing to file ${newfile}`);
    }
  }

  /**
   * Closes the present source and goes back to the one before. Reading does this at the end of a pushed source.
   *
   * @throws {RuntimeError} When no source was pushed.
   * @see https://docs.python.org/3/library/shlex.html#shlex.shlex.pop_source
   */
  popSource(): void {
    const before = this.filestack.shift();
    if (before === undefined) throw new RuntimeError('Cannot pop the source: none was pushed');
    this.instream.close?.();
    [this.infile, this.instream, this.lineno] = before;
    if (this.debug) say(`popping to ${show(this.instream)}, line ${this.lineno}`);
    this.state = ' ';
  }

  /**
   * The next token, or {@link eof}. Tokens given back come first; inclusions are followed.
   *
   * @throws {ValueError} When the input ends between quotes or behind an escape character.
   * @example
   * for (let t = lexer.getToken(); t !== lexer.eof; t = lexer.getToken()) console.log(t);
   * @see https://docs.python.org/3/library/shlex.html#shlex.shlex.get_token
   */
  getToken(): string | null {
    const given = this.pushback.shift();
    if (given !== undefined) {
      if (this.debug >= 1) say(`popping token ${repr(given)}`);
      return given;
    }
    let raw = this.readToken();
    if (this.source !== null) {
      while (raw === this.source) {
        const inclusion = this.sourcehook(this.readToken());
        if (inclusion) this.pushSource(inclusion[1], inclusion[0]);
        raw = this.getToken();
      }
    }
    while (raw === this.eof) {
      if (this.filestack.length === 0) return this.eof;
      this.popSource();
      raw = this.getToken();
    }
    if (this.debug >= 1) say(raw === this.eof ? 'token=EOF' : `token=${repr(raw)}`);
    return raw;
  }

  /**
   * Reads one token from the present source alone: no token given back, no inclusion, no way back to another source.
   *
   * @returns The token; at the end of the source null by POSIX rules, else `''`.
   * @throws {ValueError} When the source ends between quotes or behind an escape character.
   * @see https://docs.python.org/3/library/shlex.html#shlex.shlex.read_token
   */
  readToken(): string | null {
    if (!this.#table.matches(this)) this.#table = charTable(this);
    this.#quoted = false;
    this.#escapedState = ' ';
    for (;;) {
      const char = this.#pushbackChars.pop() ?? this.instream.read(1);
      if (char === '\n') this.lineno++;
      if (this.debug >= 3) say(`in state ${repr(this.state)} I see character: ${repr(char)}`);
      if (this.#step(char)) break;
    }
    const token = this.token;
    this.token = '';
    if (this.debug > 1) say(token === '' ? 'raw token=EOF' : `raw token=${repr(token)}`);
    return this.posix && !this.#quoted && token === '' ? null : token;
  }

  /** Takes one character (`''` is the end) and says whether the token is complete. */
  #step(char: string): boolean {
    const state = this.state;
    if (state === null) {
      this.token = '';
      return true;
    }
    if (state === ' ') return this.#stepBetween(char);
    const kind = this.#table.of(state);
    if (kind & QUOTE) return this.#stepQuoted(char, state);
    if (kind & ESCAPE) return this.#stepEscaped(char, state);
    return this.#stepWord(char, state);
  }

  #stepBetween(char: string): boolean {
    if (!char) {
      this.state = null;
      return true;
    }
    const kind = this.#table.of(char);
    if (kind & BLANK) {
      if (this.debug >= 2) say('I see whitespace in whitespace state');
      return this.#hasToken();
    }
    if (kind & COMMENT) {
      this.#skipComment();
    } else if (this.posix && kind & ESCAPE) {
      this.#escapedState = 'a';
      this.state = char;
    } else if (kind & WORD) {
      this.token = char;
      this.state = 'a';
    } else if (kind & PUNCTUATION) {
      this.token = char;
      this.state = 'c';
    } else if (kind & QUOTE) {
      if (!this.posix) this.token = char;
      this.state = char;
    } else {
      this.token = char;
      if (!this.whitespaceSplit) return true;
      this.state = 'a';
    }
    return false;
  }

  #stepQuoted(char: string, state: string): boolean {
    this.#quoted = true;
    if (!char) {
      if (this.debug >= 2) say('I see EOF in quotes state');
      throw noClosingQuotation();
    }
    if (char === state) {
      if (this.posix) {
        this.state = 'a';
        return false;
      }
      this.token += char;
      this.state = ' ';
      return true;
    }
    if (this.posix && this.#table.of(char) & ESCAPE && this.#table.of(state) & ESCAPED_QUOTE) {
      this.#escapedState = state;
      this.state = char;
    } else {
      this.token += char;
    }
    return false;
  }

  #stepEscaped(char: string, state: string): boolean {
    if (!char) {
      if (this.debug >= 2) say('I see EOF in escape state');
      throw noEscapedCharacter();
    }
    const interrupted = this.#escapedState;
    // Between quotes only the quote itself and the escape character can be escaped; elsewhere everything.
    if (this.#table.of(interrupted) & QUOTE && char !== state && char !== interrupted) this.token += state;
    this.token += char;
    this.state = interrupted;
    return false;
  }

  #stepWord(char: string, state: string): boolean {
    if (!char) {
      this.state = null;
      return true;
    }
    const kind = this.#table.of(char);
    if (kind & BLANK) {
      if (this.debug >= 2) say('I see whitespace in word state');
      this.state = ' ';
      return this.#hasToken();
    }
    if (kind & COMMENT) {
      this.#skipComment();
      // Without POSIX rules a comment does not end the word, which goes on in the next line.
      if (!this.posix) return false;
      this.state = ' ';
      return this.#hasToken();
    }
    if (state === 'c') {
      if (kind & PUNCTUATION) {
        this.token += char;
        return false;
      }
      this.#pushbackChars.push(char);
      this.state = ' ';
      return true;
    }
    if (this.posix && kind & QUOTE) {
      this.state = char;
    } else if (this.posix && kind & ESCAPE) {
      this.#escapedState = 'a';
      this.state = char;
    } else if (kind & (WORD | QUOTE) || (this.whitespaceSplit && !(kind & PUNCTUATION))) {
      this.token += char;
    } else {
      if (this.#punctuationChars === '') this.pushback.unshift(char);
      else this.#pushbackChars.push(char);
      if (this.debug >= 2) say('I see punctuation in word state');
      this.state = ' ';
      return this.#hasToken();
    }
    return false;
  }

  /** Whether there is a token to give; quotes with nothing between them are one by POSIX rules. */
  #hasToken(): boolean {
    return this.token !== '' || (this.posix && this.#quoted);
  }

  #skipComment(): void {
    this.instream.readline();
    this.lineno++;
  }

  /**
   * Finds what the token behind {@link source} stands for; override it to include anything but files. As in C, a
   * relative name is relative to the including file, and double quotes around it are dropped.
   *
   * @returns The source to read next and its name, or null to include nothing.
   * @throws {ValueError} When the input ends where the name should stand, or the file is not UTF-8.
   * @throws {OSError} When the file cannot be read: `FileNotFoundError`, `PermissionError`, …
   * @see https://docs.python.org/3/library/shlex.html#shlex.shlex.sourcehook
   */
  sourcehook(newfile: string | null): Inclusion | null | undefined {
    if (newfile === null || newfile === '') {
      throw new ValueError(`Cannot include a file: no name follows ${repr(this.source)}`);
    }
    let name = newfile.startsWith('"') ? newfile.slice(1, -1) : newfile;
    if (this.infile !== null && !path.isAbsolute(name)) name = siblingOf(this.infile, name);
    return [name, fileSource(name)];
  }

  /**
   * The head of an error message that editors understand: `"file", line 3: `. A source without a name is `None`, as
   * in Python.
   *
   * @see https://docs.python.org/3/library/shlex.html#shlex.shlex.error_leader
   */
  errorLeader(infile?: string | null, lineno?: number | null): string {
    return `"${infile ?? this.infile ?? 'None'}", line ${lineno ?? this.lineno}: `;
  }

  /** The lexer itself: there is but one position, however many loops read from it. */
  [Symbol.iterator](): this {
    return this;
  }

  /** The next token for `for…of`; see {@link getToken}. */
  next(): IteratorResult<string, undefined> {
    const token = this.getToken();
    // The second comparison is for an `eof` of one's own making: null is never a token.
    return token === this.eof || token === null
      ? { done: true, value: undefined }
      : { done: false, value: token };
  }
}

/** Sorts out the two shapes of the constructor's arguments. */
function sortArguments(
  second: string | null | undefined | ShlexOptions,
  third: ShlexOptions | undefined,
): [infile: string | null, options: ShlexOptions] {
  const named = typeof second === 'string' || second === undefined || second === null;
  const options = (named ? third : second) ?? {};
  if (typeof options !== 'object') {
    throw typeError(`Cannot make a lexer: the options must be an object, got ${show(options)}`);
  }
  const infile = (named ? second : null) ?? options.infile ?? null;
  if (infile !== null && typeof infile !== 'string') {
    throw typeError(`Cannot make a lexer: infile must be a string, got ${show(infile)}`);
  }
  return [infile, options];
}

const trailingSeparators = path.sep === '/' ? /\/+$/ : /[/\\]+$/;

/** `name` in the folder of `file`, spelled as Python spells it: unlike `path.join`, nothing is simplified. */
function siblingOf(file: string, name: string): string {
  const slash = Math.max(file.lastIndexOf('/'), file.lastIndexOf(path.sep));
  if (slash === -1) return name;
  const folder = file.slice(0, slash + 1);
  const bare = folder.replace(trailingSeparators, (run) => (run === folder ? run : ''));
  return bare.endsWith('/') || bare.endsWith(path.sep) ? bare + name : `${bare}/${name}`;
}

/** A line of debug output, with Python's prefix. */
function say(text: string): void {
  console.log(`shlex: ${text}`);
}
