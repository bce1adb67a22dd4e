/**
 * The C library, through koffi: loaded on first use, so that importing multiproc costs nothing and works everywhere.
 *
 * `declare(prototype)` gives a typed JavaScript function for a C prototype. What fails with -1 is called through
 * `check()`, which turns errno into Python's error classes with Node's fields. No other file knows koffi.
 *
 * A worker thread may be terminated at any moment, and koffi, which is about to make a function then, ends the whole program (its calls
 * do not). So a worker thread has all functions made at once, when it first calls one: soon after its start, and not when it is idle.
 *
 * errno: koffi keeps it per call on this thread; read it (`koffi.errno()`) before any other call through koffi.
 */
import os from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { NotSupportedError, type OSError, osError } from '../base/errors.ts';
import { nodeRequire, requireDependency } from '../base/package.ts';
import { isMainThread } from '../base/thread.ts';
import { offeredKoffi } from './koffi-offer.ts';
import { keepStandardOutput } from './standard-output.ts';

type Koffi = typeof import('koffi').default;
type Library = ReturnType<Koffi['load']>;

let koffiModule: Koffi | undefined;
let libcLibrary: Library | undefined;

/** Whether this platform has what shared memory and the fast start of processes need. */
export const supported: boolean =
  process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64');

/** @throws {NotSupportedError} Anywhere but on Linux x64 and arm64. */
export function requirePlatform(what: string): void {
  if (!supported) {
    throw new NotSupportedError(
      `Cannot use ${what} on ${process.platform} ${process.arch}: it needs Linux on x64 or arm64; ` +
        'multiproc/shlex and multiproc/subprocess work everywhere',
    );
  }
}

/** koffi itself, for the files of this folder that need its types and views. */
export function koffi(): Koffi {
  if (koffiModule === undefined) {
    requirePlatform('shared memory and processes');
    koffiModule = loadOffered() ?? load();
    keepStandardOutput();
    const all = unbound.splice(0);
    if (!isMainThread()) for (const bind of all) bind();
  }
  return koffiModule;
}

function load(): Koffi {
  try {
    return requireDependency('koffi') as Koffi;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException | null)?.code !== 'ERR_DLOPEN_DISABLED') throw cause;
    throw new NotSupportedError(
      'Cannot use shared memory and processes where native addons may not be loaded: start Node without --no-addons',
      { cause },
    );
  }
}

/** Makes what was declared before koffi was loaded. */
const unbound: (() => void)[] = [];

/** Has `bind` called as soon as koffi is there, in a worker thread. Where it fails, it will fail again when the function is called. */
function bindAtOnce(bind: () => void): void {
  const tryBind = (): void => {
    try {
      bind();
    } catch {
      // A C library that does not have it.
    }
  };
  if (koffiModule === undefined) unbound.push(tryBind);
  else if (!isMainThread()) tryBind();
}

function library(): Library {
  libcLibrary ??= koffi().load(null);
  return libcLibrary;
}

/**
 * What the parent found, without looking for it again: finding it takes six times as long as loading it, and seven times the memory.
 * A child may be elsewhere (another root folder), so what cannot be loaded is looked for.
 */
function loadOffered(): Koffi | undefined {
  const file = offeredKoffi();
  if (file === undefined) return undefined;
  const module = { exports: {} };
  try {
    process.dlopen(module, file);
  } catch {
    return undefined;
  }
  return module.exports as Koffi;
}

let nativeFile: { readonly path: string | undefined } | undefined;

/** The file with koffi's machine code, for children: see `koffi-offer.ts`. @returns undefined where something else than `require` loaded it. */
export function koffiFile(): string | undefined {
  nativeFile ??= { path: offeredKoffi() ?? loadedFile() };
  return nativeFile.path;
}

function loadedFile(): string | undefined {
  const loaded: Koffi & { default?: unknown } = koffi();
  const native = loaded.default ?? loaded;
  const { cache } = nodeRequire();
  return Object.keys(cache).find((file) => file.endsWith('.node') && cache[file]?.exports === native);
}

/** Makes a type known to koffi. */
function makeKnown(callback: string): void {
  try {
    koffi().proto(callback);
  } catch {
    // It is: another copy of this library uses the same koffi.
  }
}

/**
 * Makes a C function callable; it is looked up when it is first called.
 *
 * @param callback The prototype of the functions that one of its parameters points to, under the name that `prototype` uses.
 * @example const getpid = declare<() => number>('int getpid()');
 */
export function declare<F extends (...args: never[]) => unknown>(prototype: string, callback?: string): F {
  let native: F | undefined;
  const bind = (): F => {
    if (callback !== undefined) makeKnown(callback);
    native ??= library().func(prototype) as unknown as F;
    return native;
  };
  bindAtOnce(bind);
  const lazy = (...args: Parameters<F>): unknown => (native ?? bind())(...args);
  return lazy as unknown as F;
}

/** As {@link declare}, for what is run by another thread. Rejects when there is no such function. */
export function declareAsync<F extends (...args: never[]) => unknown>(
  prototype: string,
): (...args: Parameters<F>) => Promise<ReturnType<F>> {
  let native: ReturnType<Library['func']> | undefined;
  const bind = (): ReturnType<Library['func']> => {
    native ??= library().func(prototype);
    return native;
  };
  bindAtOnce(bind);
  return async (...args) => {
    const call = bind().async;
    return new Promise((resolve, reject) => {
      call(...args, (error: unknown, result: ReturnType<F>) => {
        if (error === null) resolve(result);
        else reject(error);
      });
    });
  };
}

/** The value of a pointer variable of the C library, as it is at each call. */
export function pointerVariable(name: string): () => bigint {
  let value: BigUint64Array | undefined;
  return () => {
    value ??= new BigUint64Array(koffi().view(library().symbol(name, 'void *'), 8));
    return value[0]!;
  };
}

const nameOfErrno = new Map<number, string>();
for (const [name, value] of Object.entries(os.constants.errno))
  if (!nameOfErrno.has(value)) nameOfErrno.set(value, name);

const strerrorC = declare<(errno: number) => string>('const char *strerror(int errnum)');

/** `'No such file or directory'` for 2; in Node's words where there is no libc to ask. */
export function strerror(errno: number): string {
  if (supported) return strerrorC(errno);
  const text = getSystemErrorMap().get(-errno)?.[1] ?? `error ${errno}`;
  return text[0]!.toUpperCase() + text.slice(1);
}

/** `'ENOENT'` for 2. */
export function errnoName(errno: number): string {
  return nameOfErrno.get(errno) ?? `E${errno}`;
}

/** errno of the last call through koffi on this thread. */
export function lastErrno(): number {
  return koffi().errno();
}

/** The error for an errno: Python's class, Node's fields, a message like Node's (`ENOENT: No such file or directory, open 'x'`). */
export function errnoError(errno: number, syscall: string, path?: string): OSError {
  const code = errnoName(errno);
  const where = path === undefined ? '' : ` '${path}'`;
  return osError(`${code}: ${strerror(errno)}, ${syscall}${where}`, {
    code,
    errno,
    syscall,
    ...(path === undefined ? {} : { path }),
  });
}

/** Passes on the result of a C call, or throws for -1 what errno says. */
export function check(result: number, syscall: string, path?: string): number {
  if (result === -1) throw errnoError(lastErrno(), syscall, path);
  return result;
}
