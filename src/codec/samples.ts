/**
 * Samples: objects of our own that have the hidden class of those that a program sends. Who has a sample's hidden class is a plain
 * object with just its keys, or an array with nothing but elements, and need not be looked at further (see
 * `hidden-class.ts`). Samples belong to nobody else and never change, so they stay in fast mode.
 */
import { hiddenClassTest, type SameHiddenClass } from './hidden-class.ts';

/** So many objects or arrays until the test is worth what it takes to set it up. */
export const worthwhile = 500;

let same: SameHiddenClass | undefined;
let left = worthwhile;

/** One of each kind of elements that the engine tells apart, the most frequent first. */
const arrays: readonly (readonly unknown[])[] = [
  ['', {}],
  [1, 2],
  [0.5, 1.5],
  withHole(''),
  withHole(1),
  withHole(0.5),
];
const [objects, integers, numbers] = arrays as [object, object, object];

function withHole(element: unknown): readonly unknown[] {
  const array = new Array<unknown>(2);
  array[0] = element;
  return array;
}

/** Whether `a` is certainly an array of this realm's class with nothing but elements. @returns false also where that is not known. */
export function isBareArray(a: object): boolean {
  if (same === undefined) {
    if (left > 0 && --left === 0) same = hiddenClassTest();
    return false;
  }
  return isPackedArray(a) || mayHaveHoles(a, same);
}

/** Whether it is certainly such an array, and has no hole. @returns false also where that is not known. */
export function isPackedArray(a: object): boolean {
  return same !== undefined && (same(a, objects) || same(a, integers) || same(a, numbers));
}

function mayHaveHoles(a: object, test: SameHiddenClass): boolean {
  for (let i = 3; i < arrays.length; i++) if (test(a, arrays[i]!)) return true;
  return false;
}

/** Whether a value is stored under this name, so that reading it runs nothing. */
export function isStored(o: object, name: string): boolean {
  const found = Object.getOwnPropertyDescriptor(o, name);
  return found !== undefined && 'value' in found;
}

/** Has a hidden class that nothing else has: where a sample is still to come. */
export const nobody: object = new (class Nobody {})();

const nothing = {};

/** A value that the engine keeps as it keeps `v`, and that holds on to nothing of the program's. */
export function likeness(v: unknown): unknown {
  switch (typeof v) {
    case 'string':
      return '';
    case 'object':
      return v === null ? null : nothing;
    case 'function':
      return Function.prototype;
    case 'symbol':
      return Symbol.iterator;
    case 'bigint':
      return 0n;
    default:
      return v;
  }
}
