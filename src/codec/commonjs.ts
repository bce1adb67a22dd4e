/**
 * What CommonJS modules have exported, by what `require` remembers.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { inMainRealm } from '../base/node-process.ts';
import { workingDirectory } from '../base/working-directory.ts';
import { isMain } from './main.ts';
import { ImportRef } from './plan.ts';

let cache: NodeJS.Dict<NodeJS.Module> | undefined;

/** All modules that `require` has loaded, by their files. */
export function requireCache(): NodeJS.Dict<NodeJS.Module> {
  cache ??= createRequire(pathToFileURL(path.join(workingDirectory(), 'x.js'))).cache;
  return cache;
}

/**
 * Whether Node itself would load from a file what was loaded from it here: a test runner that loads programs into a realm of their own
 * compiles them first, but for packages (Jest).
 */
export function nodeLoadsAlike(file: string): boolean {
  return inMainRealm || /[\\/]node_modules[\\/]/.test(file);
}

/** Looking takes long where many modules are loaded, so an object that was none's exports once counts as such for good. */
const moduleOf = new WeakMap<object, ImportRef | null>();

/** The module whose `module.exports` this object is. */
export function moduleWithExports(value: object): ImportRef | undefined {
  let found = moduleOf.get(value);
  if (found === undefined) {
    found = null;
    for (const [file, m] of Object.entries(requireCache())) {
      if (
        m?.exports === value &&
        path.isAbsolute(file) &&
        nodeLoadsAlike(file) &&
        !isMain(pathToFileURL(file).href)
      ) {
        found = new ImportRef(file, '', '=', '', true);
        break;
      }
    }
    moduleOf.set(value, found);
  }
  return found ?? undefined;
}

/** What `__toESM`, `_interopRequireDefault` and their kin make of a CommonJS module. */
export function toNamespace(exports: unknown): unknown {
  if (exports !== null && typeof exports === 'object' && (exports as { __esModule?: unknown }).__esModule) {
    return exports;
  }
  return Object.assign(Object.create(null), exports, { default: exports });
}
