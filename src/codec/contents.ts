/**
 * What plain objects, arrays, Maps and Sets hold, so that it can be told without encoding them whether they would be the same bytes again.
 *
 * All in them is compared by identity, and the containers among it are remembered too: so what is found to be the same is so all the way
 * down, with what it shares and its circles. Only what reading runs nobody's code for is remembered, and only as much as is quickly
 * compared; the values are kept alive by it.
 */
import { types } from 'node:util';

const { isMap, isNativeError, isProxy, isSet } = types;

/** So many values of all containers together; for more their message is made again. */
const MOST = 1000;

interface Held {
  isSame(): boolean;
}

export class Contents {
  readonly #held = new Map<object, Held>();
  #room = MOST;

  /** How many containers it remembers. */
  get size(): number {
    return this.#held.size;
  }

  /** Remembers what `value` holds. @returns false where that is not possible. */
  add(value: unknown): boolean {
    if (typeof value !== 'object' || value === null || this.#held.has(value)) return true;
    if (isProxy(value)) return false;
    const proto: object | null = Object.getPrototypeOf(value);
    if (proto === Object.prototype) return this.#addObject(value as Record<string, unknown>);
    if (proto === Array.prototype && Array.isArray(value)) return this.#addArray(value);
    if (proto === Map.prototype && isMap(value)) return this.#addMap(value);
    if (proto === Set.prototype && isSet(value)) return this.#addSet(value);
    return false;
  }

  /** Whether all of them hold what they held. May run a getter that was put in an element's place. */
  isSame(): boolean {
    for (const held of this.#held.values()) if (!held.isSame()) return false;
    return true;
  }

  #addObject(o: Record<string, unknown>): boolean {
    const keys = Reflect.ownKeys(o);
    const fields: PropertyDescriptor[] = [];
    // An error in disguise: it does not travel as what it looks like.
    if (keys.length > this.#room || isNativeError(o)) return false;
    for (const key of keys) {
      if (typeof key === 'symbol') return false;
      fields.push(Object.getOwnPropertyDescriptor(o, key)!);
    }
    // Functions, as accessors are, need not be looked into.
    const values = fields.map((d) => d.value as unknown);
    return this.#remember(o, new HeldObject(o, keys, fields), values);
  }

  #addArray(a: readonly unknown[]): boolean {
    if (a.length > this.#room) return false;
    const values: unknown[] = [];
    for (let i = 0; i < a.length; i++) {
      const d = Object.getOwnPropertyDescriptor(a, i);
      if (d === undefined || d.get !== undefined || d.set !== undefined) return false;
      values.push(d.value);
    }
    if (!isDense(a)) return false;
    return this.#remember(a, new HeldArray(a, values), values);
  }

  #addMap(map: ReadonlyMap<unknown, unknown>): boolean {
    const size = sizeOfMap(map);
    if (2 * size > this.#room) return false;
    const values = [...entriesOf(map)].flat();
    return this.#remember(map, new HeldMap(map, values), values);
  }

  #addSet(set: ReadonlySet<unknown>): boolean {
    if (sizeOfSet(set) > this.#room) return false;
    const values = [...membersOf(set)];
    return this.#remember(set, new HeldSet(set, values), values);
  }

  #remember(container: object, held: Held, values: readonly unknown[]): boolean {
    // Empty ones take room as well.
    this.#room -= values.length + 1;
    this.#held.set(container, held);
    for (let i = 0; i < values.length; i++) if (!this.add(values[i])) return false;
    return true;
  }
}

/** Whether an array has no holes, and nothing beside its elements that travels: names come after indices. */
function isDense(a: readonly unknown[]): boolean {
  const keys = Object.keys(a);
  return keys.length === a.length && (keys.length === 0 || keys.at(-1) === String(a.length - 1));
}

/** Whatever a program has put in the place of the methods. */
const sizeOfMap = sizeGetter<ReadonlyMap<unknown, unknown>>(Map.prototype);
const sizeOfSet = sizeGetter<ReadonlySet<unknown>>(Set.prototype);

function sizeGetter<T extends object>(prototype: object): (container: T) => number {
  const get = Object.getOwnPropertyDescriptor(prototype, 'size')!.get as () => number;
  return (container) => get.call(container);
}

function entriesOf(map: ReadonlyMap<unknown, unknown>): Iterable<[unknown, unknown]> {
  return Map.prototype.entries.call(map);
}

function membersOf(set: ReadonlySet<unknown>): Iterable<unknown> {
  return Set.prototype.values.call(set);
}

function isAlike(a: PropertyDescriptor, b: PropertyDescriptor): boolean {
  return Object.is(a.value, b.value) && a.enumerable === b.enumerable && a.get === b.get && a.set === b.set;
}

class HeldObject implements Held {
  readonly #object: Record<string, unknown>;
  readonly #keys: readonly PropertyKey[];
  readonly #fields: readonly PropertyDescriptor[];

  constructor(
    object: Record<string, unknown>,
    keys: readonly PropertyKey[],
    fields: readonly PropertyDescriptor[],
  ) {
    this.#object = object;
    this.#keys = keys;
    this.#fields = fields;
  }

  isSame(): boolean {
    const o = this.#object;
    const keys = this.#keys;
    if (Object.getPrototypeOf(o) !== Object.prototype) return false;
    const now = Reflect.ownKeys(o);
    if (now.length !== keys.length) return false;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      if (now[i] !== key) return false;
      if (!isAlike(Object.getOwnPropertyDescriptor(o, key)!, this.#fields[i]!)) return false;
    }
    return true;
  }
}

class HeldArray implements Held {
  readonly #array: readonly unknown[];
  readonly #values: readonly unknown[];

  constructor(array: readonly unknown[], values: readonly unknown[]) {
    this.#array = array;
    this.#values = values;
  }

  isSame(): boolean {
    const a = this.#array;
    const values = this.#values;
    const n = values.length;
    if (a.length !== n || Object.getPrototypeOf(a) !== Array.prototype) return false;
    for (let i = 0; i < n; i++) if (!Object.is(a[i], values[i])) return false;
    return isDense(a);
  }
}

class HeldMap implements Held {
  readonly #map: ReadonlyMap<unknown, unknown>;
  readonly #values: readonly unknown[];

  constructor(map: ReadonlyMap<unknown, unknown>, values: readonly unknown[]) {
    this.#map = map;
    this.#values = values;
  }

  isSame(): boolean {
    const map = this.#map;
    if (Object.getPrototypeOf(map) !== Map.prototype || sizeOfMap(map) * 2 !== this.#values.length)
      return false;
    let i = 0;
    for (const [key, value] of entriesOf(map)) {
      if (!Object.is(key, this.#values[i]) || !Object.is(value, this.#values[i + 1])) return false;
      i += 2;
    }
    return true;
  }
}

class HeldSet implements Held {
  readonly #set: ReadonlySet<unknown>;
  readonly #values: readonly unknown[];

  constructor(set: ReadonlySet<unknown>, values: readonly unknown[]) {
    this.#set = set;
    this.#values = values;
  }

  isSame(): boolean {
    const set = this.#set;
    if (Object.getPrototypeOf(set) !== Set.prototype || sizeOfSet(set) !== this.#values.length) return false;
    let i = 0;
    for (const member of membersOf(set)) if (!Object.is(member, this.#values[i++])) return false;
    return true;
  }
}
