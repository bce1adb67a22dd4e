/** Splitting a command line into its words: what most programs want of a lexer. */
import { ValueError } from '../base/errors.ts';
import { show, typeError } from '../base/validate.ts';
import { Shlex } from './lexer.ts';
import type { LexerInput } from './source.ts';
import { splitPlain, splitPosix } from './split-text.ts';

/** Options of {@link split}. */
export interface SplitOptions {
  /** `#` starts a comment, even in the middle of a word. @default false */
  readonly comments?: boolean | undefined;
  /** Quotes and backslashes work as in a POSIX shell; else quotes stay in the words. @default true */
  readonly posix?: boolean | undefined;
}

/**
 * The words of a command line. Nothing is expanded: no variables, no wildcards.
 *
 * @param s The text, or anything that {@link Shlex} reads from; that is read to its end, blocking the thread.
 * @throws {ValueError} "No closing quotation" (code `ERR_MULTIPROC_NO_CLOSING_QUOTATION`), "No escaped character"
 *   (`ERR_MULTIPROC_NO_ESCAPED_CHARACTER`); also for null and undefined, which do not mean standard input.
 * @throws {TypeError} When `s` or an option is of the wrong kind.
 * @example
 * split('cp -r "my files" /tmp'); // [ 'cp', '-r', 'my files', '/tmp' ]
 * split('make # everything', { comments: true }); // [ 'make' ]
 * @see https://docs.python.org/3/library/shlex.html#shlex.split
 */
export function split(s: LexerInput, options: SplitOptions = {}): string[] {
  if (s === null || s === undefined) {
    throw new ValueError(`Cannot split ${s}: it must be a string; for standard input give 0`);
  }
  if (typeof options !== 'object' || options === null) {
    throw typeError(`Cannot split: the options must be an object, got ${show(options)}`);
  }
  const { comments = false, posix = true } = options;
  if (typeof comments !== 'boolean') {
    throw typeError(`Cannot split: comments must be true or false, got ${show(comments)}`);
  }
  if (typeof posix !== 'boolean') {
    throw typeError(`Cannot split: posix must be true or false, got ${show(posix)}`);
  }
  if (typeof s === 'string') return posix ? splitPosix(s, comments) : splitPlain(s, comments);
  const lexer = new Shlex(s, { posix });
  lexer.whitespaceSplit = true;
  if (!comments) lexer.commenters = '';
  return [...lexer];
}
