/**
 * Whether a thread of some process still lives.
 *
 * A pid alone says too little: the kernel gives it to another process later. Pid, thread id and the time at which the
 * thread started (clock ticks since boot) are unique. A killed process stays visible as a zombie until its parent
 * fetches its status; a zombie will never run again and counts as dead.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { declare } from './libc.ts';

const gettid = declare<() => number>('int gettid()');

/** One thread of one process, for ever. */
export interface ThreadIdentity {
  readonly pid: number;
  readonly tid: number;
  /** Low 31 bits of the start time in clock ticks. */
  readonly start: number;
}

/** Longer than any line of `stat`; one for all reads, since waiters look now and then for as long as they wait. */
const line = Buffer.alloc(1024);

/** Start time of a thread, or `undefined` when it is gone or a zombie. */
export function threadStart(pid: number, tid: number): number | undefined {
  let length: number;
  try {
    const fd = openSync(`/proc/${pid}/task/${tid}/stat`, 'r');
    try {
      length = readSync(fd, line, 0, line.length, 0);
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
  // "pid (comm) state ppid …": comm may hold spaces and parentheses, so count from the last one.
  const stat = line.toString('latin1', 0, length);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 20);
  const state = fields[0];
  if (state === 'Z' || state === 'X' || state === 'x') return undefined;
  return Number(fields[19]) % 2 ** 31;
}

/** Whether exactly this thread still runs. */
export function isThreadAlive(thread: ThreadIdentity): boolean {
  return threadStart(thread.pid, thread.tid) === thread.start;
}

/** Start time of a process (of its first thread), or `undefined` when it is gone or a zombie. */
export function processStart(pid: number): number | undefined {
  return threadStart(pid, pid);
}

let own: ThreadIdentity | undefined;

/** The calling thread. */
export function currentThreadIdentity(): ThreadIdentity {
  if (own === undefined) {
    const tid = gettid();
    own = { pid: process.pid, tid, start: threadStart(process.pid, tid) ?? 0 };
  }
  return own;
}
