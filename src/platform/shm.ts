/** Named shared memory as CPython has it: files in `/dev/shm`, which is all that glibc's `shm_open` does on Linux. */
import { constants } from 'node:fs';
import os from 'node:os';
import { type OSError, ValueError } from '../base/errors.ts';
import { closeFile, fileStatus, isThere, openFile, removeFile, truncateFile } from './files.ts';
import { check, declare, errnoError } from './libc.ts';
import { allocateFile } from './mmap.ts';

const directory = '/dev/shm';
const longestName = 255;
const { EEXIST } = os.constants.errno;

const linkat = declare<(from: number, old: string, to: number, name: string, flags: number) => number>(
  'int linkat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, int flags)',
);
const AT_FDCWD = -100;
const AT_SYMLINK_FOLLOW = 0x400;
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;
/** What a kernel or file system that has no O_TMPFILE answers. */
const unknownFlag = ['EOPNOTSUPP', 'ENOTSUP', 'EISDIR', 'EINVAL'];

/** @throws {OSError} `EINVAL` for an empty name or a slash in it, `ENAMETOOLONG`. @throws {ValueError} For a NUL. */
function pathOf(name: string): string {
  if (name.includes('\0')) {
    throw new ValueError('embedded null character: cannot use it in a name of shared memory; leave it out');
  }
  const { EINVAL, ENAMETOOLONG } = os.constants.errno;
  if (name === '' || name.includes('/') || name === '.' || name === '..') {
    throw errnoError(EINVAL, 'shm_open', `/${name}`);
  }
  if (Buffer.byteLength(name) > longestName) throw errnoError(ENAMETOOLONG, 'shm_open', `/${name}`);
  return `${directory}/${name}`;
}

/**
 * Makes named memory of exactly this size, with pages for all of it; nothing is left when that fails.
 *
 * @param announce Is told the inode before anybody can see the name: so that whoever is killed here leaves nothing either.
 * @throws {FileExistsError} @throws {OSError} `ENOSPC` when there is not so much memory.
 */
export function createShm(
  name: string,
  size: number,
  announce: (inode: number) => void,
): { readonly fd: number; readonly ino: number } {
  const path = pathOf(name);
  // The name comes last, but is to be refused first.
  if (isThere(path)) throw errnoError(EEXIST, 'shm_open', path);
  const fd = openNameless() ?? openNamed(path);
  const { ino, nlink } = fileStatus(fd);
  try {
    announce(ino);
    truncateFile(fd, size);
    // Without pages a touch would kill the process when the memory runs out later.
    allocateFile(fd, size, path);
    if (nlink === 0) giveName(fd, path);
  } catch (error) {
    closeFile(fd);
    if (nlink > 0) removeFile(path);
    throw error;
  }
  return { fd, ino };
}

let procIsThere: boolean | undefined;

/** A file that goes with its descriptor; undefined where the kernel knows none, or `/proc` to name it through. */
function openNameless(): number | undefined {
  procIsThere ??= isThere('/proc/self/fd');
  if (!procIsThere) return undefined;
  try {
    return openFile(directory, O_TMPFILE | constants.O_RDWR, 0o600);
  } catch (error) {
    if (unknownFlag.includes((error as OSError).code ?? '')) return undefined;
    throw error;
  }
}

function openNamed(path: string): number {
  const { O_CREAT, O_EXCL, O_RDWR, O_NOFOLLOW } = constants;
  return openFile(path, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, 0o600);
}

function giveName(fd: number, path: string): void {
  check(linkat(AT_FDCWD, `/proc/self/fd/${fd}`, AT_FDCWD, path, AT_SYMLINK_FOLLOW), 'linkat', path);
}

/** Opens named memory. @throws {FileNotFoundError} */
export function openShm(name: string): number {
  return openFile(pathOf(name), constants.O_RDWR | constants.O_NOFOLLOW);
}

/** Removes the name; who has the memory open keeps it. @throws {FileNotFoundError} */
export function unlinkShm(name: string): void {
  removeFile(pathOf(name));
}
