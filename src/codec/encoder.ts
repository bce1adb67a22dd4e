/**
 * Turns values into bytes; see `tags.ts` for the format.
 *
 * One pass over the root value writes it and meets functions; each of these gets a section of its own after it, holding what it
 * captured.
 */
import { types } from 'node:util';
import { deserialize, serialize, travelName } from '../base/travel.ts';
import { builtinPath } from './builtins.ts';
import { Captured } from './captured.ts';
import { CellRef } from './cells.ts';
import { moduleWithExports } from './commonjs.ts';
import { exotic } from './exotic.ts';
import { extraStep, extrasOf } from './extras.ts';
import { planOf, variableStep } from './functions.ts';
import { isClass } from './is-class.ts';
import type { NumberedKeys } from './key-lists.ts';
import { FEW_ELEMENTS, FEW_NUMBERS } from './limits.ts';
import { moduleKey, moduleNumber } from './module-ref.ts';
import { Ordinary } from './ordinary.ts';
import { type Fn, type FnRecord, ImporterRef, ImportRef, MetaRef, RequireRef, WrappedRef } from './plan.ts';
import { claimedLate, constructorOf } from './prototypes.ts';
import { twinOf } from './realms.ts';
import { isBareArray } from './samples.ts';
import type { Section, Use } from './section.ts';
import { type Shape, shapeOf } from './shapes.ts';
import { putNumber, putShort, Sink, shortBytes } from './sink.ts';
import { writeTable } from './table.ts';
import {
  DATA,
  LATER_ARRAY,
  LATER_MAP,
  LATER_OBJECT,
  LATER_SET,
  LINKED,
  PLAIN,
  T,
  TREE,
  wellKnownSymbols,
} from './tags.ts';
import { briefly, Trouble, through } from './trouble.ts';
import { DEPTH, type Writing } from './writers.ts';

// Found at once: `node:util` has so many exports that the engine looks them up by their names each time.
const { isMap, isNativeError, isProxy, isSet } = types;

/** Errors and the like cannot be put off; more of them inside one another than this are refused. */
const HARD_DEPTH = 1500;
/** Below this many objects a list is searched; above, a map. */
const FEW = 12;

/** Numbers all sections that this thread has ever written. */
let sections = 0;

export class Encoder implements Writing {
  readonly sink = new Sink();
  readonly modules = new Map<string, ImportRef>();
  readonly uses = new Map<FnRecord, Use>();
  readonly #few: (object | undefined)[] = new Array(FEW).fill(undefined);
  #many: Map<object, number> | undefined;
  #count = 0;
  #base = 0;
  depth = 0;
  /** Number of this section among all. */
  #sectionNumber = 0;
  /** Lists of keys in this section, by their number in it; only those that have no {@link Shape}. */
  #lists: { readonly keys: readonly string[]; readonly number: number }[] = [];
  #shapeCount = 0;
  #keys: NumberedKeys | undefined;
  /** Whether reading the message runs nobody's code. */
  #isData = true;
  /** Whether there is a reference to an object in it. */
  #refers = false;
  /** What was put off; of an array, how long it was. */
  #later: { readonly o: object; readonly length: number }[] = [];
  #current: Use | undefined;
  #queue: Use[] = [];
  #cells: { readonly refs: CellRef[]; readonly cell: { v: unknown } }[] = [];
  /** Looking for the path to this function: throws when it is met. */
  #wanted: FnRecord | undefined;
  #root: unknown;
  #likelyFirst: Shape | undefined;
  readonly #table = new Sink();
  readonly #ordinary = new Ordinary();

  /** The message for `value`. @throws {Trouble} */
  run(value: unknown): Buffer {
    this.#begin(value);
    this.#first(value);
    const message = this.#finish();
    return claimedLate() ? this.run(value) : message;
  }

