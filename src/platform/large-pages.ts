/**
 * Memory that is about to be filled with much: large pages, and moving pages instead of copying what is in them.
 *
 * Large pages: the kernel has to make (and zero) one for every 2 MiB instead of 512 small ones; on a virtual machine that
 * is most of the cost of receiving much. Moving: blocks become one buffer without a second copy in memory and without
 * the time to make it. Both only where the kernel offers them; otherwise nothing changes but the time it takes.
 */
import { check, declare, koffi, supported } from './libc.ts';

/** Size of a large page, on which blocks have to begin so that their pages can be moved. */
export const LARGE_PAGE = 2 << 20;

const MADV_HUGEPAGE = 14;
const MADV_NOHUGEPAGE = 15;
const MADV_POPULATE_WRITE = 23;
const MREMAP_MAYMOVE = 1;
const MREMAP_FIXED = 2;
const MREMAP_DONTUNMAP = 4;
const PROT_READ_WRITE = 3;
const MAP_PRIVATE_FIXED_ANONYMOUS = 0x02 | 0x10 | 0x20;

const madvise = declare<(address: number, length: number, advice: number) => number>(
  'int madvise(int64_t address, size_t length, int advice)',
);
const mremap = declare<(old: number, oldSize: number, size: number, flags: number, to: number) => number>(
  'int64_t mremap(int64_t old, size_t old_size, size_t size, int flags, int64_t to)',
);
const mmap = declare<
  (address: number, length: number, prot: number, flags: number, fd: number, offset: number) => number
>('int64_t mmap(int64_t address, size_t length, int prot, int flags, int fd, int64_t offset)');

/** Where it is in memory: 47 bits, which a number holds exactly. */
function addressOf(bytes: Uint8Array): number {
  return Number(koffi().address(bytes));
}

/**
 * Unfilled memory with large pages, if it is large.
 *
 * @param before So many of its bytes come before the place where a large page begins.
 * @throws {RangeError} There is not so much memory.
 */
export function largeBuffer(size: number, before = 0): Buffer {
  if (!supported || size < 2 * LARGE_PAGE) return Buffer.allocUnsafeSlow(size);
  // The last page may be moved here whole. What is not touched costs nothing.
  const room = Buffer.allocUnsafeSlow(size + 2 * LARGE_PAGE);
  const begin = addressOf(room);
  const skip = (LARGE_PAGE - ((begin + before) % LARGE_PAGE)) % LARGE_PAGE;
  const first = Math.ceil((begin + skip) / LARGE_PAGE) * LARGE_PAGE;
  const end = Math.floor((begin + room.length) / LARGE_PAGE) * LARGE_PAGE;
  madvise(first, end - first, MADV_HUGEPAGE); // advice: a refusal means nothing
  return room.subarray(skip, skip + size);
}

/** Small pages for as much memory as a large one take so long at most. */
const SLOW_PAGE_MS = 0.8;
/** So many bytes in small pages are made at a time. */
const SMALL_STEP = 512 * 1024;

/**
 * A {@link largeBuffer} that is filled from its begin, and has its pages made (and zeroed) a little ahead of that.
 *
 * Large pages are the faster ones while the kernel has some at hand. Where it has to tidy up memory for each, or a virtual
 * machine to ask its host for it, one can take milliseconds; then the rest of this memory gets small ones.
 */
export class FreshMemory {
  readonly bytes: Buffer;
  readonly #slowMs: number;
  #made = 0;
  #small = false;

  /** @param size A multiple of {@link LARGE_PAGE}, two at least. @param slowMs A large page may take so long. */
  constructor(size: number, slowMs: number = SLOW_PAGE_MS) {
    this.bytes = largeBuffer(size);
    this.#slowMs = slowMs;
  }

  /** With the first `filled` bytes filled, makes what comes next. @returns where that ends. */
  makeAfter(filled: number): number {
    while (this.#made - filled < LARGE_PAGE / 2 && this.#made < this.bytes.length) this.#makeMore();
    return this.#made;
  }

  #makeMore(): void {
    if (this.#small) {
      // Where the kernel can't (before Linux 5.14) they are made when they are written to.
      madvise(addressOf(this.bytes) + this.#made, SMALL_STEP, MADV_POPULATE_WRITE);
      this.#made += SMALL_STEP;
      return;
    }
    const begin = performance.now();
    this.bytes[this.#made] = 0;
    this.#made += LARGE_PAGE;
    if (performance.now() - begin <= this.#slowMs || !supported) return;
    this.#small = true;
    // All of it: memory with two kinds of advice could not be moved at once. The large pages that are there stay.
    madvise(addressOf(this.bytes), this.bytes.length, MADV_NOHUGEPAGE);
  }
}

/**
 * Moves the first `size` bytes of `from`, a {@link largeBuffer} that nobody looks at any more, to where `to` begins.
 * Afterwards there is nothing in `from`; both stay ordinary memory of their owners.
 *
 * @returns false where that can't be done; then nothing has happened.
 * @throws {OSError} No memory is left for the kernel's own tables.
 */
export function movePages(from: Buffer, to: Buffer, size: number): boolean {
  if (!supported || size < LARGE_PAGE) return false;
  const whole = Math.ceil(size / LARGE_PAGE) * LARGE_PAGE;
  if (whole > roomBehind(from) || whole > roomBehind(to)) return false;
  const source = addressOf(from);
  const target = addressOf(to);
  if (source % LARGE_PAGE !== 0 || target % LARGE_PAGE !== 0) return false;
  const flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
  if (mremap(source, whole, whole, flags, target) === target) return true;
  // The kernel may have taken the old pages at the target away before it found out.
  check(mmap(target, whole, PROT_READ_WRITE, MAP_PRIVATE_FIXED_ANONYMOUS, -1, 0), 'mmap');
  return false;
}

/** Bytes from where it begins to the end of the memory that it is a part of. */
function roomBehind(bytes: Buffer): number {
  return bytes.buffer.byteLength - bytes.byteOffset;
}
