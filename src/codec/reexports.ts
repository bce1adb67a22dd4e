/**
 * Classes that a module exports though another has made them: `export const NotFound = errorClass('E_NOT_FOUND')`; and namespaces of
 * modules that say nothing of themselves.
 *
 * V8 lists no modules. So they are looked for among what is known: what scripts import whose functions were sent, what they export, what
 * was loaded here for functions that came, and all that `require` has loaded.
 */
import path from 'node:path';
import { types } from 'node:util';
import { nodeLoadsAlike, requireCache } from './commonjs.ts';
import { importOf } from './imports.ts';
import { inspect, type Scopes, valueIn } from './inspect.ts';
import { isMain } from './main.ts';
import { loadedNamespaces } from './modules.ts';
import { namespaceOf } from './namespace-ref.ts';
import { type Fn, ImportRef, keysOf, wayTo } from './plan.ts';
import type { Script } from './script.ts';

/** For each script of an ES module a function that sees what it imports. */
const witnesses = new Map<Script, WeakRef<Fn>>();

/** Told of functions that are sent. */
export function noteScript(script: Script, fn: Fn): void {
  if (script.source.isModule && witnesses.get(script)?.deref() === undefined) {
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
    if (value !== wanted && !types.isModuleNamespaceObject(value)) continue;
    const ref = importOf(binding, script);
    if (/^\.{1,2}\//.test(ref.specifier) && isMain(new URL(ref.specifier, ref.parent).href)) continue;
    const found = value === wanted ? ref : within(value as object, wanted, ref);
    if (found !== undefined) return found;
  }
  return undefined;
}

function exportedBy(script: Script, top: Scopes[number], wanted: object): ImportRef | undefined {
  if (!script.isFile || isMain(script.url) || !nodeLoadsAlike(script.filename)) return undefined;
  for (const [local, exported] of script.exports) {
    // One that is given another value later is not what another process finds.
    if (script.top.get(local)?.reassigned !== false) continue;
    if (valueIn(top, local) === wanted) return new ImportRef(script.url, '', exported);
  }
  return undefined;
}

/** In a namespace, or one that it exports. */
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
    if (inner && types.isModuleNamespaceObject(value)) {
      const found = within(value as object, wanted, behind(ref, name), false);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** What the export behind `ref`, a namespace, exports as `name`. */
function behind({ specifier, parent, name: here, type, commonjs }: ImportRef, name: string): ImportRef {
  const way = here === '*' ? name : wayTo([...(keysOf(here) ?? [here]), name]);
  return new ImportRef(specifier, parent, way, type, commonjs);
}

const looked = new Set<string>();
const required = new WeakMap<object, ImportRef>();

function requiredFrom(wanted: object): ImportRef | undefined {
  for (const [file, m] of Object.entries(requireCache())) {
    if (m?.loaded !== true || looked.has(file)) continue;
    looked.add(file);
    if (path.isAbsolute(file) && nodeLoadsAlike(file)) noteExports(file, m.exports);
  }
  return required.get(wanted);
}

function noteExports(file: string, exports: unknown): void {
  if (typeof exports !== 'object' || exports === null || types.isProxy(exports)) return;
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(exports))) {
    const isNew = typeof value === 'function' && !required.has(value);
    if (isNew) required.set(value, new ImportRef(file, '', name, '', true));
  }
}
