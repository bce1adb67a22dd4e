/**
 * What hangs on a function beyond its source: own fields, statics of a class, methods that were put onto its prototype.
 */
import { types } from 'node:util';
import { builtinPath } from './builtins.ts';
import { isClass } from './is-class.ts';
import type { Fn } from './plan.ts';
import { classSource } from './privates.ts';
import { claimPrototype, constructorOf } from './prototypes.ts';
import { ownerOf } from './realms.ts';

/** One property of the function itself or of its `prototype`. */
export interface Extra {
  readonly onPrototype: boolean;
  readonly key: string | symbol;
  /** `undefined`: the receiver has made it, and it is not there. */
  readonly descriptor: PropertyDescriptor | undefined;
}

export interface Extras {
  readonly name: string;
  readonly properties: readonly Extra[];
  /** What `prototype` inherits from, where a function was made a subclass by hand. */
  readonly prototypeParent: object | null | undefined;
  /** The function whose `prototype` that is, where it is one. */
  readonly prototypeOwner: Fn | undefined;
  /** Whether `prototype` is that very object. */
  readonly isShared: boolean;
  /** What the function inherits from, likewise. */
  readonly parent: object | null | undefined;
}

const skippedOnFunction: ReadonlySet<string | symbol> = new Set(['prototype', 'arguments', 'caller']);
const plainParents = new Set<unknown>([
  Function,
  (async () => {}).constructor,
  function* () {}.constructor,
  async function* () {}.constructor,
]);

export function extrasOf(fn: Fn): Extras {
  const cls = isClass(fn);
  const source = cls ? classSource(fn) : undefined;
  const members = source?.members;
  const properties: Extra[] = [];
  for (const key of Reflect.ownKeys(fn)) {
    if (skippedOnFunction.has(key)) continue;
    const descriptor = Object.getOwnPropertyDescriptor(fn, key)!;
    if (key === 'name' && typeof descriptor.value === 'string') continue;
    // That of its parameters; a static field may be called so, too.
    if (key === 'length' && descriptor.writable === false) continue;
    if (!isSource(descriptor, members)) properties.push({ onPrototype: false, key, descriptor });
  }
  properties.push(...missing(fn, source?.staticNames));
  const prototype: unknown = Object.getOwnPropertyDescriptor(fn, 'prototype')?.value;
  let prototypeParent: object | null | undefined;
  let prototypeOwner: Fn | undefined;
  let isShared = false;
  if (typeof prototype === 'object' && prototype !== null) {
    const isReplaced = claimPrototype(fn);
    isShared = isReplaced && constructorOf(prototype) !== fn;
    if (isReplaced && !Object.hasOwn(prototype, 'constructor')) {
      properties.push({ onPrototype: true, key: 'constructor', descriptor: undefined });
    }
    for (const key of isShared ? [] : Reflect.ownKeys(prototype)) {
      const descriptor = described(prototype, key);
      if (key === 'constructor' && descriptor.value === fn) continue;
      if (!isSource(descriptor, members)) properties.push({ onPrototype: true, key, descriptor });
    }
    properties.push(...missing(prototype, source?.names, true));
    const parent: object | null = isShared ? prototype : Object.getPrototypeOf(prototype);
    if (!cls && !types.isGeneratorFunction(fn) && ownerOf(parent) !== Object) {
      prototypeOwner = ownClassOf(parent);
      if (prototypeOwner === undefined) prototypeParent = parent;
    }
  }
  const parent: object | null = Object.getPrototypeOf(fn);
  const inherited = !cls && !plainParents.has(ownerOf(parent)) ? parent : undefined;
  const name: unknown = Object.getOwnPropertyDescriptor(fn, 'name')?.value;
  return {
    name: typeof name === 'string' ? name : '',
    properties,
    prototypeParent,
    prototypeOwner,
    isShared,
    parent: inherited,
  };
}

/** The methods of a class's source that somebody has deleted. */
function* missing(o: object, names: Iterable<string> = [], onPrototype = false): Iterable<Extra> {
  for (const key of names) if (!Object.hasOwn(o, key)) yield { onPrototype, key, descriptor: undefined };
}

/** At some versions V8's accessor of an error's stack, for whatever inherits from an error. */
const stackGetter = Object.getOwnPropertyDescriptor(new Error(), 'stack')?.get;

function described(o: object, key: string | symbol): PropertyDescriptor {
  const d = Object.getOwnPropertyDescriptor(o, key)!;
  if (d.get === undefined || d.get !== stackGetter) return d;
  return { value: d.get.call(o) as unknown, writable: true, enumerable: false, configurable: true };
}

/** The program's own function or class whose `prototype` this is. */
function ownClassOf(proto: object | null): Fn | undefined {
  if (proto === null || types.isProxy(proto) || builtinPath(proto) !== undefined) return undefined;
  const fn = constructorOf(proto);
  return typeof fn === 'function' && !types.isProxy(fn) && fn.prototype === proto ? (fn as Fn) : undefined;
}

/**
 * All that {@link extrasOf} looks at, in a list: as long as it holds the same, so do the extras, but for the contents of their values.
 */
export function looksOf(fn: Fn): readonly unknown[] {
  const looks: unknown[] = [];
  look(fn, skippedOnFunction, looks);
  const prototype: unknown = Object.getOwnPropertyDescriptor(fn, 'prototype')?.value;
  looks.push(prototype);
  if (typeof prototype === 'object' && prototype !== null) look(prototype, skippedOnPrototype, looks);
  return looks;
}

const skippedOnPrototype: ReadonlySet<string | symbol> = new Set();

function look(o: object, skipped: ReadonlySet<string | symbol>, looks: unknown[]): void {
  looks.push(Object.getPrototypeOf(o));
  for (const key of Reflect.ownKeys(o)) {
    if (skipped.has(key)) continue;
    const d = Object.getOwnPropertyDescriptor(o, key)!;
    looks.push(key, d.value, d.get, d.set, d.enumerable, d.configurable, d.writable);
  }
}

/** Methods that the class's source makes anew in the receiver. */
function isSource(d: PropertyDescriptor, members: ReadonlySet<string> | undefined): boolean {
  if (members === undefined) return false;
  const fns = [d.value, d.get, d.set].filter((f) => typeof f === 'function');
  return fns.length > 0 && fns.every((f) => members.has(Function.prototype.toString.call(f)));
}

/** How an extra is named in the path of an error. */
export function extraStep(e: Extra): string {
  const key = typeof e.key === 'symbol' ? `[${String(e.key)}]` : `"${e.key}"`;
  return e.onPrototype ? `property ${key} of its prototype` : `property ${key}`;
}
