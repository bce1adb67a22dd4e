/**
 * Memory that is about to be filled: asking the kernel for large pages, so that it has to make (and zero) one for every
 * 2 MiB instead of 512 small ones; on a virtual machine that is most of the cost of receiving much.
 */
import { declare, koffi, supported } from './libc.ts';

const MADV_HUGEPAGE = 14;
const LARGE_PAGE = 2 << 20;

const madvise = declare<(address: bigint, length: number, advice: number) => number>(
  'int madvise(int64_t address, size_t length, int advice)',
);

/** Prefers large pages for the fresh memory of `bytes`; changes nothing where there are none. */
export function preferLargePages(bytes: Uint8Array): void {
  if (!supported || bytes.length < 2 * LARGE_PAGE) return;
  const begin = koffi().address(bytes);
  const page = BigInt(LARGE_PAGE);
  const first = ((begin + page - 1n) / page) * page;
  const end = ((begin + BigInt(bytes.length)) / page) * page;
  if (end > first) madvise(first, Number(end - first), MADV_HUGEPAGE); // advice: a refusal means nothing
}
