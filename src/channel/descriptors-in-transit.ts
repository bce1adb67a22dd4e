/**
 * Descriptors on their way to another process: Python's `multiprocessing.reduction.DupFd` and `resource_sharer`.
 *
 * A message holds no descriptor, only where to fetch it: the sender keeps a duplicate, which its helper (descriptor-thread.ts)
 * gives once, to whoever shows the key, for a minute at most. A child that is being started inherits it instead.
 *
 * The sender may close its own at once. When it ends before the receiver has fetched, the descriptor is lost, as in Python.
 *
 * https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Queue
 */
import { randomBytes } from 'node:crypto';
import { ConnectionError, type OSError, osError } from '../base/errors.ts';
import { isInherited, isStartingChild, noteOwnDescriptor, takeInherited } from '../memory/inheritance.ts';
import { pollFds } from '../platform/blocking-poll.ts';
import { closeFd, duplicate, POLLIN } from '../platform/descriptors.ts';
import { connectLocally, peerCredentials } from '../platform/local-socket.ts';
import { receiveDescriptor, sendDescriptor } from '../platform/scm-rights.ts';
import { descriptorHelper } from './descriptor-helper.ts';
import { HERE, requestBytes, SWEEP } from './descriptor-protocol.ts';
import { keyBytes } from './transit-table.ts';

/** How long the sender has to answer, in milliseconds. */
const patienceMs = 5_000;
/** Inherited descriptors keep clear of the numbers that a child's own have. */
const lowestInherited = 64;

/** What travels: plain data that says where the descriptor is fetched. */
export type DescriptorHandle =
  | { readonly pid: number; readonly fd: number }
  | {
      readonly pid: number;
      readonly address: string;
      readonly slot: number;
      /** hex */
      readonly key: string;
    };

/**
 * Makes a handle from which one receiver gets the open file `fd`; the caller's number stays its own.
 *
 * @throws {OSError} `EBADF`, `EMFILE`; also when 4096 descriptors that this thread sent have not been fetched yet.
 */
export function offerDescriptor(fd: number): DescriptorHandle {
  const { pid } = process;
  if (isStartingChild()) {
    const inherited = duplicate(fd, lowestInherited);
    noteOwnDescriptor(inherited, () => closeFd(inherited));
    return { pid, fd: inherited };
  }
  const { address, table, port } = descriptorHelper();
  const key = randomBytes(keyBytes);
  const own = duplicate(fd);
  const slot = table.add(own, key);
  if (slot < 0) {
    closeFd(own);
    throw osError('EMFILE: too many descriptors are on their way already; let their receivers take them', {
      code: 'EMFILE',
    });
  }
  if (table.needsSweeping()) port.postMessage(SWEEP);
  return { pid, address, slot, key: key.toString('hex') };
}

/**
 * The descriptor that a handle names, close-on-exec; the caller's to close. Blocks this thread while it asks the sender,
 * for 5 seconds at most.
 *
 * @throws {ConnectionError} `ECONNREFUSED` or `ECONNRESET`: the sender has ended. `ESTALE`: it is not there any more, since
 *   somebody has got it or nobody asked for a minute. `ETIMEDOUT`: the sender does not answer.
 */
export function fetchDescriptor(handle: DescriptorHandle): number {
  const { pid } = handle;
  if ('fd' in handle) {
    const { fd } = handle;
    if (!isInherited(pid, fd)) throw stale(pid);
    takeInherited(fd);
    // A number of its own, and none that programs started here would inherit.
    const own = duplicate(fd);
    closeFd(fd);
    return own;
  }
  const { address, slot, key } = handle;
  const request = Buffer.alloc(requestBytes);
  request.writeUInt32LE(slot, 0);
  request.write(key, 4, 'hex');
  const deadline = performance.now() + patienceMs;
  try {
    return ask(pid, address, request, deadline);
  } catch (error) {
    throw explained(error, pid);
  }
}

function ask(pid: number, address: string, request: Buffer, deadline: number): number {
  const socket = connectLocally(address, deadline);
  try {
    // Names in no directory have no owner: anybody may take the one of a process that has ended.
    if (peerCredentials(socket).uid !== process.geteuid!()) throw ended(pid, 'ECONNREFUSED');
    sendDescriptor(socket, undefined, request);
    const [ready] = pollFds([{ fd: socket, events: POLLIN }], deadline - performance.now());
    if (ready === 0) throw silent(pid);
    const { bytes, fd } = receiveDescriptor(socket, 1);
    if (bytes.length === 0) throw ended(pid, 'ECONNRESET');
    if (bytes[0] !== HERE || fd === undefined) throw stale(pid);
    return fd;
  } finally {
    closeFd(socket);
  }
}

/** The kernel's words in ours. */
function explained(error: unknown, pid: number): unknown {
  const { code, syscall } = error as Partial<OSError>;
  if (syscall === undefined) return error;
  if (code === 'ETIMEDOUT') return silent(pid, error);
  if (code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === 'EPIPE') return ended(pid, code, error);
  return error;
}

function ended(pid: number, code: string, cause?: unknown): OSError {
  return osError(
    `Cannot receive a descriptor: process ${pid}, which sent it, has ended; ` +
      'keep the sender until the receiver has it',
    { code, cause },
  );
}

function silent(pid: number, cause?: unknown): OSError {
  return new ConnectionError(
    `Cannot receive a descriptor: process ${pid}, which sent it, has not answered for ${patienceMs / 1000} seconds; ` +
      'see whether it is stopped',
    { code: 'ETIMEDOUT', cause },
  );
}

function stale(pid: number): OSError {
  return new ConnectionError(
    `Cannot receive a descriptor: process ${pid} does not keep it any more; each is for one receiver, ` +
      'and for a minute: send it once to each, and receive it soon',
    { code: 'ESTALE' },
  );
}
