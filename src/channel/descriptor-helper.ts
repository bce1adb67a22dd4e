/** This thread's helper for descriptors: started when first needed, ends with the thread, keeps nothing alive. */

import { randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { ConnectionError, OSError } from '../base/errors.ts';
import { threadFile } from '../base/package.ts';
import { closeFd } from '../platform/descriptors.ts';
import { requirePlatform } from '../platform/libc.ts';
import { listenLocally } from '../platform/local-socket.ts';
import { onThreadEnd } from '../platform/thread-end.ts';
import { type HelperData, OPEN } from './descriptor-protocol.ts';
import { TransitTable } from './transit-table.ts';

/** How long an empty file handle may take, in milliseconds: the helper may have to start first. */
const openMs = 10_000;

interface Helper {
  /** The name of the socket under which it answers. */
  readonly address: string;
  readonly table: TransitTable;
  readonly port: MessagePort;
  readonly bell: Int32Array;
}

let current: Helper | undefined;

/** @throws {OSError} `EMFILE`, … @throws {NotSupportedError} */
export function descriptorHelper(): Helper {
  current ??= start();
  return current;
}

function start(): Helper {
  requirePlatform('descriptors in messages');
  const address = `multiproc-${process.pid}-${randomBytes(8).toString('hex')}`;
  const listening = listenLocally(address);
  const table = new TransitTable();
  const bell = new Int32Array(new SharedArrayBuffer(4));
  const { port1: port, port2 } = new MessageChannel();
  const workerData: HelperData = { table: table.memory, listening, port: port2, bell };
  const worker = new Worker(threadFile('channel', 'descriptor-thread'), {
    workerData,
    transferList: [port2],
    // The package's own files need no loader of the program's.
    execArgv: [],
    stdin: false,
    // Its descriptors come from the kernel and from this thread.
    trackUnmanagedFds: false,
  });
  worker.unref();
  const helper: Helper = { address, table, port, bell };
  let over = false;
  const end = (): void => {
    if (over) return;
    over = true;
    if (current === helper) current = undefined;
    closeFd(listening);
    table.closeAll();
  };
  worker.on('error', (error) => {
    process.emitWarning(`The thread that hands over descriptors has failed: ${String(error)}`);
    end();
  });
  worker.on('exit', end);
  onThreadEnd(end);
  return helper;
}

/**
 * A file handle over `/dev/null`, without waiting for a promise: this thread blocks until the helper has opened it.
 *
 * @throws {OSError} `EMFILE`, … @throws {ConnectionError} `ETIMEDOUT`: the helper does not answer.
 */
export function emptyFileHandle(): FileHandle {
  const { port, bell } = descriptorHelper();
  const deadline = performance.now() + openMs;
  port.postMessage(OPEN);
  for (;;) {
    const rings = Atomics.load(bell, 0);
    const answer = receiveMessageOnPort(port) as { readonly message: FileHandle | string } | undefined;
    if (typeof answer?.message === 'string') {
      throw new OSError(`Cannot make a file handle: ${answer.message}`, {
        code: answer.message.match(/E[A-Z]+/)?.[0] ?? 'EIO',
      });
    }
    if (answer !== undefined) return answer.message;
    const left = deadline - performance.now();
    if (left <= 0) {
      throw new ConnectionError('Cannot make a file handle: the helper thread does not answer', {
        code: 'ETIMEDOUT',
      });
    }
    Atomics.wait(bell, 0, rings, left);
  }
}
