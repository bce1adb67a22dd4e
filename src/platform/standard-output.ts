/**
 * Standard output and error at the program's end.
 *
 * koffi flushes both when the process exits. One that is closed it reports on standard error, and when that is closed itself
 * it waits for ever for a lock that it holds. So what the program has closed is put to `/dev/null` just before.
 */

import { closeSync, fstatSync, openSync } from 'node:fs';
import { nodeProcess } from '../base/node-process.ts';
import { isMainThread } from '../base/thread.ts';

/** Whether `fd` is an open descriptor, asked through Node: for where there is no libc to ask, or not yet. */
export function isOpenInNode(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

function replaceClosed(): void {
  if (isOpenInNode(1) && isOpenInNode(2)) return;
  // A file gets the lowest number that is free.
  let fd: number;
  do fd = openSync('/dev/null', 'r+');
  while (fd < 2);
  if (fd > 2) closeSync(fd);
}

/** Whether it is seen to in this process, by whatever instance of this library. */
const key = Symbol.for('multiproc.standardOutput');

/** Called once koffi is loaded. Worker threads have no part in it: they end before. */
export function keepStandardOutput(): void {
  if (!isMainThread() || key in nodeProcess) return;
  Object.defineProperty(nodeProcess, key, { value: true });
  // At the end a test runner may give out no modules any more.
  isOpenInNode(1);
  nodeProcess.on('exit', replaceClosed);
}
