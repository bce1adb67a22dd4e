/**
 * Turns bytes into values; see `tags.ts` for the format.
 *
 * Functions are made when they are first met, and given their variables afterwards, so that they may refer to one another. User
 * code (`[deserialize]`, a transpiler's helper) runs only once every function made so far has its variables.
 */
import { isGeneratorFunction } from 'node:util/types';
import { SerializationError } from '../base/errors.ts';
import { begin, deserialize, travelClass } from '../base/travel.ts';
import { builtinAt } from './builtins.ts';
import { origin, recall } from './identity.ts';
import { type Filler, KeyList, type NumberedKeys, readKeyList } from './key-lists.ts';
import { exportOf, importFrom, requireOf } from './modules.ts';
import { type Fn, ImporterRef, ImportRef, MetaRef, RequireRef, WrappedRef } from './plan.ts';
import { ownClass } from './plans.ts';
import { claimPrototype } from './prototypes.ts';
import { addCode, codeNamed, metaOf, revive, revivedOf } from './revive.ts';
import { mostPlaces, smallArray } from './small-arrays.ts';
import { damaged, type Memory, type Source } from './source.ts';
import type { FunctionEntry, SectionPlace, Table } from './table.ts';
import { LATER_ARRAY, LATER_MAP, LATER_OBJECT, T, TREE, viewKinds, wellKnownSymbols } from './tags.ts';

const NOT_YET = Symbol('not yet');

let libraryLoader: ((name: string) => unknown) | undefined;

/**
 * Says how to load the part of the library that announces the class `name`, when an object arrives whose class is not there yet. The
 * upper layers call this, since the codec cannot import them; `load` must have loaded it when it returns.
 */
export function setLibraryLoader(load: (name: string) => unknown): void {
  libraryLoader = load;
}

/** In place of the collections that only messages with functions fill: most messages have none. */
const none = new Map<string, never>();
const nobody = new Set<never>();

/** More objects than this are not worth clearing one by one. */
const FEW = 64;

export class Decoder implements Filler {
  readonly source: Source;
  readonly #table: Table | undefined;
  /** Whether an object may be met again. */
  #refers = true;
  #objects: unknown[] = [];
  readonly #entries: Map<string, FunctionEntry>;
  readonly #created: Map<string, Fn>;
  readonly #evaluating: Set<string>;
  /** Functions whose variables are still to come. */
  #unfilled: FunctionEntry[] = [];
  #next = 0;
  #base = 0;
  #shapes: KeyList[] = [];
  /** How many of these are this section's: what follows them is left over from other messages. */
  #shapeCount = 0;
  #later: { kind: number; object: unknown; length: number }[] = [];
  readonly #sections: Set<SectionPlace>;
  readonly #takesCopies: boolean;
  /** Whether the function that is read next is the class of an instance: it stays the one that was there. */
  #isClassNext = false;

  /** @param takesCopies Whether functions that were made here, and came back, are what they had become elsewhere. */
  constructor(source: Source, table?: Table, takesCopies = false) {
    this.source = source;
    this.#table = table;
    this.#takesCopies = takesCopies;
    const linked = table !== undefined;
    this.#entries = linked ? new Map() : none;
    this.#created = linked ? new Map() : none;
    this.#evaluating = linked ? new Set() : nobody;
    this.#sections = linked ? new Set() : nobody;
    if (table === undefined) return;
    for (const code of table.codes) addCode(code);
    for (const f of table.functions) this.#entries.set(f.key, f);
  }

