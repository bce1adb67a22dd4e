/**
 * How a child learns that its parent is gone, however it went.
 *
 * A parent keeps one pipe for all of its children and never writes to it; only the parent holds the write end, so the
 * kernel closes it with the parent. Each child inherits a read end of its own open file description: end of file there
 * means that the parent is dead. For a daemon the kernel does the rest: the description is set (`killOnClose`) to send
 * SIGKILL at that moment, which ends the child in a busy loop too, and needs no code in the child.
 *
 * `prctl(PR_SET_PDEATHSIG)` would do it as well, but needs a call into libc while the child starts, and fires when the
 * parent's *thread* ends.
 */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import net from 'node:net';
import { openPipe, type PipeEnds } from '../platform/pipe.ts';

let template: PipeEnds | undefined;

/** A fresh read end for one child; the caller closes it once the child has started. */
export function lifelineForChild(): number {
  template ??= openPipe();
  return openSync(`/proc/self/fd/${template.read}`, constants.O_RDONLY | constants.O_NONBLOCK);
}

/** The child's end: knows whether the parent lives, at any time and without the event loop. */
export class Lifeline {
  readonly #fd: number;
  #socket: net.Socket | undefined;
  #ended = false;
  readonly #listeners = new Set<() => void>();

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Asks the kernel. */
  get parentAlive(): boolean {
    if (this.#ended) return false;
    try {
      this.#ended = readSync(this.#fd, Buffer.allocUnsafe(1)) === 0;
    } catch {
      return true; // EAGAIN: open, and nothing was ever written
    }
    return !this.#ended;
  }

  /** Calls back once, when the parent has ended; returns what unsubscribes. Keeps the event loop alive meanwhile. */
  onParentEnd(listener: () => void): () => void {
    if (!this.parentAlive) {
      const timer = setImmediate(listener);
      return () => clearImmediate(timer);
    }
    this.#listeners.add(listener);
    this.#watch().ref();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#socket?.unref();
    };
  }

  #watch(): net.Socket {
    if (this.#socket !== undefined) return this.#socket;
    // A description of its own: closing the socket must not close the descriptor that `parentAlive` reads.
    const fd = openSync(`/proc/self/fd/${this.#fd}`, constants.O_RDONLY | constants.O_NONBLOCK);
    const socket = new net.Socket({ fd, readable: true, writable: false });
    const ended = (): void => {
      this.#ended = true;
      socket.destroy();
      for (const listener of [...this.#listeners]) listener();
      this.#listeners.clear();
    };
    socket.on('end', ended).on('error', ended).resume();
    this.#socket = socket;
    return socket;
  }

  /** Closes the descriptor; only for tests. */
  close(): void {
    this.#socket?.destroy();
    closeSync(this.#fd);
  }
}
