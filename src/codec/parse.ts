/**
 * acorn's parser, loaded when the first script is parsed: who only receives functions, as most children do, does without its
 * quarter of a megabyte of source.
 */
import type { AnyNode, Options, Program } from 'acorn';
import { requireDependency } from '../base/package.ts';

let acorn: typeof import('acorn') | undefined;

/** @throws {SyntaxError} For what is no program. */
export function parse(text: string, options: Options): Program {
  acorn ??= requireDependency('acorn') as typeof import('acorn');
  return acorn.parse(text, options);
}

/** The nodes directly below one. */
export function childrenOf(node: AnyNode): readonly AnyNode[] {
  return Object.values(node).flat().filter(isNode);
}

function isNode(part: unknown): part is AnyNode {
  return typeof (part as Partial<AnyNode> | null | undefined)?.type === 'string';
}
