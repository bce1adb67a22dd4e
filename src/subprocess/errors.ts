/** Python's `subprocess` exceptions. */
import os from 'node:os';
import { type ErrorDetails, MultiprocError } from '../base/errors.ts';
import type { Args } from './args.ts';
import { repr } from './repr.ts';

/** What was captured: bytes, or text where the call asked for text. */
export type Output = Buffer | string | null;

/** Base of the errors of `subprocess`, and what contradictory options give. */
export class SubprocessError extends MultiprocError {
  constructor(message?: string, options: ErrorDetails = {}) {
    super(options.code ?? 'ERR_MULTIPROC_SUBPROCESS', message, options);
  }
}

function signalName(number: number): string {
  const found = Object.entries(os.constants.signals).find(([, n]) => n === number);
  return found === undefined ? `unknown signal ${number}` : `<Signals.${found[0]}: ${number}>`;
}

/**
 * A checked program ended with a code that is not 0; carries what was captured.
 *
 * @example
 * try { await checkOutput(['ls', '/nowhere']); }
 * catch (e) { if (e instanceof CalledProcessError) console.error(e.returncode, e.stderr); }
 */
export class CalledProcessError extends SubprocessError {
  readonly returncode: number;
  readonly cmd: Args;
  readonly output: Output;
  readonly stderr: Output;

  constructor(returncode: number, cmd: Args, output: Output = null, stderr: Output = null) {
    super(
      returncode < 0
        ? `Command '${argsText(cmd)}' died with ${signalName(-returncode)}.`
        : `Command '${argsText(cmd)}' returned non-zero exit status ${returncode}.`,
      { code: 'ERR_MULTIPROC_CALLED_PROCESS' },
    );
    this.returncode = returncode;
    this.cmd = cmd;
    this.output = output;
    this.stderr = stderr;
  }

  /** Python's alias of `output`. */
  get stdout(): Output {
    return this.output;
  }
}

/**
 * Time was up before the program ended. `output` and `stderr` hold what had been read by then, as bytes even in text
 * mode (as in Python), null if nothing had.
 */
export class TimeoutExpired extends SubprocessError {
  readonly cmd: Args;
  /** Milliseconds. */
  readonly timeout: number;
  readonly output: Output;
  readonly stderr: Output;

  constructor(cmd: Args, timeout: number, output: Output = null, stderr: Output = null) {
    super(`Command '${argsText(cmd)}' timed out after ${timeout} milliseconds`, {
      code: 'ERR_MULTIPROC_TIMEOUT_EXPIRED',
    });
    this.cmd = cmd;
    this.timeout = timeout;
    this.output = output;
    this.stderr = stderr;
  }

  /** Python's alias of `output`. */
  get stdout(): Output {
    return this.output;
  }
}

function argsText(cmd: Args): string {
  return typeof cmd === 'string' ? cmd : repr(cmd);
}

for (const c of [SubprocessError, CalledProcessError, TimeoutExpired]) {
  Object.defineProperty(c.prototype, 'name', { value: c.name, configurable: true, writable: true });
}
