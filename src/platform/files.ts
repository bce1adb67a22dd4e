/**
 * The few file calls that shared memory needs, failing with Python's error classes.
 *
 * They are Node's own, quick enough for what happens once per segment; only the class of the error is changed.
 */
import fs from 'node:fs';
import { osError } from '../base/errors.ts';

function translated<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    const e = error as NodeJS.ErrnoException;
    if (typeof e.code !== 'string' || e.syscall === undefined) throw error;
    throw osError(e.message, {
      code: e.code,
      syscall: e.syscall,
      cause: error,
      ...(e.errno === undefined ? {} : { errno: e.errno }),
      ...(e.path === undefined ? {} : { path: e.path }),
    });
  }
}

/** Opens a file. @throws {OSError} `FileNotFoundError`, `FileExistsError`, `PermissionError`, … */
export function openFile(path: string, flags: string | number, mode?: number): number {
  return translated(() => fs.openSync(path, flags, mode));
}

/** Sets a file's length. @throws {OSError} */
export function truncateFile(fd: number, length: number): void {
  translated(() => fs.ftruncateSync(fd, length));
}

/** Inode, length and number of names of an open file. @throws {OSError} */
export function fileStatus(fd: number): {
  readonly ino: number;
  readonly size: number;
  readonly nlink: number;
} {
  return translated(() => fs.fstatSync(fd));
}

/** Whether there is anything of this name; a link that leads nowhere counts. */
export function isThere(path: string): boolean {
  return fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Removes a file. @throws {OSError} `FileNotFoundError`, … */
export function removeFile(path: string): void {
  translated(() => fs.unlinkSync(path));
}

/** Closes a descriptor. @throws {OSError} */
export function closeFile(fd: number): void {
  translated(() => fs.closeSync(fd));
}
