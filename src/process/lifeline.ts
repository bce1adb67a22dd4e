/**
 * The child's side of the lifeline: end of file means that the parent is dead. See `lifeline-source.ts`.
 *
 * Modules of Node's that only few children need are loaded when they are: every child waits for what is imported.
 */
import { constants, openSync, readSync } from 'node:fs';
import type { Socket } from 'node:net';
import { offeredWatcher } from '../platform/poll-offer.ts';

/** How often a child that only awaits something looks whether it has become an orphan. */
const orphanCheckMs = 5000;

/** The child's end: knows whether the parent lives, at any time and without the event loop. */
export class Lifeline {
  readonly #fd: number;
  #socket: Socket | undefined;
  #ended = false;
  readonly #listeners = new Set<() => void>();

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Ready for reading once the parent has ended. */
  get fd(): number {
    return this.#fd;
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

  /**
   * Keeps the event loop alive until the parent has ended, or until what this returns is called.
   *
   * By looking now and then, which needs nothing to be loaded; and when something else has loaded what watching takes (whoever
   * awaits a lock, for example), by watching: a program that only waits is not to wake up for this.
   */
  hold(): () => void {
    let letGo = (): void => clearInterval(timer);
    const timer = setInterval(() => {
      const watch = offeredWatcher();
      if (watch === undefined) {
        if (!this.parentAlive) letGo();
        return;
      }
      clearInterval(timer);
      // The end is all that ever comes out of it.
      letGo = watch(this.#fd, () => letGo());
    }, orphanCheckMs);
    return () => letGo();
  }

  #watch(): Socket {
    if (this.#socket !== undefined) return this.#socket;
    // A description of its own: closing the socket must not close the descriptor that `parentAlive` reads.
    const fd = openSync(`/proc/self/fd/${this.#fd}`, constants.O_RDONLY | constants.O_NONBLOCK);
    const { Socket } = process.getBuiltinModule('node:net');
    const socket = new Socket({ fd, readable: true, writable: false });
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
}
