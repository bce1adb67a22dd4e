/**
 * Loads the modules that functions refer to, each once, as the file that refers to it would.
 *
 * `import()` is the true way and needs to be awaited; where there is no time for that, `require` does it, which since
 * Node 20.19 loads ES modules too, unless they await something at their top.
 */
import module, { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { types } from 'node:util';
import { SerializationError } from '../base/errors.ts';
import { workingDirectory } from '../base/working-directory.ts';
import { builtinModule } from './builtins.ts';
import { moduleKey } from './module-ref.ts';
import { setOrigin } from './namespaces.ts';
import { ImportRef, keysOf } from './plan.ts';

const loaded = new Map<string, unknown>();
const importers = new Map<string, (specifier: string, options?: object) => Promise<unknown>>();

interface CompilableModule {
  exports: unknown;
  _compile(source: string, filename: string): void;
}

/**
 * `import()` as the file `parent` has it. Only a module that Node compiles itself gets the default loader without a flag or a
 * warning; so one of the file's name is compiled, which holds nothing but the call.
 */
export function importFrom(parent: string): (specifier: string, options?: object) => Promise<unknown> {
  let importer = importers.get(parent);
  if (importer === undefined) {
    const file = parent.startsWith('file:') ? fileURLToPath(parent) : path.join(workingDirectory(), '[eval]');
    const Module = module as unknown as new (id: string) => CompilableModule;
    const carrier = new Module(file);
    carrier._compile('module.exports = (specifier, options) => import(specifier, options);', file);
    importer = carrier.exports as (specifier: string, options?: object) => Promise<unknown>;
    importers.set(parent, importer);
  }
  return importer;
}

/** `require` as a file has it; also for the invented names of scripts without one. */
export function requireOf(file: string): NodeJS.Require {
  const real = file === '' || (!path.isAbsolute(file) && !file.startsWith('file:'));
  return createRequire(real ? path.join(workingDirectory(), '[eval]') : file);
}

/** Whether using `ref` can do without awaiting anything. */
export function isLoaded(ref: ImportRef): boolean {
  return ref.commonjs || loaded.has(moduleKey(ref)) || module.isBuiltin(ref.specifier);
}

/** Imports the module of `ref`. */
export async function load(ref: ImportRef): Promise<void> {
  if (isLoaded(ref)) return;
  try {
    const options = ref.type === '' ? undefined : { with: { type: ref.type } };
    const specifier = path.isAbsolute(ref.specifier) ? pathToFileURL(ref.specifier).href : ref.specifier;
    keep(ref, await importFrom(ref.parent)(specifier, options));
  } catch (cause) {
    throw cannotLoad(ref, cause);
  }
}

function keep(ref: ImportRef, value: unknown): unknown {
  loaded.set(moduleKey(ref), value);
  if (types.isModuleNamespaceObject(value)) {
    setOrigin(value as object, new ImportRef(ref.specifier, ref.parent, '*', ref.type, ref.commonjs));
  }
  return value;
}

/** The module of `ref`, loaded by `require` if it is not there. */
export function loadSync(ref: ImportRef): unknown {
  const key = moduleKey(ref);
  if (loaded.has(key)) return loaded.get(key);
  if (module.isBuiltin(ref.specifier)) {
    const exports: unknown = builtinModule(ref.specifier);
    return keep(ref, ref.commonjs ? exports : namespaceFor(exports));
  }
  try {
    const require = requireOf(ref.parent);
    const specifier = ref.specifier.startsWith('file:') ? fileURLToPath(ref.specifier) : ref.specifier;
    const value: unknown = require(specifier);
    if (ref.commonjs || types.isModuleNamespaceObject(value)) return keep(ref, value);
    return keep(ref, namespaceFor(value));
  } catch (cause) {
    throw cannotLoad(ref, cause);
  }
}

/** What `import *` gives of a CommonJS module. */
function namespaceFor(exports: unknown): object {
  const namespace: Record<string, unknown> = Object.create(null);
  if ((typeof exports === 'object' && exports !== null) || typeof exports === 'function') {
    for (const key of Object.keys(exports)) {
      Object.defineProperty(namespace, key, {
        get: () => (exports as Record<string, unknown>)[key],
        enumerable: true,
        configurable: true,
      });
    }
  }
  Object.defineProperty(namespace, 'default', { value: exports, enumerable: true, configurable: true });
  return namespace;
}

/** The namespaces of ES modules that were loaded for what came from elsewhere. */
export function* loadedNamespaces(): Iterable<object> {
  for (const value of loaded.values()) if (types.isModuleNamespaceObject(value)) yield value as object;
}

/** The export that `name` stands for; see {@link ImportRef}. */
export function exportOf(ref: ImportRef, name: string): unknown {
  const value = withoutWrap(loadSync(ref), name);
  if (name === '*') {
    setOrigin(value as object, new ImportRef(ref.specifier, ref.parent, '*', ref.type, ref.commonjs));
    return value;
  }
  const keys = keysOf(name) ?? [name];
  return keys.reduce((o, key) => member(o, key, keys, ref), value);
}

/**
 * A loader (tsx, at Node 20) gives TypeScript that it compiled to CommonJS as a mere default when it is imported from CommonJS, and what that
 * exports where an ES module imports it.
 */
function withoutWrap(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !types.isModuleNamespaceObject(value)) return value;
  const exports: unknown =
    Object.keys(value).length === 1 ? (value as { default?: unknown }).default : undefined;
  const isCompiled = (exports as { __esModule?: unknown } | null | undefined)?.__esModule === true;
  return isCompiled && name !== 'default' ? exports : value;
}

function member(o: unknown, key: string, keys: readonly string[], { specifier }: ImportRef): unknown {
  if ((typeof o !== 'object' && typeof o !== 'function') || o === null || !(key in o)) {
    throw new SerializationError(
      `Cannot find "${keys.join('.')}" in ${specifier}: the module has no such export here; make sure that both processes load the same file`,
    );
  }
  return (o as Record<string, unknown>)[key];
}

function cannotLoad(ref: ImportRef, cause: unknown): SerializationError {
  const from = ref.parent === '' ? '' : ` from ${ref.parent}`;
  const awaits = (cause as { code?: unknown } | null)?.code === 'ERR_REQUIRE_ASYNC_MODULE';
  const advice = awaits
    ? 'it awaits something at its top, so it must be imported in this process first'
    : 'see the cause';
  return new SerializationError(
    `Cannot load module ${ref.specifier}${from}: ${cause instanceof Error ? cause.message : String(cause)}; ${advice}`,
    { cause },
  );
}
