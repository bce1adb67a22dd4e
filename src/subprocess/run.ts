/**
 * `run` and the older functions that do parts of it, each waiting or (`Sync`) blocking this thread.
 *
 * Whatever ends a call early (time is up, an abort, a decoding error) ends the program too: none of these functions
 * leaves one behind. What a program of its own started is left alone, as in Python, unless `tree` is given; it may
 * hold the pipes open, but nothing here waits for that after the deadline.
 */
import { ValueError } from '../base/errors.ts';
import { checkSignal, checkTimeout, optionsOf } from '../base/validate.ts';
import type { Args } from './args.ts';
import { checkInput, checkMaxOutput } from './communicate.ts';
import { CompletedProcess } from './completed.ts';
import { PIPE, STDOUT } from './constants.ts';
import { CalledProcessError, TimeoutExpired } from './errors.ts';
import type { PopenOptions } from './options.ts';
import type { CapturedOf, OutputOf } from './output-types.ts';
import { Popen } from './popen.ts';

/** Options of {@link run}: those of {@link Popen}, and these. */
export interface RunOptions extends PopenOptions {
  /** What the program reads; text or bytes. Excludes `stdin`. */
  readonly input?: string | Uint8Array | null | undefined;
  /** Same as `stdout: PIPE, stderr: PIPE`. @default false */
  readonly captureOutput?: boolean | undefined;
  /** Milliseconds; then the program is killed and {@link TimeoutExpired} thrown. */
  readonly timeout?: number | undefined;
  /** Throws {@link CalledProcessError} unless the program ends with 0. @default false */
  readonly check?: boolean | undefined;
  /** Bytes of each stream to keep; what comes after is read and dropped. @default no bound */
  readonly maxOutput?: number | undefined;
  /** Ending it early also ends everything that it started, as `Popen.kill({ tree: true })` does. @default false */
  readonly tree?: boolean | undefined;
}

/** Options of {@link call}. */
export type CallOptions = Omit<RunOptions, 'input' | 'captureOutput' | 'check' | 'maxOutput'>;
/** Options of {@link checkOutput}. */
export type CheckOutputOptions = Omit<RunOptions, 'stdout' | 'captureOutput' | 'check'>;
/** Options of {@link getoutput}. */
export type GetOutputOptions = Pick<RunOptions, 'encoding' | 'errors' | 'timeout' | 'signal'>;

/** Between a polite signal and SIGKILL. */
const GRACE_MS = 5_000;

/** The options that Popen shall see; the others are checked before anything is started. The abort signal is not among them: here an abort also ends the call. */
function popenOptions(options: RunOptions): PopenOptions {
  const { input, captureOutput, check: _, timeout, maxOutput, tree: __, signal: ___, ...popens } = options;
  const { stdin, stdout, stderr } = popens;
  const given = checkInput(input) !== undefined;
  checkTimeout(timeout);
  checkMaxOutput(maxOutput);
  if (given && stdin !== undefined && stdin !== null) {
    throw new ValueError('stdin and input arguments may not both be used.');
  }
  if (captureOutput && ((stdout ?? null) !== null || (stderr ?? null) !== null)) {
    throw new ValueError('stdout and stderr arguments may not be used with captureOutput.');
  }
  if (!given && !captureOutput) return popens;
  return {
    ...popens,
    stdin: given ? PIPE : stdin,
    stdout: captureOutput ? PIPE : stdout,
    stderr: captureOutput ? PIPE : stderr,
  };
}

/** Ends a program that is not wanted any more, and waits until it has. */
async function end(
  popen: Popen<PopenOptions>,
  signal: number | NodeJS.Signals,
  tree: boolean,
): Promise<void> {
  popen.sendSignal(signal, { tree });
  try {
    await popen.wait({ timeout: GRACE_MS });
  } catch {
    popen.kill({ tree });
    await popen.wait();
  }
}

