/**
 * How the encoder keeps track of the parts of a message while it writes them.
 */
import type { Fn, FnRecord } from './plan.ts';

/** A run of values of its own. */
export interface Section {
  readonly start: number;
  end: number;
  /** Number of its first object. */
  readonly base: number;
  /** Of its objects. */
  count: number;
  /** How many of these stand for shared variables. */
  cells: number;
  /** Position in the message, once it is put together. */
  placed?: number;
}

/** A function's place in a message. */
export interface Use {
  readonly fn: Fn;
  readonly record: FnRecord;
  /** Section or root that met it first: leads the path in errors. */
  readonly metIn: Use | undefined;
  eager: Section | undefined;
  late: Section | undefined;
  /** What it captured: its eager variables, then the late ones. */
  values: readonly unknown[];
  /** What hangs on it beside its code. */
  extras: readonly unknown[];
}
