/**
 * The helper of a thread that sends descriptors, in a thread of its own, so that it answers while the other is blocked.
 *
 * Those who fetch connect, say which descriptor they want and show its key; each is given away once. What nobody fetches is
 * closed after a minute. Besides it opens empty file handles for a thread that cannot wait for a promise.
 */
import { open } from 'node:fs/promises';
import { workerData } from 'node:worker_threads';
import { closeFd } from '../platform/descriptors.ts';
import { acceptLocally, peerCredentials, wouldBlock } from '../platform/local-socket.ts';
import { poll } from '../platform/poll.ts';
import { type Received, receiveDescriptor, sendDescriptor } from '../platform/scm-rights.ts';
import {
  GONE,
  HERE,
  type HelperData,
  type HelperRequest,
  OPEN,
  requestBytes,
} from './descriptor-protocol.ts';
import { TransitTable } from './transit-table.ts';

/** What is in transit is looked through this often, in milliseconds… */
const sweepMs = 10_000;
/** …and closed after so many times. */
const sweeps = 6;
/** Who connects has so long to say what it wants, in milliseconds. */
const patienceMs = 5_000;
/** Without a free descriptor for the next connection, pause so long, in milliseconds. */
const pauseMs = 50;

const { table: memory, listening, port, bell } = workerData as HelperData;
const table = new TransitTable(memory);
const me = process.geteuid!();

function answer(socket: number, request: Buffer): void {
  if (request.length !== requestBytes) return;
  const slot = request.readUInt32LE(0);
  const fd = table.find(slot, request.subarray(4));
  if (fd === undefined) {
    sendDescriptor(socket, undefined, Uint8Array.of(GONE));
    return;
  }
  sendDescriptor(socket, fd, Uint8Array.of(HERE));
  // Not before: one that died meanwhile may have a successor who asks again.
  table.close(slot);
}

/** @returns whether the request was there. */
function serve(socket: number): boolean {
  let request: Received;
  try {
    request = receiveDescriptor(socket, requestBytes + 1);
  } catch (error) {
    return !wouldBlock(error);
  }
  if (request.fd !== undefined) closeFd(request.fd);
  try {
    answer(socket, request.bytes);
  } catch {
    // It has hung up: what it wanted stays where it is.
  }
  return true;
}

function welcome(socket: number): void {
  if (peerCredentials(socket).uid !== me || serve(socket)) {
    closeFd(socket);
    return;
  }
  // It comes to send its request only now.
  const watch = poll(socket, { readable: true }, () => {
    if (serve(socket)) end();
  });
  const timer = setTimeout(() => end(), patienceMs);
  const end = (): void => {
    clearTimeout(timer);
    watch.close();
    closeFd(socket);
  };
}

function listen(): void {
  const watch = poll(listening, { readable: true }, () => {
    try {
      for (let s = acceptLocally(listening); s !== undefined; s = acceptLocally(listening)) welcome(s);
    } catch {
      // No descriptor is free: the connection waits in the kernel meanwhile, and is ready all the time.
      watch.close();
      setTimeout(listen, pauseMs);
    }
  });
}

async function openEmpty(): Promise<void> {
  try {
    const handle = await open('/dev/null', 'r+');
    port.postMessage(handle, [handle as never]);
  } catch (error) {
    port.postMessage(String(error));
  }
  Atomics.add(bell, 0, 1);
  Atomics.notify(bell, 0);
}

let sweeper: NodeJS.Timeout | undefined;

function sweep(): void {
  if (table.sweep(sweeps)) return;
  clearInterval(sweeper);
  sweeper = undefined;
}

port.on('message', (request: HelperRequest) => {
  if (request === OPEN) void openEmpty();
  else sweeper ??= setInterval(sweep, sweepMs);
});
listen();
