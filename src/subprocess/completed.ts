/** What a program that has ended leaves: its exit code and what was captured. */
import { inspect } from 'node:util';
import type { Args } from './args.ts';
import { CalledProcessError } from './errors.ts';
import { repr } from './repr.ts';

/** Result of the `run` family: Python's `CompletedProcess`. */
export class CompletedProcess<
  Out extends Buffer | string | null = Buffer | string | null,
  Err extends Buffer | string | null = Out,
> {
  readonly args: Args;
  /** Exit status, or the negated signal number. */
  readonly returncode: number;
  /** Null unless captured. */
  readonly stdout: Out;
  /** Null unless captured. */
  readonly stderr: Err;

  constructor(args: Args, returncode: number, stdout: Out = null as Out, stderr: Err = null as Err) {
    this.args = args;
    this.returncode = returncode;
    this.stdout = stdout;
    this.stderr = stderr;
  }

  /** @throws {CalledProcessError} The exit code is not 0. */
  checkReturncode(): void {
    if (this.returncode !== 0) {
      throw new CalledProcessError(this.returncode, this.args, this.stdout, this.stderr);
    }
  }

  [inspect.custom](): string {
    const parts = [`args=${repr(this.args)}`, `returncode=${this.returncode}`];
    if (this.stdout !== null) parts.push(`stdout=${repr(this.stdout)}`);
    if (this.stderr !== null) parts.push(`stderr=${repr(this.stderr)}`);
    return `CompletedProcess(${parts.join(', ')})`;
  }
}
