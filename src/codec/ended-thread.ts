/**
 * Worker threads that are terminated while a call is on its way that we end (`ways-in.ts`).
 *
 * V8 has one word for both: with the call the thread's end counts as done, and the thread would go on for ever. Node knows better, and
 * gives messages to nobody any more.
 */
import { isMainThread, MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { post } from './inspector.ts';

/** Ends this thread if that was asked for: the next call of any function is its last. */
export function heedEnd(): void {
  if (!isMainThread && hasEnded()) post('Runtime.terminateExecution', {});
}

function hasEnded(): boolean {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(true);
  const received = receiveMessageOnPort(port2);
  port1.close();
  return received?.message !== true;
}
