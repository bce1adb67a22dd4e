/**
 * Which file a program's name means: `PATH` searched as execvp does it, but for the child's environment and directory.
 */
import { constants } from 'node:fs';
import path from 'node:path';
import { type CString, cstring } from './cstrings.ts';
import { declare } from './libc.ts';

const accessBytes = declare<(path: Uint8Array, mode: number) => number>('int access(void *path, int mode)');
const accessText = declare<(path: string, mode: number) => number>('int access(const char *path, int mode)');
const DEFAULT_PATH = '/bin:/usr/bin';
const SLASH = 0x2f;

/**
 * The paths to try, in order. A name without a slash is looked up in `PATH` (of the child's environment, as in Python;
 * relative entries are relative to the child's directory), leaving out files that do not exist.
 */
export function candidates(
  file: CString,
  searchPath: string | undefined,
  cwd: CString | undefined,
): CString[] {
  if (file.length === 0) return [];
  if (typeof file === 'string' ? file.includes('/') : file.includes(SLASH)) return [file];
  const found: CString[] = [];
  for (const directory of (searchPath ?? DEFAULT_PATH).split(':')) {
    const full = joined(directory === '' ? '.' : directory, file);
    if (exists(inDirectory(cwd, full))) found.push(full);
  }
  return found;
}

function exists(path: CString): boolean {
  const result =
    typeof path === 'string' ? accessText(path, constants.F_OK) : accessBytes(cstring(path), constants.F_OK);
  return result === 0;
}

function joined(directory: string, file: CString): CString {
  if (typeof file === 'string') return directory.endsWith('/') ? directory + file : `${directory}/${file}`;
  return Buffer.concat([Buffer.from(`${directory}/`), file]);
}

/** Where the child will see `file` from its directory. */
export function inDirectory(cwd: CString | undefined, file: CString): CString {
  if (cwd === undefined || (typeof file === 'string' ? file.startsWith('/') : file[0] === SLASH)) return file;
  if (typeof cwd === 'string' && typeof file === 'string') return path.join(cwd, file);
  return Buffer.concat([Buffer.from(cwd), Buffer.from('/'), Buffer.from(file)]);
}
