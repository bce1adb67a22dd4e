/**
 * What every Node process has: recognises it by identity and names it by a path, `Array.prototype.map`, `node:fs!readFileSync`.
 *
 * The map is built when first asked for, from the global object and the built-in modules that are loaded; loading
 * others would cost more than it could find.
 */
import module from 'node:module';

/** Walks this deep from a root: `fs.promises.readFile`, `Array.prototype.map`. */
const DEPTH = 3;

let paths: Map<unknown, string> | undefined;
const knownModules = new Set<string>();

/** A built-in module, loaded if need be. `process.getBuiltinModule` is Node 20.16. */
export function builtinModule(id: string): Record<string, unknown> | undefined {
  return process.getBuiltinModule(id) as Record<string, unknown> | undefined;
}

function step(path: string, key: string | symbol): string | undefined {
  if (typeof key === 'string') return /^[^.!@]+$/.test(key) ? `${path}.${key}` : undefined;
  const name = key.description;
  return name?.startsWith('Symbol.') ? `${path}.@${name.slice(7)}` : undefined;
}

/** What is among Node's modules, and the program's own. */
const ofProgram = 'node:worker_threads!.workerData';

function walk(map: Map<unknown, string>, value: unknown, path: string, depth: number): void {
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return;
  if (map.has(value)) return;
  map.set(value, path);
  if (depth === 0) return;
  for (const key of Reflect.ownKeys(value)) {
    const d = Reflect.getOwnPropertyDescriptor(value, key);
    const next = step(path, key);
    if (d === undefined || next === undefined || next === ofProgram) continue;
    if ('value' in d) {
      // The prototype belongs to its class: it costs no depth.
      walk(map, d.value, next, key === 'prototype' ? depth : depth - 1);
    } else {
      if (d.get !== undefined) walk(map, d.get, `${next}!get`, 0);
      if (d.set !== undefined) walk(map, d.set, `${next}!set`, 0);
    }
  }
}

/** Roots whose contents belong to the program, not to Node. */
const skippedGlobals = new Set([
  'globalThis',
  'global',
  'process',
  'navigator',
  'localStorage',
  'sessionStorage',
]);
const lazyGlobals = [
  'fetch',
  'crypto',
  'Crypto',
  'Headers',
  'Request',
  'Response',
  'FormData',
  'Blob',
  'performance',
];

function isStandardGlobal(name: string): boolean {
  const d = Object.getOwnPropertyDescriptor(globalThis, name);
  return d !== undefined && (d.enumerable !== true || enumerableGlobals.has(name));
}

/** Node defines these as enumerable; what a program defines by assignment or at the REPL is enumerable too. */
export const enumerableGlobals: ReadonlySet<string> = new Set(
  'global clearImmediate setImmediate clearInterval clearTimeout setInterval setTimeout queueMicrotask structuredClone atob btoa performance fetch navigator crypto'.split(
    ' ',
  ),
);

function build(): Map<unknown, string> {
  const map = new Map<unknown, string>();
  map.set(globalThis, 'globalThis');
  map.set(process, 'process');
  map.set(module.createRequire, 'node:module!createRequire');
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    if (skippedGlobals.has(name) || !isStandardGlobal(name)) continue;
    const d = Object.getOwnPropertyDescriptor(globalThis, name)!;
    if ('value' in d) walk(map, d.value, name, DEPTH);
    else if (lazyGlobals.includes(name))
      walk(map, (globalThis as Record<string, unknown>)[name], name, DEPTH);
  }
  const hidden: Record<string, unknown> = {
    '%TypedArray': Object.getPrototypeOf(Uint8Array),
    '%AsyncFunction': (async () => {}).constructor,
    '%GeneratorFunction': function* () {}.constructor,
    '%AsyncGeneratorFunction': async function* () {}.constructor,
    '%ArrayIterator': Object.getPrototypeOf([][Symbol.iterator]()),
    '%Iterator': Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())),
  };
  for (const [name, value] of Object.entries(hidden)) walk(map, value, name, DEPTH);
  for (const key of Object.getOwnPropertyNames(process)) {
    const d = Object.getOwnPropertyDescriptor(process, key)!;
    if (typeof d.value === 'function' && !map.has(d.value)) walk(map, d.value, `process.${key}`, 1);
  }
  map.set(crypto.subtle, 'crypto.subtle');
  for (const key of ['stdin', 'stdout', 'stderr'] as const) {
    // Only where the program has touched it: making a standard stream is visible.
    const d = Object.getOwnPropertyDescriptor(process, key);
    if (d !== undefined && 'value' in d) map.set(d.value, `process.${key}`);
  }
  addModules(map);
  return map;
}

