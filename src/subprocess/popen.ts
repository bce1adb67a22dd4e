/**
 * A started program: Python's `Popen`.
 *
 * What blocks in Python returns a promise, and blocks this thread under the same name with `Sync`; both forms may be
 * mixed on one object. The Sync forms need no event loop.
 */
import { type InspectOptions, inspect } from 'node:util';
import { onceAborted } from '../base/abort.ts';
import { ValueError } from '../base/errors.ts';
import { registerHomeClass } from '../base/travel.ts';
import {
  checkOptions,
  checkSignal,
  checkTimeout,
  forSyncWait,
  optionsOf,
  type SyncWaitOptions,
  type WaitOptions,
  waitOptionsOf,
} from '../base/validate.ts';
import { type Child, signalNumber } from '../platform/child.ts';
import { startProgram } from '../platform/start.ts';
import { signalTree } from '../platform/tree.ts';
import type { Args } from './args.ts';
import { Communication, checkInput, checkMaxOutput, type Input } from './communicate.ts';
import { TimeoutExpired } from './errors.ts';
import { ProcessInput } from './input-stream.ts';
import { type PopenOptions, resolveOptions } from './options.ts';
import { ProcessOutput } from './output-stream.ts';
import type { CommunicatedOf, StreamOf } from './output-types.ts';
import { repr } from './repr.ts';
import { closeGivenAway } from './stdio.ts';

/** Options of the methods that send a signal. */
export interface KillOptions {
  /**
   * To everything that the program has started too, whatever group or session it went into. A process whose parent has
   * ended is found only if it is in a group or session that the program leads (`startNewSession`, `processGroup: 0`).
   * @default false
   */
  readonly tree?: boolean | undefined;
}

/** Options of {@link Popen.communicate}. */
export interface CommunicateOptions extends WaitOptions {
  /** Bytes of each stream to keep; what comes after is read and dropped. @default no bound */
  readonly maxOutput?: number | undefined;
}

/** Options of {@link Popen.communicateSync}. */
export interface CommunicateSyncOptions extends SyncWaitOptions {
  /** See {@link CommunicateOptions.maxOutput}. */
  readonly maxOutput?: number | undefined;
}

const forCommunicateSync: readonly string[] = [...forSyncWait, 'maxOutput'];
const forCommunicate: readonly string[] = [...forCommunicateSync, 'signal'];

/**
 * Starts a program at once; a missing one throws here.
 *
 * It lives on when the object is dropped, and keeps this program alive only while something waits for it.
 *
 * @throws {FileNotFoundError | PermissionError | NotADirectoryError | OSError} With `code`, `syscall` and `path`.
 * @throws {ValueError | TypeError} Options that make no sense; nothing was started.
 *
 * @example
 * const p = new Popen(['grep', 'x'], { stdin: PIPE, stdout: PIPE, text: true });
 * const [out] = await p.communicate('xyz\nabc\n');
 *
 * @see https://docs.python.org/3/library/subprocess.html#subprocess.Popen
 */
// biome-ignore lint/complexity/noBannedTypes: {} says "no options", where bytes are certain
export class Popen<const O extends PopenOptions = {}> implements AsyncDisposable, Disposable {
  // `declare` leaves them to the constructor: a field that is undefined first and something else then costs V8 a new
  // shape of the class after every garbage collection.
  /** As they were given. */
  declare readonly args: Args;
  declare readonly pid: number;
  declare readonly stdin: StreamOf<O, 'stdin', ProcessInput>;
  declare readonly stdout: StreamOf<O, 'stdout', ProcessOutput>;
  declare readonly stderr: StreamOf<O, 'stderr', ProcessOutput>;
  readonly #child: Child;
  #communication: Communication | undefined;

  constructor(args: Args, options?: O) {
    const given: PopenOptions = optionsOf<PopenOptions>(options, 'start a program', '{ stdout: PIPE }');
    const { request, signal, textMode, highWaterMark } = resolveOptions(args, given);
    if (given.killSignal !== undefined) signalNumber(given.killSignal);
    signal?.throwIfAborted();
    const { child, stdin, stdout, stderr } = startProgram(request);
    closeGivenAway(given);
    this.args = args;
    this.#child = child;
    this.pid = child.pid;
    this.stdin = (stdin && new ProcessInput(stdin, textMode)) as typeof this.stdin;
    this.stdout = (stdout && new ProcessOutput(stdout, textMode, highWaterMark)) as typeof this.stdout;
    this.stderr = (stderr && new ProcessOutput(stderr, textMode, highWaterMark)) as typeof this.stderr;
    if (signal !== undefined) {
      const deaf = onceAborted(signal, () => this.sendSignal(given.killSignal ?? 'SIGTERM'));
      this.#child.onExit(deaf, { ref: false });
    }
  }

