/**
 * `{ module, name }` in the place of a function: the receiver imports the module and takes the export.
 */
import module from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { show, typeError } from '../base/validate.ts';
import { workingDirectory } from '../base/working-directory.ts';
import { mainUrls } from './main.ts';
import { ImportRef } from './plan.ts';

/** A function named rather than given. */
export interface FunctionReference {
  /** URL, absolute path, built-in module or package; a relative path would not say what it is relative to. */
  readonly module: string | URL;
  /** Of the export; `'default'` too. */
  readonly name: string;
}

/** Whether a value is meant as a {@link FunctionReference}. */
export function isReference(value: unknown): value is FunctionReference {
  return (
    typeof value === 'object' &&
    value !== null &&
    'module' in value &&
    'name' in value &&
    typeof value.name === 'string'
  );
}

/**
 * What `encode` takes in the place of a function to send a reference: the receiver decodes it to the export itself.
 *
 * @throws {TypeError} When the reference has the wrong form, or a relative path.
 * @example
 * encode(resolveReference({ module: new URL('./work.js', import.meta.url), name: 'work' }));
 */
export function resolveReference(reference: FunctionReference): object {
  const { name } = reference;
  const given: unknown = reference.module;
  if (typeof name !== 'string' || name === '') {
    throw typeError(`Cannot refer to a function: name must be the name of an export, got ${show(name)}`);
  }
  if (given instanceof URL) return new ImportRef(given.href, '', name);
  if (typeof given !== 'string' || given === '') {
    throw typeError(`Cannot refer to a function: module must be a string or a URL, got ${show(given)}`);
  }
  if (given.startsWith('.')) {
    throw typeError(
      `Cannot refer to a function: module ${show(given)} is relative; give new URL(${show(given)}, import.meta.url)`,
    );
  }
  if (path.isAbsolute(given)) return new ImportRef(pathToFileURL(given).href, '', name);
  if (module.isBuiltin(given) || URL.canParse(given)) return new ImportRef(given, '', name);
  const parent = mainUrls()[0] ?? pathToFileURL(path.join(workingDirectory(), '[eval]')).href;
  return new ImportRef(given, parent, name);
}
