/** Named shared memory as CPython has it: files in `/dev/shm`, which is all that glibc's `shm_open` does on Linux. */
import { constants } from 'node:fs';
import os from 'node:os';
import { ValueError } from '../base/errors.ts';
import { closeFile, openFile, removeFile, truncateFile } from './files.ts';
import { errnoError } from './libc.ts';
import { allocateFile } from './mmap.ts';

const directory = '/dev/shm';
const longestName = 255;

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
 * @throws {FileExistsError} @throws {OSError} `ENOSPC` when there is not so much memory.
 */
export function createShm(name: string, size: number): number {
  const path = pathOf(name);
  const fd = openFile(
    path,
    constants.O_CREAT | constants.O_EXCL | constants.O_RDWR | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    truncateFile(fd, size);
    // Without pages a touch would kill the process when the memory runs out later.
    allocateFile(fd, size, path);
  } catch (error) {
    closeFile(fd);
    removeFile(path);
    throw error;
  }
  return fd;
}

/** Opens named memory. @throws {FileNotFoundError} */
export function openShm(name: string): number {
  return openFile(pathOf(name), constants.O_RDWR | constants.O_NOFOLLOW);
}

/** Removes the name; who has the memory open keeps it. @throws {FileNotFoundError} */
export function unlinkShm(name: string): void {
  removeFile(pathOf(name));
}
