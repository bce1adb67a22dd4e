/**
 * How functions travel, as far as it is known; `functions.ts` finds it out for those that it meets for the first time.
 *
 * Apart from it, since a receiver needs no analysis of sources: every child waits for what is imported.
 */
import * as errors from '../base/errors.ts';
import type { Fn, Plan } from './plan.ts';

const plans = new WeakMap<Fn, Plan>();

/** Makes a function travel as `plan` says: for what was received as code, and so has no source of its own here. */
export function setPlan(fn: Fn, plan: Plan): void {
  plans.set(fn, plan);
}

/** How it travels, if that is known. */
export function knownPlan(fn: Fn): Plan | undefined {
  return plans.get(fn);
}

/** The error classes of this library, by name: both sides have them. */
export function ownClass(name: string): Fn | undefined {
  const value = Object.hasOwn(errors, name) ? (errors as Record<string, unknown>)[name] : undefined;
  return typeof value === 'function' ? value : undefined;
}
