/**
 * Which file a program's name means: `PATH` searched as execvp does it, but for the child's environment and directory.
 *
 * Asking whether a file is there costs a tenth of trying to start it. Nothing is remembered but where a name may be: a program
 * that was put further ahead meanwhile counts.
 */
import { constants } from 'node:fs';
import path from 'node:path';
import { type CString, cstring } from './cstrings.ts';
import { declare, lastErrno } from './libc.ts';

const access = declare<(path: string | Uint8Array, mode: number) => number>(
  'int access(const char *path, int mode)',
);
const DEFAULT_PATH = '/bin:/usr/bin';
const SLASH = 0x2f;
const ENOENT = 2;
const ENOTDIR = 20;

let lastFile: string | undefined;
let lastPath: string | undefined;
let lastPlaces: readonly string[] = [];

/**
 * The paths to try, in order, whether there is anything or not. A name without a slash is looked up in `PATH` (of the
 * child's environment, as in Python; relative entries are relative to the child's directory), each directory once.
 */
export function places(file: CString, searchPath: string | undefined): readonly CString[] {
  if (file.length === 0) return [];
  if (typeof file !== 'string') {
    if (file.includes(SLASH)) return [file];
    return directories(searchPath).map((directory) => Buffer.concat([Buffer.from(directory), file]));
  }
  if (file.includes('/')) return [file];
  if (file !== lastFile || searchPath !== lastPath) {
    lastPlaces = directories(searchPath).map((directory) => directory + file);
    lastFile = file;
    lastPath = searchPath;
  }
  return lastPlaces;
}

/** The directories of a `PATH`, each once and with a slash at its end. */
function directories(searchPath: string = DEFAULT_PATH): string[] {
  const all = searchPath.split(':').map((d) => (d === '' ? './' : d.endsWith('/') ? d : `${d}/`));
  return [...new Set(all)];
}

/**
 * Whether one of {@link places} is worth a try. Where nobody can tell (a directory that may not be searched), the start
 * shall say what is wrong.
 */
export function mayExist(place: CString, cwd: CString | undefined): boolean {
  const file = cwd === undefined ? place : inDirectory(cwd, place);
  if (access(typeof file === 'string' ? file : cstring(file), constants.F_OK) === 0) return true;
  const errno = lastErrno();
  return errno !== ENOENT && errno !== ENOTDIR;
}

/** Where the child will see `file` from its directory. */
function inDirectory(cwd: CString, file: CString): CString {
  if (typeof file === 'string' ? file.startsWith('/') : file[0] === SLASH) return file;
  if (typeof cwd === 'string' && typeof file === 'string') return path.join(cwd, file);
  return Buffer.concat([Buffer.from(cwd), Buffer.from('/'), Buffer.from(file)]);
}
