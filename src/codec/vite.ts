/**
 * What Vite's module runner (Vitest) makes of a module's imports: variables and parameters of its own, filled in by functions of its own.
 *
 *     async (__vite_ssr_import__, __vite_ssr_dynamic_import__, …, __vite_ssr_import_meta__, …) => {
 *       const __vite_ssr_import_0__ = await __vite_ssr_import__("node:fs", …);
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';
import { requireCache, toNamespace } from './commonjs.ts';
import { ImporterRef, ImportRef, MetaRef, WrappedRef } from './plan.ts';
import type { Binding } from './scope.ts';

/**
 * What the receiver is to have in the place of a variable of Vite's.
 *
 * @param parentOf Gives the URL of the module.
 * @returns undefined for all others; and for modules that Vite has compiled, which nobody else could load: they travel as they are.
 */
export function viteReference(binding: Binding, value: unknown, parentOf: () => string): unknown {
  if (binding.kind === 'param') {
    if (binding.name === '__vite_ssr_dynamic_import__') return new ImporterRef(parentOf());
    return binding.name === '__vite_ssr_import_meta__' ? new MetaRef(parentOf()) : undefined;
  }
  const specifier = specifierOf(binding);
  if (specifier === undefined || typeof value !== 'object' || value === null) return undefined;
  const isProxy = types.isProxy(value);
  if (!isProxy && !types.isModuleNamespaceObject(value)) return undefined;
  const parent = parentOf();
  const file = specifier.startsWith('/') ? fileOf(specifier, parent) : undefined;
  if (isProxy) {
    // What a CommonJS module exports Vite gives as exports of an ES module, also where Node would not find them.
    const commonJs = file ?? resolved(specifier, parent);
    if (commonJs !== undefined && isDefaultOf(requireCache()[commonJs]?.exports, defaultOf(value))) {
      return new WrappedRef(toNamespace, new ImportRef(commonJs, '', '=', '', true), [], []);
    }
  }
  if (!specifier.startsWith('/')) return new ImportRef(specifier, parent, '*');
  return file && new ImportRef(file, '', '*');
}

/** A mocked module says that it has none by an error. */
function defaultOf(namespace: object): unknown {
  try {
    return (namespace as { readonly default?: unknown }).default;
  } catch {
    return undefined;
  }
}

function isDefaultOf(exports: unknown, given: unknown): boolean {
  return (
    exports !== undefined &&
    (exports === given || (exports as { readonly default?: unknown } | null)?.default === given)
  );
}

/** Vite writes the paths of files from the root of the project on: that is taken to be the nearest folder where there is such a file. */
function fileOf(specifier: string, parent: string): string | undefined {
  const absolute = '/@fs/';
  if (specifier.startsWith(absolute)) return specifier.slice(absolute.length - 1);
  let directory = fileURLToPath(parent);
  do {
    directory = path.dirname(directory);
    const file = path.join(directory, specifier);
    if (existsSync(file)) return file;
  } while (directory !== path.dirname(directory));
  return undefined;
}

/** Where `require` would find it. */
function resolved(specifier: string, parent: string): string | undefined {
  try {
    return createRequire(parent).resolve(specifier);
  } catch {
    return undefined;
  }
}

function specifierOf({ node }: Binding): string | undefined {
  if (node.type !== 'VariableDeclarator' || node.init?.type !== 'AwaitExpression') return undefined;
  const { argument: call } = node.init;
  if (call.type !== 'CallExpression' || call.callee.type !== 'Identifier') return undefined;
  const [specifier] = call.arguments;
  if (!/^__vite_ssr_(dynamic_)?import__$/.test(call.callee.name) || specifier?.type !== 'Literal')
    return undefined;
  return typeof specifier.value === 'string' ? specifier.value : undefined;
}