  get #stdin(): ProcessInput | null {
    return this.stdin as ProcessInput | null;
  }

  get #stdout(): ProcessOutput | null {
    return this.stdout as ProcessOutput | null;
  }

  get #stderr(): ProcessOutput | null {
    return this.stderr as ProcessOutput | null;
  }

  /** Exit status; the negated signal number (-15) if a signal ended it; null while it runs, as last known. */
  get returncode(): number | null {
    return this.#child.returncode;
  }

  /** Asks now whether it has ended, without waiting. */
  poll(): number | null {
    return this.#child.poll();
  }

  /**
   * Waits for the end. A program that fills a pipe that nobody reads never ends: use {@link communicate}.
   *
   * @throws {TimeoutExpired} It still runs; wait again if you like.
   */
  wait(options?: WaitOptions): Promise<number> {
    const { timeout, signal } = waitOptionsOf(options);
    const ms = checkTimeout(timeout);
    const abort = checkSignal(signal);
    return this.#waitUntil(ms, deadlineAfter(ms), abort);
  }

  /** As {@link wait}, blocking this thread. */
  waitSync(options?: SyncWaitOptions): number {
    const ms = checkTimeout(waitOptionsOf(options, forSyncWait).timeout);
    const returncode = this.#child.waitSync(ms);
    if (returncode === null) throw new TimeoutExpired(this.args, ms!);
    return returncode;
  }

  /**
   * Sends `input`, reads everything and waits for the end. Never deadlocks, whatever the program does with its pipes.
   *
   * @returns `[stdout, stderr]`, null where there is no pipe; text in text mode.
   * @throws {TimeoutExpired} With what was read so far. The program goes on; kill it or call again, without input, and
   *   nothing is lost.
   * @throws {ValueError} After the end (`read of closed file`), or for input after a first call.
   */
  async communicate(input?: Input, options?: CommunicateOptions): Promise<CommunicatedOf<O>> {
    const { timeout, signal, maxOutput } = waitOptionsOf(options, forCommunicate);
    const ms = checkTimeout(timeout);
    const abort = checkSignal(signal);
    abort?.throwIfAborted();
    const deadline = deadlineAfter(ms);
    const communication = this.#communicate(input, maxOutput);
    if (!communication.done) {
      using stop = stopAt(deadline, abort);
      if (!(await communication.run(stop.promise))) {
        abort?.throwIfAborted();
        throw new TimeoutExpired(this.args, ms!, ...communication.partial());
      }
    }
    await this.#waitUntil(ms, deadline, abort, communication);
    const joining = communication.join();
    if (joining !== undefined) await joining;
    return communication.result() as CommunicatedOf<O>;
  }

  /** As {@link communicate}, blocking this thread. */
  communicateSync(input?: Input, options?: CommunicateSyncOptions): CommunicatedOf<O> {
    const { timeout, maxOutput } = waitOptionsOf(options, forCommunicateSync);
    const ms = checkTimeout(timeout);
    const deadline = deadlineAfter(ms);
    const communication = this.#communicate(input, maxOutput);
    if (!communication.runSync(deadline))
      throw new TimeoutExpired(this.args, ms!, ...communication.partial());
    const left = ms === undefined ? undefined : Math.max(0, deadline - performance.now());
    if (this.#child.waitSync(left) === null) {
      throw new TimeoutExpired(this.args, ms!, ...communication.partial());
    }
    return communication.result() as CommunicatedOf<O>;
  }

  /** Sends a signal by name or number; nothing if it has ended. @throws {ValueError} No such signal. */
  sendSignal(signal: number | NodeJS.Signals, options?: KillOptions): void {
    const given = optionsOf(options, 'send a signal', '{ tree: true }');
    const { tree = false } = checkOptions(given, ['tree'], 'send a signal');
    signalNumber(signal);
    if (tree) signalTree(this.pid, signal, this.#child.poll() === null);
    else this.#child.kill(signal);
  }

  /** SIGTERM. */
  terminate(options?: KillOptions): void {
    this.sendSignal('SIGTERM', options);
  }

  /** SIGKILL. */
  kill(options?: KillOptions): void {
    this.sendSignal('SIGKILL', options);
  }

  /** Bytes of standard output and error that `maxOutput` kept away from {@link communicate}'s result. */
  get dropped(): readonly [number, number] {
    return this.#communication?.dropped() ?? [0, 0];
  }

  /** Closes the pipes and waits for the end, as Python's `with`. @throws {BrokenPipeError} Input that it did not take. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stdout?.destroy();
    this.#stderr?.destroy();
    const stdin = this.#stdin;
    if (stdin !== null && !stdin.closed) {
      const closed = new Promise((resolve) => stdin.once('close', resolve));
      stdin.end();
      await closed;
    }
    await this.wait();
    this.#reportLostInput();
  }

  /** As the `await using` form, blocking this thread. */
  [Symbol.dispose](): void {
    this.#stdout?.destroy();
    this.#stderr?.destroy();
    const stdin = this.#stdin;
    if (stdin !== null && !stdin.ended) {
      stdin.flushSync();
      stdin.closeNow();
    }
    this.waitSync();
    this.#reportLostInput();
  }

  #reportLostInput(): void {
    if (this.#communication === undefined && this.#stdin?.failure !== undefined) throw this.#stdin.failure;
  }

  [inspect.custom](_depth: number, _options: InspectOptions): string {
    const text = `<${this.constructor.name}: returncode: ${repr(this.returncode)} args: ${repr(this.args)}>`;
    return text.length > 80 ? `${text.slice(0, 76)}...>` : text;
  }

  /** The one exchange with this program, begun now or continued. */
  #communicate(given: Input, most: number | undefined): Communication {
    const input = checkInput(given);
    const maxOutput = checkMaxOutput(most);
    const begun = this.#communication;
    if (begun !== undefined) {
      const more = input !== undefined && input.length > 0;
      if (begun.finished && (this.#stdout ?? this.#stderr) !== null) {
        throw new ValueError('read of closed file: communicate() has already returned everything');
      }
      if (begun.finished && more && this.#stdin !== null) {
        throw new ValueError('write to closed file: communicate() has already sent everything');
      }
      if (!begun.finished && more) throw new ValueError('Cannot send input after starting communication');
      return begun;
    }
    for (const stream of [this.#stdout, this.#stderr]) {
      if (stream?.destroyed && !stream.readableEnded) throw new ValueError('read of closed file');
    }
    const streams = { stdin: this.#stdin, stdout: this.#stdout, stderr: this.#stderr };
    this.#communication = new Communication(streams, maxOutput, input);
    return this.#communication;
  }

  #waitUntil(
    timeout: number | undefined,
    deadline: number,
    signal: AbortSignal | undefined,
    communication?: Communication,
  ): Promise<number> {
    const now = this.#child.poll();
    if (now !== null) return Promise.resolve(now);
    if (timeout === undefined && signal === undefined) {
      return new Promise((resolve) => this.#child.onExit(resolve));
    }
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      let timer: NodeJS.Timeout | undefined;
      const settle = (f: () => void): void => {
        unsubscribe();
        clearTimeout(timer);
        deaf?.();
        f();
      };
      const unsubscribe = this.#child.onExit((returncode) => settle(() => resolve(returncode)));
      const deaf = signal && onceAborted(signal, () => settle(() => reject(signal.reason)));
      if (timeout !== undefined && deadline !== Number.POSITIVE_INFINITY) {
        timer = setTimeout(
          () =>
            settle(() => reject(new TimeoutExpired(this.args, timeout, ...(communication?.partial() ?? [])))),
          Math.max(0, deadline - performance.now()),
        );
      }
    });
  }
}

function deadlineAfter(ms: number | undefined): number {
  // Node's timers cannot count further than 24 days: longer is for ever.
  return ms === undefined || ms > 0x7fffffff ? Number.POSITIVE_INFINITY : performance.now() + ms;
}

/** A promise for "time is up or aborted"; undefined when neither can be. */
function stopAt(
  deadline: number,
  signal: AbortSignal | undefined,
): Disposable & { promise: Promise<void> | undefined } {
  if (deadline === Number.POSITIVE_INFINITY && signal === undefined) {
    return { promise: undefined, [Symbol.dispose]: () => {} };
  }
  let timer: NodeJS.Timeout | undefined;
  let deaf: (() => void) | undefined;
  const promise = new Promise<void>((resolve) => {
    deaf = signal && onceAborted(signal, resolve);
    if (deadline !== Number.POSITIVE_INFINITY) {
      timer = setTimeout(resolve, Math.max(0, deadline - performance.now()));
    }
  });
  return {
    promise,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      deaf?.();
    },
  };
}

registerHomeClass(Popen, 'start the program inside the function');
