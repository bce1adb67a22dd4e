/**
 * Whether a thread of some process still lives.
 *
 * A pid alone says too little: the kernel gives it to another process later. Pid, thread id and the time at which the
 * thread started (clock ticks since boot) are unique. A killed process stays visible as a zombie until its parent
 * fetches its status; a zombie will never run again and counts as dead.
 */
import { closeFd } from './descriptors.ts';
import { declare, lastErrno } from './libc.ts';

const open = declare<(path: string, flags: number) => number>('int open(const char *path, int flags)');
const read = declare<(fd: number, into: Uint8Array, count: number) => number>(
  'long read(int fd, void *into, unsigned long count)',
);
const ENOENT = 2;
const ESRCH = 3;
const O_RDONLY = 0;
const O_CLOEXEC = 0o2000000;
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
const [space, parenthesis, zombie, dead, dying] = Buffer.from(' )ZXx');
/** Fields of `stat` between the one that ends with the last parenthesis and the start time. */
const fieldsBefore = 19;

/** Instead of a start time, when it cannot be read though the thread may be there: no descriptors are left, for example. */
const UNKNOWN = -1;

/** Start time of a thread, or `undefined` when it is gone or a zombie; {@link UNKNOWN} when it could not be asked. */
function threadStart(pid: number, tid: number): number | undefined {
  // Not through `fs`: in a program that sleeps and looks now and then, and is compiled never, that costs four times as much.
  const fd = open(`/proc/${pid}/task/${tid}/stat`, O_RDONLY | O_CLOEXEC);
  if (fd === -1) return [ENOENT, ESRCH].includes(lastErrno()) ? undefined : UNKNOWN;
  const length = read(fd, line, line.length);
  closeFd(fd);
  if (length <= 0) return undefined;
  // "pid (comm) state ppid …": comm may hold spaces and parentheses, so count from the last one.
  let at = line.lastIndexOf(parenthesis!, length - 1) + 2;
  const state = line[at];
  if (state === zombie || state === dead || state === dying) return undefined;
  for (let field = 0; field < fieldsBefore; field++) at = line.indexOf(space!, at) + 1;
  return Number(line.toString('latin1', at, line.indexOf(space!, at))) % 2 ** 31;
}

/** Whether exactly this thread still runs, as far as can be told: nobody is dead only because it cannot be looked. */
export function isThreadAlive(thread: ThreadIdentity): boolean {
  const start = threadStart(thread.pid, thread.tid);
  return start !== undefined && (start === thread.start || start === UNKNOWN || thread.start === UNKNOWN);
}

/** Whether there is a process of this number, and not only what is left of it until its parent asks. */
export function processExists(pid: number): boolean {
  return threadStart(pid, pid) !== undefined;
}

let own: ThreadIdentity | undefined;

/** The calling thread. */
export function currentThreadIdentity(): ThreadIdentity {
  if (own === undefined) {
    const tid = gettid();
    own = { pid: process.pid, tid, start: threadStart(process.pid, tid) ?? UNKNOWN };
  }
  return own;
}
