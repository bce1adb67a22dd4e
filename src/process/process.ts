/**
 * Python's `Process`: one function in a process of its own.
 *
 * A process object lives twice: in the parent, where it controls the child, and as a copy in the child, where it is
 * `currentProcess()`. Its internals are kept beside the object (`internals`), not in `#private` fields: a copy is made
 * without running the constructor of a user's subclass, as when Python unpickles one.
 */
import { inspect, types } from 'node:util';
import { AssertionError, AttributeError, ValueError } from '../base/errors.ts';
import { begin, deserialize, registerTravelClass, serialize, travelName } from '../base/travel.ts';
import {
  checkOptions,
  checkSignal,
  checkTimeout,
  forSyncWait,
  optionsOf,
  type SyncWaitOptions,
  show,
  typeError,
  type WaitOptions,
  waitOptionsOf,
} from '../base/validate.ts';
import { checkPrivate } from '../codec/privates.ts';
import type { Child } from '../platform/launch.ts';
import { closePidfd, pidfdOpen } from '../platform/pidfd.ts';
import { signalTree } from '../platform/tree.ts';
import { type AnyFunction, callTarget, type Reference } from './call.ts';
import { processRepr } from './repr.ts';
import { type ExtraDescriptors, startChild } from './start.ts';
import { nextChildNumber, type ProcessRecord, state } from './state.ts';
import { checkFunction } from './target.ts';
import { waitForExit } from './wait.ts';

type AllButLast<A extends readonly unknown[]> =
  Required<A> extends readonly [...infer Head, unknown] ? Head : readonly [];
type Last<A extends readonly unknown[]> = Required<A> extends readonly [...unknown[], infer L] ? L : never;

/** `args` may be left out only where the target can do without; `kwargs` is one last object argument. */
export type TargetArguments<F extends AnyFunction> =
  | ([] extends Parameters<F>
      ? { readonly args?: Readonly<Parameters<F>> | undefined; readonly kwargs?: undefined }
      : { readonly args: Readonly<Parameters<F>>; readonly kwargs?: undefined })
  | {
      readonly args?: Readonly<AllButLast<Parameters<F>>> | undefined;
      readonly kwargs: Last<Parameters<F>> & object;
    };

const processOptions = ['group', 'target', 'name', 'args', 'kwargs', 'daemon'];

/** Options of {@link Process}, all of Python's. */
export type ProcessOptions<F extends AnyFunction> = {
  /** Python's `group`; must be absent or null, as there. */
  readonly group?: null | undefined;
  /** Shown in messages and by `console.log`. @default 'Process-1', 'Process-2', … */
  readonly name?: string | undefined;
  /** Ends with its parent, and may not have children. @default that of the current process */
  readonly daemon?: boolean | undefined;
  /** What the child runs: any function, or `{ module, name }`. Absent: nothing, or an overridden `run()`. */
  readonly target?: F | Reference | undefined;
} & TargetArguments<F>;

/** Options of the calls that end a child. */
export interface EndOptions {
  /** Ends the child's own descendants too, also those that changed their group or session. @default false */
  readonly tree?: boolean | undefined;
}

interface Internals {
  readonly record: ProcessRecord;
  readonly target: AnyFunction | Reference | undefined;
  readonly args: readonly unknown[];
  readonly kwargs: object | undefined;
  /** Absent before start, and in the child's own copy. */
  child: Child | undefined;
  closed: boolean;
  sentinel: number | undefined;
}

const internals = new WeakMap<object, Internals>();

function look(process: object): Internals {
  const found = internals.get(process);
  if (found === undefined)
    throw typeError('Cannot use this object as a Process: its class did not call super()');
  return found;
}

function open(process: object): Internals {
  const found = look(process);
  if (found.closed) throw new ValueError('process object is closed');
  return found;
}

function checkArguments(args: unknown, kwargs: unknown): void {
  if (args !== undefined && args !== null && !Array.isArray(args)) {
    throw typeError(`Cannot create a process: args must be an array, got ${show(args)}`);
  }
  if (kwargs !== undefined && kwargs !== null && (typeof kwargs !== 'object' || Array.isArray(kwargs))) {
    throw typeError(`Cannot create a process: kwargs must be an object, got ${show(kwargs)}`);
  }
}

