/**
 * What happens to children when this process ends by itself: daemons are ended, as in Python.
 *
 * When it is killed instead, the lifeline does it (see `lifeline.ts`). Other children need nothing here: they keep the event loop
 * alive until they end, and an explicit `process.exit()` leaves them running.
 */
import { at, notAt } from '../base/node-process.ts';
import type { Child } from '../platform/launch.ts';
import { state } from './state.ts';

/** How long a daemon may take to heed SIGTERM before SIGKILL, in milliseconds, while the program ends. */
const graceMs = 500;
// Numbers, since names would have to be looked up: at the end a test runner may give out no modules any more.
const SIGTERM = 15;
const SIGKILL = 9;

/** Called with each child. */
export function childStarted(): void {
  at('exit: daemons', endDaemons);
}

/** Called when one has ended, and is no child any more. */
export function childEnded(): void {
  if (state.children.size === 0) notAt('exit: daemons', endDaemons);
}

/** Waits for children that are no daemons, after those were ended: as Python does when a child ends by an error. */
export async function childrenEnded(): Promise<void> {
  const others = othersThanDaemons();
  await Promise.all(others.map((child) => new Promise<unknown>((resolve) => child.onExit(resolve))));
}

/** {@link childrenEnded}, blocking the thread: nothing of the program's runs any more. */
export function childrenEndedSync(): void {
  for (const child of othersThanDaemons()) child.waitSync();
}

function othersThanDaemons(): Child[] {
  endDaemons();
  return [...state.children.values()]
    .filter(({ record, child }) => !record.daemon && child.poll() === null)
    .map(({ child }) => child);
}

function endDaemons(): void {
  const daemons = [...state.children.values()].filter(
    ({ record, child }) => record.daemon && child.poll() === null,
  );
  for (const { child } of daemons) child.kill(SIGTERM);
  const deadline = performance.now() + graceMs;
  for (const { child } of daemons) {
    if (child.waitSync(Math.max(0, deadline - performance.now())) === null) {
      child.kill(SIGKILL);
      child.waitSync();
    }
  }
}
