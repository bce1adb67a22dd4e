/**
 * Descriptors as part of a message between processes: sendmsg(2) with SCM_RIGHTS, over a local socket.
 *
 * The receiver gets a number of its own for the same open file: position and flags are shared, closing is not.
 *
 * The structures, each with its place in one piece of memory (64 bits, little endian; musl's lengths of 32 bits with
 * padding after them come to the same bytes):
 *
 *     0   msghdr   name, namelen, iov, iovlen, control, controllen, flags
 *     56  iovec    base, len
 *     72  cmsghdr  len, level, type, then descriptors of 4 bytes each
 */
import { RuntimeError } from '../base/errors.ts';
import { closeFd } from './descriptors.ts';
import { check, declare, koffi, lastErrno } from './libc.ts';

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CTRUNC = 8;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const EINTR = 4;

const at = { iov: 56, control: 72, descriptors: 88, end: 120 } as const;
const cmsgHeader = at.descriptors - at.control;
/** A message with more than one is not ours: there is room to see them, so that they can be closed. */
const room = (at.end - at.descriptors) / 4;

const sendmsg = declare<(fd: number, message: Uint8Array, flags: number) => number>(
  'int64_t sendmsg(int fd, void *message, int flags)',
);
const recvmsg = declare<(fd: number, message: Uint8Array, flags: number) => number>(
  'int64_t recvmsg(int fd, void *message, int flags)',
);

/** A message header that points to `bytes` and to its own control part of `control` bytes. */
function header(bytes: Uint8Array, control: number): Buffer {
  // Memory of its own, outside of the heap, whose objects move.
  const own = Buffer.allocUnsafeSlow(at.end).fill(0);
  const base = BigInt(koffi().address(own));
  own.writeBigUInt64LE(base + BigInt(at.iov), 16);
  own.writeBigUInt64LE(1n, 24);
  own.writeBigUInt64LE(BigInt(koffi().address(bytes)), at.iov);
  own.writeBigUInt64LE(BigInt(bytes.length), at.iov + 8);
  if (control > 0) {
    own.writeBigUInt64LE(base + BigInt(at.control), 32);
    own.writeBigUInt64LE(BigInt(control), 40);
  }
  return own;
}

/**
 * Sends `bytes`, and with them a descriptor, which stays open here. Does not block.
 *
 * @param fd The descriptor; undefined sends bytes alone.
 * @param bytes At least one: a descriptor does not travel without.
 * @throws {BrokenPipeError} Nobody is at the other side. @throws {OSError} `EBADF`, `EAGAIN`, …
 */
export function sendDescriptor(socket: number, fd: number | undefined, bytes: Uint8Array): void {
  const payload = Buffer.allocUnsafeSlow(bytes.length);
  payload.set(bytes);
  const message = header(payload, fd === undefined ? 0 : cmsgHeader + 8);
  if (fd !== undefined) {
    message.writeBigUInt64LE(BigInt(cmsgHeader + 4), at.control);
    message.writeInt32LE(SOL_SOCKET, at.control + 8);
    message.writeInt32LE(SCM_RIGHTS, at.control + 12);
    message.writeInt32LE(fd, at.descriptors);
  }
  for (;;) {
    if (sendmsg(socket, message, MSG_NOSIGNAL | MSG_DONTWAIT) !== -1) return;
    if (lastErrno() !== EINTR) check(-1, 'sendmsg');
  }
}

/** What {@link receiveDescriptor} gives. */
export interface Received {
  /** Empty at the end of the connection. */
  readonly bytes: Buffer;
  /** Close-on-exec, and the receiver's to close. */
  readonly fd: number | undefined;
}

/**
 * Takes a message of up to `most` bytes, and the descriptor that came with it. Does not block.
 *
 * @throws {RuntimeError} More than one descriptor came; they are closed.
 * @throws {OSError} `EAGAIN` when nothing is there, `ECONNRESET`, `EMFILE` (as `RuntimeError`: the kernel dropped it), …
 */
export function receiveDescriptor(socket: number, most: number): Received {
  const payload = Buffer.allocUnsafeSlow(most);
  const message = header(payload, at.end - at.control);
  let length: number;
  for (;;) {
    length = Number(recvmsg(socket, message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT));
    if (length !== -1) break;
    if (lastErrno() !== EINTR) check(-1, 'recvmsg');
  }
  const fds = descriptorsIn(message);
  const truncated = (message.readInt32LE(48) & MSG_CTRUNC) !== 0;
  if (fds.length > 1 || truncated) {
    for (const fd of fds) closeFd(fd);
    throw new RuntimeError(
      truncated
        ? 'Cannot receive a descriptor: the kernel dropped it; this process has too many open files'
        : `Cannot receive a descriptor: received ${fds.length} of them instead of one`,
    );
  }
  return { bytes: payload.subarray(0, length), fd: fds[0] };
}

function descriptorsIn(message: Buffer): number[] {
  // 32 bits of it: with musl the rest is padding.
  if (message.readUInt32LE(40) < cmsgHeader + 4) return [];
  const isRights =
    message.readInt32LE(at.control + 8) === SOL_SOCKET && message.readInt32LE(at.control + 12) === SCM_RIGHTS;
  if (!isRights) return [];
  const count = Math.min(room, (message.readUInt32LE(at.control) - cmsgHeader) >> 2);
  return Array.from({ length: count }, (_, i) => message.readInt32LE(at.descriptors + i * 4));
}