function checkName(name: unknown): asserts name is string {
  if (typeof name !== 'string')
    throw typeError(`Cannot name a process: name must be a string, got ${show(name)}`);
}

function checkDaemon(daemon: unknown): asserts daemon is boolean {
  if (typeof daemon !== 'boolean')
    throw typeError(`Cannot set daemon: it must be a boolean, got ${show(daemon)}`);
}

/** What of a process object travels into its child. */
interface SentProcess {
  readonly record: ProcessRecord;
  readonly target: AnyFunction | Reference | undefined;
  readonly args: readonly unknown[];
  readonly kwargs: object | undefined;
  readonly fields: object;
}

/** Python's `repr`; never throws. */
function describe(process_: Process<never>): string {
  const { record, child, closed } = look(process_);
  const mine = record.parentPid === process.pid;
  const exitcode = mine && !closed ? (child?.poll() ?? null) : null;
  const current = record === state.current;
  return processRepr({
    className: process_.constructor.name,
    name: record.name,
    pid: closed ? null : (child?.pid ?? null),
    parentPid: record.parentPid,
    status: current
      ? 'started'
      : closed
        ? 'closed'
        : !mine
          ? 'unknown'
          : child === undefined
            ? 'initial'
            : exitcode === null
              ? 'started'
              : 'stopped',
    exitcode,
    daemon: record.daemon,
  });
}

/**
 * A function in a process of its own, as Python's `multiprocessing.Process`.
 *
 * `start()` returns at once. The child's standard output and error are the parent's; its standard input is empty. An
 * uncaught error in the child is printed there (`Process Process-1:` and the stack) and gives exit code 1. Without a
 * target, override `run()` in a subclass: its fields travel with it.
 *
 * @example
 * const p = new Process({ target: (name: string) => console.log(`hello ${name}`), args: ['bob'] });
 * p.start();
 * await p.join();
 *
 * @throws {AssertionError} When `group` is given.
 * @throws {TypeError} When target, args, kwargs, name or daemon is of the wrong kind, or there is no such option.
 * @see https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Process
 */
export class Process<F extends AnyFunction = () => unknown> {
  constructor(options?: ProcessOptions<F>) {
    if (options !== undefined && (typeof options !== 'object' || options === null)) {
      throw typeError(
        `Cannot create a process: options must be an object like { target, args }, got ${show(options)}`,
      );
    }
    const { group, target, name, daemon, args, kwargs }: Partial<Record<string, unknown>> = checkOptions(
      options ?? {},
      processOptions,
      'create a process',
    );
    if (group !== undefined && group !== null)
      throw new AssertionError('group argument must be None for now');
    const what =
      target === undefined || target === null
        ? undefined
        : checkFunction(target, 'Cannot create a process: target');
    checkArguments(args, kwargs);
    if (name !== undefined && name !== null) checkName(name);
    if (daemon !== undefined && daemon !== null) checkDaemon(daemon);
    const parent = state.current;
    const path = [...parent.path, nextChildNumber()];
    internals.set(this, {
      record: {
        path,
        parentPid: process.pid,
        parentName: parent.name,
        // An empty one is none, as in Python.
        name: (name as string | undefined) || `${this.constructor.name}-${path.join(':')}`,
        daemon: (daemon as boolean | undefined) ?? parent.daemon,
        authkey: parent.authkey,
        nestable: false,
      },
      target: what,
      args: [...((args as readonly unknown[] | undefined) ?? [])],
      kwargs: (kwargs as object | undefined) ?? undefined,
      child: undefined,
      closed: false,
      sentinel: undefined,
    });
  }

  /** What the child runs: calls the target. Override it in a subclass. */
  run(): unknown {
    const { target, args, kwargs } = open(this);
    return target === undefined ? undefined : callTarget(target, args, kwargs);
  }

