/**
 * Whose `prototype` an object is, where it does not say so itself: one that was put in place of the first one, such as
 * `F.prototype = { … }` and `F.prototype = Object.create(G.prototype)`.
 *
 * Only the function tells, so it is known from when that was met. An instance that came before it in the same message has been
 * written as an object that inherits from a copy; then the message is written again.
 */
import { types } from 'node:util';
import { isClass } from './is-class.ts';
import type { Fn } from './plan.ts';

const owners = new WeakMap<object, Fn>();
/** Objects of which a copy was written, for others to inherit from. */
const copied = new WeakSet<object>();
let isLate = false;

/** The function that makes objects which inherit from `proto`, as far as known; else what that calls its constructor. */
export function constructorOf(proto: object | null): unknown {
  if (proto === null) return undefined;
  const own: unknown = Object.hasOwn(proto, 'constructor') ? proto.constructor : undefined;
  if (typeof own === 'function' && own.prototype === proto) return own;
  const owner = owners.get(proto);
  return owner?.prototype === proto ? owner : own;
}

/** Told of each function that travels, in the sender and the receiver. @returns whether its `prototype` does not name it. */
export function claimPrototype(fn: Fn): boolean {
  const prototype: unknown = Object.getOwnPropertyDescriptor(fn, 'prototype')?.value;
  if (typeof prototype !== 'object' || prototype === null || types.isProxy(prototype)) return false;
  const own: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  if (own === fn || isClass(fn) || types.isGeneratorFunction(fn)) return false;
  // Two functions may have one.
  const isNamed = typeof own === 'function' && !types.isProxy(own) && own.prototype === prototype;
  if (!isNamed && owners.get(prototype)?.prototype !== prototype) {
    owners.set(prototype, fn);
    isLate ||= copied.has(prototype);
  }
  return true;
}

/** Told when an object is written that inherits from a copy of `proto`. */
export function wasCopied(proto: object): void {
  copied.add(proto);
}

/** Whether, since the last call, a function claimed an object that had been copied. */
export function claimedLate(): boolean {
  const was = isLate;
  isLate = false;
  return was;
}
