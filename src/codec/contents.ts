/**
 * What plain objects, arrays, Maps and Sets hold, so that it can be told without encoding them whether they would be the same bytes again.
 *
 * All in them is compared by identity, and the containers among it are remembered too: so what is found to be the same is so all the way
 * down, with what it shares and its circles. Only what reading runs nobody's code for is remembered, and only as much as is quickly
 * compared; the values are kept alive by it.
 */
import { types } from 'node:util';
import { serialize, travelName } from '../base/travel.ts';
import { fastHiddenClassTest, isElement, type SameHiddenClass } from './hidden-class.ts';
import { knownPlan } from './plans.ts';

const { isDate, isMap, isNativeError, isProxy, isRegExp, isSet, isSharedArrayBuffer } = types;

/** So many values of all containers together; for more their message is made again. */
const MOST = 1000;
/** So many bytes of one buffer. */
const MOST_BYTES = 1 << 16;
const none: readonly never[] = [];

/** With so many plain objects it pays to have the test of hidden classes (see `hidden-class.ts`). */
const MANY = 50;

interface Held {
  /** @param model An object that was found to be the same just before. */
  isSame(model: HeldObject | undefined): boolean;
}

export class Contents {
  readonly #held = new Map<object, Held>();
  #room = MOST;
  #objects = 0;
  #lastKeys: readonly PropertyKey[] = none;

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
    if (proto === Date.prototype && isDate(value)) return this.#addDate(value);
    if (proto === RegExp.prototype && isRegExp(value)) return this.#addRegExp(value);
    if (Buffer.isBuffer(value)) return this.#addBuffer(value);
    return isInstance(value, proto) && this.#addObject(value as Record<string, unknown>);
  }

  #addDate(date: Date): boolean {
    const time = Date.prototype.getTime.call(date);
    return this.#remember(date, { isSame: () => Object.is(Date.prototype.getTime.call(date), time) }, none);
  }

  #addRegExp(expression: RegExp): boolean {
    const { source, flags, lastIndex } = expression;
    const isSame = (): boolean =>
      expression.lastIndex === lastIndex && expression.source === source && expression.flags === flags;
    return this.#remember(expression, { isSame }, none);
  }

  #addBuffer(buffer: Buffer): boolean {
    if (buffer.length > MOST_BYTES || isSharedArrayBuffer(buffer.buffer)) return false;
    const copy = Buffer.from(buffer);
    return this.#remember(buffer, { isSame: () => copy.equals(buffer) }, none);
  }

  /** Whether all of them hold what they held. May run a getter that was put in an element's place. */
  isSame(): boolean {
    let model: HeldObject | undefined;
    for (const held of this.#held.values()) {
      if (!held.isSame(model)) return false;
      if (held instanceof HeldObject) model = held;
    }
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
    if (++this.#objects === MANY) same ??= fastHiddenClassTest();
    if (!areSame(keys, this.#lastKeys)) this.#lastKeys = keys;
    return this.#remember(o, new HeldObject(o, this.#lastKeys, fields), values);
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

/**
 * Whether it is an instance of a class of the program's, that travels field by field. Whether it still is of that class, and this as it was,
 * is told by its prototype, and by the class, which travels as a function.
 */
function isInstance(o: object, proto: object | null): boolean {
  if (proto === null || isProxy(proto) || typeKind(o) !== '[object Object]' || isNativeError(o)) return false;
  const cls: unknown = Object.getOwnPropertyDescriptor(proto, 'constructor')?.value;
  if (typeof cls !== 'function' || isProxy(cls) || cls.prototype !== proto) return false;
  const kind = travelName(cls) === undefined && !(serialize in cls) ? knownPlan(cls)?.kind : undefined;
  return kind === 'code' || kind === 'import';
}

/** What the engine says that it is; '' where that, or a program, has given it a name of its own, as Maps, URLs and typed arrays have. */
function typeKind(o: object): string {
  return Symbol.toStringTag in o ? '' : Object.prototype.toString.call(o);
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

let same: SameHiddenClass | undefined;

function areSame(a: readonly PropertyKey[], b: readonly PropertyKey[]): boolean {
  return a.length === b.length && a.every((key, i) => key === b[i]);
}

/** Whether reading it runs nothing, and its keys are none of elements, of which hidden classes say nothing. */
function isPlain(keys: readonly PropertyKey[], fields: readonly PropertyDescriptor[]): boolean {
  return (
    fields.every((d) => d.enumerable && d.get === undefined && d.set === undefined) && !keys.some(isElement)
  );
}

class HeldObject implements Held {
  readonly #object: Record<string, unknown>;
  readonly #proto: object | null;
  readonly #keys: readonly PropertyKey[];
  readonly #fields: readonly PropertyDescriptor[];
  readonly #isPlain: boolean;

  constructor(
    object: Record<string, unknown>,
    keys: readonly PropertyKey[],
    fields: readonly PropertyDescriptor[],
  ) {
    this.#object = object;
    this.#proto = Object.getPrototypeOf(object);
    this.#keys = keys;
    this.#fields = fields;
    this.#isPlain = isPlain(keys, fields);
  }

  isSame(model: HeldObject | undefined): boolean {
    const o = this.#object;
    const keys = this.#keys;
    if (model !== undefined && this.#isLike(model)) {
      for (let i = 0; i < keys.length; i++) {
        if (!Object.is(o[keys[i] as string], this.#fields[i]!.value)) return false;
      }
      return true;
    }
    if (Object.getPrototypeOf(o) !== this.#proto) return false;
    const now = Reflect.ownKeys(o);
    if (now.length !== keys.length) return false;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      if (now[i] !== key) return false;
      if (!isAlike(Object.getOwnPropertyDescriptor(o, key)!, this.#fields[i]!)) return false;
    }
    return true;
  }

  /** Whether it has what that object has, of which all is known, and no elements. */
  #isLike(model: HeldObject): boolean {
    return (
      same !== undefined &&
      this.#isPlain &&
      model.#isPlain &&
      this.#keys === model.#keys &&
      this.#proto === model.#proto &&
      same(this.#object, model.#object) &&
      Object.keys(this.#object).length === this.#keys.length
    );
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
