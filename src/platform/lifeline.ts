/**
 * A child that ends when its parent ends, whatever the child is doing.
 *
 * The read end of a pipe is told to send the child a signal when something happens at its other side (`O_ASYNC`), and
 * the only thing that ever happens there is that the last write end closes, because its holder died. The kernel does it
 * all: no thread, no timer and no code in the child, which may be in an endless loop. `PR_SET_PDEATHSIG` does less: it
 * follows the thread that started the child, and only direct children.
 */
import { check, declare } from './libc.ts';

const F_GETFL = 3;
const F_SETFL = 4;
const F_SETOWN = 8;
const F_SETSIG = 10;
const O_ASYNC = 0o20000;
const SIGKILL = 9;

const fcntl = declare<(fd: number, command: number, argument: number) => number>(
  'int fcntl(int fd, int command, long argument)',
);

/**
 * Has the kernel send `signal` to process `pid` as soon as no write end of the pipe is open any more, or something is
 * written to it.
 *
 * It lasts as long as the open file behind `readFd` is open anywhere: the child must have inherited it and not close
 * it. Then the caller may close its own copy.
 *
 * @throws {OSError} `EBADF`; `ESRCH` when there is no such process.
 */
export function killOnClose(readFd: number, pid: number, signal: number = SIGKILL): void {
  check(fcntl(readFd, F_SETOWN, pid), 'fcntl');
  check(fcntl(readFd, F_SETSIG, signal), 'fcntl');
  check(fcntl(readFd, F_SETFL, check(fcntl(readFd, F_GETFL, 0), 'fcntl') | O_ASYNC), 'fcntl');
}
