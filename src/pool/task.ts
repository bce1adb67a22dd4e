/** One chunk of a job on its way through a pool. */
import type { CallForm, Outcome } from './protocol.ts';

/** A function as the workers know it. */
export interface PoolFunction {
  readonly id: number;
  readonly bytes: Buffer;
}

/** What a call of the pool is waiting for; told of each of its tasks exactly once. */
export interface Job {
  /** Every item succeeded: its results, one for each item. */
  succeeded(task: Task, values: readonly unknown[]): void;
  /** The worker's outcomes, one for each item. */
  settled(task: Task, outcomes: readonly Outcome[]): void;
  /** There will be none: cancelled, timed out, lost, or the pool was ended. */
  failed(task: Task, error: unknown): void;
}

/** One message's worth of items. */
export interface Task {
  readonly job: Job;
  /** Which of the job's tasks it is, from 0. */
  readonly index: number;
  /** How many items it holds. */
  readonly count: number;
  readonly func: PoolFunction;
  readonly form: CallForm;
  /** The encoded items; kept until there is an outcome, to be sent to another worker if need be. */
  readonly body: Buffer;
  /** Milliseconds that it may run. */
  readonly timeout: number | undefined;
  /** How often it may be run again after the loss of its worker. */
  retries: number;
  /** How many workers it has lost. */
  losses: number;
  /** Whether its job has been told; what comes later is dropped. */
  over: boolean;
}

/** A queue that tasks may also leave from the middle, by being over. */
export class TaskQueue {
  #tasks: (Task | undefined)[] = [];
  #head = 0;

  /** Adds a task at the end. */
  push(task: Task): void {
    this.#tasks.push(task);
  }

  /** Adds tasks at the front, in their order. */
  unshift(tasks: readonly Task[]): void {
    this.#tasks = [...tasks, ...this.#tasks.slice(this.#head)];
    this.#head = 0;
  }

  /** The next task that is not over. */
  shift(): Task | undefined {
    while (this.#head < this.#tasks.length) {
      const task = this.#tasks[this.#head]!;
      this.#tasks[this.#head++] = undefined;
      if (this.#head > 1024 && this.#head * 2 > this.#tasks.length) {
        this.#tasks = this.#tasks.slice(this.#head);
        this.#head = 0;
      }
      if (!task.over) return task;
    }
    this.#tasks = [];
    this.#head = 0;
    return undefined;
  }

  /** How many tasks it holds, with those that are over but not yet noticed. */
  get length(): number {
    return this.#tasks.length - this.#head;
  }

  /** Whether nothing, or only what is over, is left. */
  get empty(): boolean {
    while (this.#head < this.#tasks.length && this.#tasks[this.#head]!.over)
      this.#tasks[this.#head++] = undefined;
    return this.#head >= this.#tasks.length;
  }

  /** Takes everything that is not over. */
  drain(): Task[] {
    const rest = this.#tasks
      .slice(this.#head)
      .filter((task): task is Task => task !== undefined && !task.over);
    this.#tasks = [];
    this.#head = 0;
    return rest;
  }
}
