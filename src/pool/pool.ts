/**
 * Python's `Pool`: the same function over many items, on all cores.
 *
 * This file cuts work into tasks and gives results their form; which worker does what is the dispatcher's business.
 */
import { inspect } from 'node:util';
import { onceAborted } from '../base/abort.ts';
import { ValueError } from '../base/errors.ts';
import { registerHomeClass } from '../base/travel.ts';
import { checkOptions, show, typeError } from '../base/validate.ts';
import {
  type EncodedFunction,
  encode,
  encodeCall,
  encodeFunction,
  encodeList,
  sendFirst,
} from '../codec/index.ts';
import type { AnyFunction, Reference } from '../process/call.ts';
import { checkFunction } from '../process/target.ts';
import { AsyncResult, type RunSync } from './async-result.ts';
import { coreBudget, shareOf } from './budget.ts';
import { callBack } from './callbacks.ts';
import { Dispatcher } from './dispatcher.ts';
import { Imap } from './imap.ts';
import { checkIterable, checkSync, collect, type Items, isAsyncIterable } from './items.ts';
import { ApplyJob } from './jobs.ts';
import { MapCall, type MapContext } from './map.ts';
import {
  type ApplyOptions,
  applyOptions,
  type Callbacks,
  type CheckedTaskOptions,
  checkCount,
  checkPool,
  checkTaskOptions,
  type KwargsOptions,
  type MapOptions,
  mapOptions,
  type PlainApplyOptions,
  type PoolOptions,
} from './options.ts';
import { CALL_ONE, CALL_SPREAD, type CallForm } from './protocol.ts';
import { Caller } from './remote-errors.ts';
import { type Settle, Settlement } from './settlement.ts';
import type { Job, PoolFunction, Task } from './task.ts';

interface KnownFunction {
  readonly func: PoolFunction;
  /** Undefined for a reference. */
  readonly encoded: EncodedFunction | undefined;
}

/**
 * A set of worker processes that run functions, as Python's `multiprocessing.Pool`.
 *
 * Functions are passed as they are, closures included. A worker that dies fails its task with `WorkerLostError` and is
 * replaced; everything else goes on. An idle pool does not keep the program alive, and leaves nothing behind.
 *
 * @example
 * await using pool = new Pool();
 * console.log(await pool.map((x: number) => x * x, [1, 2, 3])); // [1, 4, 9]
 *
 * @throws {ValueError} When `processes` or an option makes no sense.
 * @throws {TypeError} When the initializer is not a function.
 * @throws {SerializationError} When the initializer or its arguments cannot travel.
 * @see https://docs.python.org/3/library/multiprocessing.html#multiprocessing.pool.Pool
 */
export class Pool<I extends AnyFunction = AnyFunction> {
  readonly #dispatcher: Dispatcher;
  readonly #size: number;
  #functions = 0;
  readonly #known = new WeakMap<object, KnownFunction>();
  readonly #runSync: RunSync = (done, timeout) => this.#dispatcher.runSync(done, timeout);

