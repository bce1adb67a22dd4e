/**
 * The loop of a pool's worker: takes tasks in order, one at a time, and sends back what came of them.
 *
 * The user's own timers and sockets go on between tasks, and during tasks that await something: the loop gives the event
 * loop a turn at least every few milliseconds.
 */
import { memoryUsage } from 'node:process';
import { setImmediate as turn } from 'node:timers/promises';
import { show, typeError } from '../base/validate.ts';
import { decodeAsync, decodeWork, encode, encodeList } from '../codec/index.ts';
import { type AnyFunction, callTarget, isReference, loadReference } from '../process/call.ts';
import { setCoreBudget } from './budget.ts';
import type { Claims } from './claims.ts';
import { MaybeEncodingError } from './errors.ts';
import { Inbox } from './inbox.ts';
import type { Link } from './link.ts';
import {
  BROKEN,
  CALL_SPREAD,
  EXIT,
  FORGET,
  FUNCTION,
  headerLength,
  message,
  OUTCOMES,
  type Outcome,
  READY,
  REPLACE,
  RESULTS,
  TASK,
  taskForm,
  taskItems,
} from './protocol.ts';
import type { WorkerSettings } from './settings.ts';
import { abortTask, beginTask } from './task-context.ts';
import type { Transport } from './transport.ts';

/** How long tasks may follow one another without a turn of the event loop, in milliseconds. */
const turnEveryMs = 5;
/** How long the user's open handles may keep a worker that was asked to exit, in milliseconds. */
const exitGraceMs = 1000;

/** Works until the parent asks for the end. (When the parent dies its lifeline ends this process.) */
export async function work(settings: WorkerSettings, { transport, claims }: Link): Promise<void> {
  // On a terminal Ctrl-C reaches every process of the group; what becomes of the workers is the parent's decision.
  process.on('SIGINT', () => {});
  setCoreBudget(settings.cores);
  transport.ref();
  if (settings.initializer !== undefined) {
    try {
      await callTarget(settings.initializer, settings.initargs, undefined);
    } catch (error) {
      transport.send(message(BROKEN, 0, encodeError(error)));
      await new Promise(() => {});
    }
  }
  transport.send(message(READY, 0));
  await new Loop(settings, transport, claims).run();
  transport.unref();
  setTimeout(() => process.exit(), exitGraceMs).unref();
}

class Loop {
  readonly #settings: WorkerSettings;
  readonly #transport: Transport;
  readonly #claims: Claims;
  readonly #inbox: Inbox;
  readonly #functions = new Map<number, AnyFunction | { readonly failed: unknown }>();
  #running = -1;
  #leaving = false;

