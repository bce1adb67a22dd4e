/**
 * This thread's side of its helper thread (`fallback-thread.ts`): sending, hearing, and blocking until something is heard.
 *
 * The helper is started with the first program and ends with this thread; it keeps nothing alive. What it says is taken
 * from the port either by the event loop or, while this thread blocks, by asking the port; order is kept either way.
 */

import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { threadFile } from '../base/package.ts';
import type { FromHelper, HelperData, ToHelper } from './fallback-protocol.ts';

/** Whoever a program's messages are for. */
export interface Hearer {
  hear(message: FromHelper): void;
}

let port: MessagePort | undefined;
const bell = new Int32Array(new SharedArrayBuffer(4));
const hearers = new Map<number, Hearer>();
let lastId = 0;

function open(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  const workerData: HelperData = { port: port2, bell };
  const helper = new Worker(threadFile('platform', 'fallback-thread'), {
    workerData,
    transferList: [port2],
    execArgv: [],
    stdin: false,
    // Descriptors pass from fs to libuv in there: Node would close them a second time at the end.
    trackUnmanagedFds: false,
  });
  helper.unref();
  port1.on('message', dispatch);
  port1.unref();
  return port1;
}

function dispatch(message: FromHelper): void {
  hearers.get(message.id)?.hear(message);
}

/** Registers a program; the number names it in all messages. */
export function enroll(hearer: Hearer): number {
  const id = ++lastId;
  hearers.set(id, hearer);
  return id;
}

/** Nothing more will be said about it. */
export function strike(id: number): void {
  hearers.delete(id);
}

/** Tells the helper something. @param transfer Memory that is the helper's from now on. */
export function tell(message: ToHelper, transfer: readonly ArrayBuffer[] = []): void {
  port ??= open();
  port.postMessage(message, transfer);
}

/** Hears what has been said already. */
export function hearNow(): void {
  if (port === undefined) return;
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: FromHelper } | undefined;
    if (received === undefined) return;
    dispatch(received.message);
  }
}

/** Blocks this thread until `ready` says so; false when `timeout` (ms) is up first. */
export function waitUntil(ready: () => boolean, timeout?: number): boolean {
  const deadline = timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeout;
  for (;;) {
    const seen = Atomics.load(bell, 0); // before looking: what is said after that ends the sleep at once
    hearNow();
    if (ready()) return true;
    const left = deadline - performance.now();
    if (left <= 0) return false;
    Atomics.wait(bell, 0, seen, left);
  }
}
