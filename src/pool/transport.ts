/**
 * Messages between a pool and one of its workers: a ring in shared memory for each direction, and a doorbell.
 *
 * What was sent is in shared memory when `send` returns: it stays there when its sender is killed. The doorbell (a pair of
 * connected sockets) is rung only for a side that sleeps. A side says so in its word, and looks once more before it does:
 *
 *     receiver                         sender
 *     word ← ASLEEP                    commit the message
 *     is there a message? then AWAKE   is the word ASLEEP? word ← AWAKE, and ring
 *
 * One of the two sees what the other has done, so no message is slept through.
 */

import { closeSync } from 'node:fs';
import { kind } from '../channel/layout.ts';
import { EMPTY, type Place, type Ring } from '../channel/ring.ts';
import { expectLarge } from '../platform/malloc.ts';
import { drain, ring } from '../platform/wake-pipe.ts';
import { closeWatched, type FdWatch, watchFd } from '../platform/watch.ts';

const AWAKE = 0;
const ASLEEP = 1;

const oneByte = new Uint8Array(1);
const scratch = new Uint8Array(256);

/** What both sides of a {@link Transport} share, as one side sees it. */
export interface TransportParts {
  readonly incoming: Ring;
  readonly outgoing: Ring;
  readonly words: Int32Array;
  /** Index of the word that says whether this side sleeps. */
  readonly own: number;
  /** … and whether the other one does. */
  readonly peer: number;
  /** This side's end of the doorbell, non-blocking; closed with the transport. */
  readonly bell: number;
}

/** One side of the connection of a pool and a worker. */
export class Transport {
  /** Called from the event loop after {@link sleep}, when there may be a message. */
  onBell: () => void = () => {};
  readonly #parts: TransportParts;
  readonly #watcher: FdWatch;
  #closed = false;

  constructor(parts: TransportParts) {
    this.#parts = parts;
    this.#watcher = watchFd(parts.bell, 'readable', () => {
      this.quiet();
      this.onBell();
    });
    this.#watcher.unref();
  }

  /** Sends a message; it outlives this process. Never waits. After {@link close} it does nothing. */
  send(message: Uint8Array): void {
    if (this.#closed) return;
    const { outgoing, words, peer, bell } = this.#parts;
    outgoing.write(kind.bytes, message.length, message);
    if (Atomics.load(words, peer) === ASLEEP && Atomics.exchange(words, peer, AWAKE) === ASLEEP) {
      ring(bell, oneByte);
    }
  }

  /** The next message, if there is one. */
  take(): Buffer | undefined {
    if (this.#closed) return undefined;
    const message = this.#parts.incoming.read(copyOf);
    return message === EMPTY ? undefined : message;
  }

  /** Whether {@link take} would give one. */
  get ready(): boolean {
    return !this.#closed && this.#parts.incoming.size > 0;
  }

  /** From now on the other side rings. False when there is a message already: then it does not. */
  sleep(): boolean {
    const { words, own } = this.#parts;
    Atomics.store(words, own, ASLEEP);
    if (!this.ready) return true;
    this.wake();
    return false;
  }

  /** The other side need not ring: this side looks by itself. */
  wake(): void {
    Atomics.store(this.#parts.words, this.#parts.own, AWAKE);
  }

  /** The descriptor that becomes readable when the bell is rung. */
  get bell(): number {
    return this.#parts.bell;
  }

  /** Takes what the bell rang so far. */
  quiet(): void {
    drain(this.#parts.bell, scratch);
  }

  /** Whether waiting for the bell keeps the event loop alive. */
  ref(): void {
    this.#watcher.ref();
  }

  unref(): void {
    this.#watcher.unref();
  }

  /** Ends it; what nobody took is given up. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watcher.stop();
    closeWatched(this.#parts.bell, closeSync);
  }
}

function copyOf({ memory: { bytes }, from, number }: Place): Buffer {
  expectLarge(number);
  const message = Buffer.allocUnsafe(number);
  bytes.copy(message, 0, from, from + number);
  return message;
}
