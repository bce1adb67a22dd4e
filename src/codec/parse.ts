/**
 * acorn's parser, loaded when the first script is parsed: who only receives functions, as most children do, does without its
 * quarter of a megabyte of source.
 */
import { createRequire } from 'node:module';
import type { Options, Program } from 'acorn';

let acorn: typeof import('acorn') | undefined;

/** @throws {SyntaxError} For what is no program. */
export function parse(text: string, options: Options): Program {
  acorn ??= createRequire(import.meta.url)('acorn') as typeof import('acorn');
  return acorn.parse(text, options);
}
