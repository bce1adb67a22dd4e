/** What a process or a pool is given to run: any function, or a reference that names an export. */
import { statSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ValueError } from '../base/errors.ts';
import { show, typeError } from '../base/validate.ts';

/** Any function; what a target's type must extend. */
export type AnyFunction = (...args: never[]) => unknown;

/**
 * An explicit reference to an exported function, accepted wherever a function is.
 *
 * `module` is a URL, a path (relative ones against the working directory) or the name of a package; `name` the export.
 *
 * @example new Process({ target: { module: new URL('./jobs.js', import.meta.url), name: 'main' } })
 */
export interface Reference {
  readonly module: string | URL;
  readonly name: string;
}

/** Whether it looks like a {@link Reference}. */
export function isReference(value: unknown): value is Reference {
  if (typeof value !== 'object' || value === null) return false;
  const { module, name } = value as Partial<Record<string, unknown>>;
  return typeof name === 'string' && (typeof module === 'string' || module instanceof URL);
}

function resolveModule(module: string | URL): string {
  if (module instanceof URL) return module.href;
  if (isBuiltin(module)) return module;
  if (/^(file|data|node|https?):/.test(module)) return module;
  if (path.isAbsolute(module) || /^\.\.?\//.test(module)) return pathToFileURL(path.resolve(module)).href;
  try {
    return pathToFileURL(createRequire(path.join(process.cwd(), 'noop.js')).resolve(module)).href;
  } catch (cause) {
    throw new ValueError(`Cannot find module ${show(module)}; give a URL, a path or an installed package`, {
      cause,
    });
  }
}

/** Makes a reference independent of this process. @throws {ValueError} When there is no such module. */
export function resolveReference(reference: Reference): Reference {
  const module = resolveModule(reference.module);
  if (
    module.startsWith('file:') &&
    statSync(fileURLToPath(module), { throwIfNoEntry: false }) === undefined
  ) {
    throw new ValueError(`Cannot find module ${show(module)}: there is no such file`);
  }
  return { module, name: reference.name };
}

/** Loads what a reference names. @throws {ValueError} When the module has no such function. */
export async function loadReference(reference: Reference): Promise<AnyFunction> {
  const namespace = (await import(String(reference.module))) as Record<string, unknown>;
  const found =
    namespace[reference.name] ?? (namespace.default as Record<string, unknown> | undefined)?.[reference.name];
  if (typeof found !== 'function') {
    throw new ValueError(
      `Cannot run ${show(reference.name)} of ${String(reference.module)}: it exports no such function`,
    );
  }
  return found as AnyFunction;
}

/** @throws {TypeError} When it is neither a function nor a reference. */
export function checkFunction(value: unknown, what: string): AnyFunction | Reference {
  if (typeof value === 'function') return value as AnyFunction;
  if (isReference(value)) return resolveReference(value);
  throw typeError(`${what} must be a function or { module, name }, got ${show(value)}`);
}

/** Calls it with positional arguments and, last, the keyword arguments. */
export function callTarget(
  target: AnyFunction | Reference,
  args: readonly unknown[],
  kwargs: object | undefined,
): unknown {
  const all = (kwargs === undefined ? args : [...args, kwargs]) as never[];
  return typeof target === 'function' ? target(...all) : loadReference(target).then((f) => f(...all));
}
