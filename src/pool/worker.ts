/**
 * A pool's worker as its parent sees it: a process, a transport, and the tasks in flight.
 *
 * It knows nothing of other workers; what to send and what to do after a loss is the dispatcher's business.
 */
import { decode, decodeAsync } from '../codec/index.ts';
import type { Child } from '../platform/launch.ts';
import { Claims } from './claims.ts';
import {
  BROKEN,
  CANCEL,
  EXIT,
  FUNCTION,
  headerLength,
  message,
  OUTCOMES,
  type Outcome,
  READY,
  REPLACE,
  RESULTS,
  taskMessage,
} from './protocol.ts';
import type { Inlet } from './pump.ts';
import { cameFrom } from './remote-errors.ts';
import type { WorkerSettings } from './settings.ts';
import type { PoolFunction, Task } from './task.ts';
import type { Transport } from './transport.ts';
import { PoolWorkerProcess } from './worker-process.ts';

interface InFlight {
  readonly sequence: number;
  readonly task: Task;
}

/** What a worker tells its dispatcher. */
export interface WorkerEvents {
  /** The initializer is through. */
  ready(worker: Worker): void;
  /** The initializer failed. */
  broken(worker: Worker, error: unknown): void;
  /** Every item of the task succeeded. */
  succeeded(worker: Worker, task: Task, values: readonly unknown[]): void;
  settled(worker: Worker, task: Task, outcomes: readonly Outcome[]): void;
  /** It asks to be replaced: it holds too much memory. */
  replace(worker: Worker): void;
  /** It is gone; `begun` was being run, `unbegun` can go elsewhere. */
  ended(worker: Worker, exitcode: number | null, begun: readonly Task[], unbegun: readonly Task[]): void;
}

/** No further task is sent ahead to a worker that has so many bytes to read already. */
const mostBytesAhead = 1 << 20;

/** @see module */
export class Worker implements Inlet {
  readonly process: PoolWorkerProcess;
  readonly transport: Transport;
  readonly child: Child;
  readonly #claims: Claims;
  readonly #events: WorkerEvents;
  readonly #functions = new Set<number>();
  #inFlight: InFlight[] = [];
  #bytesInFlight = 0;
  #next = 0;
  #acknowledged = 0;
  /** Messages whose modules are being imported; each settles once, from the event loop or at once. */
  readonly #importing = new Set<() => void>();
  #onImported: (() => void) | undefined;
  /** The initializer is through. */
  ready = false;
  /** No further tasks: it will be asked to exit, or was. */
  retiring = false;
  /** Tasks sent, for `maxTasksPerChild`. */
  sent = 0;
  /** When it last had news of a task, on the clock of `performance.now()`. */
  lastSettled = 0;

  constructor(settings: WorkerSettings, events: WorkerEvents) {
    this.#events = events;
    this.process = new PoolWorkerProcess(settings);
    const { transport, claims, child } = this.process.startWorker();
    this.transport = transport;
    this.child = child;
    this.#claims = claims;
  }

  /** Tasks in flight. */
  get load(): number {
    return this.#inFlight.length;
  }

  /** The task that is presumably running. */
  get head(): Task | undefined {
    return this.#inFlight[0]?.task;
  }

  /** The tasks in flight, in the order in which they were sent. */
  get tasks(): Task[] {
    return this.#inFlight.map(({ task }) => task);
  }

  /** Whether the task is in flight here. */
  has(task: Task): boolean {
    return this.#inFlight.some((f) => f.task === task);
  }

