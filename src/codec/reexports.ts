/**
 * Classes that a module exports though another has made them: `export const NotFound = errorClass('E_NOT_FOUND')`; and namespaces of
 * modules that say nothing of themselves.
 *
 * V8 lists no modules. So they are looked for among what is known: what scripts import whose functions were sent, what they export, what
 * was loaded here for functions that came, and all that `require` has loaded.
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { types } from 'node:util';
import { nodeLoadsAlike, requireCache } from './commonjs.ts';
import { importOf } from './imports.ts';
import { inspect, type Scopes, valueIn } from './inspect.ts';
import { isMain } from './main.ts';
import { memberExport } from './member-exports.ts';
import { loadedNamespaces } from './modules.ts';
import { namespaceOf } from './namespace-ref.ts';
import { type Fn, ImportRef, keysOf, wayTo } from './plan.ts';
import { type Script, scriptOfFile } from './script.ts';

/** For each script whose functions were sent one of them: it sees what the module imports, and keeps to itself. */
const witnesses = new Map<Script, WeakRef<Fn>>();

/** Told of functions that are sent. */
export function noteScript(script: Script, fn: Fn): void {
  if ((script.source.isModule || script.isFile) && witnesses.get(script)?.deref() === undefined) {
    witnesses.set(script, new WeakRef(fn));
  }
}

/** The reference to a class, or a namespace, by what a module exports that did not make it. */
export function exportElsewhere(wanted: object): ImportRef | undefined {
  for (const [script, witness] of witnesses) {
    const fn = witness.deref();
    const top = fn && inspect(fn).scopes.at(-1);
    const ref = top && (importedInto(script, top, wanted) ?? exportedBy(script, top, wanted));
    if (ref !== undefined) return ref;
  }
  for (const namespace of loadedNamespaces()) {
    const ref = within(namespace, wanted, namespaceOf(namespace));
    if (ref !== undefined) return ref;
  }
  return requiredFrom(wanted);
}

function importedInto(script: Script, top: Scopes[number], wanted: object): ImportRef | undefined {
  for (const binding of script.top.values()) {
    if (binding.kind !== 'import') continue;
    const value = valueIn(top, binding.name);
    const isNamespace = types.isModuleNamespaceObject(value);
    if (value !== wanted && !isNamespace && !holds(value, wanted)) continue;
    const ref = importOf(binding, script);
    const url = urlOf(ref);
    if (url !== undefined && isMain(url)) continue;
    const found =
      value === wanted
        ? ref
        : isNamespace
          ? within(value as object, wanted, ref)
          : inFile(url, ref.name, value, wanted);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The file of a module; undefined for a package. */
function urlOf({ specifier, parent }: ImportRef): string | undefined {
  if (specifier.startsWith('file:')) return specifier;
  return /^\.{1,2}\//.test(specifier) && parent !== '' ? new URL(specifier, parent).href : undefined;
}

/** As the file of an ES module says it, where that is JavaScript. */
function inFile(
  url: string | undefined,
  name: string,
  value: unknown,
  wanted: object,
): ImportRef | undefined {
  const script = url === undefined ? undefined : scriptOfFile(url, true);
  const local = [...(script?.exports ?? [])].find(([, exported]) => exported === name)?.[0];
  return script && local ? memberExport(wanted, script, undefined, { [local]: value }) : undefined;
}

/** So deep objects are looked into, and such as have no more in them: tables of data have. */
const MOST_KEYS = 3;
const MOST_PARTS = 200;

/** Whether a plain object or an array holds it. */
function holds(value: unknown, wanted: object, depth = 0): boolean {
  if (value === wanted) return true;
  return depth < MOST_KEYS && partsOf(value).some((part) => holds(part, wanted, depth + 1));
}

/** What is in a plain object or an array, without running anything. */
function partsOf(value: unknown): readonly unknown[] {
  if (typeof value !== 'object' || value === null || types.isProxy(value)) return [];
  if (Array.isArray(value) ? value.length > MOST_PARTS : Object.getPrototypeOf(value) !== Object.prototype)
    return [];
  const keys = Object.keys(value);
  if (keys.length > MOST_PARTS) return [];
  return keys.map((key) => Object.getOwnPropertyDescriptor(value, key)?.value as unknown);
}

function exportedBy(script: Script, top: Scopes[number], wanted: object): ImportRef | undefined {
  if (!script.isFile || isMain(script.url) || !nodeLoadsAlike(script.filename)) return undefined;
  for (const [local, exported] of script.exports) {
    // One that is given another value later is not what another process finds.
    if (script.top.get(local)?.reassigned !== false) continue;
    if (valueIn(top, local) === wanted) return new ImportRef(script.url, '', exported);
  }
  return memberExport(wanted, script, undefined, top);
}

/** In a namespace, in one that it exports, or in an object that it exports. */
function within(
  namespace: object,
  wanted: object,
  ref: ImportRef | undefined,
  inner = true,
): ImportRef | undefined {
  if (ref === undefined) return undefined;
  for (const name of Object.keys(namespace)) {
    const value = valueIn(namespace as Record<string, unknown>, name);
    if (value === wanted) return behind(ref, name);
    let found: ImportRef | undefined;
    if (inner && types.isModuleNamespaceObject(value))
      found = within(value as object, wanted, behind(ref, name), false);
    else if (ref.name === '*' && holds(value, wanted)) found = inFile(urlOf(ref), name, value, wanted);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What the export behind `ref`, a namespace, exports as `name`. */
function behind({ specifier, parent, name: here, type, commonjs }: ImportRef, name: string): ImportRef {
  const way = here === '*' ? name : wayTo([...(keysOf(here) ?? [here]), name]);
  return new ImportRef(specifier, parent, way, type, commonjs);
}

const looked = new Set<string>();
/** The functions that CommonJS modules export, and files of the program that export them inside of something. */
const required = new WeakMap<object, ImportRef>();
const holders = new WeakMap<object, string>();

function requiredFrom(wanted: object): ImportRef | undefined {
  for (const [file, m] of Object.entries(requireCache())) {
    if (m?.loaded !== true || looked.has(file)) continue;
    looked.add(file);
    const isImportable = path.isAbsolute(file) && nodeLoadsAlike(file) && !isMain(pathToFileURL(file).href);
    if (isImportable) noteExports(file, m.exports);
  }
  const ref = required.get(wanted);
  const file = ref === undefined ? holders.get(wanted) : undefined;
  const script = file === undefined ? undefined : scriptOfFile(pathToFileURL(file).href, false);
  return ref ?? (script && memberExport(wanted, script, undefined, undefined));
}

function noteExports(file: string, exports: unknown): void {
  if (typeof exports !== 'object' || exports === null || types.isProxy(exports)) return;
  const isOwn = !/[\\/]node_modules[\\/]/.test(file);
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(exports))) {
    if (typeof value === 'function') {
      if (!required.has(value)) required.set(value, new ImportRef(file, '', name, '', true));
    } else if (isOwn) noteHolder(file, value, 1);
  }
}

function noteHolder(file: string, value: unknown, depth: number): void {
  if (typeof value === 'function' && !holders.has(value)) holders.set(value, file);
  if (depth < MOST_KEYS) for (const part of partsOf(value)) noteHolder(file, part, depth + 1);
}