function addModules(map: Map<unknown, string>): void {
  const loaded = (process as unknown as { moduleLoadList?: readonly string[] }).moduleLoadList ?? [];
  for (const entry of loaded) {
    const id = entry.startsWith('NativeModule ') ? entry.slice(13) : '';
    if (id === '' || id.startsWith('internal/') || knownModules.has(id) || !module.isBuiltin(id)) continue;
    knownModules.add(id);
    const exports = builtinModule(id);
    if (exports !== undefined) walk(map, exports, `node:${id}!`, DEPTH);
    // `fs.promises` is a getter.
    if (id === 'fs') walk(map, builtinModule('fs/promises'), 'node:fs/promises!', DEPTH);
  }
}

/** Adds what is made when it is first asked for: the program has asked, since it has something of that name. */
function addDeferred(map: Map<unknown, string>, name: string): void {
  const roots: [object, string][] = isStandardGlobal(name) ? [[globalThis, name]] : [];
  for (const id of knownModules) roots.push([builtinModule(id)!, `node:${id}!.${name}`]);
  for (const [root, path] of roots) {
    const d = Object.getOwnPropertyDescriptor(root, name);
    if (d === undefined) continue;
    try {
      walk(map, d.get === undefined ? d.value : d.get.call(root), path, DEPTH);
    } catch {
      // It is not there without a flag.
    }
  }
}

/** The path of a built-in function or object, or undefined when it is not one. */
export function builtinPath(value: unknown): string | undefined {
  paths ??= build();
  const path = paths.get(value);
  if (path !== undefined) return path;
  return undefined;
}

/** The same, after looking at the modules that were loaded since. */
export function builtinPathAfresh(value: unknown): string | undefined {
  const path = builtinPath(value);
  if (path !== undefined) return path;
  addModules(paths!);
  if (typeof value === 'function' && !paths!.has(value)) addDeferred(paths!, value.name);
  return (
    paths!.get(value) ??
    (value === process.stdout ? 'process.stdout' : value === process.stderr ? 'process.stderr' : undefined)
  );
}

const found = new Map<string, unknown>();

/** What stands at a path here. @returns undefined when this Node lacks it. */
export function builtinAt(path: string): unknown {
  const cached = found.get(path);
  if (cached !== undefined) return cached;
  const value = lookUp(path);
  found.set(path, value);
  return value;
}

function lookUp(path: string): unknown {
  if (path === 'globalThis') return globalThis;
  let value: unknown = globalThis;
  let rest = path;
  let accessor: 'get' | 'set' | undefined;
  if (rest.endsWith('!get')) accessor = 'get';
  else if (rest.endsWith('!set')) accessor = 'set';
  if (accessor !== undefined) rest = rest.slice(0, -4);
  if (rest.startsWith('node:')) {
    const bang = rest.indexOf('!');
    value = builtinModule(rest.slice(0, bang));
    rest = rest.slice(bang + 1).replace(/^\./, '');
    if (rest === '') return value;
  } else if (rest.startsWith('%')) {
    paths ??= build();
    for (const [v, p] of paths) if (p === path) return v;
    return undefined;
  }
  const keys = rest.split('.');
  for (const [i, key] of keys.entries()) {
    if (value === undefined || value === null) return undefined;
    const name = key.startsWith('@') ? (Symbol as unknown as Record<string, symbol>)[key.slice(1)]! : key;
    if (accessor !== undefined && i === keys.length - 1) {
      return Object.getOwnPropertyDescriptor(value, name)?.[accessor];
    }
    value = (value as Record<string | symbol, unknown>)[name];
  }
  return value;
}
