/**
 * Parts of a memfd: mapped one by one, and given back to the kernel one by one.
 *
 * What grows without a limit known beforehand is mapped in parts, so that it needs no addresses for what it might
 * become, and so that no part ever moves.
 */
import { check, declare } from './libc.ts';
import type { Mapping } from './mmap.ts';

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_NORESERVE = 0x4000;
const KEEP_SIZE = 1;
const PUNCH_HOLE = 2;

const mmap = declare<
  (address: number, length: number, prot: number, flags: number, fd: number, offset: number) => number
>('int64_t mmap(int64_t address, size_t length, int prot, int flags, int fd, int64_t offset)');
const fallocate = declare<(fd: number, mode: number, offset: number, length: number) => number>(
  'int fallocate(int fd, int mode, int64_t offset, int64_t length)',
);

/** Bytes of a page: what offsets and lengths here are multiples of. */
export const pageBytes = 4096;

/** Maps `length` bytes from `offset` on, shared and writable. The file must be as long by then. @throws {OSError} */
export function mapFilePart(fd: number, offset: number, length: number): Mapping {
  const address = mmap(0, length, PROT_READ_WRITE, MAP_SHARED | MAP_NORESERVE, fd, offset);
  check(address, 'mmap');
  return { address, length };
}

/** Frees the pages of a part: it reads as zeros from now on, for everybody. */
export function discardPages(fd: number, offset: number, length: number): void {
  if (length > 0) check(fallocate(fd, PUNCH_HOLE | KEEP_SIZE, offset, length), 'fallocate');
}
