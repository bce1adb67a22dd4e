/**
 * What it takes to look inside of a function, and how much of that may be spent in vain.
 *
 * V8 looks through its whole heap when its debugger is enabled, so in a program that holds much in memory that is far more than all else.
 */
import { getHeapStatistics } from 'node:v8';
import { debuggerEnabled } from './inspector.ts';

/** Milliseconds: of stopping in a function, of enabling the debugger, and of that for each MiB of the heap. */
const STOPPING = 3;
const ENABLING = 4;
const ENABLING_MIB = 0.4;

/** Milliseconds that may be spent in vain, and the share of its time that the program grants besides. */
const ALLOWANCE = 200;
const SHARE = 0.01;

let spent = 0;

/** Milliseconds that a look takes now, about. */
export function priceOfLook(): number {
  if (debuggerEnabled()) return STOPPING;
  return STOPPING + ENABLING + ENABLING_MIB * (getHeapStatistics().used_heap_size / 2 ** 20);
}

/** Whether as much may be spent without knowing that it is of use. */
export function mayVenture(price: number): boolean {
  return spent + price <= ALLOWANCE + SHARE * process.uptime() * 1000;
}

/** Told of what was spent. */
export function venture(price: number): void {
  spent += price;
}

/** Told that it was of use. */
export function recover(price: number): void {
  spent -= price;
}