  constructor(settings: WorkerSettings, transport: Transport, claims: Claims) {
    this.#settings = settings;
    this.#transport = transport;
    this.#claims = claims;
    this.#inbox = new Inbox(transport, (sequence, reason) => {
      if (sequence === this.#running) abortTask(decodeReason(reason));
    });
  }

  async run(): Promise<void> {
    let turned = performance.now();
    for (;;) {
      const bytes = this.#inbox.take();
      if (bytes === undefined) {
        await this.#inbox.wait();
        turned = performance.now();
        continue;
      }
      const kind = bytes[0]!;
      if (kind === TASK) {
        const later = this.#task(bytes);
        if (later !== undefined) await this.#inbox.listenUntil(later);
      } else if (kind === EXIT) return;
      else if (kind === FUNCTION) await this.#learn(bytes);
      else if (kind === FORGET) this.#functions.delete(bytes.readUInt32LE(1));
      if (performance.now() - turned > turnEveryMs) {
        await turn();
        turned = performance.now();
      }
    }
  }

  async #learn(bytes: Buffer): Promise<void> {
    const id = bytes.readUInt32LE(1);
    try {
      const value: unknown = await decodeWork(bytes.subarray(headerLength));
      this.#functions.set(id, isReference(value) ? await loadReference(value) : (value as AnyFunction));
    } catch (failed) {
      this.#functions.set(id, { failed });
    }
  }

  /** Does a task; gives a promise when it is not done at once. */
  #task(bytes: Buffer): Promise<void> | undefined {
    const sequence = bytes.readUInt32LE(1);
    if (this.#leaving || !this.#claims.take(sequence)) return undefined;
    this.#running = sequence;
    beginTask();
    const func = this.#functions.get(bytes.readUInt32LE(headerLength));
    const spread = bytes[taskForm] === CALL_SPREAD;
    let items: unknown;
    try {
      if (typeof func !== 'function') throw func?.failed;
      items = decodeWork(bytes.subarray(taskItems));
    } catch (error) {
      this.#answer(sequence, OUTCOMES, [[false, error]]);
      return undefined;
    }
    if (items instanceof Promise) {
      return items.then(
        (all: unknown[]) => this.#call(sequence, func, all, spread, 0, new Array(all.length), undefined),
        (error: unknown) => this.#answer(sequence, OUTCOMES, [[false, error]]),
      );
    }
    const all = items as unknown[];
    return this.#call(sequence, func, all, spread, 0, new Array(all.length), undefined);
  }

  /** Calls the function with the items from `start` on; goes on by itself as long as it returns no promises. */
  #call(
    sequence: number,
    func: AnyFunction,
    items: readonly unknown[],
    spread: boolean,
    start: number,
    results: unknown[],
    failed: Map<number, unknown> | undefined,
  ): Promise<void> | undefined {
    let failures = failed;
    for (let i = start; i < items.length; i++) {
      try {
        const value: unknown = spread ? func(...(items[i] as never[])) : func(items[i] as never);
        if (isThenable(value)) return this.#await(value, i, sequence, func, items, spread, results, failures);
        results[i] = value;
      } catch (error) {
        failures ??= new Map();
        failures.set(i, spread ? (notSpreadable(items[i]) ?? error) : error);
      }
    }
    this.#running = -1;
    if (failures === undefined) this.#answer(sequence, RESULTS, results);
    else {
      const outcomes = Array.from(
        results,
        (value, at): Outcome => (failures.has(at) ? [false, failures.get(at)] : [true, value]),
      );
      this.#answer(sequence, OUTCOMES, outcomes);
    }
    return undefined;
  }

  async #await(
    value: PromiseLike<unknown>,
    at: number,
    sequence: number,
    func: AnyFunction,
    items: readonly unknown[],
    spread: boolean,
    results: unknown[],
    failed: Map<number, unknown> | undefined,
  ): Promise<void> {
    let failures = failed;
    try {
      results[at] = await value;
    } catch (error) {
      failures ??= new Map();
      failures.set(at, error);
    }
    await this.#call(sequence, func, items, spread, at + 1, results, failures);
  }

  /** Sends the result: it is there before the next task begins, whose death would else take it along. */
  #answer(sequence: number, kind: typeof RESULTS | typeof OUTCOMES, body: readonly unknown[]): void {
    let bytes: Uint8Array;
    let sent: number = kind;
    try {
      bytes = encodeList(body, { root: 'result' });
    } catch {
      // Something in it cannot travel: find out what, so that the rest still arrives.
      const outcomes = kind === OUTCOMES ? (body as Outcome[]) : body.map((value): Outcome => [true, value]);
      bytes = encodeList(outcomes.map(sendable), { root: 'result' });
      sent = OUTCOMES;
    }
    this.#transport.send(message(sent, sequence, bytes));
    const { maxMemory } = this.#settings;
    if (maxMemory !== undefined && !this.#leaving && memoryUsage.rss() > maxMemory) {
      this.#leaving = true;
      this.#transport.send(message(REPLACE, 0));
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}

/** What is wrong with an item of `starmap` that is no list of arguments: the engine's own words would not tell whose mistake it is. */
function notSpreadable(item: unknown): Error | undefined {
  if (typeof (item as Iterable<unknown> | null | undefined)?.[Symbol.iterator] === 'function')
    return undefined;
  return typeError(
    `Cannot call the function: starmap needs an array of arguments for each item, got ${show(item)}`,
  );
}

/** An outcome that surely travels: itself, or an error that says why it does not. */
function sendable(outcome: Outcome): Outcome {
  try {
    encode(outcome[1], { root: 'result' });
    return outcome;
  } catch (error) {
    return [false, new MaybeEncodingError(error, outcome[1])];
  }
}

function encodeError(error: unknown): Buffer {
  try {
    return encode(error, { root: 'error' });
  } catch (why) {
    return encode(new MaybeEncodingError(why, error));
  }
}

function decodeReason(reason: Buffer): unknown {
  const value = decodeAsync(reason);
  return value instanceof Promise ? undefined : value;
}
