/**
 * Which module a namespace object belongs to: known for those that came by reference, and for built-in modules.
 */
import { builtinPathAfresh } from './builtins.ts';
import { ImportRef } from './plan.ts';

const refs = new WeakMap<object, ImportRef>();

/** Remembers where a value of a module came from, so that it can travel on as it came. */
export function setOrigin(value: object, ref: ImportRef): void {
  if (!refs.has(value)) refs.set(value, ref);
}

export function namespaceOf(value: object): ImportRef | undefined {
  const known = refs.get(value);
  if (known !== undefined) return known;
  const path = builtinPathAfresh((value as { default?: unknown }).default);
  if (path !== undefined && /^node:[^!]+!$/.test(path)) return new ImportRef(path.slice(0, -1), '', '*');
  return undefined;
}
