/**
 * What the functions of a message had captured, so that it can be told without encoding them whether they would be the same bytes again.
 *
 * That is told where they captured nothing with contents of its own: numbers and strings, built-ins, modules, functions of which the
 * same holds. Their variables are read again, which takes a fraction of the time.
 */
import { CellRef } from './functions.ts';
import { valueIn } from './inspect.ts';
import type { Fn, FnRecord } from './plan.ts';
import { isClass } from './privates.ts';
import type { Use } from './section.ts';

interface Part {
  readonly fn: Fn;
  readonly record: FnRecord;
  /** Of its variables. */
  readonly values: readonly unknown[];
  readonly name: string;
  readonly parent: unknown;
  readonly ownKeys: number;
}

export class Captured {
  readonly #parts: readonly Part[];
  readonly #see: See;

  private constructor(parts: readonly Part[], see: See) {
    this.#parts = parts;
    this.#see = see;
  }

  /** @returns undefined where it cannot be told. */
  static of(root: Fn, uses: readonly Use[]): Captured | undefined {
    const see = uses.filter(({ bare }) => bare?.some(hasNeighbours)).length > 1 ? seeScope : seeAlone;
    const parts: Part[] = [];
    for (const { fn, record, bare } of uses) {
      if (record.fixed && fn !== root) continue;
      if (bare === undefined || (isClass(fn) && !record.fixed)) return undefined;
      const ownKeys = Reflect.ownKeys(fn).length;
      parts.push({
        fn,
        record,
        values: bare.map(see),
        name: fn.name,
        parent: Object.getPrototypeOf(fn),
        ownKeys,
      });
    }
    return new Captured(parts, see);
  }

  /** Whether all is as it was. */
  isSame(): boolean {
    return this.#parts.every(
      ({ fn, record, values, name, parent, ownKeys }) =>
        Reflect.ownKeys(fn).length === ownKeys &&
        fn.name === name &&
        Object.getPrototypeOf(fn) === parent &&
        (record.fixed || (hasPlainPrototype(fn) && isEach(record.late().map(this.#see), values))),
    );
  }
}

function isEach(now: readonly unknown[], values: readonly unknown[]): boolean {
  return now.every((v, i) => {
    const value = values[i];
    return v instanceof Neighbours && value instanceof Neighbours ? v.are(value) : Object.is(v, value);
  });
}

/** How a captured value is looked at. */
type See = (captured: unknown) => unknown;

const seeAlone: See = (v) => (v instanceof CellRef ? v.value : v);

/** Functions that share a variable do so as long as the scopes around it look alike: then its neighbours count, too. */
const seeScope: See = (v) => (v instanceof CellRef ? new Neighbours(v.scope) : v);

function hasNeighbours(captured: unknown): boolean {
  return captured instanceof CellRef && Object.keys(captured.scope).length > 1;
}

/** The variables of a scope. They were not sent all, and so are not kept alive. */
class Neighbours {
  readonly #names: readonly string[];
  readonly #values: readonly unknown[];

  constructor(scope: Readonly<Record<string, unknown>>) {
    this.#names = Object.keys(scope);
    this.#values = this.#names.map((name) => {
      const v = valueIn(scope, name);
      return (typeof v === 'object' && v !== null) || typeof v === 'function' ? new WeakRef(v) : v;
    });
  }

  are(others: Neighbours): boolean {
    return (
      this.#names.length === others.#names.length &&
      this.#names.every(
        (name, i) => name === others.#names[i] && Object.is(held(this.#values[i]), held(others.#values[i])),
      )
    );
  }
}

function held(value: unknown): unknown {
  return value instanceof WeakRef ? value.deref() : value;
}

/** Whether nobody has put a method onto its prototype, or another behind it. */
function hasPlainPrototype(fn: Fn): boolean {
  const d = Object.getOwnPropertyDescriptor(fn, 'prototype');
  if (d === undefined) return true;
  const prototype: unknown = d.value;
  if (typeof prototype !== 'object' || prototype === null) return true;
  if (!Object.hasOwn(prototype, 'constructor')) return true;
  return (
    (prototype as { constructor: unknown }).constructor === fn &&
    Reflect.ownKeys(prototype).length === 1 &&
    Object.getPrototypeOf(prototype) === Object.prototype
  );
}
