/** Checks of what a process or a pool is given to run: any function, or a reference that names an export. */
import { statSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ValueError } from '../base/errors.ts';
import { show, typeError } from '../base/validate.ts';
import { workingDirectory } from '../base/working-directory.ts';
import { isClass } from '../codec/is-class.ts';
import { type AnyFunction, isReference, type Reference } from './call.ts';

function resolveModule(module: string | URL): string {
  if (module instanceof URL) return module.href;
  if (isBuiltin(module)) return module;
  if (/^(file|data|node|https?):/.test(module)) return module;
  if (path.isAbsolute(module) || /^\.\.?\//.test(module)) return pathToFileURL(path.resolve(module)).href;
  try {
    return pathToFileURL(createRequire(path.join(workingDirectory(), 'noop.js')).resolve(module)).href;
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

/** @throws {TypeError} When it is neither a function nor a reference, or a class, which nobody can call. */
export function checkFunction(value: unknown, what: string): AnyFunction | Reference {
  if (typeof value === 'function') {
    if (isClass(value)) {
      const name = value.name === '' ? 'the class' : value.name;
      throw typeError(`${what} is a class, which needs new: give (...args) => new ${name}(...args)`);
    }
    return value as AnyFunction;
  }
  if (isReference(value)) return resolveReference(value);
  throw typeError(`${what} must be a function or { module, name }, got ${show(value)}`);
}