  /** The root value of a message that needs no table: the bytes of `memory` from `at` to `end`. */
  runOn(memory: Memory, at: number, end: number, keys: NumberedKeys | undefined): unknown {
    this.source.open(memory, at + 1, end, keys);
    this.#refers = memory.bytes[at] !== TREE;
    const value = this.value();
    if (this.#later.length > 0) this.#finishLater();
    return value;
  }

  /** Forgets the message, to be used for another one. */
  clear(): void {
    if (this.#next > FEW) this.#objects = [];
    else for (let i = this.#next - 1; i >= 0; i--) this.#objects[i] = undefined;
    if (this.#shapes.length > FEW) this.#shapes = [];
    this.#shapeCount = 0;
    if (this.#later.length > 0) this.#later = [];
    this.#next = 0;
    this.source.close();
  }

  /** The root value of a message with a table, at the source's position. */
  run(): unknown {
    const value = this.value();
    this.#finishLater();
    this.#drain();
    return value;
  }

  value(): unknown {
    return this.valueBehind(this.source.u8());
  }

  valueBehind(tag: number): unknown {
    const s = this.source;
    switch (tag) {
      case T.INT:
        return s.int();
      case T.ASCII:
        return s.ascii();
      case T.SHAPE: {
        const shape = this.#shapeAt(s.varint());
        if (shape === undefined) throw damaged('it names an unknown shape');
        return shape.make(this);
      }
      case T.KEYED:
        return this.#keyList().make(this);
      case T.NUMBERED:
        return this.#numbered().make(this);
      case T.ARRAY:
        return this.#newArray(s.varint());
      case T.F64:
        return s.f64();
      case T.UNDEFINED:
        return undefined;
      case T.NULL:
        return null;
      case T.TRUE:
        return true;
      case T.FALSE:
        return false;
      case T.MINUS_ZERO:
        return -0;
      case T.UTF8:
        return s.utf8();
      case T.UTF16:
        return s.utf16();
      case T.INTS:
        return this.keep(numbers(new Int32Array(s.aligned(s.varint(), 4))));
      case T.FLOATS:
        return this.keep(numbers(new Float64Array(s.aligned(s.varint(), 8))));
      case T.REF:
        return this.#at(this.#base + s.varint());
      case T.OBJECT:
        return this.#shape().make(this);
      default:
        return this.#rare(tag);
    }
  }

  /** Gives an object the next number. */
  keep<O>(o: O): O {
    if (this.#refers) this.#objects[this.#next++] = o;
    return o;
  }

  #at(id: number): unknown {
    let o = this.#objects[id];
    if (o === undefined) {
      this.#decodeSectionOf(id);
      o = this.#objects[id];
    }
    if (o === undefined || o === NOT_YET) {
      throw new SerializationError(
        'Cannot decode a message: what [deserialize] needs refers back to the object itself; leave that reference out of [serialize]',
      );
    }
    return o;
  }

  #rare(tag: number): unknown {
    const s = this.source;
    switch (tag) {
      case T.FN:
        return this.#fn(s.string());
      case T.BUILTIN: {
        const path = s.string();
        const value = builtinAt(path);
        if (value === undefined) {
          throw new SerializationError(
            `Cannot find ${path} in this process: Node ${process.version} has no such built-in; run both processes with the same Node`,
          );
        }
        return value;
      }
      case T.BIGINT: {
        const negative = s.u8() === 1;
        const n = BigInt(`0x${s.string()}`);
        return negative ? -n : n;
      }
      case T.REF_FAR:
        return this.#at(s.varint());
      case T.BUFFER:
        return this.keep(Buffer.from(s.block()));
      case T.ARRAY_BUFFER:
        return this.keep(copyOf(s.block()));
      case T.RESIZABLE: {
        const maxByteLength = s.varint();
        return this.keep(copyOf(s.block(), { maxByteLength }));
      }
      case T.VIEW:
        return this.#view();
      case T.MAP:
        return this.#map(this.keep(new Map()));
      case T.SET:
        return this.#set(this.keep(new Set()));
      case T.DATE:
        return this.keep(new Date(this.value() as number));
      case T.REGEXP:
        return this.#regexp(RegExp);
      case T.URL:
        return this.keep(new URL(s.string()));
      case T.URL_PARAMS:
        return this.keep(new URLSearchParams(s.string()));
      case T.BOXED: {
        const id = this.#next++;
        const o: unknown = Object(this.value());
        this.#objects[id] = o;
        return o;
      }
      case T.SYMBOL_FOR:
        return Symbol.for(s.string());
      case T.SYMBOL_WELL:
        return wellKnownSymbols[s.varint()];
      case T.ERROR:
        return this.#error();
      case T.OBJECT_WITH: {
        const id = this.#next++;
        this.#objects[id] = NOT_YET;
        const proto = this.value();
        const o: object = Object.create((proto === Object ? Object.prototype : proto) as object | null);
        this.#objects[id] = o;
        return this.#properties(o);
      }
      case T.INSTANCE:
        return this.#instance();
      case T.SUBCLASS:
        return this.#subclass();
      case T.TRAVEL:
      case T.CUSTOM:
        return this.#custom(tag);
      case T.LATER:
        return this.#putOff();
      case T.BOUND: {
        const self = this.value();
        if (s.u8() !== T.NULL) {
          s.at--;
          return this.value();
        }
        const id = this.#next++;
        this.#objects[id] = NOT_YET;
        const target = this.value() as Fn;
        const args = this.value() as unknown[];
        const fn: unknown = Function.prototype.bind.call(target, self, ...args);
        this.#objects[id] = fn;
        return fn;
      }
      case T.OWN_CLASS: {
        const name = s.string();
        const cls = ownClass(name);
        if (cls === undefined) throw damaged(`it names the unknown class ${name}`);
        return cls;
      }
      case T.REBUILT: {
        const id = this.#next++;
        const cls = builtinAt(s.string()) as new (...args: readonly unknown[]) => object;
        const args = this.value() as unknown[];
        const o = new cls(...args);
        if ((cls as unknown) === DOMException) define(o, 'stack', args[2], false);
        this.#objects[id] = o;
        return o;
      }
      case T.IMPORT:
      case T.REQUIRE:
      case T.META:
      case T.IMPORTER:
      case T.WRAPPED:
        s.at--;
        return this.#captured(undefined);
      default:
        throw damaged(`it has the unknown tag ${tag}`);
    }
  }

  // Containers

  #shapeAt(number: number): KeyList | undefined {
    return number < this.#shapeCount ? this.#shapes[number] : undefined;
  }

  /** A list of keys that the sender does not remember. */
  #shape(): KeyList {
    const n = this.source.varint();
    const keys: string[] = [];
    for (let i = 0; i < n; i++) keys.push(this.source.key());
    const list = new KeyList(keys);
    this.#shapes[this.#shapeCount++] = list;
    return list;
  }

  #keyList(): KeyList {
    const source = this.source;
    source.at += 1 + source.bytes[source.at]!;
    const list = readKeyList(source, this.#shapes[this.#shapeCount]);
    this.#shapes[this.#shapeCount++] = list;
    return list;
  }

  #numbered(): KeyList {
    const source = this.source;
    const list = source.keys?.listOf(source.u8());
    if (list === undefined) throw damaged('it names an unknown list of keys');
    this.#shapes[this.#shapeCount++] = list;
    return list;
  }

  /** The keys of an object whose tag is `tag`. */
  #keysOf(tag: number): KeyList {
    if (tag === T.OBJECT) return this.#shape();
    if (tag === T.KEYED) return this.#keyList();
    if (tag === T.NUMBERED) return this.#numbered();
    const shape = tag === T.SHAPE ? this.#shapeAt(this.source.varint()) : undefined;
    if (shape === undefined) throw damaged('it has an object without keys');
    return shape;
  }