  /** Whether one more task may be sent: room in the table of claims, and no megabytes waiting already. */
  get hasRoom(): boolean {
    return (
      this.#next - this.#acknowledged < Claims.size - 1 &&
      (this.load === 0 || this.#bytesInFlight < mostBytesAhead)
    );
  }

  /** Sends a task, and its function if this worker has not got it. */
  send(task: Task): void {
    this.#sendFunction(task.func);
    const sequence = this.#next++;
    this.#claims.sent(sequence);
    this.#inFlight.push({ sequence, task });
    this.#bytesInFlight += task.body.length;
    this.sent += 1;
    this.transport.send(taskMessage(sequence, task.func.id, task.form, task.body));
  }

  /** Takes back up to `most` tasks that have not begun, latest first; returns them in their order. */
  withdraw(most: number): Task[] {
    const back: Task[] = [];
    for (let i = this.#inFlight.length - 1; i >= 0 && back.length < most; i--) {
      const { sequence, task } = this.#inFlight[i]!;
      if (!this.#claims.withdraw(sequence)) break;
      this.#remove(i);
      this.sent -= 1;
      back.unshift(task);
    }
    return back;
  }

  /** Gives up a task: true when it had not begun, and never will; false when its worker has been told to cancel it. */
  cancel(task: Task, reason: Uint8Array): boolean {
    const at = this.#inFlight.findIndex((f) => f.task === task);
    if (at < 0) return true;
    const { sequence } = this.#inFlight[at]!;
    if (this.#claims.withdraw(sequence)) {
      this.#remove(at);
      return true;
    }
    this.transport.send(message(CANCEL, sequence, reason));
    return false;
  }

  /** Asks it to exit once it has done what it was sent. */
  exit(): void {
    this.retiring = true;
    this.transport.send(message(EXIT, 0));
  }

  #remove(at: number): InFlight {
    const removed = at === 0 ? this.#inFlight.shift()! : this.#inFlight.splice(at, 1)[0]!;
    this.#bytesInFlight -= removed.task.body.length;
    return removed;
  }

  #sendFunction(func: PoolFunction): void {
    if (this.#functions.has(func.id)) return;
    this.#functions.add(func.id);
    this.transport.send(message(FUNCTION, func.id, func.bytes));
  }

  receive(bytes: Buffer): void {
    switch (bytes[0]) {
      case READY:
        this.ready = true;
        this.#events.ready(this);
        return;
      case BROKEN:
        this.#decode(bytes, (error) => this.#events.broken(this, error));
        return;
      case RESULTS: {
        const task = this.#answered(bytes);
        this.#decode(
          bytes,
          (values) => this.#events.succeeded(this, task, values as unknown[]),
          (error) => this.#undecodable(task, error),
        );
        return;
      }
      case OUTCOMES: {
        const task = this.#answered(bytes);
        this.#decode(
          bytes,
          (outcomes) => {
            for (const [ok, error] of outcomes as Outcome[]) {
              if (!ok) cameFrom(error, this.child.pid, this.process.name);
            }
            this.#events.settled(this, task, outcomes as Outcome[]);
          },
          (error) => this.#undecodable(task, error),
        );
        return;
      }
      case REPLACE:
        this.#events.replace(this);
        return;
      default:
        throw new Error(`Unknown message ${bytes[0]} from a worker`);
    }
  }

  #answered(bytes: Buffer): Task {
    const sequence = bytes.readUInt32LE(1);
    const at =
      this.#inFlight[0]?.sequence === sequence ? 0 : this.#inFlight.findIndex((f) => f.sequence === sequence);
    if (at < 0) throw new Error(`Unknown task ${sequence} from a worker`);
    this.#acknowledged = sequence + 1;
    return this.#remove(at).task;
  }

  #undecodable(task: Task, error: unknown): void {
    this.#events.settled(
      this,
      task,
      Array.from({ length: task.count }, () => [false, error] as const),
    );
  }

  #decode(bytes: Buffer, done: (body: unknown) => void, failed: (error: unknown) => void = done): void {
    let body: unknown;
    try {
      body = decodeAsync(bytes.subarray(headerLength));
    } catch (error) {
      failed(error);
      return;
    }
    if (body instanceof Promise) this.#whenImported(bytes, body, done, failed);
    else done(body);
  }

  #whenImported(
    bytes: Buffer,
    body: Promise<unknown>,
    done: (body: unknown) => void,
    failed: (error: unknown) => void,
  ): void {
    const once = (settle: () => void): void => {
      if (!this.#importing.delete(now)) return;
      settle();
      if (this.#importing.size === 0) this.#onImported?.();
    };
    const now = (): void =>
      once(() => {
        let value: unknown;
        try {
          value = decode(bytes.subarray(headerLength));
        } catch (error) {
          failed(error);
          return;
        }
        done(value);
      });
    this.#importing.add(now);
    body.then(
      (value) => once(() => done(value)),
      (error: unknown) => once(() => failed(error)),
    );
  }

  settleNow(): void {
    for (const now of [...this.#importing]) now();
  }

  exited(exitcode: number): void {
    // Results that wait for a module are results.
    if (this.#importing.size > 0) this.#onImported = () => this.#ended(exitcode);
    else this.#ended(exitcode);
  }

  #ended(exitcode: number): void {
    const inFlight = this.#inFlight;
    this.#inFlight = [];
    const unbegun = inFlight.filter(({ sequence }) => this.#claims.withdraw(sequence));
    const begun = inFlight.filter((f) => !unbegun.includes(f));
    this.transport.close();
    this.process.release();
    this.#events.ended(
      this,
      exitcode,
      begun.map((f) => f.task),
      unbegun.map((f) => f.task),
    );
  }
}
