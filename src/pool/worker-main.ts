/**
 * The loop of a pool's worker: takes tasks in order, one at a time, and sends back what came of them.
 *
 * The user's own timers and sockets go on between tasks, and during tasks that await something: the loop gives the event
 * loop a turn at least every few milliseconds.
 */
import { memoryUsage } from 'node:process';
import { setImmediate as turn } from 'node:timers/promises';
import { decodeAsync, encode } from '../codec/index.ts';
import { type AnyFunction, callTarget, isReference, loadReference } from '../process/call.ts';
import { setCoreBudget } from './budget.ts';
import type { Claims } from './claims.ts';
import { MaybeEncodingError } from './errors.ts';
import {
  BROKEN,
  CALL_SPREAD,
  CANCEL,
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
} from './protocol.ts';
import type { WorkerSettings } from './settings.ts';
import { abortTask, beginTask } from './task-context.ts';
import type { Transport } from './transport.ts';

/** How long tasks may follow one another without a turn of the event loop, in milliseconds. */
const turnEveryMs = 5;
/** How long the user's open handles may keep a worker that was asked to exit, in milliseconds. */
const exitGraceMs = 1000;

/** Works until the parent asks for the end, or is gone. */
export async function work(settings: WorkerSettings, transport: Transport, claims: Claims): Promise<void> {
  // On a terminal Ctrl-C reaches every process of the group; what becomes of the workers is the parent's decision.
  process.on('SIGINT', () => {});
  setCoreBudget(settings.cores);
  const inbox = new Inbox(transport);
  if (settings.initializer !== undefined) {
    try {
      await callTarget(settings.initializer, settings.initargs, undefined);
    } catch (error) {
      transport.send(message(BROKEN, 0, encodeError(error)));
      await inbox.ended;
      return;
    }
  }
  transport.send(message(READY, 0));
  await new Loop(settings, transport, claims, inbox).run();
  transport.unref();
  setTimeout(() => process.exit(), exitGraceMs).unref();
}

/** Messages from the parent, in order; what must not wait for its turn is handled on arrival. */
class Inbox {
  readonly #messages: Buffer[] = [];
  #head = 0;
  #wake: (() => void) | undefined;
  #over = false;
  /** Settles when the parent is gone. */
  readonly ended: Promise<void>;
  onCancel: (sequence: number, reason: Buffer) => void = () => {};

  constructor(transport: Transport) {
    this.ended = new Promise((resolve) => {
      transport.onEnd = () => {
        this.#over = true;
        this.#wake?.();
        resolve();
      };
    });
    transport.onMessage = (bytes) => {
      if (bytes[0] === CANCEL) {
        this.onCancel(bytes.readUInt32LE(1), Buffer.from(bytes.subarray(headerLength)));
        return;
      }
      this.#messages.push(Buffer.from(bytes));
      this.#wake?.();
    };
  }

  /** The next message if there is one. */
  take(): Buffer | undefined {
    if (this.#head === this.#messages.length) return undefined;
    const next = this.#messages[this.#head]!;
    this.#messages[this.#head++] = emptyMessage;
    if (this.#head === this.#messages.length) {
      this.#messages.length = 0;
      this.#head = 0;
    }
    return next;
  }

  /** Waits until there is one; false when none will come. */
  async wait(): Promise<boolean> {
    while (this.#head === this.#messages.length) {
      if (this.#over) return false;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    return true;
  }
}

const emptyMessage = Buffer.alloc(0);

class Loop {
  readonly #settings: WorkerSettings;
  readonly #transport: Transport;
  readonly #claims: Claims;
  readonly #inbox: Inbox;
  readonly #functions = new Map<number, AnyFunction | { readonly failed: unknown }>();
  #running = -1;
  #leaving = false;

  constructor(settings: WorkerSettings, transport: Transport, claims: Claims, inbox: Inbox) {
    this.#settings = settings;
    this.#transport = transport;
    this.#claims = claims;
    this.#inbox = inbox;
    inbox.onCancel = (sequence, reason) => {
      if (sequence === this.#running) abortTask(decodeReason(reason));
    };
  }

  async run(): Promise<void> {
    let turned = performance.now();
    while (await this.#inbox.wait()) {
      for (let bytes = this.#inbox.take(); bytes !== undefined; bytes = this.#inbox.take()) {
        const kind = bytes[0]!;
        if (kind === EXIT) return;
        if (kind === TASK) await this.#task(bytes);
        else if (kind === FUNCTION) await this.#learn(bytes);
        else if (kind === FORGET) this.#functions.delete(bytes.readUInt32LE(1));
        if (performance.now() - turned > turnEveryMs) {
          await turn();
          turned = performance.now();
        }
      }
    }
  }

  async #learn(bytes: Buffer): Promise<void> {
    const id = bytes.readUInt32LE(1);
    try {
      const value: unknown = await decodeAsync(bytes.subarray(headerLength));
      this.#functions.set(id, isReference(value) ? await loadReference(value) : (value as AnyFunction));
    } catch (failed) {
      this.#functions.set(id, { failed });
    }
  }

  async #task(bytes: Buffer): Promise<void> {
    const sequence = bytes.readUInt32LE(1);
    if (this.#leaving || !this.#claims.take(sequence)) return;
    this.#running = sequence;
    beginTask();
    const func = this.#functions.get(bytes.readUInt32LE(headerLength));
    const spread = bytes[headerLength + 4] === CALL_SPREAD;
    let items: unknown[];
    try {
      if (typeof func !== 'function') throw func?.failed;
      const decoded = decodeAsync(bytes.subarray(headerLength + 5));
      items = (decoded instanceof Promise ? await decoded : decoded) as unknown[];
    } catch (error) {
      await this.#answer(sequence, OUTCOMES, [[false, error]]);
      return;
    }
    const results: unknown[] = new Array(items.length);
    let failures: Map<number, unknown> | undefined;
    for (let i = 0; i < items.length; i++) {
      try {
        const value = spread ? func(...(items[i] as never[])) : func(items[i] as never);
        results[i] = isThenable(value) ? await value : value;
      } catch (error) {
        failures ??= new Map();
        failures.set(i, error);
      }
    }
    this.#running = -1;
    if (failures === undefined) {
      await this.#answer(sequence, RESULTS, results);
      return;
    }
    const outcomes = Array.from(
      results,
      (value, at): Outcome => (failures.has(at) ? [false, failures.get(at)] : [true, value]),
    );
    await this.#answer(sequence, OUTCOMES, outcomes);
  }

  /** Sends the result; it must have left before the next task begins, or that one's death would take it along. */
  #answer(
    sequence: number,
    kind: typeof RESULTS | typeof OUTCOMES,
    body: readonly unknown[],
  ): Promise<void> | undefined {
    let bytes: Uint8Array;
    let sent: number = kind;
    try {
      bytes = encode(body, { root: 'result' });
    } catch {
      // Something in it cannot travel: find out what, so that the rest still arrives.
      const outcomes = kind === OUTCOMES ? (body as Outcome[]) : body.map((value): Outcome => [true, value]);
      bytes = encode(outcomes.map(sendable), { root: 'result' });
      sent = OUTCOMES;
    }
    const later = this.#transport.sendNow(message(sent, sequence, bytes));
    const { maxMemory } = this.#settings;
    if (maxMemory !== undefined && !this.#leaving && memoryUsage.rss() > maxMemory) {
      this.#leaving = true;
      this.#transport.send(message(REPLACE, 0));
    }
    return later;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}

/** An outcome that surely travels: itself, or an error that says why it does not. */
function sendable(outcome: Outcome): Outcome {
  try {
    encode(outcome, { root: 'result' });
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
