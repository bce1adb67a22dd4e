/**
 * Local sockets with names that are in no directory (unix(7), "abstract"): nothing to remove, gone with their process.
 *
 * SOCK_SEQPACKET, so that what one side sends in one call the other receives in one call.
 */
import { ConnectionError } from '../base/errors.ts';
import { closeFd } from './descriptors.ts';
import { check, declare, errnoError, errnoName, lastErrno } from './libc.ts';

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_SNDTIMEO = 21;
const EINTR = 4;
const EAGAIN = 11;
const ECONNABORTED = 103;
/** Room for connections that nobody has accepted yet; the kernel takes less where the system says so. */
const backlog = 4096;

const socketC = declare<(domain: number, type: number, protocol: number) => number>(
  'int socket(int domain, int type, int protocol)',
);
const bindC = declare<(fd: number, address: Uint8Array, length: number) => number>(
  'int bind(int fd, void *address, unsigned int length)',
);
const listenC = declare<(fd: number, backlog: number) => number>('int listen(int fd, int backlog)');
const connectC = declare<(fd: number, address: Uint8Array, length: number) => number>(
  'int connect(int fd, void *address, unsigned int length)',
);
const accept4 = declare<(fd: number, address: null, length: null, flags: number) => number>(
  'int accept4(int fd, void *address, void *length, int flags)',
);
const setsockopt = declare<
  (fd: number, level: number, option: number, value: Uint8Array, length: number) => number
>('int setsockopt(int fd, int level, int option, void *value, unsigned int length)');
const getsockopt = declare<
  (fd: number, level: number, option: number, value: Uint8Array, length: Uint8Array) => number
>('int getsockopt(int fd, int level, int option, void *value, void *length)');

/** struct sockaddr_un: the family, then a NUL in the place of a path's first byte. */
function address(name: string): Buffer {
  const bytes = Buffer.from(`\0\0\0${name}`);
  bytes.writeUInt16LE(AF_UNIX, 0);
  return bytes;
}

function open(flags: number): number {
  return check(socketC(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0), 'socket');
}

/** Listens under a name that nobody else has; the descriptor does not block. @throws {OSError} `EADDRINUSE`, `EMFILE`, … */
export function listenLocally(name: string): number {
  const fd = open(SOCK_NONBLOCK);
  try {
    const to = address(name);
    check(bindC(fd, to, to.length), 'bind', name);
    check(listenC(fd, backlog), 'listen', name);
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/**
 * The next connection, which does not block either; undefined when there is none.
 *
 * @throws {OSError} `EMFILE`, …: the connection waits on.
 */
export function acceptLocally(fd: number): number | undefined {
  const accepted = accept4(fd, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (accepted !== -1) return accepted;
  const errno = lastErrno();
  if (errno === EAGAIN || errno === EINTR || errno === ECONNABORTED) return undefined;
  throw errnoError(errno, 'accept4');
}

/**
 * Connects, blocking this thread while so many others do that they have to queue.
 *
 * @param deadline On the clock of `performance.now()`.
 * @throws {ConnectionRefusedError} Nobody listens under that name.
 * @throws {ConnectionError} `ETIMEDOUT`.
 */
export function connectLocally(name: string, deadline: number): number {
  const fd = open(0);
  try {
    const to = address(name);
    for (;;) {
      const left = deadline - performance.now();
      if (left <= 0) throw timedOut(name);
      setSendTimeout(fd, left);
      if (connectC(fd, to, to.length) === 0) return fd;
      const errno = lastErrno();
      if (errno !== EINTR && errno !== EAGAIN) throw errnoError(errno, 'connect', name);
    }
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

function timedOut(name: string): ConnectionError {
  return new ConnectionError(`ETIMEDOUT: nobody accepted in time, connect '${name}'`, {
    code: 'ETIMEDOUT',
    syscall: 'connect',
    path: name,
  });
}

/** connect(2) on local sockets heeds this one. */
function setSendTimeout(fd: number, milliseconds: number): void {
  const ms = Math.max(1, Math.ceil(milliseconds));
  const timeval = Buffer.alloc(16);
  timeval.writeBigInt64LE(BigInt(Math.floor(ms / 1000)), 0);
  timeval.writeBigInt64LE(BigInt((ms % 1000) * 1000), 8);
  check(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, timeval, timeval.length), 'setsockopt');
}

/** Who is on the other side. */
export interface PeerCredentials {
  readonly pid: number;
  /** The effective user id. */
  readonly uid: number;
}

/** Who connected, or who listens where this connected to, as the kernel knows it. */
export function peerCredentials(fd: number): PeerCredentials {
  const ucred = Buffer.alloc(12);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(ucred.length);
  check(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ucred, length), 'getsockopt');
  return { pid: ucred.readInt32LE(0), uid: ucred.readUInt32LE(4) };
}

/** Whether an error says that a call would have had to wait. */
export function wouldBlock(error: unknown): boolean {
  return (error as { code?: unknown }).code === errnoName(EAGAIN);
}