  /** As {@link run}, but a small message stays in {@link sink}, from its first byte on: then this gives undefined. */
  runHere(value: unknown, keys: NumberedKeys | undefined): Buffer | undefined {
    if (keys !== undefined && this.#tree(value, keys)) return undefined;
    this.#begin(value);
    this.#keys = keys;
    this.#first(value);
    if (this.#later.length > 0) this.#writeLater();
    if (this.#isData && this.sink.isSmall) {
      this.#flag();
      this.#forgetObjects();
      // The root is an object whose keys have a number, so its shape is the one to expect next.
      if (!this.#refers && this.sink.bytes[1] === T.NUMBERED) this.#likelyFirst!.wasMessage(value as object);
      return undefined;
    }
    if (this.#queue.length > 0 || this.modules.size > 0 || !this.sink.isSmall) {
      const message = this.#finish();
      return claimedLate() ? this.run(value) : message;
    }
    this.#reset();
    return undefined;
  }

  /** Writes a message that is as most are. @returns whether it is. */
  #tree(value: unknown, keys: NumberedKeys): boolean {
    const tree = this.#likelyFirst?.tree;
    if (tree?.code === undefined || typeof value !== 'object' || value === null) return false;
    const { sink } = this;
    const end = tree.code(value, sink.bytes, sink.view, keys);
    if (end < 0 || end > sink.bytes.length) return false;
    sink.at = end;
    tree.uses++;
    return true;
  }

  /** Writes the root value: most often it has the shape of the last one. */
  #first(value: unknown): void {
    if (typeof value === 'object' && value !== null)
      this.#likelyFirst = this.object(value, this.#likelyFirst);
    else this.value(value);
  }

  /** The message for a function, and what it captured, as far as that can be compared later. @throws {Trouble} */
  runFunction(fn: Fn): readonly [message: Buffer, captured: Captured | undefined] {
    this.#begin(fn);
    this.value(fn);
    const uses = this.#queue;
    const plan = this.#planOf(fn);
    // What it is bound to is written before the sections of functions; it bears a number itself.
    const [roots, itself] = plan.kind === 'bound' ? [[plan.self, plan.args], 1] : [none, 0];
    const inRoots = this.#count - itself;
    const message = this.#finish();
    if (claimedLate()) return this.runFunction(fn);
    return [message, Captured.of(uses, roots, inRoots)];
  }

  /** The message for an array that has nothing but its elements. @throws {Trouble} */
  runList(list: readonly unknown[]): Buffer {
    this.#begin(list);
    this.#known(list);
    if (list.length < FEW_NUMBERS || !this.#numbers(list)) {
      this.sink.u8(T.ARRAY);
      this.sink.varint(list.length);
      this.#elements(list, list.length);
      this.sink.varint(0);
    }
    const message = this.#finish();
    return claimedLate() ? this.runList(list) : message;
  }

  #begin(root: unknown): void {
    this.sink.at = 0;
    this.#root = root;
    this.#isData = true;
    this.#refers = false;
    this.#newSection();
    this.sink.u8(PLAIN);
  }

  #newSection(): void {
    this.#sectionNumber = ++sections;
    this.#shapeCount = 0;
    if (this.#lists.length > 0) this.#lists = [];
  }

  #flag(): void {
    if (this.#isData) this.sink.bytes[0] = this.#refers ? DATA : TREE;
  }

  #finish(): Buffer {
    if (this.#later.length > 0) this.#writeLater();
    if (this.#queue.length === 0 && this.modules.size === 0) {
      this.#flag();
      const message = this.sink.take();
      this.#reset();
      return message;
    }
    const root: Section = { start: 1, end: this.sink.at, base: 0, count: this.#count, cells: 0 };
    for (const use of this.#queue) this.#function(use);
    const message = this.#assemble(root);
    this.sink.release();
    this.#reset();
    return message;
  }

  #forgetObjects(): void {
    this.#root = undefined;
    for (let i = Math.min(this.#count, FEW) - 1; i >= 0; i--) this.#few[i] = undefined;
    this.#many = undefined;
    this.#count = 0;
    this.#keys = undefined;
  }

  #reset(): void {
    this.#forgetObjects();
    this.#base = 0;
    this.depth = 0;
    if (this.modules.size > 0) this.modules.clear();
    if (this.#queue.length > 0) {
      this.uses.clear();
      this.#ordinary.forget();
      this.#queue = [];
      this.#cells = [];
    }
  }

  // Values

  value(v: unknown): void {
    switch (typeof v) {
      case 'number':
        this.sink.number(v);
        return;
      case 'string':
        this.sink.string(v);
        return;
      case 'object':
        if (v === null) this.sink.u8(T.NULL);
        else this.object(v, undefined);
        return;
      case 'undefined':
        this.sink.u8(T.UNDEFINED);
        return;
      case 'boolean':
        this.sink.u8(v ? T.TRUE : T.FALSE);
        return;
      case 'function':
        this.#callable(v);
        return;
      case 'bigint':
        this.#bigint(v);
        return;
      default:
        this.#symbol(v as symbol);
    }
  }

  /** Writes what a function captured: references to modules and shared variables too. */
  captured(v: unknown): void {
    if (typeof v !== 'object' || v === null) this.value(v);
    else if (v instanceof CellRef) this.#shared(v);
    else if (v instanceof ImportRef) this.import(v);
    else if (v instanceof RequireRef) {
      this.sink.u8(T.REQUIRE);
      this.sink.string(v.file);
    } else if (v instanceof MetaRef) {
      this.sink.u8(T.META);
      this.sink.string(v.url);
    } else if (v instanceof ImporterRef) {
      this.sink.u8(T.IMPORTER);
      this.sink.string(v.parent);
    } else if (v instanceof WrappedRef) {
      this.sink.u8(T.WRAPPED);
      this.value(v.wrapper);
      this.import(v.inner);
      this.value(v.rest);
      this.value(v.path);
    } else {
      const path = builtinPath(v);
      if (path !== undefined) {
        this.sink.u8(T.BUILTIN);
        this.sink.string(path);
        return;
      }
      const module = moduleWithExports(v);
      if (module !== undefined) this.import(module);
      else this.value(v);
    }
  }

  #shared(ref: CellRef): void {
    try {
      this.value(this.#cell(ref));
    } catch (e) {
      // That it is a field of an object is nobody's business.
      if (e instanceof Trouble) e.path.shift();
      throw e;
    }
  }

  import(ref: ImportRef): void {
    const key = moduleKey(ref);
    this.modules.set(key, ref);
    this.sink.u8(T.IMPORT);
    this.sink.varint(moduleNumber(key));
    this.sink.string(ref.name);
  }

  #bigint(v: bigint): void {
    this.sink.u8(T.BIGINT);
    this.sink.u8(v < 0n ? 1 : 0);
    this.sink.string((v < 0n ? -v : v).toString(16));
  }

  #symbol(v: symbol): void {
    const key = Symbol.keyFor(v);
    if (key !== undefined) {
      this.sink.u8(T.SYMBOL_FOR);
      this.sink.string(key);
      return;
    }
    const known = wellKnownSymbols.indexOf(v);
    if (known < 0) {
      throw new Trouble(String(v), 'a symbol is unique to its process', 'make it with Symbol.for(name)');
    }
    this.sink.u8(T.SYMBOL_WELL);
    this.sink.varint(known);
  }

