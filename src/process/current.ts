/** `currentProcess()`, `parentProcess()`, `activeChildren()`, `cpuCount()`. */
import { inspect } from 'node:util';
import { onceAborted } from '../base/abort.ts';
import { ValueError } from '../base/errors.ts';
import {
  checkSignal,
  checkTimeout,
  forSyncWait,
  type SyncWaitOptions,
  timerMs,
  type WaitOptions,
  waitOptionsOf,
} from '../base/validate.ts';
import { pollFds } from '../platform/blocking-poll.ts';
import { usableCores } from '../platform/cpu.ts';
import { POLLIN } from '../platform/descriptors.ts';
import { ownProcess, type Process } from './process.ts';
import { processRepr } from './repr.ts';
import { state } from './state.ts';

let current: Process | undefined;

/** For the bootstrap of a child: its own copy of the process object that started it. */
export function setCurrentProcess(me: Process): void {
  current = me;
}

/**
 * The process object of the calling process.
 *
 * @example console.log(currentProcess()); // <_MainProcess name='MainProcess' parent=None started>
 * @see https://docs.python.org/3/library/multiprocessing.html#multiprocessing.current_process
 */
export function currentProcess(): Process {
  current ??= ownProcess();
  return current;
}

/** What a child sees of its parent: who it is, and whether it lives. */
export class ParentProcess {
  readonly pid: number;
  readonly name: string;

  constructor(pid: number, name: string) {
    this.pid = pid;
    this.name = name;
  }

  /** The same as `pid`. */
  get ident(): number {
    return this.pid;
  }

  /** Asks the kernel, through the lifeline: never fooled by a pid that was given out again. */
  isAlive(): boolean {
    return state.lifeline?.parentAlive ?? false;
  }

  /**
   * A descriptor that is ready for reading once the parent has ended; for `connection.wait` and `poll(2)`. It is not to be closed.
   *
   * @throws {ValueError} In a process that no other has started.
   */
  get sentinel(): number {
    if (state.lifeline === undefined) throw new ValueError('process not started');
    return state.lifeline.fd;
  }

  /** {@link join}, blocking the calling thread. */
  joinSync(options?: SyncWaitOptions): void {
    const timeout = checkTimeout(waitOptionsOf(options, forSyncWait).timeout);
    if (this.isAlive()) pollFds([{ fd: this.sentinel, events: POLLIN }], timeout);
  }

  /**
   * Waits for the parent's end, or until time is up; ask `isAlive()` which.
   *
   * @param options.timeout Milliseconds.
   */
  async join(options?: WaitOptions): Promise<void> {
    const given = waitOptionsOf(options);
    const timeout = checkTimeout(given.timeout);
    const signal = checkSignal(given.signal);
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const { lifeline } = state;
      if (lifeline === undefined) {
        resolve();
        return;
      }
      const settle = (how: () => void): void => {
        clearTimeout(timer);
        unsubscribe();
        deaf?.();
        how();
      };
      const onAbort = (): void => settle(() => reject(signal!.reason));
      const unsubscribe = lifeline.onParentEnd(() => settle(resolve));
      const timer = timeout === undefined ? undefined : setTimeout(() => settle(resolve), timerMs(timeout));
      const deaf = signal && onceAborted(signal, onAbort);
    });
  }

  [inspect.custom](): string {
    return processRepr({
      className: '_ParentProcess',
      name: this.name,
      pid: null,
      parentPid: null,
      status: 'unknown',
      exitcode: null,
      daemon: false,
    });
  }
}

let parent: ParentProcess | null | undefined;

/**
 * The parent of the calling process, or null in a main process.
 *
 * @see https://docs.python.org/3/library/multiprocessing.html#multiprocessing.parent_process
 */
export function parentProcess(): ParentProcess | null {
  const { parentPid, parentName } = state.current;
  if (parent === undefined)
    parent = parentPid === null ? null : new ParentProcess(parentPid, parentName ?? '');
  return parent;
}

/**
 * The living children of the calling process, those of a pool included.
 *
 * @see https://docs.python.org/3/library/multiprocessing.html#multiprocessing.active_children
 */
export function activeChildren(): Process[] {
  return [...state.children.values()]
    .filter(({ child }) => child.poll() === null)
    .map(({ process: p }) => p as Process);
}

/**
 * How many cores this process may use: affinity and the limits of its cgroup are respected.
 *
 * @see https://docs.python.org/3/library/multiprocessing.html#multiprocessing.cpu_count
 */
export function cpuCount(): number {
  return usableCores();
}