  /** @param processes Workers. @default the program's cores, or this worker's share of them in a nested pool */
  constructor(processes?: number | null, options: PoolOptions<I> = {}) {
    const checked = checkPool(processes, options);
    this.#size = checked.processes ?? coreBudget();
    this.#dispatcher = new Dispatcher({
      processes: this.#size,
      maxTasksPerChild: checked.maxTasksPerChild,
      settings: {
        initializer: checked.initializer,
        initargs: checked.initargs,
        maxMemory: checked.maxMemory,
        cores: shareOf(this.#size),
      },
    });
  }

  /** Runs `func(...args)` in a worker. @throws The function's own error, or `WorkerLostError`. */
  apply<A extends readonly unknown[], R>(
    func: ((...args: A) => R) | Reference,
    args: A,
    options?: PlainApplyOptions,
  ): Promise<Awaited<R>>;
  apply<R>(
    func: (() => R) | Reference,
    args?: readonly [] | null,
    options?: PlainApplyOptions,
  ): Promise<Awaited<R>>;
  apply<A extends readonly unknown[], K extends object, R>(
    func: ((...args: [...A, K]) => R) | Reference,
    args: A,
    options: KwargsOptions<K>,
  ): Promise<Awaited<R>>;
  async apply(
    func: AnyFunction | Reference,
    args?: readonly unknown[] | null,
    options?: ApplyOptions,
  ): Promise<unknown> {
    return this.#apply(func, args, options);
  }

  /**
   * {@link apply}, blocking the calling thread.
   *
   * A `signal` cannot be aborted meanwhile, since nothing else runs in this thread; a `timeout` works.
   */
  applySync<A extends readonly unknown[], R>(
    func: ((...args: A) => R) | Reference,
    args: A,
    options?: PlainApplyOptions,
  ): Awaited<R>;
  applySync<R>(
    func: (() => R) | Reference,
    args?: readonly [] | null,
    options?: PlainApplyOptions,
  ): Awaited<R>;
  applySync<A extends readonly unknown[], K extends object, R>(
    func: ((...args: [...A, K]) => R) | Reference,
    args: A,
    options: KwargsOptions<K>,
  ): Awaited<R>;
  applySync(
    func: AnyFunction | Reference,
    args?: readonly unknown[] | null,
    options?: ApplyOptions,
  ): unknown {
    return this.#apply(func, args, options).getSync();
  }

  /** {@link apply} that returns at once. */
  applyAsync<A extends readonly unknown[], R>(
    func: ((...args: A) => R) | Reference,
    args: A,
    options?: PlainApplyOptions & Callbacks<Awaited<R>>,
  ): AsyncResult<Awaited<R>>;
  applyAsync<R>(
    func: (() => R) | Reference,
    args?: readonly [] | null,
    options?: PlainApplyOptions & Callbacks<Awaited<R>>,
  ): AsyncResult<Awaited<R>>;
  applyAsync<A extends readonly unknown[], K extends object, R>(
    func: ((...args: [...A, K]) => R) | Reference,
    args: A,
    options: KwargsOptions<K> & Callbacks<Awaited<R>>,
  ): AsyncResult<Awaited<R>>;
  applyAsync(
    func: AnyFunction | Reference,
    args?: readonly unknown[] | null,
    options?: ApplyOptions & Callbacks<unknown>,
  ): AsyncResult<unknown> {
    return this.#apply(func, args, options);
  }

  #apply<R>(
    func: AnyFunction | Reference,
    args: readonly unknown[] | null | undefined,
    options: ApplyOptions & Callbacks<R> = {},
  ): AsyncResult<R> {
    this.#check();
    const { kwargs } = checkOptions(options, applyOptions, 'apply a function');
    if (args !== undefined && args !== null && !Array.isArray(args)) {
      throw typeError(`Cannot apply a function: args must be an array, got ${show(args)}`);
    }
    if (kwargs !== undefined && kwargs !== null && (typeof kwargs !== 'object' || Array.isArray(kwargs))) {
      throw typeError(`Cannot apply a function: kwargs must be an object, got ${show(kwargs)}`);
    }
    const checked = checkTaskOptions(options);
    const caller = new Caller();
    const result = sendFirst(() => {
      const known = this.#function(func);
      const all: unknown[] = [...(args ?? [])];
      if (kwargs) all.push(kwargs);
      const body = encodeCall(all, { root: 'args' });
      return this.#result<R>(caller, options, (settle) => {
        const task = this.#submit(new ApplyJob(settle), 0, 1, known, CALL_SPREAD, body, checked);
        return this.#onAbort(checked.signal, task);
      });
    });
    // Otherwise whoever asks for the result is found when it has failed.
    if (options.errorCallback) caller.note();
    return result;
  }

  /**
   * The results of `func(item)` for all items, in order. Waits for all tasks also when one fails, as Python does.
   *
   * @param options Or just the chunksize, as in Python.
   * @throws The error of the first item, in order, that failed.
   */
  async map<T, R>(
    func: ((item: T) => R) | Reference,
    items: Items<T>,
    options: MapOptions | number = {},
  ): Promise<Awaited<R>[]> {
    return this.mapAsync(func, items, options);
  }

  /** {@link map}, blocking the calling thread. @throws {TypeError} For an async iterable: it could not go on meanwhile. */
  mapSync<T, R>(
    func: ((item: T) => R) | Reference,
    items: Iterable<T>,
    options: MapOptions | number = {},
  ): Awaited<R>[] {
    return this.mapAsync(func, checkSync(items), options).getSync();
  }

  /** {@link map} that returns at once. */
  mapAsync<T, R>(
    func: ((item: T) => R) | Reference,
    items: Items<T>,
    options: (MapOptions & Callbacks<Awaited<R>[]>) | number = {},
  ): AsyncResult<Awaited<R>[]> {
    const caller = new Caller();
    const result = sendFirst(() => this.#map(caller, func, items, CALL_ONE, options));
    caller.note();
    return result;
  }

  /** {@link map} whose items are arrays of arguments: `func(...item)`. */
  async starmap<A extends readonly unknown[], R>(
    func: ((...args: A) => R) | Reference,
    items: Items<A>,
    options: MapOptions | number = {},
  ): Promise<Awaited<R>[]> {
    return this.starmapAsync(func, items, options);
  }

  /** {@link starmap}, blocking the calling thread. @throws {TypeError} For an async iterable. */
  starmapSync<A extends readonly unknown[], R>(
    func: ((...args: A) => R) | Reference,
    items: Iterable<A>,
    options: MapOptions | number = {},
  ): Awaited<R>[] {
    return this.starmapAsync(func, checkSync(items), options).getSync();
  }

  /** {@link starmap} that returns at once. */
  starmapAsync<A extends readonly unknown[], R>(
    func: ((...args: A) => R) | Reference,
    items: Items<A>,
    options: (MapOptions & Callbacks<Awaited<R>[]>) | number = {},
  ): AsyncResult<Awaited<R>[]> {
    const caller = new Caller();
    const result = sendFirst(() =>
      this.#map(caller, func as AnyFunction | Reference, items, CALL_SPREAD, options),
    );
    caller.note();
    return result;
  }

  /**
   * The results one by one, in order, while the input is still being read; it is read only a little ahead, so that it may be
   * endless.
   *
   * @example for await (const size of pool.imap(sizeOf, files())) total += size;
   */
  imap<T, R>(
    func: ((item: T) => R) | Reference,
    items: Items<T>,
    options: MapOptions | number = {},
  ): Imap<T, Awaited<R>> {
    return sendFirst(() => this.#imap(func, items, true, options));
  }

  /** {@link imap} in the order in which tasks get done. */
  imapUnordered<T, R>(
    func: ((item: T) => R) | Reference,
    items: Items<T>,
    options: MapOptions | number = {},
  ): Imap<T, Awaited<R>> {
    return sendFirst(() => this.#imap(func, items, false, options));
  }

  /** No further calls; the workers exit once everything is done. */
  close(): void {
    this.#dispatcher.close();
  }

  /** Ends the workers at once; what is not done fails. */
  terminate(): void {
    this.#dispatcher.terminate();
  }

  /** Waits until the workers are gone. @throws {ValueError} When neither `close()` nor `terminate()` was called. */
  async join(): Promise<void> {
    if (this.#dispatcher.state === 'running') throw new ValueError('Pool is still running');
    await this.#dispatcher.join();
  }

  /** {@link join}, blocking the calling thread. */
  joinSync(): void {
    if (this.#dispatcher.state === 'running') throw new ValueError('Pool is still running');
    this.#dispatcher.joinSync();
  }

  /** Like Python's `with`: {@link terminate}. */
  [Symbol.dispose](): void {
    this.terminate();
  }

  /** {@link terminate} and {@link join}. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.terminate();
    await this.join();
  }

  [inspect.custom](): string {
    return this.toString();
  }

  /** As Python's `repr`. */
  toString(): string {
    const states = { running: 'RUN', closed: 'CLOSE', terminated: 'TERMINATE' } as const;
    return `<multiproc.Pool state=${states[this.#dispatcher.state]} pool_size=${this.#size}>`;
  }

  #check(): void {
    if (this.#dispatcher.state !== 'running') throw new ValueError('Pool not running');
  }

  /** The function as workers know it: looked at anew for each call, since what it captured may have changed; sent only if so. */
  #function(func: AnyFunction | Reference): PoolFunction {
    const known = this.#known.get(func);
    if (known?.encoded?.isSame()) return known.func;
    const checked = checkFunction(func, 'Cannot run tasks: the function');
    const encoded = typeof checked === 'function' ? encodeFunction(checked, { root: 'function' }) : undefined;
    const bytes = encoded?.bytes ?? encode(checked, { root: 'function' });
    const isOld = known?.func.bytes.equals(bytes) === true;
    const now = isOld ? known.func : { id: this.#functions++, bytes };
    this.#known.set(func, { func: now, encoded });
    return now;
  }

  #submit(
    job: Job,
    index: number,
    count: number,
    func: PoolFunction,
    form: CallForm,
    body: Buffer,
    options: CheckedTaskOptions,
  ): Task {
    const task: Task = {
      job,
      index,
      count,
      func,
      form,
      body,
      timeout: options.timeout,
      retries: options.retries,
      losses: 0,
      over: false,
    };
    this.#dispatcher.submit(task);
    return task;
  }

  /** Gives a task up when the signal is aborted; returns what unsubscribes. */
  #onAbort(signal: AbortSignal | undefined, task: Task): (() => void) | undefined {
    if (signal === undefined) return undefined;
    const abort = (): void => this.#dispatcher.cancel(task, signal.reason);
    if (!signal.aborted) return onceAborted(signal, abort);
    abort();
    return undefined;
  }

  /** An AsyncResult with its callbacks; `start` returns what to do once it is settled. */
  #result<R>(
    caller: Caller,
    callbacks: Callbacks<R>,
    start: (settle: Settle<R>) => (() => void) | undefined,
  ): AsyncResult<R> {
    const settlement = new Settlement<R>(caller, callbacks);
    const release = start(settlement);
    if (release !== undefined) settlement.onceOver(release);
    return new AsyncResult<R>(settlement, this.#runSync);
  }

  #map<R>(
    caller: Caller,
    func: AnyFunction | Reference,
    items: Items<unknown>,
    form: CallForm,
    given: (MapOptions & Callbacks<Awaited<R>[]>) | number,
  ): AsyncResult<Awaited<R>[]> {
    this.#check();
    const options =
      typeof given === 'number' ? { chunksize: given } : checkOptions(given, mapOptions, 'map a function');
    const checked = checkTaskOptions(options);
    const chunksize = checked.timeout === undefined ? checkCount(options.chunksize, 'chunksize') : 1;
    const known = this.#function(func);
    const { signal } = checked;
    return this.#result<Awaited<R>[]>(caller, options, (settle) => {
      let call: MapCall<Awaited<R>> | undefined;
      let settled = false;
      const begin = (all: readonly unknown[]): void => {
        if (settled) return;
        if (signal?.aborted) settle.reject(signal.reason);
        else if (all.length === 0) settle.resolve([]);
        else {
          const size = chunksize ?? Math.ceil(all.length / (this.#size * 4));
          call = new MapCall(this.#mapContext(known, form, checked), all, size, settle, options.onProgress);
        }
      };
      if (isAsyncIterable(items)) {
        const read = this.#dispatcher.reading((error) => settle.reject(error));
        collect(items, () => settled)
          .then(begin)
          .catch((error: unknown) => settle.reject(error))
          .finally(read);
      } else begin(Array.from(checkIterable(items)));
      const abort = (): void => {
        if (call === undefined) settle.reject(signal?.reason);
        else call.abort(signal?.reason);
      };
      const deaf = signal && onceAborted(signal, abort);
      return () => {
        settled = true;
        deaf?.();
      };
    });
  }

  #mapContext(func: PoolFunction, form: CallForm, options: CheckedTaskOptions): MapContext {
    return {
      submit: (job, index, count, body) => this.#submit(job, index, count, func, form, body, options),
      feed: (feed) => this.#dispatcher.feed(feed),
      drop: (task) => this.#dispatcher.drop(task),
      cancel: (task, error) => this.#dispatcher.cancel(task, error),
    };
  }

  #imap<T, R>(
    func: AnyFunction | Reference,
    items: Items<T>,
    ordered: boolean,
    given: MapOptions | number,
  ): Imap<T, Awaited<R>> {
    this.#check();
    const options =
      typeof given === 'number' ? { chunksize: given } : checkOptions(given, mapOptions, 'map a function');
    const checked = checkTaskOptions(options);
    const chunksize = (checked.timeout === undefined ? checkCount(options.chunksize, 'chunksize') : 1) ?? 1;
    const known = this.#function(func);
    let read = 0;
    const input = isAsyncIterable(items)
      ? items[Symbol.asyncIterator]()
      : checkIterable(items)[Symbol.iterator]();
    const { asked, left } = this.#dispatcher.streaming();
    return new Imap<T, Awaited<R>>({
      input,
      chunksize,
      window: Math.max(16, this.#size * 4),
      ordered,
      signal: checked.signal,
      submit: (job, index, chunk) => {
        const first = read;
        read += chunk.length;
        const body = encodeList(chunk, { root: 'items', first });
        return this.#submit(job, index, chunk.length, known, CALL_ONE, body, checked);
      },
      cancel: (task, error) => this.#dispatcher.cancel(task, error),
      onProgress: (done) => callBack(options.onProgress, { done, total: read }),
      asked,
      left,
    });
  }
}

registerHomeClass(Pool, 'make another one inside the function');