function endSync(popen: Popen<PopenOptions>, signal: number | NodeJS.Signals, tree: boolean): void {
  popen.sendSignal(signal, { tree });
  try {
    popen.waitSync({ timeout: GRACE_MS });
  } catch {
    popen.kill({ tree });
    popen.waitSync();
  }
}

function release(popen: Popen<PopenOptions>): void {
  for (const stream of [popen.stdin, popen.stdout, popen.stderr]) stream?.destroy();
}

/** What `run` gives for these options. */
export type CompletedOf<O> = CompletedProcess<CapturedOf<O, 'stdout'>, CapturedOf<O, 'stderr'>>;

type Outcome = { popen: Popen<PopenOptions>; out: Buffer | string | null; err: Buffer | string | null };

async function execute(args: Args, given: RunOptions | undefined): Promise<Outcome> {
  const options: RunOptions = optionsOf(given, 'run a program', '{ timeout: 1000, text: true }');
  const { input, timeout, maxOutput, tree = false, killSignal } = options;
  const signal = checkSignal(options.signal);
  const inner = popenOptions(options);
  signal?.throwIfAborted();
  const popen = new Popen<PopenOptions>(args, inner);
  try {
    const [out, err] = await popen.communicate(input, { timeout, maxOutput, signal });
    return { popen, out, err };
  } catch (error) {
    const gentle = signal?.aborted && !(error instanceof TimeoutExpired);
    await end(popen, killSignal ?? (gentle ? 'SIGTERM' : 'SIGKILL'), tree);
    throw error;
  } finally {
    release(popen);
  }
}

function executeSync(args: Args, given: RunOptions | undefined): Outcome {
  const options: RunOptions = optionsOf(given, 'run a program', '{ timeout: 1000, text: true }');
  const { input, timeout, maxOutput, tree = false, killSignal } = options;
  const inner = popenOptions(options);
  checkSignal(options.signal)?.throwIfAborted();
  const popen = new Popen<PopenOptions>(args, inner);
  try {
    const [out, err] = popen.communicateSync(input, { timeout, maxOutput });
    return { popen, out, err };
  } catch (error) {
    endSync(popen, killSignal ?? 'SIGKILL', tree);
    throw error;
  } finally {
    release(popen);
  }
}

function completed<O>(args: Args, { popen, out, err }: Outcome, check: boolean): CompletedOf<O> {
  const result: CompletedOf<O> = new CompletedProcess(
    args,
    popen.returncode!,
    out as CapturedOf<O, 'stdout'>,
    err as CapturedOf<O, 'stderr'>,
  );
  if (check) result.checkReturncode();
  return result;
}

/**
 * Runs a program to its end.
 *
 * @throws {TimeoutExpired} With what was read; the program is dead by then.
 * @throws {CalledProcessError} With `check`, unless it ended with 0.
 * @throws What {@link Popen} throws, and the reason of `signal`.
 *
 * @example
 * const { stdout } = await run(['git', 'log', '-1'], { captureOutput: true, text: true, check: true });
 *
 * @see https://docs.python.org/3/library/subprocess.html#subprocess.run
 */
// biome-ignore lint/complexity/noBannedTypes: {} says "no options", where bytes are certain
export async function run<const O extends RunOptions = {}>(args: Args, options?: O): Promise<CompletedOf<O>> {
  const given: RunOptions = options ?? {};
  return completed<O>(args, await execute(args, given), given.check ?? false);
}

/** As {@link run}, blocking this thread; needs no event loop. `signal` is looked at only before the start. */
// biome-ignore lint/complexity/noBannedTypes: {} says "no options", where bytes are certain
export function runSync<const O extends RunOptions = {}>(args: Args, options?: O): CompletedOf<O> {
  const given: RunOptions = options ?? {};
  return completed<O>(args, executeSync(args, given), given.check ?? false);
}

