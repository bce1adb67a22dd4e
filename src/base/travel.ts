/**
 * The agreement between the codec and classes whose instances travel in a way of their own.
 *
 * The codec sits above memory and synchronisation, so it cannot know their classes; they announce themselves here.
 * A user's class takes part with the two static methods; a class of this library also calls {@link registerTravelClass},
 * so that it travels under a fixed name instead of as code.
 */

/**
 * Key of a static method `(instance) => data`: what travels in the place of an instance. `data` may hold whatever may
 * travel itself.
 *
 * @example
 * class Point {
 *   #x = 0;
 *   constructor(x: number) { this.#x = x; }
 *   static [serialize](p: Point) { return p.#x; }
 *   static [deserialize](x: number) { return new Point(x); }
 * }
 */
export const serialize: unique symbol = Symbol.for('multiproc.serialize') as never;

/** Key of a static method `(data) => instance`: rebuilds in the receiver what {@link serialize} gave. */
export const deserialize: unique symbol = Symbol.for('multiproc.deserialize') as never;

/**
 * Key of a static method `() => instance` of a class of this library whose instances may refer to themselves: makes what
 * {@link deserialize} will fill, its second argument. Undefined where the class has a `deserialize` of its own.
 */
export const begin: unique symbol = Symbol('begin') as never;

/** A class that says how its instances travel. */
export interface TravelClass<T = unknown, D = unknown> {
  readonly prototype: T;
  readonly name: string;
  [serialize](instance: T): D;
  [deserialize](data: D): T;
}

const byName = new Map<string, TravelClass<never, never>>();
const names = new WeakMap<object, string>();

/**
 * Announces a class of this library under a fixed name, `folder/Class`: a receiver that has not loaded it learns from the name
 * where it is.
 */
export function registerTravelClass<T, D>(name: string, cls: TravelClass<T, D>): void {
  byName.set(name, cls as unknown as TravelClass<never, never>);
  names.set(cls, name);
}

/** The fixed name of a class of this library. */
export function travelName(cls: object): string | undefined {
  return names.get(cls);
}

/** The class announced under `name`. */
export function travelClass(name: string): TravelClass<never, never> | undefined {
  return byName.get(name);
}

const advices = new WeakMap<object, string>();

/** Announces a class of this library whose instances stay in the process that made them, with what to do instead. */
export function registerHomeClass(cls: object, advice: string): void {
  advices.set(cls, advice);
}

/** What to do instead of sending an instance of a class that was announced so. */
export function adviceToStay(cls: object): string | undefined {
  return advices.get(cls);
}

/**
 * A class of Node's own whose instances travel. Found by what an instance is, since neither may such a class be given static
 * methods, which its subclasses would inherit, nor is each of them exported.
 */
export interface ForeignClass<T extends object, D> {
  /** The name of its constructor: looked at first. */
  readonly className: string;
  /** Whether it is exactly of that class, not of one of the same name or of a subclass. */
  isOne(o: object): o is T;
  [serialize](instance: T): D;
  [deserialize](data: D): T;
}

const foreign = new Map<string, [name: string, cls: ForeignClass<object, never>][]>();

/** Announces how instances of a class of Node's travel, under the fixed name `name`; see {@link registerTravelClass}. */
export function registerForeignClass<T extends object, D>(name: string, cls: ForeignClass<T, D>): void {
  const known = foreign.get(cls.className) ?? [];
  foreign.set(cls.className, [...known, [name, cls as unknown as ForeignClass<object, never>]]);
  byName.set(name, cls as unknown as TravelClass<never, never>);
}

/** The fixed name and the class of an instance of a class of Node's that travels. */
export function foreignClass(
  o: object,
  className: string,
): readonly [name: string, cls: ForeignClass<object, never>] | undefined {
  return foreign.get(className)?.find(([, cls]) => cls.isOne(o));
}

/** The name under which typed arrays over shared memory travel; they belong to no class of this library. */
export const sharedViewName = 'memory/RawArray';

/** How typed arrays over shared memory travel: as the same memory, not as a copy. The memory layer announces it. */
export interface SharedViews<D> {
  /** Plain data that names the memory, or undefined for a view of ordinary memory. */
  describe(view: ArrayBufferView): D | undefined;
  /** A view of the same memory. */
  rebuild(data: D): ArrayBufferView;
}

let sharedViews: SharedViews<unknown> | undefined;

/** Announces how views of shared memory travel. */
export function registerSharedViews<D>(views: SharedViews<D>): void {
  sharedViews = views as SharedViews<unknown>;
  byName.set(sharedViewName, {
    [deserialize]: (data: unknown) => rebuildSharedView(data),
  } as unknown as TravelClass<never, never>);
}

/** What travels in the place of a typed array (`RawArray('d', 10)`) when it shows shared memory; else undefined. */
export function describeSharedView(view: ArrayBufferView): unknown {
  return sharedViews?.describe(view);
}

/** The typed array over the same shared memory, from what {@link describeSharedView} gave. */
export function rebuildSharedView(data: unknown): ArrayBufferView {
  return sharedViews!.rebuild(data);
}
