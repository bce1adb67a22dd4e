/** Where the values of modules came from that reached this process by reference. */
import type { ImportRef } from './plan.ts';

const refs = new WeakMap<object, ImportRef>();

/** Remembers where a value of a module came from, so that it can travel on as it came. */
export function setOrigin(value: object, ref: ImportRef): void {
  if (!refs.has(value)) refs.set(value, ref);
}

export function originOf(value: object): ImportRef | undefined {
  return refs.get(value);
}
