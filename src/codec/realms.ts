/**
 * What another realm (`node:vm`; a test runner that works with it) has of its own: a second `Object`, a second `Map`.
 *
 * It travels as what the receiver's realm has under that name, as with structured clone.
 */
import { isProxy } from 'node:util/types';
import type { Fn } from './plan.ts';

const names = `Object Function Array Map Set Date RegExp Boolean Number String Symbol BigInt Promise
  Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError
  ArrayBuffer SharedArrayBuffer DataView Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array
  Float16Array Float32Array Float64Array BigInt64Array BigUint64Array WeakMap WeakSet WeakRef FinalizationRegistry`.split(
  /\s+/,
);

const ours = new Map<string, Fn>();
for (const name of names) {
  const own = (globalThis as unknown as Record<string, Fn | undefined>)[name];
  if (own !== undefined) ours.set(name, own);
}
for (const fn of [async () => {}, function* () {}, async function* () {}]) {
  ours.set(fn.constructor.name, fn.constructor);
}

/** Our own constructor where this is another realm's of the same name; undefined for all others. */
export function twinOf(cls: Fn): Fn | undefined {
  const own = ours.get(cls.name);
  if (own === undefined || own === cls) return undefined;
  return Function.prototype.toString.call(cls) === `function ${own.name}() { [native code] }`
    ? own
    : undefined;
}

/** Our own constructor whose prototype `proto` is, or is the twin of. */
export function ownerOf(proto: object | null): Fn | undefined {
  if (proto === null || isProxy(proto)) return undefined;
  const cls: unknown = Object.getOwnPropertyDescriptor(proto, 'constructor')?.value;
  if (typeof cls !== 'function' || isProxy(cls) || cls.prototype !== proto) return undefined;
  return ours.get(cls.name) === cls ? cls : twinOf(cls);
}