  /**
   * Starts the child and returns at once, with `pid` set.
   *
   * @throws {AssertionError} When it was started before, belongs to another process, or the current process is a daemon.
   * @throws {SerializationError} At once, before anything is started, when the target or an argument cannot travel.
   * @throws {OSError} When the kernel refuses (`EAGAIN`, which is a `BlockingIOError`, `ENOMEM`, `EMFILE`).
   */
  start(): void {
    startWith(this);
  }

  /**
   * Waits until the child has ended, or until time is up; ask `exitcode` which.
   *
   * @param options.timeout Milliseconds.
   * @throws {AssertionError} When it was not started, or is not a child of the calling process.
   */
  async join(options?: WaitOptions): Promise<void> {
    const child = joinable(this);
    const { timeout, signal } = waitOptionsOf(options);
    await waitForExit(child, checkTimeout(timeout), checkSignal(signal));
  }

  /** {@link join}, blocking the calling thread. */
  joinSync(options?: SyncWaitOptions): void {
    joinable(this).waitSync(checkTimeout(waitOptionsOf(options, forSyncWait).timeout));
  }

  /** Whether it was started and has not ended. */
  isAlive(): boolean {
    const mine = open(this);
    if (look(this).record === state.current) return true;
    if (mine.record.parentPid !== process.pid) throw new AssertionError('can only test a child process');
    return mine.child !== undefined && mine.child.poll() === null;
  }

  /** Sends SIGTERM. Does nothing to a child that has ended. The child's own children live on, unless `tree` is given. */
  terminate(options?: EndOptions): void {
    send(this, 'SIGTERM', options);
  }

  /** Sends SIGKILL; otherwise as {@link terminate}. */
  kill(options?: EndOptions): void {
    send(this, 'SIGKILL', options);
  }

  /** Sends SIGINT, what Ctrl-C sends; otherwise as {@link terminate}. */
  interrupt(options?: EndOptions): void {
    send(this, 'SIGINT', options);
  }

  /**
   * Frees what belongs to the object, which cannot be used afterwards. Closing twice is harmless.
   *
   * @throws {ValueError} When the child still runs.
   */
  close(): void {
    const mine = look(this);
    if (mine.closed) return;
    if (mine.child !== undefined) {
      if (mine.child.poll() === null) {
        throw new ValueError(
          'Cannot close a process while it is still running. You should first call join() or terminate().',
        );
      }
      state.children.delete(mine.child.pid);
    }
    if (mine.sentinel !== undefined) closePidfd(mine.sentinel);
    mine.sentinel = undefined;
    mine.closed = true;
  }

  /** For messages only; may be changed, and need not be unique. */
  get name(): string {
    return look(this).record.name;
  }
  set name(name: string) {
    checkName(name);
    look(this).record.name = name;
  }

  /** Whether it ends with its parent. Can be set until it is started. */
  get daemon(): boolean {
    return look(this).record.daemon;
  }
  set daemon(daemon: boolean) {
    checkDaemon(daemon);
    const mine = look(this);
    if (mine.child !== undefined) throw new AssertionError('process has already started');
    mine.record.daemon = daemon;
  }

  /** The key for connections, inherited by children. */
  get authkey(): Buffer {
    return look(this).record.authkey;
  }
  set authkey(key: Uint8Array) {
    if (!types.isUint8Array(key))
      throw typeError(`Cannot set authkey: it must be a Buffer, got ${show(key)}`);
    look(this).record.authkey = Buffer.from(key);
  }

  /** The process id; `null` before start. */
  get pid(): number | null {
    return look(this).record === state.current ? process.pid : (open(this).child?.pid ?? null);
  }

  /** The same as {@link pid}. */
  get ident(): number | null {
    return this.pid;
  }

  /** `null` while it has not ended; -15 when SIGTERM ended it; 1 after an uncaught error. */
  get exitcode(): number | null {
    return open(this).child?.poll() ?? null;
  }

  /**
   * A descriptor that is ready for reading once the child has ended; for `connection.wait` and `poll(2)`. It belongs to
   * this object, until {@link close}.
   *
   * @throws {ValueError} Before start.
   */
  get sentinel(): number {
    const mine = open(this);
    if (mine.child === undefined) throw new ValueError('process not started');
    mine.sentinel ??= pidfdOpen(mine.child.pid);
    return mine.sentinel;
  }

