/**
 * Who this thread is among all that exchange functions, and which function bears which number.
 *
 * A function or class that travels as code gets `origin:number`, for ever: sent twice it is one object in the receiver, and coming
 * home it is the object that left. Tables hold functions weakly, so that a number costs nothing once its function is gone.
 */
import type { Fn } from './plan.ts';

let own: string | undefined;

/** This thread's name in keys. */
export function origin(): string {
  // Not `performance.timeOrigin`: loading `performance` takes a child milliseconds.
  own ??= [process.pid, Date.now(), Math.floor(Math.random() * 2 ** 52)].map((n) => n.toString(36)).join('-');
  return own;
}

let counter = 0;

/** A number that this thread has not given out yet. */
export function nextNumber(): number {
  return ++counter;
}

const byKey = new Map<string, WeakRef<Fn>>();
const gone = new FinalizationRegistry<string>((key) => {
  if (byKey.get(key)?.deref() === undefined) byKey.delete(key);
});

/** Remembers which function `key` means here. */
export function remember(key: string, fn: Fn): void {
  byKey.set(key, new WeakRef(fn));
  gone.register(fn, key);
}

/** The living function that `key` means here. */
export function recall(key: string): Fn | undefined {
  return byKey.get(key)?.deref();
}