  // Objects

  /** Gives `o` the next number, unless it has one: then writes the reference. @returns whether it was known. */
  #known(o: object): boolean {
    const id = this.#numberOf(o);
    if (id >= 0) {
      this.#refers = true;
      if (id >= this.#base) {
        this.sink.u8(T.REF);
        this.sink.varint(id - this.#base);
      } else {
        this.sink.u8(T.REF_FAR);
        this.sink.varint(id);
      }
      return true;
    }
    const number = this.#count++;
    if (number < FEW) this.#few[number] = o;
    else {
      this.#many ??= new Map(this.#few.map((object, i) => [object!, i]));
      this.#many.set(o, number);
    }
    return false;
  }

  #numberOf(o: object): number {
    if (this.#many !== undefined) return this.#many.get(o) ?? -1;
    for (let i = this.#count - 1; i >= 0; i--) if (this.#few[i] === o) return i;
    return -1;
  }

  #has(o: object): boolean {
    return this.#numberOf(o) >= 0;
  }

  /**
   * Writes an object.
   *
   * @param likely A shape that it may well have: that of the object that was in its place the last time.
   * @returns the one to expect the next time.
   */
  object(o: object, likely: Shape | undefined): Shape | undefined {
    if (likely !== undefined && this.depth <= DEPTH && this.#current === undefined) {
      if (likely.writeObject(o, this)) return likely;
    }
    return this.unlike(o, likely);
  }