/** Runs a program; gives its exit code. @throws {TimeoutExpired} It has been killed. */
export async function call(args: Args, options: CallOptions = {}): Promise<number> {
  return (await execute(args, options)).popen.returncode!;
}

/** As {@link call}, blocking this thread. */
export function callSync(args: Args, options: CallOptions = {}): number {
  return executeSync(args, options).popen.returncode!;
}

/** Runs a program that must end with 0. @throws {CalledProcessError} It did not. */
export async function checkCall(args: Args, options: CallOptions = {}): Promise<0> {
  return checkZero(args, await call(args, options));
}

/** As {@link checkCall}, blocking this thread. */
export function checkCallSync(args: Args, options: CallOptions = {}): 0 {
  return checkZero(args, callSync(args, options));
}

function checkZero(args: Args, returncode: number): 0 {
  if (returncode !== 0) throw new CalledProcessError(returncode, args);
  return 0;
}

/**
 * The standard output of a program that must end with 0.
 *
 * @throws {CalledProcessError} With what it wrote.
 * @throws {ValueError} `stdout` or `check` among the options: they are what this function sets.
 *
 * @example const head = await checkOutput(['git', 'rev-parse', 'HEAD'], { text: true });
 */
// biome-ignore lint/complexity/noBannedTypes: {} says "no options", where bytes are certain
export async function checkOutput<const O extends CheckOutputOptions = {}>(
  args: Args,
  options?: O,
): Promise<OutputOf<O>> {
  const result = await run(args, checkedOutput(options ?? {}));
  return result.stdout as OutputOf<O>;
}

/** As {@link checkOutput}, blocking this thread. */
// biome-ignore lint/complexity/noBannedTypes: {} says "no options", where bytes are certain
export function checkOutputSync<const O extends CheckOutputOptions = {}>(
  args: Args,
  options?: O,
): OutputOf<O> {
  return runSync(args, checkedOutput(options ?? {})).stdout as OutputOf<O>;
}

function checkedOutput(options: RunOptions): RunOptions {
  optionsOf(options, 'run a program', '{ timeout: 1000, text: true }');
  for (const name of ['stdout', 'check'] as const) {
    if (name in options) throw new ValueError(`${name} argument not allowed, it will be overridden.`);
  }
  // An explicit null is empty input here (an oddity of Python's), not the parent's standard input.
  const input = options.input === null ? '' : options.input;
  return { ...options, input, stdout: PIPE, check: true };
}

/**
 * Runs a line in a shell. @returns its exit code and everything that it wrote, as text without the last newline.
 *
 * @example const [status, text] = await getstatusoutput('ls /nowhere');
 */
export async function getstatusoutput(
  cmd: string,
  options: GetOutputOptions = {},
): Promise<[number, string]> {
  const { returncode, stdout } = await run(cmd, shellOutput(options));
  return [returncode, chomp(stdout as string)];
}

/** As {@link getstatusoutput}, blocking this thread. */
export function getstatusoutputSync(cmd: string, options: GetOutputOptions = {}): [number, string] {
  const { returncode, stdout } = runSync(cmd, shellOutput(options));
  return [returncode, chomp(stdout as string)];
}

/** What a line in a shell writes, as text without the last newline; its exit code is ignored. */
export async function getoutput(cmd: string, options: GetOutputOptions = {}): Promise<string> {
  return (await getstatusoutput(cmd, options))[1];
}

/** As {@link getoutput}, blocking this thread. */
export function getoutputSync(cmd: string, options: GetOutputOptions = {}): string {
  return getstatusoutputSync(cmd, options)[1];
}

function shellOutput(options: GetOutputOptions): RunOptions {
  return {
    ...optionsOf(options, 'run a program', '{ cwd: "/" }'),
    shell: true,
    text: true,
    stdout: PIPE,
    stderr: STDOUT,
  };
}

function chomp(text: string): string {
  return text.endsWith('\n') ? text.slice(0, -1) : text;
}
