/**
 * One started program: its exit code, asked of the kernel, and who wants to hear of it.
 *
 * Only ever asks for its own pid, never for "any child": libuv and other libraries have children in this process too.
 * Until we have collected the exit code the kernel keeps the pid for us, so a signal sent before that cannot hit a
 * stranger; after that no signal is sent.
 */

import os from 'node:os';
import { ValueError } from '../base/errors.ts';
import { isMainThread } from '../base/thread.ts';
import { show } from '../base/validate.ts';
import { pollFds } from './blocking-poll.ts';
import { POLLIN } from './descriptors.ts';
import { ExitListeners } from './exit-listeners.ts';
import { declare, errnoError, lastErrno } from './libc.ts';
import { closePidfd, tryPidfd } from './pidfd.ts';
import { childGone } from './reaper.ts';

const WNOHANG = 1;
const EINTR = 4;
const ESRCH = 3;

const waitid = declare<(type: number, id: number, info: null, options: number) => number>(
  'int waitid(int type, unsigned int id, void *info, int options)',
);
const P_PID = 1;
const WEXITED = 4;
const WNOWAIT = 0x01000000;
const waitpid = declare<(pid: number, status: Int32Array, options: number) => number>(
  'int waitpid(int pid, int *status, int options)',
);
/** Where an exit code comes; a call is over before the next begins. */
const status = new Int32Array(1);
const killC = declare<(pid: number, signal: number) => number>('int kill(int pid, int signal)');

/** A program that was started; it lives on when this object is dropped. */
export interface Child {
  readonly pid: number;
  /** Exit status, or the negated number of the signal that ended it (-15); null while running, as last known. */
  readonly returncode: number | null;
  /** Asks the kernel now, without waiting. */
  poll(): number | null;
  /** Blocks this thread until the child has ended; null when `timeout` (ms) is up first. */
  waitSync(timeout?: number): number | null;
  /**
   * Calls `listener` once, soon after the end, also when that was before; the result unsubscribes. With `ref: false`
   * this listener does not keep the event loop alive.
   */
  onExit(listener: (returncode: number) => void, options?: { readonly ref?: boolean }): () => void;
  /** A living child keeps the event loop alive while someone listens (default) … */
  ref(): void;
  /** … unless it is told not to. */
  unref(): void;
  /** Sends a signal by number or name; false when the child has ended. Never hits another process with the same pid. */
  kill(signal: number | NodeJS.Signals): boolean;
}

/** The number of a signal. @throws {ValueError} There is no such signal. */
export function signalNumber(signal: number | string): number {
  const n = typeof signal === 'string' ? os.constants.signals[signal as NodeJS.Signals] : signal;
  if (n === undefined || !Number.isInteger(n) || n < 0 || n > 64) {
    throw new ValueError(
      `Cannot send signal ${show(signal)}: there is no such signal; use e.g. 'SIGTERM' or 15`,
    );
  }
  return n;
}

/** A {@link Child} of `posix_spawn`. */
export class SpawnedChild implements Child {
  declare readonly pid: number;
  readonly #exit = new ExitListeners();

  constructor(pid: number) {
    this.pid = pid;
  }

  get returncode(): number | null {
    return this.#exit.returncode;
  }

  poll(): number | null {
    return this.returncode ?? this.#collect(WNOHANG);
  }

  waitSync(timeout?: number): number | null {
    if (this.returncode !== null) return this.returncode;
    // A worker thread is not to be kept from being terminated.
    if (timeout === undefined && isMainThread()) {
      // Without collecting it yet: Ctrl-C in the REPL cuts short what waits here, and the code would be lost.
      while (waitid(P_PID, this.pid, null, WEXITED | WNOWAIT) === -1 && lastErrno() === EINTR);
      return this.#collect(0);
    }
    const now = this.#collect(WNOHANG);
    if (now !== null || (timeout !== undefined && timeout <= 0)) return now;
    const pidfd = tryPidfd(this.pid);
    if (pidfd === -1) return this.#napUntilExit(timeout ?? Number.POSITIVE_INFINITY);
    const deadline = performance.now() + (timeout ?? Number.POSITIVE_INFINITY);
    try {
      pollFds([{ fd: pidfd, events: POLLIN }], timeout);
    } finally {
      closePidfd(pidfd);
    }
    // A program that is traced (gdb, strace) has ended before its tracer lets its parent collect it.
    return this.#collect(WNOHANG) ?? this.#napUntilExit(deadline - performance.now());
  }

  onExit(
    listener: (returncode: number) => void,
    { ref = true }: { readonly ref?: boolean } = {},
  ): () => void {
    return this.#exit.add(listener, ref);
  }

  ref(): void {
    this.#exit.refd = true;
  }

  unref(): void {
    this.#exit.refd = false;
  }

  kill(signal: number | NodeJS.Signals): boolean {
    const number = signalNumber(signal);
    if (this.poll() !== null) return false;
    if (killC(this.pid, number) === 0) return true;
    const errno = lastErrno();
    if (errno === ESRCH) return false;
    throw errnoError(errno, 'kill');
  }

  /** For the event loop: as {@link poll}, and listeners hear of the end at once. */
  look(): void {
    if (this.returncode === null && this.#ask(WNOHANG) !== null) this.#exit.tell();
  }

  #collect(options: number): number | null {
    const returncode = this.#ask(options);
    if (returncode !== null) this.#exit.tellSoon();
    return returncode;
  }

  #ask(options: number): number | null {
    for (;;) {
      const pid = waitpid(this.pid, status, options);
      if (pid === 0) return null;
      if (pid === this.pid) {
        const s = status[0]!;
        return this.#ended((s & 0x7f) === 0 ? (s >> 8) & 0xff : -(s & 0x7f));
      }
      // ECHILD: someone else collected it and the code is lost. Python says 0 then, and so do we.
      if (lastErrno() !== EINTR) return this.#ended(0);
    }
  }

  #ended(returncode: number): number {
    this.#exit.end(returncode);
    childGone(this);
    return returncode;
  }

  /** Without pidfds (before Linux 5.3, or forbidden): looks now and then, at most every 50 ms, as CPython does. */
  #napUntilExit(timeout: number): number | null {
    const deadline = performance.now() + timeout;
    const never = new Int32Array(new SharedArrayBuffer(4));
    for (let nap = 0.5; ; nap = Math.min(nap * 2, 50)) {
      const left = deadline - performance.now();
      if (left <= 0) return this.#collect(WNOHANG);
      Atomics.wait(never, 0, 0, Math.min(nap, left));
      const now = this.#collect(WNOHANG);
      if (now !== null) return now;
    }
  }
}
