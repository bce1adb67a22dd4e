/** System calls that tests make themselves, apart from the library's own, so that they work where the library has none. */
import koffi from 'koffi';

const libc = koffi.load(null);
const pipeC = libc.func('int pipe2(_Out_ int *fds, int flags)');
const fcntlC = libc.func('int fcntl(int fd, int command, long argument)');
const waitpidC = libc.func('int waitpid(int pid, _Out_ int *status, int options)');

const O_CLOEXEC = 0o2000000;
export const F_GETFD = 1;
export const F_SETFD = 2;
const F_GETPIPE_SZ = 1032;
const F_DUPFD_CLOEXEC = 1030;

export const fcntl = (fd: number, command: number, argument: number): number =>
  fcntlC(fd, command, argument) as number;

/** A pipe, both ends close-on-exec. */
export function openPipe(): { read: number; write: number } {
  const fds = [0, 0];
  if (pipeC(fds, O_CLOEXEC) !== 0) throw new Error(`pipe2: errno ${koffi.errno()}`);
  return { read: fds[0]!, write: fds[1]! };
}

export const pipeSize = (fd: number): number => fcntl(fd, F_GETPIPE_SZ, 0);
export const duplicate = (fd: number): number => fcntl(fd, F_DUPFD_CLOEXEC, 0);
const closeC = libc.func('int close(int fd)');
/** close(2); gives 0, or -1 for what was not open. */
export const closeFd = (fd: number): number => closeC(fd) as number;
/** Collects a child behind the library's back; gives its pid. */
export const steal = (pid: number): number => waitpidC(pid, [0], 0) as number;
