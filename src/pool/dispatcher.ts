/**
 * Which worker gets which task, and what becomes of tasks whose worker is lost.
 *
 *   pool ── submit ──▶ queue ── send ──▶ worker's tasks in flight ──▶ settled
 *                        ▲                      │
 *                        └── unbegun, retried ──┘  (worker lost, retiring, or others idle)
 *
 * A worker is sent several tasks ahead when tasks are short, so that it need not wait for the parent between them. When
 * others run out of work, what has not begun is taken back from it: nothing waits behind a long task while a worker is idle.
 */
import os from 'node:os';
import { setInterval as every } from 'node:timers';
import { RuntimeError, TimeoutError } from '../base/errors.ts';
import { encode } from '../codec/index.ts';
import { Alarms } from './alarms.ts';
import { WorkerLostError } from './errors.ts';
import { type Feed, Feeder } from './feeder.ts';
import { Pump } from './pump.ts';
import type { WorkerSettings } from './settings.ts';
import { type Task, TaskQueue } from './task.ts';
import { Worker } from './worker.ts';

const { SIGKILL, SIGTERM } = os.constants.signals;

/** How long a task that was given up may go on before its worker is ended, in milliseconds. */
const cancelGraceMs = 500;
/** How long a worker may take to heed SIGTERM before SIGKILL, in milliseconds. */
const terminateGraceMs = 1000;
/** So long after somebody has asked for a result of an `imap` idle workers of a closed pool stay for its next tasks. */
const lingerMs = 1000;
/** Starts that may fail without one that succeeds, beside one for each worker: then no further one is tried. */
const spareStarts = 3;
/** The same for workers that were killed before they were ready: whoever did that need not do it to the next. */
const spareKilledStarts = 12;
/** How much work, in milliseconds, is sent ahead to a worker, and how many tasks at most. */
const aheadMs = 2;
const mostAhead = 256;

/** Tasks made of long inputs wait in the queue up to this number. */
const mostQueued = 4096;
/** Submitted tasks are sent when the caller's code has returned, unless they are as many. */
const mostUnsent = 64;

/** Options that concern all workers. */
export interface DispatcherOptions {
  readonly processes: number;
  readonly maxTasksPerChild: number | undefined;
  readonly settings: WorkerSettings;
}

type State = 'running' | 'closed' | 'terminated';

