/**
 * Arguments for a call that is ended before the function's first step: with them no default of a parameter is evaluated, and its
 * patterns find something to be taken apart. Taking them apart runs no function that V8 could step into.
 */
import type { AnyNode, ArrayPattern, ObjectPattern } from 'acorn';

/** For a function with these parameters. */
export function standIns(params: readonly AnyNode[]): readonly unknown[] {
  return params.every((p) => p.type === 'Identifier') ? [] : elements(params);
}

/** Anything but undefined. */
const something = null;

function standIn(p: AnyNode | null): unknown {
  switch (p?.type) {
    case 'AssignmentPattern':
      return standIn(p.left);
    case 'ArrayPattern':
      return elements((p as ArrayPattern).elements);
    case 'ObjectPattern':
      return properties(p as ObjectPattern);
    default:
      return something;
  }
}

/** The last may be the rest of them. */
function elements(list: readonly (AnyNode | null)[]): unknown[] {
  return list.flatMap((p) => {
    if (p?.type !== 'RestElement') return [standIn(p)];
    return p.argument.type === 'ArrayPattern' ? elements(p.argument.elements) : [];
  });
}

function properties({ properties: list }: ObjectPattern): object {
  const found: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const p of list) if (p.type !== 'RestElement' && !p.computed) found[nameOf(p.key)] = standIn(p.value);
  if (!list.some((p) => p.type !== 'RestElement' && p.computed)) return found;
  const structured = list.find((p) => p.type !== 'RestElement' && isStructured(p.value));
  const value = structured?.type === 'Property' ? standIn(structured.value) : something;
  return new Proxy(found, { get: get.bind(new Map([[found, value]]), found) });
}

const { get } = Map.prototype;

function nameOf(key: AnyNode): string {
  return key.type === 'Identifier' ? key.name : String((key as { value?: unknown }).value);
}

function isStructured(p: AnyNode): boolean {
  if (p.type === 'AssignmentPattern') return isStructured(p.left);
  return p.type === 'ArrayPattern' || p.type === 'ObjectPattern';
}

/**
 * Whether there are stand-ins: where keys are computed, all properties are alike, so that but one can be taken apart; and what is named
 * twice could be taken apart in two ways.
 */
export function areCertain({ properties: list }: ObjectPattern): boolean {
  const properties = list.filter((p) => p.type !== 'RestElement');
  const spelt = properties.filter((p) => !p.computed);
  if (spelt.length === properties.length)
    return new Set(spelt.map((p) => nameOf(p.key))).size === spelt.length;
  return properties.filter((p) => isStructured(p.value)).length <= 1;
}
