/**
 * What parent and worker say to each other.
 *
 * Every message: kind (u8), a number (u32, little endian), then a body whose form the kind decides.
 *
 * to the worker    | number      | body
 * -----------------+-------------+-------------------------------------------------------------------------------
 * FUNCTION         | function id | the encoded function (or reference)
 * FORGET           | function id | -
 * TASK             | task        | function id (u32), call form (u8), encoded array of items
 * CANCEL           | task        | encoded reason
 * EXIT             | 0           | -
 *
 * to the parent    | number      | body
 * -----------------+-------------+-------------------------------------------------------------------------------
 * READY            | 0           | -
 * BROKEN           | 0           | encoded error of the initializer
 * RESULTS          | task        | encoded array of values: every item succeeded
 * OUTCOMES         | task        | encoded array of [true, value] or [false, error], one an item
 * REPLACE          | 0           | - (this worker asks to be replaced: it holds too much memory)
 */

export const FUNCTION = 1;
export const FORGET = 2;
export const TASK = 3;
export const CANCEL = 4;
export const EXIT = 5;

export const READY = 16;
export const BROKEN = 17;
export const RESULTS = 18;
export const OUTCOMES = 19;
export const REPLACE = 20;

/** How an item becomes arguments: one value, or an array spread. */
export const CALL_ONE = 0;
export const CALL_SPREAD = 1;
export type CallForm = typeof CALL_ONE | typeof CALL_SPREAD;

/** One item's outcome. */
export type Outcome = readonly [ok: true, value: unknown] | readonly [ok: false, error: unknown];

export const headerLength = 5;

/** Puts a message together. */
export function message(kind: number, number: number, body: Uint8Array = nothing): Buffer {
  const bytes = Buffer.allocUnsafe(headerLength + body.length);
  bytes[0] = kind;
  bytes.writeUInt32LE(number, 1);
  bytes.set(body, headerLength);
  return bytes;
}

const nothing = new Uint8Array(0);

/** A TASK message. */
export function taskMessage(sequence: number, functionId: number, form: CallForm, items: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(taskItems + items.length);
  bytes[0] = TASK;
  bytes.writeUInt32LE(sequence, 1);
  bytes.writeUInt32LE(functionId, headerLength);
  bytes[taskForm] = form;
  bytes.set(items, taskItems);
  return bytes;
}

/** Where in a TASK message its call form is, and where its items begin. */
export const taskForm: number = headerLength + 4;
export const taskItems: number = headerLength + 5;