  unlike(o: object, likely: Shape | undefined): Shape | undefined {
    if (Array.isArray(o) && this.#plainArray(o)) return likely;
    const proto: object | null = Object.getPrototypeOf(o);
    if (proto === Object.prototype) {
      if (this.#known(o)) return likely;
      if (isProxy(o) || Object.getOwnPropertySymbols(o).length > 0) this.#other(o, proto);
      else return this.#plainOr(o as Record<string, unknown>, likely);
    } else if (proto === ImportRef.prototype) this.import(o as ImportRef);
    else if (!this.#known(o)) this.#other(o, proto);
    return likely;
  }

  /** @returns whether it is neither a subclass's nor a proxy. */
  #plainArray(a: readonly unknown[]): boolean {
    const isBare = isBareArray(a);
    if (!isBare) {
      // The engine knows the prototype of arrays whose length it has read; else it would have to be asked.
      if (isProxy(a) || a.length < 0 || Object.getPrototypeOf(a) !== Array.prototype) return false;
    }
    if (this.#known(a)) return true;
    if (this.depth > DEPTH) this.#putOff(a, LATER_ARRAY);
    else this.#array(a, isBare ? noNames : namesOf(a));
    return true;
  }

  /** A plain object; or an error whose prototype was replaced by a plain object's, which shows nothing that can be enumerated. */
  #plainOr(o: Record<string, unknown>, likely: Shape | undefined): Shape | undefined {
    const keys = Object.keys(o);
    if (keys.length === 0 && isNativeError(o)) {
      this.#other(o, Object.prototype);
      return likely;
    }
    if (this.#current !== undefined && !this.#ordinary.has(o, keys)) {
      this.#uncommon(o, Object.prototype);
      return likely;
    }
    if (this.depth <= DEPTH) return this.#plain(o, keys, likely);
    this.#putOff(o, LATER_OBJECT);
    return likely;
  }

  #other(o: object, proto: object | null): void {
    this.#isData = false;
    const twin = isProxy(o) ? undefined : otherRealms(proto);
    if (twin === Object.prototype && Object.getOwnPropertySymbols(o).length === 0) {
      this.#plainOr(o as Record<string, unknown>, undefined);
    } else if (twin === Array.prototype) {
      if (this.depth > DEPTH) this.#putOff(o, LATER_ARRAY);
      else this.array(o as unknown[]);
    } else this.#uncommon(o, twin ?? proto);
  }

  #uncommon(o: object, proto: object | null): void {
    if (++this.depth > HARD_DEPTH) {
      throw new Trouble(undefined, 'it is nested too deeply', 'send it in parts');
    }
    const cls = constructorOf(proto) as Fn | undefined;
    if (typeof cls === 'function' && !isProxy(o)) {
      const name = travelName(cls);
      if (name !== undefined) {
        this.travel(name, cls, o);
        this.depth--;
        return;
      }
      const own = (cls as unknown as Record<symbol, unknown>)[serialize];
      if (typeof own === 'function') {
        if (typeof (cls as unknown as Record<symbol, unknown>)[deserialize] !== 'function') {
          throw new Trouble(cls.name, 'its class has [serialize] but no [deserialize]', 'add it');
        }
        this.sink.u8(T.CUSTOM);
        this.value(cls);
        this.#custom(cls, o);
        this.depth--;
        return;
      }
    }
    if (isMap(o) && proto === Map.prototype) {
      if (this.depth > DEPTH) this.#putOff(o, LATER_MAP);
      else this.map(o);
    } else if (isSet(o) && proto === Set.prototype) {
      if (this.depth > DEPTH) this.#putOff(o, LATER_SET);
      else this.set(o);
    } else exotic(this, o, proto, cls);
    this.depth--;
  }

  /** An object whose class both sides know by a name. */
  travel(name: string, cls: object, o: object): void {
    this.sink.u8(T.TRAVEL);
    this.sink.string(name);
    this.#custom(cls as Fn, o);
  }

