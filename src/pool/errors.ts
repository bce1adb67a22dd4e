/** Errors that only pools give. */
import { inspect } from 'node:util';
import { ProcessError } from '../base/errors.ts';
import { exitName } from '../process/repr.ts';

function lossMessage(pid: number, exitcode: number | null, ready: boolean, losses: number): string {
  const how =
    exitcode === null
      ? 'ended'
      : exitcode < 0
        ? `was ended by ${exitName(exitcode).slice(1)}`
        : `exited with code ${exitcode}`;
  const hint =
    exitcode === -9
      ? ' (perhaps for want of memory)'
      : exitcode !== null && exitcode >= 0
        ? ' (process.exit() inside a task?)'
        : '';
  if (!ready) {
    const tip = exitcode !== null && exitcode >= 0 ? ' (process.exit() in the initializer?)' : hint;
    return `Worker process ${pid} ${how} before it was ready${tip}, as others before it: the pool is broken`;
  }
  const end =
    losses > 1
      ? `the task was run ${losses} times and lost its worker each time: no retries are left`
      : 'the task was not run again: give { retries } if it may be';
  return `Worker process ${pid} ${how} in the middle of a task${hint}; ${end}`;
}

/**
 * A worker ended in the middle of a task: killed, crashed, or by `process.exit()`. The pool replaces it and goes on.
 */
export class WorkerLostError extends ProcessError {
  /** The lost worker's process id. */
  readonly pid: number;
  /** As `Process.exitcode`: negative for a signal; null when it cannot be known. */
  readonly exitcode: number | null;

  /**
   * @param ready Whether it had got as far as running tasks.
   * @param losses How many workers the task has lost by now.
   */
  constructor(pid: number, exitcode: number | null, ready = true, losses = 1) {
    super(lossMessage(pid, exitcode, ready, losses), { code: 'ERR_MULTIPROC_WORKER_LOST' });
    this.pid = pid;
    this.exitcode = exitcode;
  }

  static {
    Object.defineProperty(WorkerLostError.prototype, 'name', {
      value: 'WorkerLostError',
      configurable: true,
      writable: true,
    });
  }
}

/** The text of a value whose own getters may throw. */
function textOf(write: () => string): string {
  try {
    return write();
  } catch {
    return '<cannot be shown>';
  }
}

/** Python's `multiprocessing.pool.MaybeEncodingError`: a task's result cannot travel back. */
export class MaybeEncodingError extends ProcessError {
  /** Text of the error that says why. */
  readonly exc: string;
  /** Text of the result. */
  readonly value: string;

  constructor(exc: unknown, value: unknown) {
    const text = textOf(() =>
      typeof value === 'string'
        ? value
        : inspect(value, { depth: 1, maxStringLength: 200, breakLength: Number.POSITIVE_INFINITY }),
    );
    const reason = textOf(() => (exc instanceof Error ? `${exc.name}: ${exc.message}` : String(exc)));
    super(`Error sending result: '${text}'. Reason: '${reason}'`, { code: 'ERR_MULTIPROC_MAYBE_ENCODING' });
    this.exc = reason;
    this.value = text;
  }

  static {
    Object.defineProperty(MaybeEncodingError.prototype, 'name', {
      value: 'MaybeEncodingError',
      configurable: true,
      writable: true,
    });
  }
}
