/** CPython beside us, where it is installed. */
import { type ChildProcessWithoutNullStreams, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

/** Every CPython that can be started here by its usual name, oldest interface first. */
export const pythons: readonly { readonly file: string; readonly version: string }[] = [
  'python3',
  'python3.13',
]
  .map((file) => {
    const program = 'import sys; print("%d.%d" % sys.version_info[:2])';
    const { status, stdout } = spawnSync(file, ['-c', program], { encoding: 'utf8' });
    return { file, version: status === 0 ? stdout.trim() : '' };
  })
  .filter(({ version }, i, all) => version !== '' && all.findIndex((p) => p.version === version) === i);

/** Runs a program to its end. Rejects, with what it printed, when it fails. */
export async function python(
  file: string,
  program: string,
  ...args: string[]
): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(file, ['-c', program, ...args], { encoding: 'utf8' });
}

/** A program that does one thing for each line that it gets, and answers with one line. */
export class Conversation implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #errors = '';

  constructor(file: string, program: string, ...args: string[]) {
    this.#child = spawn(file, ['-u', '-c', program, ...args]);
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    this.#child.stdin.on('error', () => {});
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async line(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (done) throw new Error(`the program ended: ${this.#errors}`);
    return value;
  }

  /** Sends a line and gives the answer. */
  ask(line: string): Promise<string> {
    this.#child.stdin.write(`${line}\n`);
    return this.line();
  }

  /** Closes its input and waits for its end; gives what it and its helpers wrote to standard error. */
  async end(): Promise<string> {
    this.#child.stdin.end();
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'close');
    return this.#errors;
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
