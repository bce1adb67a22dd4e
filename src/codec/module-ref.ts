/**
 * Numbers for the modules that captured variables refer to: they stay the same in all messages of a thread, so that the
 * sections of a function can be compared.
 */
import type { ImportRef } from './plan.ts';

const numbers = new Map<string, number>();

export function moduleKey(ref: ImportRef): string {
  return `${ref.commonjs ? 'require' : 'import'} ${ref.specifier} ${ref.type} ${ref.parent}`;
}

export function moduleNumber(key: string): number {
  let n = numbers.get(key);
  if (n === undefined) {
    n = numbers.size;
    numbers.set(key, n);
  }
  return n;
}
