/**
 * `imap` and `imapUnordered`: results one by one, while the input is still being read.
 *
 * The input is pulled only as far ahead as workers can use it, and no further while results wait to be taken: endless inputs
 * work, and neither side piles up. Leaving the loop early returns the input's iterator and gives up what is in flight.
 */
import { onceAborted } from '../base/abort.ts';
import { TimeoutError } from '../base/errors.ts';
import { registerHomeClass } from '../base/travel.ts';
import {
  checkSignal,
  checkTimeout,
  show,
  timerMs,
  typeError,
  type WaitOptions,
  waitOptionsOf,
} from '../base/validate.ts';
import type { Outcome } from './protocol.ts';
import { Caller } from './remote-errors.ts';
import type { Job, Task } from './task.ts';

/** How an {@link Imap} reaches its pool. */
export interface ImapContext<T> {
  readonly input: AsyncIterator<T> | Iterator<T>;
  readonly chunksize: number;
  /** Chunks in flight or waiting to be taken, at most. */
  readonly window: number;
  readonly ordered: boolean;
  readonly signal: AbortSignal | undefined;
  /** Encodes a chunk and hands it to the workers. @throws what cannot travel */
  submit(job: Job, index: number, items: readonly T[]): Task;
  cancel(task: Task, error: unknown): void;
  onProgress(done: number): void;
  /** Told whenever somebody asks for a result: more tasks will follow soon. */
  asked(): void;
  /** Told once, when no task will follow. */
  left(): void;
}

interface Waiter<R> {
  resolve(result: IteratorResult<R, undefined>): void;
  reject(error: unknown): void;
}

type Chunk = { outcomes: readonly Outcome[] | undefined };

/**
 * The results of `imap`: an async iterator. An error of one task is thrown by the `next()` whose turn it is, and the one after it
 * goes on with the next item, as in Python; a `for await` loop ends with the first error.
 */
export class Imap<T, R> implements AsyncIterableIterator<R>, Job {
  readonly #context: ImapContext<T>;
  /** Chunks in the order in which their results are given; only the first may be partly given. */
  #chunks: Chunk[] = [];
  readonly #byTask = new Map<number, Chunk>();
  readonly #tasks = new Set<Task>();
  #given = 0;
  #submitted = 0;
  #done = 0;
  #pulling = false;
  #inputOver = false;
  /** The input's own error, or an aborted signal's reason: given after the results that came before it. */
  #ending: { readonly error: unknown } | undefined;
  #over = false;
  #hasLeft = false;
  readonly #waiting: Waiter<R>[] = [];
  readonly #deaf: (() => void) | undefined;
  readonly #caller = new Caller();

