/**
 * Descriptors watched by the event loop of a worker thread, through a handle of Node's own.
 *
 * A worker thread may be terminated at any moment, and its event loop then still runs what is ready. Node's handles know that no
 * JavaScript can be called any more. koffi's do not: the call fails, and that ends the whole program.
 *
 * Of Node's handles none takes any descriptor. So one gets a datagram socket, whose number is made an epoll in the same turn, before the
 * event loop has looked at it: epolls (epoll(7)) can be watched like everything that they hold, are ready when it is, and cannot be
 * received from. That error is the call back: Node reports it, at each turn anew, and does nothing else. (With a stream it
 * would close the handle.) The number is the handle's: it is closed with it, also when the thread is terminated.
 *
 * The call comes 2 µs later than koffi's.
 */
import type { Socket } from 'node:dgram';
import { pollFds } from './blocking-poll.ts';
import { closeFd, POLLIN, POLLOUT, replaceDescriptor } from './descriptors.ts';
import { addToEpoll, createEpoll } from './epoll.ts';
import { check, declare } from './libc.ts';
import type { PollEvents, PollHandle } from './poll.ts';

const socketC = declare<(domain: number, type: number, protocol: number) => number>(
  'int socket(int domain, int type, int protocol)',
);
const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;

const bitsOf = ({ readable, writable }: PollEvents): number =>
  (readable ? POLLIN : 0) | (writable ? POLLOUT : 0);

/** An epoll that holds `fd`, under the number `target`. @throws {OSError} */
function openEpollAs(target: number, fd: number, events: PollEvents): void {
  const epoll = createEpoll();
  try {
    check(addToEpoll(epoll, fd, bitsOf(events)), 'epoll_ctl');
    replaceDescriptor(epoll, target);
  } finally {
    closeFd(epoll);
  }
}

/** A bound socket that has an error while `fd` is ready. @throws {Error} The system's, or Node's where it grants no network. */
function failingWhileReady(fd: number, events: PollEvents): Socket {
  const number = check(socketC(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), 'socket');
  const socket = process.getBuiltinModule('node:dgram').createSocket('udp4');
  try {
    // Not the one that the main process of a cluster would give.
    socket.bind({ fd: number, exclusive: true });
  } catch (error) {
    closeFd(number);
    throw error;
  }
  try {
    openEpollAs(number, fd, events);
  } catch (error) {
    socket.close();
    throw error;
  }
  return socket;
}

/** Why there is no such socket, no epoll, or no room for more. */
const refusals = new Set<unknown>([
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'ENOBUFS',
  'ENOSPC',
  'EAFNOSUPPORT',
  'EACCES',
  'ERR_ACCESS_DENIED',
]);
/** So often it is looked then, in milliseconds. */
const pauseMs = 10;

function lookingOften(fd: number, events: PollEvents, onReady: () => void): PollHandle {
  const item = { fd, events: bitsOf(events) };
  const timer = setInterval(() => {
    if (pollFds([item], 0)[0] !== 0) onReady();
  }, pauseMs);
  return {
    ref: () => void timer.ref(),
    unref: () => void timer.unref(),
    close: () => clearInterval(timer),
  };
}

/** As `poll` of poll.ts. @throws {OSError} For what cannot be watched, or is not open. */
export function pollInThread(fd: number, events: PollEvents, onReady: () => void): PollHandle {
  let socket: Socket;
  try {
    socket = failingWhileReady(fd, events);
  } catch (error) {
    if (!refusals.has((error as { code?: unknown }).code)) throw error;
    return lookingOften(fd, events, onReady);
  }
  let closed = false;
  socket.on('error', () => {
    if (!closed) onReady();
  });
  return {
    ref: () => void socket.ref(),
    unref: () => void socket.unref(),
    close: () => {
      if (closed) return;
      closed = true;
      socket.close();
    },
  };
}
