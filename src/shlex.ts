/** The table of contents of `multiproc/shlex`: everything of Python's `shlex`. */

// The lexer, also under Python's name
export {
  type Inclusion,
  type PushedSource,
  Shlex,
  Shlex as shlex,
  type ShlexOptions,
} from './shlex/lexer.ts';
// Command lines
export { join, quote } from './shlex/quote.ts';
// What it reads from
export type { LexerInput, TextSource } from './shlex/source.ts';
export { type SplitOptions, split } from './shlex/split.ts';