  constructor(context: ImapContext<T>) {
    this.#context = context;
    this.#caller.note();
    this.#deaf = context.signal && onceAborted(context.signal, () => this.#abort());
    if (context.signal?.aborted) this.#abort();
    else void this.#pull();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /**
   * The next result; `{ done: true }` when there are no more.
   *
   * @param options.timeout Milliseconds to wait; nothing is lost when time is up, the next call waits for the same result.
   * @throws {TimeoutError} When time is up.
   */
  next(options?: WaitOptions): Promise<IteratorResult<R, undefined>> {
    return new Promise((resolve, reject) => {
      const given = waitOptionsOf(options);
      const timeout = checkTimeout(given.timeout);
      const signal = checkSignal(given.signal);
      signal?.throwIfAborted();
      const leave = (): void => {
        clearTimeout(timer);
        deaf?.();
      };
      const waiter: Waiter<R> = {
        resolve: (result) => {
          leave();
          resolve(result);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      this.#context.asked();
      const giveUp = (error: unknown): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        waiter.reject(error);
      };
      const onAbort = (): void => giveUp(signal!.reason);
      const timer =
        timeout === undefined
          ? undefined
          : setTimeout(
              () =>
                giveUp(
                  new TimeoutError(
                    `The next result is not there after ${timeout} ms; the task goes on: ask again`,
                  ),
                ),
              timerMs(timeout),
            );
      const deaf = signal && onceAborted(signal, onAbort);
      this.#waiting.push(waiter);
      this.#give();
    });
  }

  /** Gives up what is left: the input is closed, tasks that have not begun never will. */
  async return(): Promise<IteratorResult<R, undefined>> {
    if (!this.#over) {
      this.#finish();
      for (const task of [...this.#tasks]) this.#context.cancel(task, new Error('The iteration was left'));
      await this.#closeInput();
    }
    return { done: true, value: undefined };
  }

  succeeded(task: Task, values: readonly unknown[]): void {
    this.settled(
      task,
      values.map((value) => [true, value] as const),
    );
  }

  settled(task: Task, outcomes: readonly Outcome[]): void {
    this.#tasks.delete(task);
    const chunk = this.#byTask.get(task.index);
    this.#byTask.delete(task.index);
    this.#done += task.count;
    this.#context.onProgress(this.#done);
    if (this.#over || chunk === undefined) return;
    chunk.outcomes = outcomes;
    if (!this.#context.ordered) {
      // In order of completion: this chunk goes before those that are not there yet.
      this.#chunks.splice(this.#chunks.indexOf(chunk), 1);
      const firstOpen = this.#chunks.findIndex((c) => c.outcomes === undefined);
      this.#chunks.splice(firstOpen < 0 ? this.#chunks.length : firstOpen, 0, chunk);
    }
    this.#give();
  }

  failed(task: Task, error: unknown): void {
    this.settled(
      task,
      Array.from({ length: task.count }, (): Outcome => [false, error]),
    );
  }

  /** Answers those who wait, as far as results are there. */
  #give(): void {
    while (this.#waiting.length > 0) {
      const first = this.#chunks[0];
      // What was read last may not be among the chunks yet.
      const isDone = first === undefined && this.#inputOver && !this.#pulling;
      if (this.#over || isDone) {
        const { resolve, reject } = this.#waiting.shift()!;
        const ending = this.#ending;
        this.#ending = undefined;
        this.#finish();
        if (ending === undefined) resolve({ done: true, value: undefined });
        else reject(ending.error);
        continue;
      }
      if (first?.outcomes === undefined) return;
      const outcome = first.outcomes[this.#given++];
      if (outcome === undefined) {
        this.#chunks.shift();
        this.#given = 0;
        void this.#pull();
        continue;
      }
      const { resolve, reject } = this.#waiting.shift()!;
      if (outcome[0]) resolve({ done: false, value: outcome[1] as R });
      else {
        this.#caller.show(outcome[1]);
        reject(outcome[1]);
      }
    }
    if (this.#chunks[0]?.outcomes?.length === this.#given) {
      this.#chunks.shift();
      this.#given = 0;
    }
    void this.#pull();
  }

  /** Reads the input as far as the window allows; one at a time. */
  async #pull(): Promise<void> {
    if (this.#pulling || this.#inputOver || this.#over || this.#chunks.length >= this.#context.window) return;
    this.#pulling = true;
    try {
      while (!this.#inputOver && !this.#over && this.#chunks.length < this.#context.window) {
        const items = await this.#read();
        if (this.#over || items.length === 0) continue;
        const chunk: Chunk = { outcomes: undefined };
        const index = this.#submitted++;
        this.#chunks.push(chunk);
        this.#byTask.set(index, chunk);
        try {
          this.#tasks.add(this.#context.submit(this, index, items));
        } catch (error) {
          this.#byTask.delete(index);
          chunk.outcomes = items.map((): Outcome => [false, error]);
        }
      }
    } finally {
      this.#pulling = false;
      if (this.#inputOver) this.#leave();
    }
    this.#give();
  }

  /** One chunk of items. An error of the input replaces the whole chunk, as in Python. */
  async #read(): Promise<T[]> {
    const { input, chunksize } = this.#context;
    const items: T[] = [];
    try {
      while (items.length < chunksize) {
        const next: unknown = input.next();
        const result: unknown = isThenable(next) ? await next : next;
        checkResult<T>(result);
        if (result.done === true) {
          this.#inputOver = true;
          break;
        }
        items.push(result.value);
      }
      return items;
    } catch (error) {
      this.#inputOver = true;
      this.#ending = { error };
      return [];
    }
  }

  #abort(): void {
    if (this.#over) return;
    const error: unknown = this.#context.signal?.reason;
    this.#finish();
    this.#ending = { error };
    for (const task of [...this.#tasks]) this.#context.cancel(task, error);
    void this.#closeInput();
    this.#give();
  }

  #finish(): void {
    this.#over = true;
    this.#chunks = [];
    this.#deaf?.();
    this.#leave();
  }

  #leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#context.left();
  }

  async #closeInput(): Promise<void> {
    if (this.#inputOver) return;
    this.#inputOver = true;
    await this.#context.input.return?.();
  }
}

/** A promise of any realm or library: what `for await` would wait for. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value instanceof Promise || typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
  );
}

function checkResult<T>(result: unknown): asserts result is IteratorResult<T> {
  if (typeof result !== 'object' || result === null)
    throw typeError(`Cannot read the input: its next() must give an object, got ${show(result)}`);
}

registerHomeClass(Imap, 'send what it gives, item by item');
