/**
 * Which file a program's name means: `PATH` searched as execvp does it, but for the child's environment and directory.
 *
 * Asking whether a file is there costs a tenth of trying to start it. Nothing is remembered but how `PATH` falls into
 * directories: a program that was put further ahead meanwhile counts.
 */
import { constants } from 'node:fs';
import path from 'node:path';
import { type CString, cstring } from './cstrings.ts';
import { declare, lastErrno } from './libc.ts';

const accessBytes = declare<(path: Uint8Array, mode: number) => number>('int access(void *path, int mode)');
const accessText = declare<(path: string, mode: number) => number>('int access(const char *path, int mode)');
const DEFAULT_PATH = '/bin:/usr/bin';
const SLASH = 0x2f;
const ENOENT = 2;
const ENOTDIR = 20;

/**
 * The paths to try, in order, each looked for when it is asked for. A name without a slash is looked up in `PATH` (of
 * the child's environment, as in Python; relative entries are relative to the child's directory), leaving out files that
 * do not exist. Where nobody can tell (a directory that may not be searched), the start shall say what is wrong.
 */
export function* candidates(
  file: CString,
  searchPath: string | undefined,
  cwd: CString | undefined,
): Generator<CString, undefined> {
  if (file.length === 0) return;
  if (typeof file === 'string' ? file.includes('/') : file.includes(SLASH)) {
    yield file;
    return;
  }
  for (const directory of directoriesOf(searchPath ?? DEFAULT_PATH)) {
    const full = typeof file === 'string' ? directory + file : Buffer.concat([Buffer.from(directory), file]);
    if (mayExist(inDirectory(cwd, full))) yield full;
  }
}

let lastPath: string | undefined;
let lastDirectories: readonly string[] = [];

/** The directories of a `PATH`, each once and with a slash at its end. */
function directoriesOf(searchPath: string): readonly string[] {
  if (searchPath !== lastPath) {
    const all = searchPath.split(':').map((d) => (d === '' ? './' : d.endsWith('/') ? d : `${d}/`));
    lastDirectories = [...new Set(all)];
    lastPath = searchPath;
  }
  return lastDirectories;
}

function mayExist(path: CString): boolean {
  const result =
    typeof path === 'string' ? accessText(path, constants.F_OK) : accessBytes(cstring(path), constants.F_OK);
  if (result === 0) return true;
  const errno = lastErrno();
  return errno !== ENOENT && errno !== ENOTDIR;
}

/** Where the child will see `file` from its directory. */
export function inDirectory(cwd: CString | undefined, file: CString): CString {
  if (cwd === undefined || (typeof file === 'string' ? file.startsWith('/') : file[0] === SLASH)) return file;
  if (typeof cwd === 'string' && typeof file === 'string') return path.join(cwd, file);
  return Buffer.concat([Buffer.from(cwd), Buffer.from('/'), Buffer.from(file)]);
}
