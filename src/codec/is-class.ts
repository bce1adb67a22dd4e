/** Apart from what reads classes' sources: who only receives does without a parser. */
import type { Fn } from './plan.ts';

/** Whether this is an ES class rather than a function. */
export function isClass(fn: Fn): boolean {
  return /^class\b/.test(Function.prototype.toString.call(fn));
}
