/**
 * A pool's worker as its parent sees it: a process, a transport, and the tasks in flight.
 *
 * It knows nothing of other workers; what to send and what to do after a loss is the dispatcher's business.
 */
import { decodeAsync } from '../codec/index.ts';
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
  TASK,
  taskHead,
} from './protocol.ts';
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
  settled(worker: Worker, task: Task, outcomes: readonly Outcome[]): void;
  /** The next task in flight is presumably running now. */
  advanced(worker: Worker): void;
  /** It asks to be replaced: it holds too much memory. */
  replace(worker: Worker): void;
  /** It is gone; `begun` was being run, `unbegun` can go elsewhere. */
  ended(worker: Worker, exitcode: number | null, begun: readonly Task[], unbegun: readonly Task[]): void;
}

/** @see module */
export class Worker {
  readonly process: PoolWorkerProcess;
  readonly #transport: Transport;
  readonly #claims: Claims;
  readonly #events: WorkerEvents;
  readonly #functions = new Set<number>();
  #inFlight: InFlight[] = [];
  #next = 0;
  #acknowledged = 0;
  #exitcode: number | null | undefined;
  #transportEnded = false;
  #decoding: Promise<void> | undefined;
  /** The initializer is through. */
  ready = false;
  /** No further tasks: it will be asked to exit, or was. */
  retiring = false;
  /** Tasks sent, for `maxTasksPerChild`. */
  sent = 0;

  constructor(settings: WorkerSettings, events: WorkerEvents) {
    this.#events = events;
    this.process = new PoolWorkerProcess(settings);
    const { transport, claims } = this.process.startWorker((exitcode) => this.#exited(exitcode));
    this.#transport = transport;
    this.#claims = claims;
    transport.unref();
    transport.onMessage = (bytes) => this.#receive(bytes);
    transport.onEnd = () => {
      this.#transportEnded = true;
      this.#maybeEnded();
    };
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
      (this.load === 0 || this.#transport.pendingBytes < 1 << 20)
    );
  }

  /** Sends a task, and its function if this worker has not got it. */
  send(task: Task): void {
    this.#sendFunction(task.func);
    const sequence = this.#next++;
    this.#claims.sent(sequence);
    this.#inFlight.push({ sequence, task });
    this.sent += 1;
    this.#transport.send(message(TASK, sequence, taskHead(task.func.id, task.form), task.body));
  }

  /** Takes back up to `most` tasks that have not begun, latest first; returns them in their order. */
  withdraw(most: number): Task[] {
    const back: Task[] = [];
    for (let i = this.#inFlight.length - 1; i >= 0 && back.length < most; i--) {
      const { sequence, task } = this.#inFlight[i]!;
      if (!this.#claims.withdraw(sequence)) break;
      this.#inFlight.pop();
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
      this.#inFlight.splice(at, 1);
      return true;
    }
    this.#transport.send(message(CANCEL, sequence, reason));
    return false;
  }

  /** Asks it to exit once it has done what it was sent. */
  exit(): void {
    this.retiring = true;
    this.#transport.send(message(EXIT, 0));
  }

  #sendFunction(func: PoolFunction): void {
    if (this.#functions.has(func.id)) return;
    this.#functions.add(func.id);
    this.#transport.send(message(FUNCTION, func.id, func.bytes));
  }

  #receive(bytes: Buffer): void {
    const kind = bytes[0]!;
    // An earlier message may still be loading modules; order is kept.
    if (this.#decoding !== undefined) {
      const copy = Buffer.from(bytes);
      this.#decoding = this.#decoding.then(() => this.#handle(kind, copy));
      return;
    }
    const later = this.#handle(kind, bytes);
    if (later === undefined) return;
    const mine: Promise<void> = later.then(() => {
      if (this.#decoding === mine) this.#decoding = undefined;
    });
    this.#decoding = mine;
  }

  #handle(kind: number, bytes: Buffer): Promise<void> | undefined {
    switch (kind) {
      case READY:
        this.ready = true;
        this.#events.ready(this);
        return undefined;
      case BROKEN:
        return this.#decode(bytes, (error) => this.#events.broken(this, error));
      case RESULTS:
      case OUTCOMES:
        return this.#settle(kind, bytes);
      case REPLACE:
        this.#events.replace(this);
        return undefined;
      default:
        throw new Error(`Unknown message ${kind} from a worker`);
    }
  }

  #settle(kind: number, bytes: Buffer): Promise<void> | undefined {
    const sequence = bytes.readUInt32LE(1);
    const at = this.#inFlight.findIndex((f) => f.sequence === sequence);
    if (at < 0) throw new Error(`Unknown task ${sequence} from a worker`);
    const [{ task }] = this.#inFlight.splice(at, 1) as [InFlight];
    this.#acknowledged = sequence + 1;
    return this.#decode(
      bytes,
      (body) => {
        const outcomes =
          kind === OUTCOMES
            ? (body as Outcome[])
            : (body as unknown[]).map((value) => [true, value] as const);
        this.#events.settled(this, task, outcomes);
        this.#events.advanced(this);
      },
      (error) => {
        this.#events.settled(
          this,
          task,
          Array.from({ length: task.count }, () => [false, error] as const),
        );
        this.#events.advanced(this);
      },
    );
  }

  #decode(
    bytes: Buffer,
    done: (body: unknown) => void,
    failed: (error: unknown) => void = done,
  ): Promise<void> | undefined {
    let body: unknown;
    try {
      body = decodeAsync(bytes.subarray(headerLength));
    } catch (error) {
      failed(error);
      return undefined;
    }
    if (body instanceof Promise) return body.then(done, failed);
    done(body);
    return undefined;
  }

  #exited(exitcode: number): void {
    this.#exitcode = exitcode;
    this.#maybeEnded();
  }

  /** Only when both are over: results sent just before the end may still be on their way. */
  #maybeEnded(): void {
    if (this.#exitcode === undefined || !this.#transportEnded) return;
    const exitcode = this.#exitcode;
    const end = (): void => {
      const inFlight = this.#inFlight;
      this.#inFlight = [];
      const unbegun = inFlight.filter(({ sequence }) => this.#claims.withdraw(sequence));
      const begun = inFlight.filter((f) => !unbegun.includes(f));
      this.#transport.close();
      this.process.release();
      this.#events.ended(
        this,
        exitcode,
        begun.map((f) => f.task),
        unbegun.map((f) => f.task),
      );
    };
    if (this.#decoding === undefined) end();
    else void this.#decoding.then(end);
  }
}
