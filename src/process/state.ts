/**
 * What the calling process knows of itself and of its children; one for each JavaScript thread, as modules are.
 *
 * A child's bootstrap replaces the main process's record before any of the user's code runs.
 */
import type { Child } from '../platform/launch.ts';
import type { Lifeline } from './lifeline.ts';

/** What a process is, in its parent's eyes and in its own. */
export interface ProcessRecord {
  /** Python's `_identity`: [1] for a first child, [1, 2] for the second child of that one, [] for a main process. */
  readonly path: readonly number[];
  readonly parentPid: number | null;
  readonly parentName: string | null;
  name: string;
  daemon: boolean;
  authkey: Buffer;
  /** Whether it may have children although it is a daemon; true for the workers of pools, which may nest. */
  nestable: boolean;
}

/** A running or just ended child. */
export interface StartedChild {
  readonly child: Child;
  readonly record: ProcessRecord;
  readonly process: object;
}

let mainKey: Buffer | undefined;
let counter = 0;

class MainRecord implements ProcessRecord {
  readonly path: readonly number[] = [];
  readonly parentPid = null;
  readonly parentName = null;
  nestable = true;
  daemon = false;
  name = 'MainProcess';
  /** Made, and its module loaded, when it is first asked for: every child waits for what is imported. */
  get authkey(): Buffer {
    mainKey ??= process.getBuiltinModule('node:crypto').randomBytes(32);
    return mainKey;
  }
  set authkey(key: Buffer) {
    mainKey = key;
  }
}

/** The record of the calling process, the children it has started, and its end of the lifeline to its parent. */
export const state: {
  current: ProcessRecord;
  lifeline: Lifeline | undefined;
  readonly children: Map<number, StartedChild>;
} = { current: new MainRecord(), lifeline: undefined, children: new Map() };

/** The next child's number; names default to it. */
export function nextChildNumber(): number {
  counter += 1;
  return counter;
}
