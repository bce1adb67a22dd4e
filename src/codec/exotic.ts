/**
 * How the sender writes all objects that are neither plain nor arrays: built-in containers, errors, instances of classes; and
 * where it refuses.
 */
import { EventEmitter } from 'node:events';
import { types } from 'node:util';
import { describeSharedView, foreignClass, sharedViewName } from '../base/travel.ts';
import { builtinPath } from './builtins.ts';
import { planOfClass } from './functions.ts';
import { namespaceOf } from './namespace-ref.ts';
import type { Fn, ImportRef } from './plan.ts';
import { checkPrivate } from './privates.ts';
import { wasCopied } from './prototypes.ts';
import { twinOf } from './realms.ts';
import { exportElsewhere } from './reexports.ts';
import type { Sink } from './sink.ts';
import { T, viewKinds } from './tags.ts';
import { adviceFor, className, NodesOwn, Trouble, through } from './trouble.ts';

/** What of the encoder is used here. */
interface Encoder {
  readonly sink: Sink;
  value(v: unknown): void;
  import(ref: ImportRef): void;
  unpackedArray(a: readonly unknown[]): void;
  map(m: ReadonlyMap<unknown, unknown>): void;
  set(s: ReadonlySet<unknown>): void;
  fields(o: object): void;
  properties(o: object, except?: ReadonlySet<string | symbol>): void;
  inherited(o: object): void;
  travel(name: string, cls: object, o: object): void;
}

/** Writes `o`, whose class is `cls` where its prototype has one. @throws {Trouble} When it cannot travel. */
export function exotic(e: Encoder, o: object, proto: object | null, cls: Fn | undefined): void {
  if (types.isProxy(o)) throw refused('Proxy', 'it is a Proxy');
  // Before errors: newer Nodes count it among those, yet only its constructor can make one.
  if (proto === DOMException.prototype && o instanceof DOMException) {
    domException(e, o);
    return;
  }
  if (types.isNativeError(o)) {
    error(e, o, cls);
    return;
  }
  if (Buffer.isBuffer(o)) {
    e.sink.u8(T.BUFFER);
    e.sink.block(o);
    return;
  }
  const kind = containerKind(o);
  if (kind !== undefined) {
    if (kind === 'View' || kind === 'Boxed' || proto === prototypes[kind]) {
      container(e, o, kind, proto);
      return;
    }
    if (cls === undefined) throw refused(className(o), 'its prototype belongs to no class');
    checkPrivate(cls);
    e.sink.u8(T.SUBCLASS);
    classOf(e, cls);
    container(e, o, kind, proto);
    // An array's named properties are in its container already.
    if (kind === 'Array') e.sink.varint(0);
    else e.properties(o, kind === 'RegExp' ? lastIndex : undefined);
    return;
  }
  for (const [name, is] of refusedKinds) if (is(o)) throw refused(name, 'it cannot be copied');
  const path = builtinPath(o);
  if (path !== undefined && o !== Object.prototype) {
    e.sink.u8(T.BUILTIN);
    e.sink.string(path);
    return;
  }
  if (o === process.env) {
    e.sink.u8(T.OBJECT_WITH);
    e.value(Object);
    e.properties(o);
    return;
  }
  if (types.isModuleNamespaceObject(o)) {
    const ref = namespaceOf(o) ?? exportElsewhere(o);
    if (ref === undefined) {
      throw new Trouble(
        'Module',
        'nothing that it exports tells which module it is',
        'import it inside the function, or send what it exports',
      );
    }
    e.import(ref);
    return;
  }
  if (proto === null || proto === Object.prototype || cls?.prototype !== proto) {
    e.sink.u8(T.OBJECT_WITH);
    if (proto === null || proto === Object.prototype) e.value(proto && Object);
    else {
      wasCopied(proto);
      e.inherited(proto);
    }
    e.properties(o, types.isArgumentsObject(o) ? callee : undefined);
    return;
  }
  instance(e, o, cls);
}

type Kind =
  | 'Map'
  | 'Set'
  | 'Date'
  | 'RegExp'
  | 'Array'
  | 'ArrayBuffer'
  | 'View'
  | 'Boxed'
  | 'URL'
  | 'URLSearchParams';

const iterators: ReadonlySet<unknown> = new Set(
  [[][Symbol.iterator](), ''[Symbol.iterator](), /x/g[Symbol.matchAll]('')].map(
    (i) => Object.getPrototypeOf(i) as unknown,
  ),
);

/** Whether it goes over an array, a string or the matches of an expression. */
function isIterator(o: unknown): boolean {
  return iterators.has(Object.getPrototypeOf(o as object));
}

/** The function whose arguments they are: nobody's business, and out of bounds in strict code. */
const callee: ReadonlySet<string> = new Set(['callee']);

const lastIndex: ReadonlySet<string> = new Set(['lastIndex']);