/** @see module */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #workers = new Set<Worker>();
  readonly #queue = new TaskQueue();
  /** Tasks that were submitted and are not over, and inputs of which more tasks are to come. */
  #open = 0;
  #state: State = 'running';
  #broken: { readonly error: unknown } | undefined;
  #terminated: { readonly error: unknown } | undefined;
  #failedStarts = 0;
  #killedStarts = 0;
  /** Keeps the program alive while something is to be done. */
  #keepAlive: NodeJS.Timeout | undefined;
  readonly #alarms = new Alarms<Task | Worker>();
  readonly #feeder = new Feeder(() => this.#queue.length < mostQueued);
  /** Calls whose input is still being read, and how to fail them: their tasks are to come. */
  readonly #reading = new Set<(error: unknown) => void>();
  /** Calls of `imap` whose input has not ended, and when a result of one was last asked for. */
  #streams = 0;
  #askedAt = Number.NEGATIVE_INFINITY;
  #lingering: NodeJS.Timeout | undefined;
  /** Tasks submitted since the last {@link Dispatcher.#fill}, which is done once for all that are submitted in one go. */
  #unsent = 0;
  /** To be done when the caller's code has returned: what is told to jobs must not come in the middle of it. */
  #soon: (() => void)[] = [];
  readonly #pump = new Pump(() => {
    this.#fill();
    this.#maybeFinish();
  });
  /** Moving average of a task's time, in milliseconds; begins high, so that nothing is sent ahead before it is known. */
  #taskMs = 10;
  readonly #onEnded: (() => void)[] = [];

  constructor(options: DispatcherOptions) {
    this.#options = options;
    try {
      for (let i = 0; i < options.processes; i++) this.#startWorker();
    } catch (error) {
      this.terminate();
      throw error;
    }
  }

  get state(): State {
    return this.#state;
  }

  /** The living workers, for messages and tests. */
  get workers(): Iterable<Worker> {
    return this.#workers;
  }

  /** Takes a task; its job is told of its outcome. */
  submit(task: Task): void {
    const refusal = this.#broken ?? this.#terminated;
    if (refusal !== undefined) {
      task.over = true;
      this.#later(() => task.job.failed(task, refusal.error));
      return;
    }
    this.#opened();
    // After close(), an `imap` whose input or reader was slow finds that all workers have gone.
    if (this.#state === 'closed' && this.#staying < Math.min(this.#options.processes, this.#open)) {
      this.#startOne();
    }
    const idle = this.#queue.empty ? this.#idle() : undefined;
    if (idle !== undefined) {
      this.#send(idle, task);
      this.#pump.expectSoon();
      return;
    }
    this.#queue.push(task);
    if (this.#unsent++ === 0) queueMicrotask(() => this.#unsent > 0 && this.#fill());
    else if (this.#unsent >= mostUnsent) this.#fill();
  }

  /**
   * Keeps workers after `close()` while the input of a call is being read.
   *
   * @param giveUp Fails the call, when the pool is broken or terminated first.
   * @returns what is to be called when its tasks have been submitted.
   */
  reading(giveUp: (error: unknown) => void): () => void {
    const refusal = this.#broken ?? this.#terminated;
    if (refusal !== undefined) {
      this.#later(() => giveUp(refusal.error));
      return () => {};
    }
    this.#reading.add(giveUp);
    return () => {
      this.#reading.delete(giveUp);
      this.#maybeFinish();
    };
  }

  /**
   * Keeps workers after `close()` while somebody reads the results of a call whose input is read only as far ahead as that: what lies
   * between two tasks is not their end. Who stops reading for a while does not keep them.
   */
  streaming(): { readonly asked: () => void; readonly left: () => void } {
    this.#streams += 1;
    const asked = (): void => {
      this.#askedAt = performance.now();
    };
    asked();
    return {
      asked,
      left: () => {
        this.#streams -= 1;
        this.#maybeFinish();
      },
    };
  }

  /** Tasks that are made when there is time for it. */
  feed(feed: Feed): void {
    this.#opened();
    const end = (): void => {
      this.#open -= 1;
      this.#maybeFinish();
    };
    this.#feeder.add({
      make: (enough) => {
        if (feed.make(enough)) return true;
        end();
        return false;
      },
      giveUp: (error) => {
        feed.giveUp(error);
        end();
      },
    });
  }

  /** Something to do: the program must not come to its end meanwhile. */
  #opened(): void {
    this.#open += 1;
    this.#keepAlive ??= every(() => {}, 2 ** 30);
    this.#keepAlive.ref();
  }

  /**
   * Blocks this thread, going on with the pool's work, until `done` or until time is up.
   *
   * @param timeout Milliseconds.
   * @returns whether it is done.
   */
  runSync(done: () => boolean, timeout: number | undefined): boolean {
    const deadline = performance.now() + (timeout ?? Number.POSITIVE_INFINITY);
    return this.#pump.runSync(done, deadline, () => {
      for (const act of this.#soon.splice(0)) act();
      this.#alarms.ringDue();
      const more = this.#feeder.feed();
      this.#fill();
      this.#maybeFinish();
      return more ? 0 : (this.#alarms.next ?? Number.POSITIVE_INFINITY);
    });
  }

  /** Forgets a task whose job wants nothing any more; what runs of it goes on. */
  drop(task: Task): void {
    if (task.over) return;
    task.over = true;
    this.#open -= 1;
    this.#alarms.clear(task);
  }

  /**
   * Gives a task up: its job is told at once; when it runs already, it is told so, and its worker is ended when the task goes
   * on nevertheless.
   */
  cancel(task: Task, error: unknown): void {
    if (task.over) return;
    const worker = [...this.#workers].find((w) => w.has(task));
    this.#fail(task, error);
    if (worker === undefined) return;
    if (worker.cancel(task, encodeReason(error))) {
      this.#fill();
      return;
    }
    // Its neighbours in flight shall not wait for it, nor end with it.
    this.#requeue(worker.withdraw(Number.POSITIVE_INFINITY));
    this.#alarms.set(task, cancelGraceMs, () => worker.has(task) && worker.process.kill());
    this.#fill();
  }

  /** No further tasks; workers exit once all is done. */
  close(): void {
    if (this.#state !== 'running') return;
    this.#state = 'closed';
    this.#maybeFinish();
  }

  /** Ends the workers now; tasks that are not over fail. */
  terminate(): void {
    if (this.#state === 'terminated') return;
    this.#state = 'terminated';
    const error = new RuntimeError('Cannot get a result: the pool was terminated before it was there');
    this.#terminated = { error };
    clearTimeout(this.#lingering);
    this.#failAll(error);
    for (const worker of this.#workers) {
      worker.retiring = true;
      worker.process.terminate();
      this.#alarms.set(worker, terminateGraceMs, () => this.#workers.has(worker) && worker.process.kill());
    }
  }

  /** {@link join}, blocking this thread. */
  joinSync(): void {
    this.runSync(() => this.#workers.size === 0, undefined);
  }

  /** Resolves when every worker is gone. */
  join(): Promise<void> {
    if (this.#workers.size === 0) return Promise.resolve();
    const alive = every(() => {}, 2 ** 30);
    return new Promise((resolve) => {
      this.#onEnded.push(() => {
        clearInterval(alive);
        resolve();
      });
    });
  }

  #startWorker(): void {
    const worker = new Worker(this.#options.settings, {
      ready: () => {
        this.#failedStarts = 0;
        this.#killedStarts = 0;
      },
      broken: (_, error) => this.#break(error),
      succeeded: (w, task, values) => {
        if (this.#answered(w, task)) task.job.succeeded(task, values);
        this.#advanced(w);
      },
      settled: (w, task, outcomes) => {
        if (this.#answered(w, task)) task.job.settled(task, outcomes);
        this.#advanced(w);
      },
      replace: (w) => this.#retire(w),
      ended: (w, exitcode, begun, unbegun) => this.#ended(w, exitcode, begun, unbegun),
    });
    this.#workers.add(worker);
    this.#pump.add(worker);
  }

  /** Sends queued tasks to workers that can take more, the idle ones first; then moves work from the busy to the idle. */
  #fill(): void {
    this.#unsent = 0;
    if (this.#state === 'terminated' || this.#open === 0) return;
    const ahead = Math.max(1, Math.min(mostAhead, Math.floor(aheadMs / this.#taskMs)));
    for (let depth = 1; !this.#queue.empty; depth = Math.min(depth * 2, ahead)) {
      for (const worker of this.#workers) {
        while (worker.load < depth && this.#canTake(worker)) {
          const task = this.#queue.shift();
          if (task === undefined) return;
          this.#send(worker, task);
        }
      }
      if (depth >= ahead) break;
    }
    if (this.#queue.empty) this.#balance();
    this.#feeder.resume();
  }

  /** A worker that has nothing to do: what it is sent needs no turn, and is on its way while the caller goes on. */
  #idle(): Worker | undefined {
    for (const worker of this.#workers) if (worker.load === 0 && this.#canTake(worker)) return worker;
    return undefined;
  }

  #canTake(worker: Worker): boolean {
    const { maxTasksPerChild } = this.#options;
    return (
      worker.ready &&
      !worker.retiring &&
      worker.hasRoom &&
      (maxTasksPerChild === undefined || worker.sent < maxTasksPerChild)
    );
  }

  #send(worker: Worker, task: Task): void {
    if (worker.load === 0) worker.lastSettled = performance.now();
    worker.send(task);
    if (worker.load === 1) this.#advanced(worker);
    this.#pump.expect();
  }

  #balance(): void {
    for (const idle of this.#workers) {
      if (idle.load > 0 || !this.#canTake(idle)) continue;
      let busiest: Worker | undefined;
      for (const w of this.#workers) if (w.load > 1 && w.load > (busiest?.load ?? 0)) busiest = w;
      if (busiest === undefined) return;
      for (const task of busiest.withdraw(Math.ceil((busiest.load - 1) / 2))) {
        if (this.#canTake(idle)) this.#send(idle, task);
        else this.#queue.unshift([task]);
      }
    }
  }

  /** A task has come to the head of its worker: now its time runs. */
  #advanced(worker: Worker): void {
    const task = worker.head;
    if (task?.timeout === undefined || this.#alarms.has(task)) return;
    const { timeout } = task;
    this.#alarms.set(task, timeout, () => {
      this.cancel(
        task,
        new TimeoutError(`Task was given up: it ran longer than its timeout of ${timeout} ms`),
      );
    });
  }

  /** Notes that a worker has done a task. @returns whether its job still wants to know. */
  #answered(worker: Worker, task: Task): boolean {
    const now = performance.now();
    this.#taskMs += 0.1 * (now - worker.lastSettled - this.#taskMs);
    worker.lastSettled = now;
    this.#alarms.clear(task);
    const wanted = !task.over;
    if (wanted) {
      task.over = true;
      this.#open -= 1;
    }
    if (worker.load > 0) return wanted;
    const { maxTasksPerChild } = this.#options;
    if (worker.retiring || (maxTasksPerChild !== undefined && worker.sent >= maxTasksPerChild)) {
      this.#retire(worker);
    }
    return wanted;
  }

  /** Lets a worker go once it has done what it has begun, and starts another in its place. */
  #retire(worker: Worker): void {
    const first = !worker.retiring;
    worker.retiring = true;
    this.#requeue(worker.withdraw(Number.POSITIVE_INFINITY));
    if (worker.load > 0) return;
    worker.exit();
    if (first || worker.load === 0) this.#replace(worker);
    this.#fill();
  }

  readonly #replaced = new WeakSet<Worker>();

  #replace(worker: Worker): void {
    if (this.#replaced.has(worker)) return;
    this.#replaced.add(worker);
    const toCome = this.#open > 0 || this.#reading.size > 0 || this.#lingering !== undefined;
    const needed = this.#state === 'running' || (this.#state === 'closed' && toCome);
    if (needed && this.#broken === undefined) this.#startOne();
  }

  /** Workers that may take more. */
  get #staying(): number {
    let count = 0;
    for (const worker of this.#workers) if (!worker.retiring) count++;
    return count;
  }

  #startOne(): void {
    try {
      this.#startWorker();
    } catch (error) {
      this.#break(error);
    }
  }

  #ended(worker: Worker, exitcode: number | null, begun: readonly Task[], unbegun: readonly Task[]): void {
    this.#workers.delete(worker);
    this.#alarms.clear(worker);
    if (!worker.ready) {
      if (exitcode === -SIGKILL || exitcode === -SIGTERM) this.#killedStarts += 1;
      else this.#failedStarts += 1;
    }
    this.#requeue(unbegun);
    const lost = (losses?: number): WorkerLostError =>
      new WorkerLostError(worker.process.pid!, exitcode, worker.ready, losses);
    for (const task of begun) {
      this.#alarms.clear(task);
      if (task.over) continue;
      task.losses += 1;
      if (task.retries > 0) {
        task.retries -= 1;
        this.#requeue([task]);
      } else this.#fail(task, lost(task.losses));
    }
    const { processes } = this.#options;
    if (this.#failedStarts >= processes + spareStarts || this.#killedStarts >= processes + spareKilledStarts)
      this.#break(lost());
    this.#replace(worker);
    this.#fill();
    this.#maybeFinish();
    if (this.#workers.size === 0) for (const done of this.#onEnded.splice(0)) done();
  }

  /** Nothing can run here any more: the initializer failed, or no worker can be started. */
  #break(error: unknown): void {
    if (this.#broken !== undefined) return;
    this.#broken = { error };
    this.#failAll(error);
    for (const worker of this.#workers) {
      worker.retiring = true;
      worker.process.terminate();
    }
  }

  #requeue(tasks: readonly Task[]): void {
    const rest = tasks.filter((task) => !task.over);
    if (rest.length > 0) this.#queue.unshift(rest);
  }

  #fail(task: Task, error: unknown): void {
    if (task.over) return;
    task.over = true;
    this.#open -= 1;
    this.#alarms.clear(task);
    task.job.failed(task, error);
    this.#maybeFinish();
  }

  #failAll(error: unknown): void {
    const inFlight = [...this.#workers].flatMap((worker) => worker.tasks);
    for (const task of [...inFlight, ...this.#queue.drain()]) this.#fail(task, error);
    this.#feeder.giveUp(error);
    for (const giveUp of this.#reading) giveUp(error);
    this.#reading.clear();
  }

  #later(act: () => void): void {
    this.#soon.push(act);
    queueMicrotask(() => {
      for (const each of this.#soon.splice(0)) each();
    });
  }

  /** Whether to wait for the next task of an `imap`; then this is asked again when time is up. */
  #lingers(): boolean {
    clearTimeout(this.#lingering);
    this.#lingering = undefined;
    const left = this.#askedAt + lingerMs - performance.now();
    if (this.#streams === 0 || left <= 0) return false;
    this.#lingering = setTimeout(() => {
      this.#lingering = undefined;
      this.#maybeFinish();
    }, left);
    return true;
  }

  #maybeFinish(): void {
    if (this.#open > 0) return;
    this.#keepAlive?.unref();
    if (this.#state === 'running') return;
    clearInterval(this.#keepAlive);
    this.#keepAlive = undefined;
    if (this.#state !== 'closed' || this.#reading.size > 0 || this.#lingers()) return;
    for (const worker of this.#workers)
      if (worker.ready && !worker.retiring && worker.load === 0) worker.exit();
  }
}

function encodeReason(error: unknown): Buffer {
  try {
    return encode(error);
  } catch {
    return encode(new RuntimeError(String(error)));
  }
}