  #newArray(n: number): unknown[] {
    const a = this.keep(smallArray(n));
    return n <= mostPlaces ? this.#fewElements(n, a) : this.#array(n, a);
  }

  /** As {@link #array}, into an array that has its places already. */
  #fewElements(n: number, a: unknown[]): unknown[] {
    const s = this.source;
    for (let i = 0; i < n; i++) {
      const tag = s.u8();
      if (tag === T.ASCII) a[i] = s.ascii();
      else if (tag === T.HOLE) delete a[i];
      else a[i] = this.valueBehind(tag);
    }
    return this.#namedOf(a);
  }

  #array(n: number, a: unknown[]): unknown[] {
    const s = this.source;
    for (let i = 0; i < n; i++) {
      const tag = s.bytes[s.at];
      if (tag === T.HOLE) {
        s.at++;
        a.length++;
      } else if (tag === T.HOLES) {
        s.at++;
        const run = s.varint();
        a.length += run;
        i += run - 1;
      } else a[i] = this.value();
    }
    return this.#namedOf(a);
  }

  #namedOf(a: unknown[]): unknown[] {
    const s = this.source;
    for (let named = s.varint(); named > 0; named--) define(a, s.string(), this.value(), true);
    return a;
  }

  #map(m: Map<unknown, unknown>): Map<unknown, unknown> {
    for (let n = this.source.varint(); n > 0; n--) {
      const key = this.value();
      Map.prototype.set.call(m, key, this.value());
    }
    return m;
  }

  #set(m: Set<unknown>): Set<unknown> {
    for (let n = this.source.varint(); n > 0; n--) Set.prototype.add.call(m, this.value());
    return m;
  }

  #properties<O extends object>(o: O): O {
    const s = this.source;
    for (let n = s.varint(); n > 0; n--) {
      const flags = s.u8();
      const key = this.value() as string | symbol;
      const enumerable = (flags & 1) !== 0;
      if ((flags & 2) === 0) define(o, key, this.value(), enumerable);
      else {
        const [get, set] = [this.value() as () => unknown, this.value() as (v: unknown) => void];
        Object.defineProperty(o, key, { get, set, enumerable, configurable: true });
      }
    }
    return o;
  }

  #view(): unknown {
    const s = this.source;
    const id = this.#next++;
    const kind = viewKinds[s.u8()];
    const cls = (globalThis as unknown as Record<string, (new (b: ArrayBuffer) => object) | undefined>)[
      kind ?? ''
    ];
    if (cls === undefined)
      throw new SerializationError(`Cannot decode a ${kind}: Node ${process.version} has none`);
    const buffer = s.u8() === 1 ? (this.value() as ArrayBuffer) : copyOf(s.block());
    const view = new cls(buffer);
    this.#objects[id] = view;
    return view;
  }

  #regexp(cls: Fn): RegExp {
    const id = this.#next++;
    const source = this.source.string();
    const flags = this.source.string();
    const r = Reflect.construct(RegExp, [source, flags], cls) as RegExp;
    r.lastIndex = this.value() as number;
    this.#objects[id] = r;
    return r;
  }

  #error(): unknown {
    const id = this.#next++;
    this.#objects[id] = NOT_YET;
    const cls = this.value() as Fn;
    // A real error with the class's prototype, without running its constructor; its own stack would be worthless.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    let e: Error;
    try {
      e = Reflect.construct(Error, [], cls) as Error;
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
    this.#objects[id] = e;
    const message = this.value();
    if (message !== undefined) define(e, 'message', message, false);
    const stack = this.value();
    define(e, 'stack', stack, false);
    return this.#properties(e);
  }

  #instance(): unknown {
    const id = this.#next++;
    this.#objects[id] = NOT_YET;
    this.#isClassNext = true;
    const cls = this.value() as Fn;
    this.#isClassNext = false;
    constructors.add(cls);
    const prototype = cls.prototype as object;
    // It may be an import, of which nobody has told.
    if (!Object.hasOwn(prototype, 'constructor')) claimPrototype(cls);
    const o: object = Object.create(prototype);
    this.#objects[id] = o;
    const s = this.source;
    const tag = s.u8();
    if (tag === T.OBJECT_WITH) return this.#properties(o);
    // Fields are defined, not assigned: the class may have a setter of that name.
    for (const key of this.#keysOf(tag).keys) define(o, key, this.value(), true);
    return o;
  }

  #subclass(): unknown {
    const id = this.#next++;
    this.#objects[id] = NOT_YET;
    const cls = this.value() as Fn;
    const s = this.source;
    const make = (base: Fn, ...args: readonly unknown[]): object => {
      const made = Reflect.construct(base, args, cls) as object;
      this.#objects[id] = made;
      return made;
    };
    let o: object;
    const tag = s.u8();
    switch (tag) {
      case T.MAP:
        o = this.#map(make(Map) as Map<unknown, unknown>);
        break;
      case T.SET:
        o = this.#set(make(Set) as Set<unknown>);
        break;
      case T.ARRAY:
        o = this.#array(s.varint(), make(Array) as unknown[]);
        break;
      case T.DATE:
        o = make(Date, this.value());
        break;
      case T.REGEXP: {
        const [source, flags] = [s.string(), s.string()];
        o = make(RegExp, source, flags);
        (o as RegExp).lastIndex = this.value() as number;
        break;
      }
      case T.ARRAY_BUFFER: {
        const block = s.block();
        o = make(ArrayBuffer, block.length);
        new Uint8Array(o as ArrayBuffer).set(block);
        break;
      }
      case T.URL:
        o = make(URL, s.string());
        break;
      case T.URL_PARAMS:
        o = make(URLSearchParams, s.string());
        break;
      case T.BOXED: {
        const inner = this.value();
        o = make(Object(inner).constructor as Fn, inner);
        break;
      }
      default:
        throw damaged(`a subclass has the unknown container ${tag}`);
    }
    return this.#properties(o);
  }

  #custom(tag: number): unknown {
    const id = this.#next++;
    this.#objects[id] = NOT_YET;
    let cls: { [begin]?(): object | undefined; [deserialize](data: unknown, begun: unknown): unknown };
    if (tag === T.TRAVEL) {
      const name = this.source.string();
      let known = travelClass(name);
      if (known === undefined && libraryLoader !== undefined) {
        libraryLoader(name);
        known = travelClass(name);
      }
      if (known === undefined) throw damaged(`it holds a ${name}, which is not loaded here`);
      cls = known as unknown as typeof cls;
    } else cls = this.value() as typeof cls;
    const begun = cls[begin]?.();
    if (begun !== undefined) this.#objects[id] = begun;
    const data = this.value();
    // A user's method may call the functions in its data; ours only keep them.
    if (tag === T.CUSTOM) this.#drain();
    const o = cls[deserialize](data, begun);
    this.#objects[id] = o;
    return o;
  }

  #putOff(): unknown {
    const kind = this.source.u8();
    const length = kind === LATER_ARRAY ? this.source.varint() : 0;
    const object: unknown =
      kind === LATER_ARRAY ? [] : kind === LATER_OBJECT ? {} : kind === LATER_MAP ? new Map() : new Set();
    this.#later.push({ kind, object, length });
    return this.keep(object);
  }

  #finishLater(): void {
    const later = this.#later;
    for (let i = 0; i < later.length; i++) {
      const { kind, object, length } = later[i]!;
      if (kind === LATER_ARRAY) this.#array(length, object as unknown[]);
      else if (kind === LATER_MAP) this.#map(object as Map<unknown, unknown>);
      else if (kind === LATER_OBJECT) this.#plainLater(object as Record<string, unknown>);
      else this.#set(object as Set<unknown>);
    }
    this.#later = [];
  }

  #plainLater(o: Record<string, unknown>): void {
    this.#keysOf(this.source.u8()).fill(o, this);
  }

  // Functions

  /** A captured variable; where it is a reference, puts that into `refs` too. */
  #captured(refs: unknown[] | undefined): unknown {
    const s = this.source;
    const tag = s.u8();
    let ref: unknown;
    let value: unknown;
    if (tag === T.IMPORT) {
      const imported = this.#importRef();
      ref = imported;
      value = exportOf(imported, imported.name);
    } else if (tag === T.REQUIRE) {
      ref = new RequireRef(s.string());
      value = requireOf((ref as RequireRef).file);
    } else if (tag === T.META) {
      ref = new MetaRef(s.string());
      value = metaOf((ref as MetaRef).url);
    } else if (tag === T.IMPORTER) {
      ref = new ImporterRef(s.string());
      value = importFrom((ref as ImporterRef).parent);
    } else if (tag === T.WRAPPED) {
      const wrapper = this.value() as (...args: unknown[]) => unknown;
      s.u8();
      const inner = this.#importRef();
      const rest = this.value() as unknown[];
      const path = this.value() as string[];
      ref = new WrappedRef(wrapper, inner, rest, path);
      this.#drain();
      const whole = wrapper(exportOf(inner, inner.name), ...rest);
      value = path.reduce<unknown>((o, key) => (o as Record<string, unknown>)[key], whole);
    } else {
      s.at--;
      value = this.value();
    }
    refs?.push(ref);
    return value;
  }

  #importRef(): ImportRef {
    const module = this.#table?.modules.get(this.source.varint());
    if (module === undefined) throw damaged('it names an unknown module');
    return new ImportRef(module.specifier, module.parent, this.source.string(), module.type, module.commonjs);
  }

  #fn(key: string): Fn {
    const known = this.#created.get(key);
    if (known !== undefined) return known;
    const fn = this.#create(key);
    this.#created.set(key, fn);
    return fn;
  }

  #create(key: string): Fn {
    const isClassNext = this.#isClassNext;
    this.#isClassNext = false;
    const entry = this.#entries.get(key);
    const mine = key.startsWith(origin()) ? recall(key) : undefined;
    if (mine !== undefined && (entry === undefined || !this.#takesCopies)) return mine;
    if (entry === undefined) throw damaged(`it names the unknown function ${key}`);
    const code = codeNamed(entry.codeKey);
    if (mine !== undefined && (code.isClass || isConstructor(mine))) {
      // A class stays the one that its instances have; what hangs on it is what it was there.
      this.#created.set(key, mine);
      this.#unfilled.push(entry);
      return mine;
    }
    const old = recall(key);
    if (
      old !== undefined &&
      (code.isClass || isClassNext || isConstructor(old)) &&
      revivedOf(old) !== undefined
    ) {
      this.#created.set(key, old);
      // It is there, but what it extends may have changed.
      if (entry.eager !== undefined) this.#section(entry.eager, () => this.#variables(code.eager.length, []));
      this.#unfilled.push(entry);
      return old;
    }
    if (this.#evaluating.has(key)) throw damaged(`class ${key} needs itself before it is there`);
    this.#evaluating.add(key);
    let eager: unknown[] = [];
    const refs: unknown[] = [];
    if (entry.eager !== undefined) {
      eager = this.#section(entry.eager, () => this.#variables(code.eager.length, refs)) as unknown[];
      // Others are filled later: what a class extends may name the class itself, or share something with it.
      if (code.runs) this.#drain();
    }
    this.#unfilled.push(entry);
    return revive(key, entry.codeKey, eager, refs).fn;
  }

  #variables(n: number, refs: unknown[]): unknown[] {
    const values: unknown[] = [];
    for (let i = 0; i < n; i++) values.push(this.#captured(refs));
    return values;
  }

  /** Gives all functions made so far their variables, in the order in which they were written. */
  #drain(): void {
    for (let entry = this.#unfilled.shift(); entry !== undefined; entry = this.#unfilled.shift()) {
      this.#fill(entry, this.#created.get(entry.key)!);
    }
  }

  #fill({ late, codeKey }: FunctionEntry, fn: Fn): void {
    if (late === undefined) return;
    const made = revivedOf(fn);
    this.#section(late, () => {
      const refs: unknown[] = [];
      const values = this.#variables(codeNamed(codeKey).late.length, refs);
      made?.set(values, refs);
      this.#extras(fn);
    });
  }

  #extras(fn: Fn): void {
    const s = this.source;
    const name = s.string();
    const named = Object.getOwnPropertyDescriptor(fn, 'name') ?? { value: '', configurable: true };
    // A class may have a method of that name, or an accessor.
    if (typeof named.value === 'string' && named.value !== name && named.configurable === true) {
      Object.defineProperty(fn, 'name', { value: name, configurable: true });
    }
    for (let n = s.varint(); n > 0; n--) {
      const flags = s.u8();
      const key = this.value() as string | symbol;
      const target = (flags & 1) !== 0 ? (fn.prototype as object) : fn;
      if ((flags & 32) !== 0) {
        Reflect.deleteProperty(target, key);
        continue;
      }
      const common = { enumerable: (flags & 4) !== 0, configurable: (flags & 8) !== 0 };
      const descriptor: PropertyDescriptor =
        (flags & 2) !== 0
          ? { get: this.value() as () => unknown, set: this.value() as (v: unknown) => void, ...common }
          : { value: this.#captured(undefined), writable: (flags & 16) !== 0, ...common };
      const own = Object.getOwnPropertyDescriptor(target, key);
      if (own?.configurable === false && own.writable !== true) continue;
      Object.defineProperty(target, key, descriptor);
    }
    const parent = this.#captured(undefined);
    if (parent !== undefined) Object.setPrototypeOf(fn, parent as object);
    const prototypeParent = this.#captured(undefined);
    if (prototypeParent !== undefined) Object.setPrototypeOf(fn.prototype, prototypeParent as object);
    const prototypeOwner = this.#captured(undefined) as Fn | undefined;
    if (prototypeOwner !== undefined) {
      if (s.u8() === T.TRUE) fn.prototype = prototypeOwner.prototype;
      else Object.setPrototypeOf(fn.prototype, prototypeOwner.prototype as object);
    }
    claimPrototype(fn);
  }

  /** Reads a section, wherever the reading of others stands. */
  #section<R>(place: SectionPlace, read: () => R): R {
    const source = this.source;
    const saved = [source.at, this.#next, this.#base, this.#shapes, this.#shapeCount, this.#later] as const;
    source.at = place.at;
    this.#next = place.base;
    this.#base = place.base;
    this.#shapes = [];
    this.#shapeCount = 0;
    this.#later = [];
    this.#sections.add(place);
    try {
      const result = read();
      this.#finishLater();
      return result;
    } finally {
      [source.at, this.#next, this.#base, this.#shapes, this.#shapeCount, this.#later] = saved;
    }
  }

  /** Object `id` is needed before its section's turn: reads that now. */
  #decodeSectionOf(id: number): void {
    for (const entry of this.#table?.functions ?? []) {
      for (const place of [entry.eager, entry.late]) {
        if (place === undefined || this.#sections.has(place)) continue;
        if (id < place.base || id >= place.base + place.count) continue;
        const fn = this.#fn(entry.key);
        if (this.#sections.has(place)) return;
        if (place === entry.late) {
          this.#unfilled = this.#unfilled.filter((e) => e !== entry);
          this.#fill(entry, fn);
        }
        return;
      }
    }
  }
}

function define(o: object, key: string | symbol, value: unknown, enumerable: boolean): void {
  Object.defineProperty(o, key, { value, enumerable, configurable: true, writable: true });
}

function numbers(block: Int32Array | Float64Array): number[] {
  const a: number[] = [];
  for (let i = 0; i < block.length; i++) a.push(block[i]!);
  return a;
}

function copyOf(block: Buffer, options?: { maxByteLength: number }): ArrayBuffer {
  const copy = new (ArrayBuffer as ResizableConstructor)(block.length, options);
  new Uint8Array(copy).set(block);
  return copy;
}

/** As ECMAScript 2024 has it. */
type ResizableConstructor = new (length: number, options?: { maxByteLength: number }) => ArrayBuffer;

/** Functions whose instances were received. */
const constructors = new WeakSet<Fn>();

/** Whether a function serves as a class: methods have been put onto its prototype, or it inherits from one. */
function isConstructor(fn: Fn): boolean {
  if (constructors.has(fn)) return true;
  const prototype = Object.getOwnPropertyDescriptor(fn, 'prototype')?.value as object | undefined;
  if (prototype === undefined || isGeneratorFunction(fn)) return false;
  return (
    !Object.hasOwn(prototype, 'constructor') ||
    Reflect.ownKeys(prototype).length > 1 ||
    Object.getPrototypeOf(prototype) !== Object.prototype
  );
}