/** Standard prototypes; views and boxes have several, and their subclasses no support. */
const prototypes: Readonly<Partial<Record<Kind, object>>> = {
  Map: Map.prototype,
  Set: Set.prototype,
  Date: Date.prototype,
  RegExp: RegExp.prototype,
  Array: Array.prototype,
  ArrayBuffer: ArrayBuffer.prototype,
  URL: URL.prototype,
  URLSearchParams: URLSearchParams.prototype,
};

function containerKind(o: object): Kind | undefined {
  if (types.isMap(o)) return 'Map';
  if (types.isSet(o)) return 'Set';
  if (types.isDate(o)) return 'Date';
  if (types.isRegExp(o)) return 'RegExp';
  if (Array.isArray(o)) return 'Array';
  if (types.isArrayBuffer(o)) return 'ArrayBuffer';
  if (ArrayBuffer.isView(o)) return 'View';
  if (types.isBoxedPrimitive(o)) return 'Boxed';
  if (o instanceof URL) return 'URL';
  if (o instanceof URLSearchParams) return 'URLSearchParams';
  return undefined;
}

function container(e: Encoder, o: object, kind: Kind, proto: object | null): void {
  const { sink } = e;
  switch (kind) {
    case 'Map':
      e.map(o as Map<unknown, unknown>);
      return;
    case 'Set':
      e.set(o as Set<unknown>);
      return;
    case 'Date':
      sink.u8(T.DATE);
      sink.number(Date.prototype.getTime.call(o));
      return;
    case 'RegExp': {
      const { source, flags, lastIndex: at } = o as RegExp;
      sink.u8(T.REGEXP);
      sink.string(source);
      sink.string(flags);
      sink.number(at);
      return;
    }
    case 'Array':
      e.unpackedArray(o as unknown[]);
      return;
    case 'ArrayBuffer': {
      const { resizable, maxByteLength } = o as { resizable?: boolean; maxByteLength?: number };
      if (resizable === true && proto === ArrayBuffer.prototype) {
        sink.u8(T.RESIZABLE);
        sink.varint(maxByteLength!);
      } else sink.u8(T.ARRAY_BUFFER);
      sink.block(new Uint8Array(o as ArrayBuffer));
      return;
    }
    case 'View':
      view(e, o as ArrayBufferView, proto);
      return;
    case 'Boxed':
      sink.u8(T.BOXED);
      e.value((o as { valueOf(): unknown }).valueOf());
      return;
    case 'URL':
      sink.u8(T.URL);
      sink.string((o as URL).href);
      return;
    case 'URLSearchParams':
      sink.u8(T.URL_PARAMS);
      sink.string((o as URLSearchParams).toString());
  }
}

/**
 * A view of shared memory (a RawArray) stays one. A view of a whole buffer shares that buffer with other such views in the receiver. A view of a part travels with its part
 * alone: a slice of ten bytes must not drag a gigabyte along.
 */
function view(e: Encoder, o: ArrayBufferView, proto: object | null): void {
  if (types.isSharedArrayBuffer(o.buffer)) throw refused('SharedArrayBuffer', 'it is shared memory');
  const shared = describeSharedView(o);
  if (shared !== undefined) {
    e.sink.u8(T.TRAVEL);
    e.sink.string(sharedViewName);
    e.value(shared);
    return;
  }
  const tag = types.isDataView(o) ? 'DataView' : (typedArrayTag.call(o) as (typeof viewKinds)[number]);
  const standard = (globalThis as unknown as Record<string, { prototype: object }>)[tag]!.prototype;
  if (proto !== standard) throw refused(className(o), 'it is a subclass of a typed array');
  e.sink.u8(T.VIEW);
  e.sink.u8(viewKinds.indexOf(tag));
  const whole = o.byteOffset === 0 && o.byteLength === o.buffer.byteLength;
  e.sink.u8(whole ? 1 : 0);
  if (whole) e.value(o.buffer);
  else e.sink.block(new Uint8Array(o.buffer, o.byteOffset, o.byteLength));
}

const typedArrayTag = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)!.get!;

/** What `AbortSignal`s, `fetch` and the like reject with. Its stack is set by the receiver. */
function domException(e: Encoder, o: DOMException): void {
  e.sink.u8(T.REBUILT);
  e.sink.string('DOMException');
  const cause = Object.hasOwn(o, 'cause') ? { cause: o.cause } : {};
  e.value([o.message, { name: o.name, ...cause }, stackOf(o)]);
}

/** `prepareStackTrace` is the user's and may throw, or give anything. */
function stackOf(o: Error): string | undefined {
  try {
    const { stack } = o as { readonly stack?: unknown };
    return typeof stack === 'string' ? stack : undefined;
  } catch {
    return undefined;
  }
}

const onlyStack: ReadonlySet<string> = new Set(['stack']);
const messageAndStack: ReadonlySet<string> = new Set(['message', 'stack']);