  #custom(cls: Fn, o: object): void {
    let data: unknown;
    try {
      data = (cls as unknown as { [serialize](o: object): unknown })[serialize](o);
    } catch (cause) {
      if (cause instanceof Trouble) throw cause;
      throw new Trouble(cls.name, `its [serialize] threw ${briefly(cause)}`, 'see the cause', cause);
    }
    try {
      this.value(data);
    } catch (e) {
      throw through(e, `${cls.name}[serialize]`);
    }
  }

  #putOff(o: object, kind: number): void {
    this.sink.u8(T.LATER);
    this.sink.u8(kind);
    const length = kind === LATER_ARRAY ? (o as unknown[]).length : 0;
    if (kind === LATER_ARRAY) this.sink.varint(length);
    this.#later.push({ o, length });
  }

  /** Writes what was put off, and what is put off meanwhile. */
  #writeLater(): void {
    for (let i = 0; i < this.#later.length; i++) {
      const { o, length } = this.#later[i]!;
      this.depth = 0;
      if (Array.isArray(o)) {
        this.#elements(o, length);
        this.#named(o, namesOf(o));
      } else if (isMap(o)) this.#entries(o);
      else if (isSet(o)) this.#members(o);
      else this.#plain(o as Record<string, unknown>, Object.keys(o), undefined);
    }
    this.#later = [];
    this.depth = 0;
  }

  /** Enumerable string-keyed properties, by shape. @returns the shape to expect the next time. */
  #plain(o: Record<string, unknown>, keys: readonly string[], likely: Shape | undefined): Shape | undefined {
    // Sections of functions are compared with what they were in other messages: there nothing may depend on the place.
    const shape = this.#current === undefined ? shapeOf(keys, likely) : undefined;
    if (shape === undefined) {
      this.#unremembered(o, keys);
      return likely;
    }
    this.#keysOf(shape);
    shape.write(o, this);
    this.depth--;
    return shape;
  }

  /** Writes which keys an object has: in full the first time in a section. */
  #keysOf(shape: Shape): void {
    if (shape.section === this.#sectionNumber) {
      this.sink.u8(T.SHAPE);
      this.sink.varint(shape.number);
    } else {
      shape.section = this.#sectionNumber;
      shape.number = this.#shapeCount++;
      const number = this.#keys === undefined ? -1 : shape.numberIn(this.#keys);
      if (number < 0) shape.writeKeys(this.sink);
      else {
        this.sink.u8(T.NUMBERED);
        this.sink.u8(number);
      }
    }
    this.depth++;
  }

  begin(o: object, shape: Shape): boolean {
    const number = this.#count;
    if (number >= FEW) {
      if (this.#known(o)) return false;
    } else {
      const few = this.#few;
      for (let i = number - 1; i >= 0; i--) if (few[i] === o) return !this.#known(o);
      few[number] = o;
      this.#count = number + 1;
    }
    this.#keysOf(shape);
    return true;
  }

  end(): void {
    this.depth--;
  }

  #unremembered(o: Record<string, unknown>, keys: readonly string[]): void {
    const n = keys.length;
    const known = this.#listed(keys);
    if (known >= 0) {
      this.sink.u8(T.SHAPE);
      this.sink.varint(known);
    } else {
      this.sink.u8(T.OBJECT);
      this.sink.varint(n);
      for (let i = 0; i < n; i++) this.sink.string(keys[i]!);
      this.#lists.push({ keys, number: this.#shapeCount++ });
    }
    this.depth++;
    let i = 0;
    try {
      for (; i < n; i++) this.value(o[keys[i]!]);
    } catch (e) {
      throw through(e, `property "${keys[i]}"`);
    }
    this.depth--;
  }

  /** Number of a list of keys in this section, or -1. Objects of one shape come in runs: only the latest are looked at. */
  #listed(keys: readonly string[]): number {
    const lists = this.#lists;
    const n = keys.length;
    for (let s = lists.length - 1, tries = 0; s >= 0 && tries < 8; s--, tries++) {
      const known = lists[s]!;
      if (known.keys.length !== n) continue;
      let i = 0;
      while (i < n && known.keys[i] === keys[i]) i++;
      if (i === n) return known.number;
    }
    return -1;
  }

  array(a: readonly unknown[]): void {
    this.#array(a, namesOf(a));
  }

  #array(a: readonly unknown[], names: readonly string[]): void {
    if (a.length >= FEW_NUMBERS && names.length === 0 && this.#numbers(a)) return;
    this.#unpacked(a, names);
  }

  /** An array element by element, whatever they are: for a subclass, whose array the receiver makes before it fills it. */
  unpackedArray(a: readonly unknown[]): void {
    this.#unpacked(a, namesOf(a));
  }

  #unpacked(a: readonly unknown[], names: readonly string[]): void {
    const n = a.length;
    if (n <= FEW_ELEMENTS && names.length === 0) {
      this.#fewElements(a, n);
      return;
    }
    this.sink.u8(T.ARRAY);
    this.sink.varint(n);
    this.#elements(a, n);
    this.#named(a, names);
  }

  #fewElements(a: readonly unknown[], n: number): void {
    const { sink } = this;
    const room = n * shortBytes + 3;
    let at = sink.room(room);
    let { bytes, view } = sink;
    bytes[at] = T.ARRAY;
    bytes[at + 1] = n;
    at += 2;
    this.depth++;
    let likely: Shape | undefined;
    let i = 0;
    try {
      for (; i < n; i++) {
        const v = a[i];
        if (typeof v === 'number') at = putNumber(bytes, view, at, v);
        else {
          const end = typeof v === 'string' ? putShort(bytes, at, v) : -1;
          if (end >= 0) at = end;
          else {
            sink.at = at;
            if (typeof v === 'object' && v !== null) likely = this.object(v, likely);
            else if (v === undefined && !(i in a)) sink.u8(T.HOLE);
            else this.value(v);
            at = sink.room(room);
            ({ bytes, view } = sink);
          }
        }
      }
    } catch (e) {
      throw through(e, `[${i}]`);
    }
    this.depth--;
    bytes[at] = 0;
    sink.at = at + 1;
  }

  /** Writes an array of nothing but numbers as one block. @returns whether it is one. */
  #numbers(a: readonly unknown[]): boolean {
    if (typeof a[0] !== 'number') return false;
    let ints = true;
    for (let i = 0; i < a.length; i++) {
      const v = a[i];
      if (typeof v !== 'number') return false;
      if ((v | 0) !== v || (v === 0 && 1 / v < 0)) ints = false;
    }
    const n = a.length;
    const block = ints ? new Int32Array(n) : new Float64Array(n);
    for (let i = 0; i < n; i++) {
      const v = a[i];
      // An accessor may give another value each time.
      if (typeof v !== 'number' || (ints && (v | 0) !== v)) return false;
      block[i] = v;
    }
    this.sink.u8(ints ? T.INTS : T.FLOATS);
    this.sink.varint(n);
    this.sink.raw(new Uint8Array(block.buffer));
    return true;
  }

  /** @param n Its length, as it was written: a getter may change it meanwhile. */
  #elements(a: readonly unknown[], n: number): void {
    this.depth++;
    let i = 0;
    let likely: Shape | undefined;
    try {
      for (; i < n; i++) {
        const v = a[i];
        if (typeof v === 'string') this.sink.string(v);
        else if (typeof v === 'number') this.sink.number(v);
        else if (typeof v === 'object' && v !== null) likely = this.object(v, likely);
        else if (v === undefined && !(i in a)) {
          if (n > 64) {
            // One byte a hole would do for short gaps; a run says how long it is.
            let end = i + 1;
            while (end < n && !(end in a)) end++;
            this.sink.u8(T.HOLES);
            this.sink.varint(end - i);
            i = end - 1;
          } else this.sink.u8(T.HOLE);
        } else this.value(v);
      }
    } catch (e) {
      throw through(e, `[${i}]`);
    }
    this.depth--;
  }

  #named(a: readonly unknown[], names: readonly string[]): void {
    this.sink.varint(names.length);
    for (const name of names) {
      this.sink.string(name);
      try {
        this.value((a as unknown as Record<string, unknown>)[name]);
      } catch (e) {
        throw through(e, `property "${name}"`);
      }
    }
  }

  map(m: ReadonlyMap<unknown, unknown>): void {
    this.sink.u8(T.MAP);
    this.#entries(m);
  }

  #entries(m: ReadonlyMap<unknown, unknown>): void {
    const entries = [...Map.prototype.entries.call(m)];
    this.sink.varint(entries.length);
    this.depth++;
    for (const [key, value] of entries) {
      try {
        this.value(key);
      } catch (e) {
        throw through(e, 'key of a Map');
      }
      try {
        this.value(value);
      } catch (e) {
        throw through(e, `value at ${typeof key === 'string' ? JSON.stringify(key) : String(typeof key)}`);
      }
    }
    this.depth--;
  }

  set(s: ReadonlySet<unknown>): void {
    this.sink.u8(T.SET);
    this.#members(s);
  }

  #members(s: ReadonlySet<unknown>): void {
    const members = [...Set.prototype.values.call(s)];
    this.sink.varint(members.length);
    this.depth++;
    try {
      for (const m of members) this.value(m);
    } catch (e) {
      throw through(e, 'member of a Set');
    }
    this.depth--;
  }

  /** The fields of an instance: as a plain object's where these say it all. */
  fields(o: object): void {
    const keys = Object.keys(o);
    const isPlain =
      this.#current === undefined ? keys.length === Reflect.ownKeys(o).length : this.#ordinary.has(o, keys);
    if (isPlain) this.#unremembered(o as Record<string, unknown>, keys);
    else {
      this.sink.u8(T.OBJECT_WITH);
      this.properties(o);
    }
  }

  /** An object that others inherit from: its accessors stay such, since they are for those. */
  inherited(o: object): void {
    if (isProxy(o)) {
      this.value(o);
      return;
    }
    this.#isData = false;
    const path = builtinPath(o);
    if (path !== undefined) {
      this.sink.u8(T.BUILTIN);
      this.sink.string(path);
      return;
    }
    const above: object | null = Object.getPrototypeOf(o);
    const isBare = above === null || above === Object.prototype;
    if (!isBare || !hasAccessor(o)) this.value(o);
    else if (!this.#known(o)) {
      this.sink.u8(T.OBJECT_WITH);
      this.value(above === null ? null : Object);
      this.properties(o, undefined, true);
    }
  }

  /**
   * All own properties but `except`; each with a byte: whether it is enumerable (1), and an accessor (2).
   *
   * @param asTheyAre Whether accessors stay such, as with what a function captured; else their values are sent.
   */
  properties(
    o: object,
    except?: ReadonlySet<string | symbol>,
    asTheyAre = this.#current !== undefined,
  ): void {
    const keys = Reflect.ownKeys(o).filter((k) => !except?.has(k));
    this.sink.varint(keys.length);
    for (const key of keys) {
      const d = Object.getOwnPropertyDescriptor(o, key);
      const isAccessor = asTheyAre && d?.get !== d?.set;
      this.sink.u8((d?.enumerable ? 1 : 0) | (isAccessor ? 2 : 0));
      try {
        this.value(key);
        if (isAccessor) {
          this.value(d?.get);
          this.value(d?.set);
        } else this.value((o as Record<string | symbol, unknown>)[key]);
      } catch (e) {
        throw through(e, typeof key === 'symbol' ? `property [${String(key)}]` : `property "${key}"`);
      }
    }
  }

  // Functions

  #callable(fn: Fn): void {
    this.#isData = false;
    const plan = this.#planOf(fn);
    const { sink } = this;
    switch (plan.kind) {
      case 'builtin':
        sink.u8(T.BUILTIN);
        sink.string(plan.path);
        return;
      case 'own':
        sink.u8(T.OWN_CLASS);
        sink.string(plan.name);
        return;
      case 'import':
        this.import(plan.ref);
        return;
      case 'require':
        sink.u8(T.REQUIRE);
        sink.string(plan.file);
        return;
      case 'bound':
        if (this.#has(fn)) {
          this.#known(fn);
          return;
        }
        sink.u8(T.BOUND);
        // First, since an object that a method is bound to may hold that very function: then it is known by now.
        this.#step('bound this', plan.self);
        if (this.#known(fn)) return;
        sink.u8(T.NULL);
        this.#step('bound function', plan.target);
        this.#step('bound arguments', plan.args);
        return;
      case 'code':
        this.#use(fn, plan.record);
    }
  }

  #planOf(fn: Fn): ReturnType<typeof planOf> {
    try {
      return planOf(fn);
    } catch (e) {
      throw through(e, named(fn));
    }
  }

  #step(step: string, v: unknown): void {
    try {
      this.value(v);
    } catch (e) {
      throw through(e, step);
    }
  }

  #use(fn: Fn, record: FnRecord): void {
    if (record === this.#wanted) throw new Trouble(undefined, '', '');
    if (!this.uses.has(record)) {
      const use: Use = {
        fn,
        record,
        metIn: this.#current,
        eager: undefined,
        late: undefined,
        values: none,
        extras: none,
      };
      this.uses.set(record, use);
      this.#queue.push(use);
    }
    this.sink.u8(T.FN);
    this.sink.string(record.key);
  }

  #section(body: () => void): Section {
    const cells = this.#cells.length;
    const section: Section = { start: this.sink.at, end: 0, base: this.#count, count: 0, cells: 0 };
    this.#base = this.#count;
    this.#newSection();
    this.depth = 0;
    body();
    if (this.#later.length > 0) this.#writeLater();
    section.end = this.sink.at;
    section.count = this.#count - section.base;
    section.cells = this.#cells.length - cells;
    return section;
  }

  /** The sections of a function: what its source needs at once, then the rest. */
  #function(use: Use): void {
    const { record, fn, eager: begun, late: done } = use;
    if (begun !== undefined || done !== undefined) return;
    this.#current = use;
    const { code } = record;
    try {
      let eager: readonly unknown[] = none;
      if (code.eager.length > 0) {
        const values = record.eager();
        eager = values;
        const queued = this.#queue.length;
        use.eager = this.#section(() => this.#variables(record.eagerNames, values));
        if (code.runs) {
          // They are filled there before this one exists, so they must not refer to objects that its later section holds.
          for (let i = queued; i < this.#queue.length; i++) this.#function(this.#queue[i]!);
          this.#current = use;
        }
      }
      const late = record.late();
      use.late = this.#section(() => {
        this.#variables(record.lateNames, late);
        use.extras = this.#extras(fn);
      });
      use.values = eager.length === 0 ? late : [...eager, ...late];
    } catch (e) {
      throw this.#located(through(e, named(fn)), use);
    } finally {
      this.#current = undefined;
    }
  }

  #variables(names: readonly string[], values: readonly unknown[]): void {
    for (let i = 0; i < names.length; i++) {
      try {
        this.captured(values[i]);
      } catch (e) {
        throw through(e, variableStep(names[i]!));
      }
    }
  }

  /** What hangs on a function beside its code. @returns all that it is, but for the name. */
  #extras(fn: Fn): readonly unknown[] {
    const { name, properties, parent, prototypeParent, prototypeOwner, isShared } = extrasOf(fn);
    const { sink } = this;
    sink.string(name);
    sink.varint(properties.length);
    for (const extra of properties) {
      const { descriptor: d, key } = extra;
      // 1: on the prototype, 2: accessor, 4: enumerable, 8: configurable, 16: writable, 32: not there.
      if (d === undefined) {
        sink.u8((extra.onPrototype ? 1 : 0) | 32);
        this.value(key);
        continue;
      }
      const accessor = d.get !== undefined || d.set !== undefined;
      sink.u8(
        (extra.onPrototype ? 1 : 0) |
          (accessor ? 2 : 0) |
          (d.enumerable ? 4 : 0) |
          (d.configurable ? 8 : 0) |
          (d.writable ? 16 : 0),
      );
      try {
        this.value(key);
        if (accessor) {
          this.value(d.get);
          this.value(d.set);
        } else this.captured(d.value);
      } catch (e) {
        throw through(e, extraStep(extra));
      }
    }
    this.#optional(parent);
    if (prototypeParent === undefined || prototypeParent === null) this.#optional(prototypeParent);
    else this.inherited(prototypeParent);
    this.#optional(prototypeOwner);
    if (prototypeOwner !== undefined) sink.u8(isShared ? T.TRUE : T.FALSE);
    return [
      ...properties.map(({ descriptor }) => descriptor?.value as unknown),
      parent,
      prototypeParent,
      prototypeOwner,
    ];
  }

  #optional(v: unknown): void {
    if (v === undefined) this.sink.u8(T.UNDEFINED);
    else this.captured(v);
  }

  /** The object through which the functions of this message share a variable. */
  #cell(ref: CellRef): { v: unknown } {
    for (const { refs, cell } of this.#cells) {
      if (!ref.isAmong(refs)) continue;
      refs.push(ref);
      return cell;
    }
    const cell = { v: ref.value };
    this.#cells.push({ refs: [ref], cell });
    return cell;
  }

  /** Puts the way to a function before the path of an error inside it, by going the way again. */
  #located(e: unknown, use: Use): unknown {
    if (!(e instanceof Trouble)) return e;
    // The step that names the function comes with the way to it.
    e.path.shift();
    const way = new Encoder().wayTo(use.record, use.metIn, this.#root);
    e.path.unshift(...way);
    return e;
  }

  /** The path from the root value to a function. */
  wayTo(wanted: FnRecord, metIn: Use | undefined, root: unknown): string[] {
    this.#wanted = wanted;
    try {
      if (metIn === undefined) this.value(root);
      else {
        this.#root = root;
        // As though nothing of it was written.
        this.#function({ ...metIn, eager: undefined, late: undefined });
      }
    } catch (e) {
      if (e instanceof Trouble) return e.path;
    }
    return [];
  }

  // The whole

  #assemble(root: Section): Buffer {
    const parts: Buffer[] = [];
    const { bytes } = this.sink;
    const head = Buffer.allocUnsafe(5);
    head[0] = LINKED;
    parts.push(head, bytes.subarray(root.start, root.end));
    let at = head.length + root.end - root.start;
    for (const use of this.#queue) {
      for (const s of [use.eager, use.late]) {
        if (s === undefined) continue;
        parts.push(bytes.subarray(s.start, s.end));
        s.placed = at;
        at += s.end - s.start;
      }
    }
    head.writeUInt32LE(at, 1);
    const table = this.#table;
    table.at = 0;
    writeTable(table, this.#queue, this.modules.values());
    parts.push(table.bytes.subarray(0, table.at));
    const message = Buffer.concat(parts);
    table.release();
    return message;
  }
}

