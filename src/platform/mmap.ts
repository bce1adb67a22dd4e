/**
 * Mappings of files that live in memory only: memfd and mmap.
 *
 * A mapping is an `ArrayBuffer` over the kernel's pages (`koffi.view`), on which `Atomics` work between processes.
 * V8 cannot be told that such memory goes away, hence {@link neutralize}: the pages are replaced by private zeros at the
 * same address, so that a view that somebody kept reads zeros instead of faulting, until it is collected too.
 */
import { constants } from 'node:buffer';
import os from 'node:os';
import { rangeError } from '../base/validate.ts';
import { check, declare, errnoError, koffi, lastErrno } from './libc.ts';

const MFD_CLOEXEC = 1;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const MADV_POPULATE_WRITE = 23;
const ENOMEM = os.constants.errno.ENOMEM;

const memfd_create = declare<(name: string, flags: number) => number>(
  'int memfd_create(const char *name, unsigned int flags)',
);
const mmap = declare<
  (address: number, length: number, prot: number, flags: number, fd: number, offset: number) => number
>('int64_t mmap(int64_t address, size_t length, int prot, int flags, int fd, int64_t offset)');
const munmap = declare<(address: number, length: number) => number>(
  'int munmap(int64_t address, size_t length)',
);
const fallocate = declare<(fd: number, offset: number, length: number) => number>(
  'int posix_fallocate(int fd, int64_t offset, int64_t length)',
);

const madvise = declare<(address: number, length: number, advice: number) => number>(
  'int madvise(int64_t address, size_t length, int advice)',
);

/** Where a mapping is and how long; plain numbers, since addresses of user space have 47 bits. */
export interface Mapping {
  readonly address: number;
  readonly length: number;
}

/** A new file without a name that lives as long as somebody has it open or mapped. Closed on exec. */
export function createMemoryFile(name: string): number {
  return check(memfd_create(name, MFD_CLOEXEC), 'memfd_create');
}

/**
 * Maps the first `length` bytes of a file, shared and writable. `length` may exceed the file, for it to grow into;
 * touching what lies beyond the file's end kills the process, so the caller hands out no view of it.
 */
export function mapFile(fd: number, length: number): Mapping {
  const address = mmap(0, length, PROT_READ_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  check(address, 'mmap');
  return { address, length };
}

/**
 * Refuses what no buffer of this Node can show (Node 20: more than 4 GiB): koffi ends the program when it cannot make one.
 *
 * @throws {RangeError}
 */
export function requireViewable(bytes: number): void {
  if (bytes <= constants.MAX_LENGTH) return;
  throw rangeError(
    `Cannot use ${bytes} bytes of shared memory in one piece: a buffer of Node.js ${process.versions.node} ` +
      `has at most ${constants.MAX_LENGTH}; use several pieces or a newer Node.js`,
  );
}

/** The bytes at `address` as an `ArrayBuffer`; it does not keep the mapping. @throws {RangeError} See {@link requireViewable}. */
export function viewMemory(address: number, length: number): ArrayBuffer {
  requireViewable(length);
  return koffi().view(address, length);
}

/** Replaces a mapping by private zeros at the same place, so that views that are left over harm nobody. */
export function neutralize({ address, length }: Mapping): void {
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
  check(mmap(address, length, PROT_READ_WRITE, flags, -1, 0), 'mmap');
}

/**
 * Maps the pages that are there in one go, for who will write to all of them: a fault for each costs more than the writing.
 * A kernel that cannot (before Linux 5.14) leaves it to the faults.
 */
export function populate({ address, length }: Mapping): void {
  madvise(address, length, MADV_POPULATE_WRITE);
}

/** Gives the addresses back. Nothing may look at them from now on. */
export function unmap({ address, length }: Mapping): void {
  check(munmap(address, length), 'munmap');
}

/** Makes sure that the file has pages for `length` bytes now: `ENOSPC` here instead of a fault at the first touch. */
export function allocateFile(fd: number, length: number, path?: string): void {
  const errno = fallocate(fd, 0, length);
  if (errno !== 0) throw errnoError(errno, 'posix_fallocate', path);
}

/**
 * Refuses what the machine cannot hold: pages of a memfd are only taken when touched, where lack of memory kills.
 *
 * @throws {OSError} `ENOMEM`. @throws {RangeError} See {@link requireViewable}.
 */
export function requireMemory(bytes: number): void {
  if (bytes > 64 * 2 ** 20 && bytes > os.totalmem()) throw errnoError(ENOMEM, 'mmap');
  requireViewable(bytes);
}

/** errno of a failed mapping for want of memory. */
export function isOutOfMemory(): boolean {
  return lastErrno() === ENOMEM;
}
