/**
 * Memory for large results that come one after another, without fresh pages for each.
 *
 * A Buffer's memory is malloc's, and goes back to it when the Buffer was collected. glibc begins by passing large blocks
 * on to the kernel, which makes and zeroes new pages for the next: more than half of the time that it takes to receive a
 * MiB. Once a block was given back, glibc keeps blocks of its size for reuse, and up to twice as much at the end of its
 * heap. So as soon as much has arrived, one of the largest size that counts is given back here, untouched: what glibc
 * would come to by itself it comes to early. Settings of malloc that the user has chosen hold: then nothing adapts.
 *
 * When nothing large has come for a while, all that is free goes to the kernel. Other C libraries go on as they do.
 */
import { setTimeout as after } from 'node:timers';
import { declare, declareAsync, supported } from './libc.ts';

const malloc = declare<(size: number) => number>('int64_t malloc(size_t size)');
const free = declare<(address: number) => void>('void free(int64_t address)');
const malloc_trim = declareAsync<(pad: number) => number>('int malloc_trim(size_t pad)');

/** Blocks from this size on come from the kernel at first. */
const largeBytes = 128 * 1024;
/** So much must have come before anything is done about it. */
const enoughBytes = 8 * 2 ** 20;
/** glibc keeps no block that is larger; its own header is part of it. */
const mostBytes = 32 * 2 ** 20 - 8192;
/** How long nothing large must have come, in milliseconds. */
const idleMs = 1000;

let come = 0;
let adapted = false;
let last = 0;
let timer: NodeJS.Timeout | undefined;

/** Tells that memory for a result of so many bytes is about to be taken. Costs next to nothing. */
export function expectLarge(bytes: number): void {
  if (bytes < largeBytes || !supported) return;
  come += bytes;
  if (come >= enoughBytes) adapt();
}

function adapt(): void {
  last = performance.now();
  if (!adapted) {
    adapted = true;
    free(malloc(mostBytes));
  }
  if (timer === undefined) timer = after(trimIfIdle, idleMs).unref();
}

function trimIfIdle(): void {
  timer = undefined;
  const left = last + idleMs - performance.now();
  if (left > 0) timer = after(trimIfIdle, left).unref();
  // Of another thread, since it takes a while for much; what has not got the function keeps nothing either.
  else malloc_trim(0).catch(() => {});
}
