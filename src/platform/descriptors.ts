/**
 * Descriptors: pipes and socket pairs that no child inherits by accident, their sizes and flags.
 *
 * Everything is born close-on-exec (`pipe2`, `SOCK_CLOEXEC`), so that a program started meanwhile by anyone in this
 * process, in whatever thread, does not keep one of our ends open.
 */
import { check, declare, lastErrno } from './libc.ts';

const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const F_DUPFD_CLOEXEC = 1030;
const F_GETFD = 1;
const F_GETFL = 3;
const F_SETFL = 4;
const F_SETPIPE_SZ = 1031;
const F_GETPIPE_SZ = 1032;
const EINTR = 4;

const pipe2 = declare<(fds: Int32Array, flags: number) => number>('int pipe2(int *fds, int flags)');
const socketpair = declare<(domain: number, type: number, protocol: number, fds: Int32Array) => number>(
  'int socketpair(int domain, int type, int protocol, int *fds)',
);
const dup3 = declare<(fd: number, target: number, flags: number) => number>(
  'int dup3(int fd, int target, int flags)',
);
const fcntl = declare<(fd: number, command: number, argument: number) => number>(
  'int fcntl(int fd, int command, long argument)',
);
const getrlimit = declare<(resource: number, limits: BigUint64Array) => number>(
  'int getrlimit(int resource, void *limits)',
);
const RLIMIT_NOFILE = 7;

const closeC = declare<(fd: number) => number>('int close(int fd)');

/**
 * Closes a descriptor that came from this folder. In a worker thread Node keeps count of what `fs` opened, warns when
 * `fs` closes anything else, and closes what is left at the thread's end; so what `fs` opened is closed by `fs` alone.
 *
 * @throws {OSError} `EBADF`.
 */
export function closeFd(fd: number): void {
  // Linux has let go of the number even if it reports EINTR.
  if (closeC(fd) === -1 && lastErrno() !== EINTR) check(-1, 'close');
}

/** The two ends of a pipe. Whoever has them closes them. */
export interface PipeEnds {
  readonly read: number;
  readonly write: number;
}

/**
 * A pipe; both ends close-on-exec and blocking.
 *
 * @param size Room in bytes, rounded up by the kernel; absent leaves the system's default.
 * @throws {OSError} `EMFILE` without descriptors left, `EPERM` for more room than the system allows.
 */
export function openPipe(size?: number): PipeEnds {
  const fds = new Int32Array(2);
  check(pipe2(fds, O_CLOEXEC), 'pipe2');
  const ends = { read: fds[0]!, write: fds[1]! };
  if (size !== undefined) {
    try {
      setPipeSize(ends.write, size);
    } catch (error) {
      closeFd(ends.read);
      closeFd(ends.write);
      throw error;
    }
  }
  return ends;
}

/** A pipe, both ends close-on-exec and non-blocking: `[read end, write end]`. */
export function openNonBlockingPipe(): [number, number] {
  const fds = new Int32Array(2);
  check(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 'pipe2');
  return [fds[0]!, fds[1]!];
}

/** Two connected stream sockets (AF_UNIX), close-on-exec and non-blocking. */
export function openSocketPair(): [number, number] {
  const fds = new Int32Array(2);
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 'socketpair');
  return [fds[0]!, fds[1]!];
}

/** A second number for the same open file, close-on-exec, not below `lowest`. */
export function duplicate(fd: number, lowest = 0): number {
  return check(fcntl(fd, F_DUPFD_CLOEXEC, lowest), 'fcntl');
}

/** Makes the number `target` another name of the open file `fd`, close-on-exec; what `target` named before is closed by that. */
export function replaceDescriptor(fd: number, target: number): void {
  check(dup3(fd, target, O_CLOEXEC), 'dup3');
}

/** Whether `fd` is an open descriptor of this process. */
export function isOpen(fd: number): boolean {
  return fcntl(fd, F_GETFD, 0) !== -1;
}

/** How many descriptors this process may have, of all its threads. */
export function mostDescriptors(): number {
  const limits = new BigUint64Array(2);
  check(getrlimit(RLIMIT_NOFILE, limits), 'getrlimit');
  return Number(limits[0]);
}

/** Room of a pipe in bytes. */
export function pipeSize(fd: number): number {
  return check(fcntl(fd, F_GETPIPE_SZ, 0), 'fcntl');
}

/** Changes the room of a pipe; unprivileged programs may go up to `/proc/sys/fs/pipe-max-size` (1 MiB). */
export function setPipeSize(fd: number, size: number): void {
  check(fcntl(fd, F_SETPIPE_SZ, size), 'fcntl');
}

/** Asks for a larger pipe where the system gives it: less waking, same meaning, so a refusal is no error. */
export function widenPipe(fd: number, size = 1 << 20): void {
  fcntl(fd, F_SETPIPE_SZ, size);
}

/** Makes reads and writes of this open file wait; it is shared by all who inherited it. @returns false for a closed number. */
export function setBlocking(fd: number): boolean {
  const flags = fcntl(fd, F_GETFL, 0);
  if (flags === -1) return false;
  if ((flags & O_NONBLOCK) !== 0) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  return true;
}

/** Makes reads and writes of this open file return `EAGAIN` instead of waiting. */
export function setNonBlocking(fd: number): void {
  check(fcntl(fd, F_SETFL, check(fcntl(fd, F_GETFL, 0), 'fcntl') | O_NONBLOCK), 'fcntl');
}

/** What to wait for: poll(2)'s bits, and epoll's. */
export const POLLIN = 1;
export const POLLOUT = 4;
export const POLLERR = 8;
export const POLLHUP = 16;