function error(e: Encoder, o: Error, cls: Fn | undefined): void {
  const { sink } = e;
  if (cls !== undefined) checkPrivate(cls);
  sink.u8(T.ERROR);
  classOf(e, cls ?? Error);
  const message = Object.getOwnPropertyDescriptor(o, 'message');
  // Others than constructors make are among its properties.
  const isUsual = typeof message?.value === 'string' && !message.enumerable;
  e.value(isUsual ? message.value : undefined);
  e.value(stackOf(o));
  e.properties(o, isUsual ? messageAndStack : onlyStack);
}

/**
 * Classes whose instances hold nothing but their fields. Of functions these are objects that merely inherit from their prototype, as bundlers
 * make them of modules that export a function. Errors of this kind were not made by their constructors, but by old-style subclasses. */
const openBases = new Set<unknown>([
  Object,
  Function,
  EventEmitter,
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError,
]);

function instance(e: Encoder, o: object, cls: Fn): void {
  const foreign = foreignClass(o, cls.name);
  if (foreign !== undefined) {
    e.travel(...foreign, o);
    return;
  }
  const rebuilt = rebuild(o, cls);
  if (rebuilt !== undefined) {
    e.sink.u8(T.REBUILT);
    e.sink.string(rebuilt.path);
    e.value(rebuilt.args);
    return;
  }
  for (let c: unknown = cls; typeof c === 'function' && c !== Function.prototype; c = parentOf(c)) {
    if (openBases.has(twinOf(c as Fn) ?? c)) break;
    const plan = planFor(c as Fn, o);
    if (plan.kind !== 'builtin') continue;
    const name = className(o);
    if (c === cls) throw new Trouble(name, 'it belongs to this process', adviceFor(name, false));
    throw refused(name, `its class extends ${c.name}, which belongs to this process`);
  }
  checkPrivate(cls);
  if (o instanceof EventEmitter) checkListeners(o);
  e.sink.u8(T.INSTANCE);
  classOf(e, cls);
  e.fields(o);
}

/** The class above `c`, for ES classes and for functions with a prototype made by hand. */
function parentOf(c: Fn): unknown {
  const proto: unknown = c.prototype;
  if (typeof proto !== 'object' || proto === null) return Object.getPrototypeOf(c);
  const above: object | null = Object.getPrototypeOf(proto);
  return above === null ? undefined : above.constructor;
}

function planFor(c: Fn, o: object): ReturnType<typeof planOfClass> {
  try {
    return planOfClass(c);
  } catch (e) {
    if (e instanceof NodesOwn) throw refused(className(o), 'it belongs to this process');
    throw through(e, `class ${c.name}`);
  }
}

function classOf(e: Encoder, cls: Fn): void {
  try {
    e.value(cls);
  } catch (x) {
    throw through(x, 'its class');
  }
}

/** What `once` adds is a function of Node's own around the listener. */
function checkListeners(o: EventEmitter): void {
  for (const type of EventEmitter.prototype.eventNames.call(o)) {
    if (!EventEmitter.prototype.rawListeners.call(o, type).some((f) => Object.hasOwn(f, 'listener')))
      continue;
    throw new Trouble(
      `listener of ${typeof type === 'symbol' ? String(type) : `"${type}"`}`,
      'it was added with once(), and its wrapper belongs to this process',
      'add it with on(), or in the process that uses it',
    );
  }
}

/** Formatters and the like: their options say everything about them. */
function rebuild(o: object, cls: Fn): { path: string; args: unknown[] } | undefined {
  if (o instanceof TextEncoder && cls === TextEncoder) return { path: 'TextEncoder', args: [] };
  if (o instanceof TextDecoder && cls === TextDecoder) {
    return { path: 'TextDecoder', args: [o.encoding, { fatal: o.fatal, ignoreBOM: o.ignoreBOM }] };
  }
  if ((Intl as unknown as Record<string, unknown>)[cls.name] === cls && 'resolvedOptions' in o) {
    const options = (o as Intl.NumberFormat).resolvedOptions();
    return { path: `Intl.${cls.name}`, args: [options.locale, { ...options }] };
  }
  return undefined;
}

const refusedKinds: readonly (readonly [string, (o: unknown) => boolean])[] = [
  ['Promise', types.isPromise],
  ['WeakMap', types.isWeakMap],
  ['WeakSet', types.isWeakSet],
  ['WeakRef', (o) => o instanceof WeakRef],
  ['FinalizationRegistry', (o) => o instanceof FinalizationRegistry],
  ['SharedArrayBuffer', types.isSharedArrayBuffer],
  ['Generator', types.isGeneratorObject],
  ['Iterator', (o) => types.isMapIterator(o) || types.isSetIterator(o) || isIterator(o)],
  ['External', types.isExternal],
  ['KeyObject', types.isKeyObject],
];

function refused(name: string, why: string): Trouble {
  return new Trouble(name, why, adviceFor(name));
}
