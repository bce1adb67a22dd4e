/** What a pool and its calls take beside functions and items, and the checks of it. */
import { ValueError } from '../base/errors.ts';
import { checkOptions, checkSignal, checkTimeout, show, typeError } from '../base/validate.ts';
import type { AnyFunction, Reference } from '../process/call.ts';
import { checkFunction } from '../process/target.ts';
import { checkCallbacks } from './callbacks.ts';
import type { Progress } from './jobs.ts';

/** Options of `Pool`. */
export interface PoolOptions<I extends AnyFunction = AnyFunction> {
  /** Runs once in each worker before its first task. When it fails, the pool is broken, and every call fails with its error. */
  readonly initializer?: I | Reference | undefined;
  /** Its arguments. */
  readonly initargs?: Readonly<Parameters<I>> | undefined;
  /** Tasks (chunks) after which a worker is replaced by a fresh one. @default never */
  readonly maxTasksPerChild?: number | undefined;
  /** Bytes of resident memory after which a worker is replaced, between two tasks. @default never */
  readonly maxMemoryPerWorker?: number | undefined;
}

/** Options of every call that runs tasks. */
export interface TaskOptions {
  /** Gives the call up: it fails with the signal's reason; running tasks see it as `taskSignal()` and may go on for 500 ms. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that each task may run; then it fails with `TimeoutError`, as if aborted. */
  readonly timeout?: number | undefined;
  /** How often a task is run again when its worker is lost. @default 0 */
  readonly retries?: number | undefined;
}

/** Options of `apply` and `applyAsync`. */
export interface ApplyOptions extends TaskOptions {
  /** Reaches the function as one last object argument. */
  readonly kwargs?: object | undefined;
}

/** {@link ApplyOptions} without `kwargs`. */
export interface PlainApplyOptions extends TaskOptions {
  readonly kwargs?: undefined;
}

/** {@link ApplyOptions} with `kwargs`. */
export interface KwargsOptions<K extends object> extends TaskOptions {
  /** The function's last argument. */
  readonly kwargs: K;
}

/** Options of `map` and its relatives. */
export interface MapOptions extends TaskOptions {
  /** Items in one task. @default as Python: a quarter of each worker's part for `map`, 1 for `imap` */
  readonly chunksize?: number | undefined;
  /** Called after each task; for `imap` of an endless input, `total` is what has been read. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Callbacks of the `…Async` calls. */
export interface Callbacks<R> {
  /** Called with the result, once. */
  readonly callback?: ((result: R) => void) | undefined;
  /** Called with the error instead. */
  readonly errorCallback?: ((error: unknown) => void) | undefined;
}

const taskOptions = ['signal', 'timeout', 'retries'];
/** Names of the options of `map` and its relatives, and of `apply`. */
export const mapOptions = [...taskOptions, 'chunksize', 'onProgress', 'callback', 'errorCallback'];
export const applyOptions = [...taskOptions, 'kwargs', 'callback', 'errorCallback'];
const poolOptions = ['initializer', 'initargs', 'maxTasksPerChild', 'maxMemoryPerWorker'];

/** @throws {ValueError} When it is there and no positive integer. */
export function checkCount(value: unknown, what: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1) {
    throw new ValueError(`${what} must be a positive integer, got ${show(value)}`);
  }
  return value;
}

/** {@link TaskOptions}, checked. */
export interface CheckedTaskOptions {
  readonly signal: AbortSignal | undefined;
  readonly timeout: number | undefined;
  readonly retries: number;
}

/** @throws {TypeError} For an option of a wrong kind. @throws {ValueError} For a wrong number of retries. */
export function checkTaskOptions(options: TaskOptions): CheckedTaskOptions {
  checkCallbacks(options, 'callback', 'errorCallback', 'onProgress');
  const { signal, timeout, retries = 0 } = options;
  if (!Number.isInteger(retries) || retries < 0) {
    throw new ValueError(`Cannot run tasks: retries must be 0 or a positive integer, got ${show(retries)}`);
  }
  return { signal: checkSignal(signal), timeout: checkTaskTimeout(timeout), retries };
}

/** Unlike one of a call that waits, a negative one makes no sense: no task could ever be run. */
function checkTaskTimeout(timeout: unknown): number | undefined {
  const isNumber = typeof timeout === 'number' && !Number.isNaN(timeout);
  if (timeout !== undefined && timeout !== null && !isNumber) {
    throw typeError(`Cannot run tasks: timeout must be a number of milliseconds, got ${show(timeout)}`);
  }
  if (isNumber && timeout < 0)
    throw new ValueError(`Cannot run tasks: timeout must not be negative, got ${timeout}`);
  return checkTimeout(timeout);
}

/** `PID_MAX_LIMIT` of Linux. */
const MOST_PROCESSES = 2 ** 22;

/** What a pool was asked for, checked. */
export interface CheckedPoolOptions {
  /** Undefined: as many as there are cores. */
  readonly processes: number | undefined;
  readonly initializer: AnyFunction | Reference | undefined;
  readonly initargs: readonly unknown[];
  readonly maxTasksPerChild: number | undefined;
  readonly maxMemory: number | undefined;
}

/** @throws {TypeError} For an argument or an option of a wrong kind. @throws {ValueError} For a wrong number. */
export function checkPool<I extends AnyFunction>(
  processes: number | null | undefined,
  options: PoolOptions<I>,
): CheckedPoolOptions {
  if (typeof processes === 'object' && processes !== null) {
    throw typeError(
      'Cannot create a pool: the number of processes comes before the options; write new Pool(undefined, { … }) for as many as there are cores',
    );
  }
  const { initializer, initargs, maxTasksPerChild, maxMemoryPerWorker } = checkOptions(
    options,
    poolOptions,
    'create a pool',
  );
  if (processes !== undefined && processes !== null && !(Number.isInteger(processes) && processes >= 1)) {
    if (typeof processes !== 'number') {
      throw typeError(
        `Cannot create a pool: the number of processes must be a number, got ${show(processes)}`,
      );
    }
    if (!Number.isInteger(processes)) {
      throw new ValueError(`Number of processes must be whole, got ${processes}`);
    }
    throw new ValueError('Number of processes must be at least 1');
  }
  if (processes && processes > MOST_PROCESSES) {
    throw new ValueError(
      `Number of processes must be at most ${MOST_PROCESSES}: the kernel has no more numbers`,
    );
  }
  const given: readonly unknown[] = initargs ?? [];
  if (!Array.isArray(given)) {
    throw typeError(`Cannot create a pool: initargs must be an array, got ${show(given)}`);
  }
  if (
    maxTasksPerChild !== undefined &&
    maxTasksPerChild !== null &&
    !(Number.isInteger(maxTasksPerChild) && maxTasksPerChild >= 1)
  ) {
    throw new ValueError('maxTasksPerChild must be a positive integer or undefined');
  }
  return {
    processes: processes ?? undefined,
    initializer: checkInitializer(initializer),
    initargs: [...given],
    maxTasksPerChild: maxTasksPerChild ?? undefined,
    maxMemory: checkCount(maxMemoryPerWorker, 'maxMemoryPerWorker'),
  };
}

function checkInitializer(
  initializer: AnyFunction | Reference | null | undefined,
): AnyFunction | Reference | undefined {
  if (initializer === undefined || initializer === null) return undefined;
  return checkFunction(
    initializer,
    typeof initializer === 'function' ? 'initializer' : 'initializer must be a callable: it',
  );
}
