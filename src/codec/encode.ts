/**
 * Any value and any function, as bytes. Never waits, and fails at once, naming the path to what cannot travel.
 *
 * Functions travel by reference where the receiver can import them, else as code with the variables that they captured; see
 * `functions.ts`.
 */
import { SerializationError } from '../base/errors.ts';
import { catchUp, forget, putOff } from './ahead.ts';
import type { Captured } from './captured.ts';
import { Encoder } from './encoder.ts';
import { disableDebugger } from './inspector.ts';
import type { NumberedKeys } from './key-lists.ts';
import type { Fn } from './plan.ts';
import { knownPlan } from './plans.ts';
import { PLAIN } from './tags.ts';
import { isStackOverflow, Trouble, troubleWith } from './trouble.ts';

/** Options of {@link encode}. */
export interface EncodeOptions {
  /** First word of the path in errors: `'target'`, `'args'`, `'result'`; `''`: the name of the value's property. @default 'value' */
  readonly root?: string | undefined;
}

/** Kept for the next call; undefined while at work, since a getter or a `[serialize]` may encode too. */
let idle: Encoder | undefined;

/** Options of {@link encodeList}. */
export interface ListOptions extends Pick<EncodeOptions, 'root'> {
  /** Number of the first element, where the list is part of another. @default 0 */
  readonly first?: number | undefined;
}

/**
 * Turns a value into bytes that `decode` understands in any process of the same version.
 *
 * @throws {SerializationError} When something in it cannot travel; nothing was sent, and `path` says where it is.
 * @example
 * const bytes = encode({ f: (x: number) => x * factor, items: new Map() });
 */
export function encode(value: unknown, options: EncodeOptions = {}): Buffer {
  return encoded(options, (encoder) => encoder.run(value));
}

/** A short message, at the beginning of the encoder's memory: to be copied before this thread encodes anything else. */
export interface Lent {
  /** The memory, in units of eight bytes. */
  units: BigInt64Array;
  /** In bytes. */
  length: number;
}

const lent: Lent = { units: new BigInt64Array(0), length: 0 };

/**
 * As {@link encode}, but a short message is not copied out of the encoder's memory. Queues call it for each message that is no
 * number or text, so it does without a closure.
 *
 * @param keys Where lists of keys that come often have numbers; then {@link decode} needs it too.
 * @returns Always the same object for short messages of data; else a buffer that is the caller's to keep.
 * @throws {SerializationError} See {@link encode}.
 */
export function encodeLent(
  value: unknown,
  options: Pick<EncodeOptions, 'root'> = {},
  keys?: NumberedKeys,
): Readonly<Lent> | Buffer {
  const encoder = begin();
  let own: Buffer | undefined;
  try {
    own = encoder.runHere(value, keys);
  } catch (e) {
    const error = failure(e, options);
    settle();
    throw error;
  }
  idle = encoder;
  if (own !== undefined) {
    settle();
    return own;
  }
  const { bytes, units, at } = encoder.sink;
  if (lent.units !== units) lent.units = units;
  lent.length = at;
  // Only functions leave something to be done.
  if (bytes[0] === PLAIN) settle();
  return lent;
}

/**
 * As {@link encode}, for an array that the sender has made itself: only its elements are looked at.
 *
 * @throws {SerializationError} See {@link encode}.
 */
export function encodeList(list: readonly unknown[], options: ListOptions = {}): Buffer {
  return encoded(options, (encoder) => {
    try {
      return encoder.runList(list);
    } catch (e) {
      if (e instanceof Trouble) e.countFrom(options.first ?? 0);
      throw e;
    }
  });
}

/**
 * As {@link encodeList}, for a list whose only element is the list of a call's arguments: the path to what cannot travel begins
 * with an argument.
 *
 * @throws {SerializationError} See {@link encode}.
 */
export function encodeCall(args: readonly unknown[], options: Pick<EncodeOptions, 'root'> = {}): Buffer {
  return encoded(options, (encoder) => {
    try {
      return encoder.runList([args]);
    } catch (e) {
      if (e instanceof Trouble) e.path.shift();
      throw e;
    }
  });
}

/** A function's message, and what tells whether it would be the same by now. */
export interface EncodedFunction {
  readonly bytes: Buffer;
  /** Whether it certainly would be. */
  isSame(): boolean;
}

/**
 * As {@link encode}, for a function that is likely to be sent again.
 *
 * @throws {SerializationError} See {@link encode}.
 */
export function encodeFunction(fn: Fn, options: Pick<EncodeOptions, 'root'> = {}): EncodedFunction {
  const isNew = knownPlan(fn) === undefined;
  const [bytes, captured] = encoded(options, (encoder) => {
    const message = encoder.runFunction(fn);
    const [bytes, captured] = message;
    if (captured !== undefined && (isNew || captured.isGuess)) putOff(() => prepare(fn, bytes, captured));
    return message;
  });
  return { bytes, isSame: () => captured !== undefined && sameWithin(captured) };
}

/** For the next time. What was guessed at first is certain once all is seen live. */
function prepare(fn: Fn, bytes: Buffer, captured: Captured): void {
  if (!captured.isQuick()) return;
  if (captured.isGuess && !new Encoder().runFunction(fn)[0].equals(bytes)) captured.refute();
  captured.rehearse();
}

/** Looking may need the inspector, and put work off. */
function sameWithin(captured: Captured): boolean {
  try {
    return captured.isSame();
  } catch {
    // Encoding it will say why.
    return false;
  } finally {
    settle();
  }
}

let held = 0;

/**
 * Runs `send`, which encodes messages and has them on their way when it returns: what makes sending the same functions again fast
 * takes milliseconds for each of them that is new, and comes after it. Otherwise it comes at the end of `encode`.
 */
export function sendFirst<R>(send: () => R): R {
  held++;
  try {
    return send();
  } finally {
    held--;
    settle();
  }
}

/** As {@link sendFirst}, for messages whose functions are hardly sent again: nothing is done to make that fast. */
export function sendOnce<R>(send: () => R): R {
  return sendFirst(() => {
    try {
      return send();
    } finally {
      if (held === 1) forget();
    }
  });
}

function settle(): void {
  if (held > 0) return;
  catchUp();
  disableDebugger();
}

function encoded<R>(options: EncodeOptions, run: (encoder: Encoder) => R): R {
  const encoder = begin();
  try {
    const message = run(encoder);
    idle = encoder;
    return message;
  } catch (e) {
    throw failure(e, options);
  } finally {
    settle();
  }
}

/** Whoever takes it puts it back when all went well. */
function begin(): Encoder {
  const encoder = idle ?? new Encoder();
  idle = undefined;
  return encoder;
}

function failure(e: unknown, { root = 'value' }: EncodeOptions): unknown {
  forget();
  const trouble = troubleWith(e);
  if (trouble instanceof Trouble) return trouble.toError(root);
  if (!isStackOverflow(e)) return e;
  return new SerializationError(
    `Cannot send ${root}: the stack is used up; call this from less deep, or send it in parts`,
    { path: [root], cause: e },
  );
}