/** The prototype here of what another realm has under the same name. */
function otherRealms(proto: object | null): object | undefined {
  if (proto === null || !Object.hasOwn(proto, 'constructor')) return undefined;
  const cls: unknown = proto.constructor;
  return typeof cls === 'function' && cls.prototype === proto
    ? (twinOf(cls)?.prototype as object | undefined)
    : undefined;
}

const noNames: readonly string[] = [];
const none: readonly unknown[] = [];
/** The first indices as keys. */
const few: readonly string[] = Array.from({ length: 32 }, (_, i) => String(i));

/** Names of an array's properties beside its elements, such as a match's `index`. Not looked for in huge arrays: it would take as long as the rest. */
function namesOf(a: readonly unknown[]): readonly string[] {
  if (a.length > 10_000) return noNames;
  const keys = Object.keys(a);
  // Indices come first: when the last key is the last index, there is nothing else.
  const n = a.length;
  if (keys.length === n && (n === 0 || keys[n - 1] === (n <= few.length ? few[n - 1] : String(n - 1))))
    return noNames;
  let from = keys.length;
  while (from > 0 && !isIndex(keys[from - 1]!)) from--;
  return keys.slice(from);
}

function isIndex(key: string): boolean {
  const n = Number(key);
  return n >>> 0 === n && n !== 0xffffffff && String(n) === key;
}

function hasAccessor(o: object): boolean {
  return Object.values(Object.getOwnPropertyDescriptors(o)).some((d) => d.get !== d.set);
}

/** How a function is named in the path of an error. */
function named(fn: Fn): string {
  if (isProxy(fn)) return 'Proxy';
  const kind = isClass(fn) ? 'class' : 'function';
  return typeof fn.name === 'string' && fn.name !== '' ? `${kind} ${fn.name}` : `${kind} (anonymous)`;
}
