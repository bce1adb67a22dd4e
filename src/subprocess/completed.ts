/** What a program that has ended leaves: its exit code and what was captured. */
import { inspect } from 'node:util';
import type { Args } from './args.ts';
import { CalledProcessError } from './errors.ts';
import { repr } from './repr.ts';

/** Result of the `run` family: Python's `CompletedProcess`. */
export class CompletedProcess<T extends Buffer | string = Buffer> {
  readonly args: Args;
  /** Exit status, or the negated signal number. */
  readonly returncode: number;
  /** Null unless captured. */
  readonly stdout: T | null;
  /** Null unless captured. */
  readonly stderr: T | null;

  constructor(args: Args, returncode: number, stdout: T | null = null, stderr: T | null = null) {
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