  [inspect.custom](): string {
    return describe(this);
  }

  toString(): string {
    return describe(this);
  }

  /** How a process object travels into its own child: without private members of a subclass, so it had better have none. */
  static [serialize](p: Process<never>): SentProcess {
    // biome-ignore lint/complexity/noThisInStatic: called on the subclass whose instance travels
    if (travelName(this) === undefined && this[serialize] === Process[serialize]) checkPrivate(this);
    const { record, target, args, kwargs } = look(p);
    return { record, target, args, kwargs, fields: { ...p } };
  }

  /** Before what it holds is there: a field may refer to the process itself, as an arrow function does that uses `this`. */
  static [begin](): object | undefined {
    // biome-ignore lint/complexity/noThisInStatic: called on the subclass whose instance travels
    return this[deserialize] === Process[deserialize] ? (Object.create(this.prototype) as object) : undefined;
  }

  static [deserialize](
    this: { readonly prototype: object },
    data: SentProcess,
    // biome-ignore lint/complexity/noThisInStatic: called on the subclass whose instance travels
    begun: object = Object.create(this.prototype) as object,
  ): Process {
    const copy = Object.assign(begun as Process, data.fields);
    internals.set(copy, { ...data, child: undefined, closed: false, sentinel: undefined });
    return copy;
  }
}

// Not private methods: the object of the calling process is made without the constructor.

function joinable(p: Process<never>): Child {
  const mine = open(p);
  if (mine.record.parentPid !== process.pid) throw new AssertionError('can only join a child process');
  if (mine.child === undefined) throw new AssertionError('can only join a started process');
  return mine.child;
}

function send(p: Process<never>, signal: NodeJS.Signals, options: EndOptions | undefined): void {
  const call = `send ${signal}`;
  const tree = checkOptions(optionsOf(options, call, '{ tree: true }'), ['tree'], call).tree ?? false;
  if (typeof tree !== 'boolean') throw typeError(`Cannot ${call}: tree must be a boolean, got ${show(tree)}`);
  const { child } = open(p);
  if (child === undefined) throw new AttributeError(`Cannot send ${signal}: the process was not started`);
  if (child.poll() !== null) return;
  if (tree) signalTree(child.pid, signal, true);
  else child.kill(signal);
}

/** {@link Process.start} with further descriptors; `nestable` lets a daemon have children of its own. */
export function startWith(
  started: Process<never> | Process,
  { extra, nestable = false }: { readonly extra?: ExtraDescriptors; readonly nestable?: boolean } = {},
): Child {
  const mine = open(started);
  if (mine.child !== undefined) throw new AssertionError('cannot start a process twice');
  if (mine.record.parentPid !== process.pid) {
    throw new AssertionError('can only start a process object created by current process');
  }
  if (state.current.daemon && !state.current.nestable) {
    throw new AssertionError('daemonic processes are not allowed to have children');
  }
  mine.record.nestable = nestable;
  const { target, args, kwargs } = mine;
  const plain = started.constructor === Process && Object.keys(started).length === 0;
  mine.child = startChild(started, mine.record, plain ? { target, args, kwargs } : undefined, extra);
  return mine.child;
}

/** Makes a child's copy of its process object one with what the child knows of itself. */
export function becomeCurrent(me: Process): void {
  internals.set(me, { ...look(me), record: state.current });
}

registerTravelClass('process/Process', Process as never);

class MainProcess extends Process {}
Object.defineProperty(MainProcess, 'name', { value: '_MainProcess' });

/** The process object of the calling process, where none has travelled here. */
export function ownProcess(): Process {
  const isMain = state.current.parentPid === null;
  const me = Object.create(isMain ? MainProcess.prototype : Process.prototype) as Process;
  internals.set(me, {
    record: state.current,
    target: undefined,
    args: [],
    kwargs: undefined,
    child: undefined,
    closed: false,
    sentinel: undefined,
  });
  return me;
}
