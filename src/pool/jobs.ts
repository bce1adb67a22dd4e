/** What calls of a pool wait for: one result, all results of a map, or results one by one. */

import { callBack } from './callbacks.ts';
import type { Outcome } from './protocol.ts';
import type { Settle } from './settlement.ts';
import type { Job, Task } from './task.ts';

/** What a map is told of as it goes on. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

/** One task with one item. */
export class ApplyJob<T> implements Job {
  readonly #settle: Settle<T>;

  constructor(settle: Settle<T>) {
    this.#settle = settle;
  }

  succeeded(_task: Task, [value]: readonly unknown[]): void {
    this.#settle.resolve(value as T);
  }

  settled(_task: Task, [outcome]: readonly Outcome[]): void {
    const [ok, value] = outcome!;
    if (ok) this.#settle.resolve(value as T);
    else this.#settle.reject(value);
  }

  failed(_task: Task, error: unknown): void {
    this.#settle.reject(error);
  }
}

/** All results of a map, in the order of its items; the first error in that order wins, once all is done, as in Python. */
export class MapJob<T> implements Job {
  readonly #settle: Settle<T[]>;
  readonly #results: T[];
  readonly #chunksize: number;
  readonly #onProgress: ((progress: Progress) => void) | undefined;
  #left: number;
  readonly #tasks = new Set<Task>();
  #over = false;
  #failure: { readonly at: number; readonly error: unknown } | undefined;

  constructor(
    total: number,
    chunksize: number,
    settle: Settle<T[]>,
    onProgress?: (progress: Progress) => void,
  ) {
    this.#results = new Array(total);
    this.#left = total;
    this.#chunksize = chunksize;
    this.#settle = settle;
    this.#onProgress = onProgress;
  }

  succeeded(task: Task, values: readonly unknown[]): void {
    const start = task.index * this.#chunksize;
    for (let i = 0; i < values.length; i++) this.#results[start + i] = values[i] as T;
    this.#advance(task);
  }

  settled(task: Task, outcomes: readonly Outcome[]): void {
    const start = task.index * this.#chunksize;
    outcomes.forEach(([ok, value], i) => {
      if (ok) this.#results[start + i] = value as T;
      else this.#note(start + i, value);
    });
    this.#advance(task);
  }

  failed(task: Task, error: unknown): void {
    this.#note(task.index * this.#chunksize, error);
    this.#advance(task);
  }

  /** Notes a task that was submitted. */
  add(task: Task): void {
    if (!task.over) this.#tasks.add(task);
  }

  /** Those that have been submitted and have no outcome. */
  get tasks(): readonly Task[] {
    return [...this.#tasks];
  }

  /** Fails at once, with tasks still out, or some not even made. */
  giveUp(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#settle.reject(error);
  }

  /** Whether nothing is wanted any more. */
  get over(): boolean {
    return this.#over;
  }

  #note(at: number, error: unknown): void {
    if (this.#failure === undefined || at < this.#failure.at) this.#failure = { at, error };
  }

  #advance(task: Task): void {
    this.#tasks.delete(task);
    if (this.#over) return;
    this.#left -= task.count;
    callBack(this.#onProgress, {
      done: this.#results.length - this.#left,
      total: this.#results.length,
    });
    if (this.#left > 0) return;
    this.#over = true;
    if (this.#failure === undefined) this.#settle.resolve(this.#results);
    else this.#settle.reject(this.#failure.error);
  }
}
