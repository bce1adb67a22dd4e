/**
 * Makes functions of code that arrived, in the receiver.
 */
import module, { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import vm from 'node:vm';
import { SerializationError } from '../base/errors.ts';
import { workingDirectory } from '../base/working-directory.ts';
import { origin, remember } from './identity.ts';
import { setOrigin } from './namespaces.ts';
import { type Code, type Fn, type FnRecord, MetaRef } from './plan.ts';
import { setPlan } from './plans.ts';
import { damaged } from './source.ts';
import { registerSourceMap } from './source-map.ts';

/** What a factory gives: the function or an object that holds it, and access to its variables. */
type Made = [literal: Fn | { m: Fn }, set: (late: readonly unknown[]) => void, get: () => unknown[]];
type Factory = (eager: readonly unknown[]) => Made;

const codes = new Map<string, { readonly code: Code; factory: Factory | undefined }>();

/** Keeps a code that arrived, for the functions that are made of it. */
export function addCode(code: Code): void {
  if (!codes.has(code.key)) codes.set(code.key, { code, factory: undefined });
}

export function codeNamed(key: string): Code {
  const known = codes.get(key);
  if (known === undefined) throw damaged(`it speaks of code ${key}, which never came`);
  return known.code;
}

function factoryOf(key: string): Factory {
  const known = codes.get(key);
  if (known === undefined) throw damaged(`it speaks of code ${key}, which never came`);
  if (known.factory === undefined) {
    const { text, filename, lineOffset, columnOffset, sourceMap } = known.code;
    if (sourceMap !== '' && process.sourceMapsEnabled) registerSourceMap(filename, sourceMap);
    known.factory = new vm.Script(text, {
      filename,
      lineOffset,
      columnOffset,
    }).runInThisContext() as Factory;
  }
  return known.factory;
}

/** A function that came as code. */
export interface Revived {
  readonly fn: Fn;
  /** Gives it its late variables. `refs` says which of them are references rather than values, for sending it on. */
  set(values: readonly unknown[], refs: readonly unknown[]): void;
}

const revived = new WeakMap<Fn, Revived>();

/** How to set the variables of a function that came earlier. */
export function revivedOf(fn: Fn): Revived | undefined {
  return revived.get(fn);
}

/**
 * Evaluates a code; `refs` as in {@link Revived.set}.
 *
 * @throws {SerializationError} When the evaluation throws.
 */
export function revive(
  key: string,
  codeKey: string,
  eager: readonly unknown[],
  refs: readonly unknown[],
): Revived {
  const code = codeNamed(codeKey);
  let made: Made;
  try {
    made = factoryOf(codeKey)(eager);
  } catch (cause) {
    throw new SerializationError(
      `Cannot evaluate a ${code.isClass ? 'class' : 'function'} of ${code.filename} in this process: ${String(cause)}; see the cause`,
      { cause },
    );
  }
  const [literal, set, get] = made;
  const fn = (
    code.member === '' ? literal : Object.getOwnPropertyDescriptor(literal, 'm')![code.member]
  ) as Fn;
  let lateRefs: readonly unknown[] = [];
  const nEager = code.eager.length;
  const record: FnRecord = {
    origin: key.slice(0, key.indexOf(':')),
    number: 0,
    key,
    code,
    constant: false,
    eagerNames: code.eager,
    lateNames: code.late,
    eager: () =>
      get()
        .slice(0, nEager)
        .map((v, i) => refs[i] ?? v),
    late: () =>
      get()
        .slice(nEager)
        .map((v, i) => lateRefs[i] ?? v),
    isQuick: () => true,
    places: () => undefined,
  };
  const result: Revived = {
    fn,
    set: (values, newRefs) => {
      lateRefs = newRefs;
      set(values);
    },
  };
  revived.set(fn, result);
  setPlan(fn, { kind: 'code', record });
  if (record.origin !== origin()) remember(key, fn);
  return result;
}

const metas = new Map<string, object>();

/** `import.meta` of the module at `url`, as a function that came from there sees it. */
export function metaOf(url: string): object {
  let meta = metas.get(url);
  if (meta === undefined) {
    const isFile = url.startsWith('file:');
    const base = isFile ? url : pathToFileURL(path.join(workingDirectory(), '[eval]')).href;
    const filename = isFile ? fileURLToPath(url) : undefined;
    meta = Object.assign(Object.create(null), {
      ...(filename === undefined ? {} : { dirname: path.dirname(filename), filename }),
      resolve: (specifier: string) => resolveFrom(specifier, base),
      url,
    }) as object;
    setOrigin(meta, new MetaRef(url) as never);
    metas.set(url, meta);
  }
  return meta;
}

function resolveFrom(specifier: string, base: string): string {
  if (/^\.{0,2}\//.test(specifier)) return new URL(specifier, base).href;
  if (module.isBuiltin(specifier)) return specifier.startsWith('node:') ? specifier : `node:${specifier}`;
  if (URL.canParse(specifier)) return new URL(specifier).href;
  return pathToFileURL(createRequire(base).resolve(specifier)).href;
}
