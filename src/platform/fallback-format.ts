/**
 * Whether a program is a text that says for itself in no first line what shall run it.
 *
 * The kernel refuses such a file (ENOEXEC), and so does every start of ours. libuv, like execvp, hands it to `sh` instead:
 * then a shell that nobody asked for would read it.
 */
import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import path from 'node:path';

/** Every binary has a NUL in so many bytes. */
const HEAD_BYTES = 256;
const DEFAULT_PATH = '/bin:/usr/bin';

/** @param searchPath `PATH` of the child's environment. */
export function isUnmarkedText(
  file: string,
  searchPath: string | undefined,
  cwd: string | undefined,
): boolean {
  if (process.platform === 'win32') return false;
  for (const candidate of candidates(file, searchPath)) {
    const full = cwd === undefined ? candidate : path.resolve(cwd, candidate);
    if (!executable(full)) continue;
    const head = headOf(full);
    return head !== undefined && !head.includes(0) && head.toString('latin1', 0, 2) !== '#!';
  }
  return false;
}

function candidates(file: string, searchPath: string | undefined): string[] {
  if (file.includes('/')) return [file];
  return (searchPath ?? DEFAULT_PATH).split(':').map((directory) => path.join(directory || '.', file));
}

function executable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** undefined for what may be executed but not read: a text could not be run then either. */
function headOf(file: string): Buffer | undefined {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch {
    return undefined;
  }
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    return head.subarray(0, readSync(fd, head, 0, HEAD_BYTES, 0));
  } finally {
    closeSync(fd);
  }
}
