/**
 * A worker's incoming messages, in order; what must not wait for its turn (to give the running task up) is told on arrival.
 *
 * Before a worker sleeps it looks on for a moment: the next short task comes sooner than a wake through the kernel. Looking
 * on pays only while tasks follow one another; whether they do is learnt.
 */
import { availableParallelism } from 'node:os';
import { yieldCore } from '../platform/yield.ts';
import { CANCEL, headerLength } from './protocol.ts';
import type { Transport } from './transport.ts';

const several = availableParallelism() > 1;
/** How long it looks on without, and with turns of the event loop, in milliseconds. */
const spinMs = 0.02;
const lookMs = 0.15;
/** A sleep that was over as soon as this, a wake through the kernel included, would have been worth looking on. */
const quickMs = 0.2;
/** How often it looks on in vain until it stops. */
const mostPatience = 10;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** See the file's header. */
export class Inbox {
  readonly #transport: Transport;
  readonly #onCancel: (sequence: number, reason: Buffer) => void;
  /** What arrived while a task was awaited. */
  readonly #messages: Buffer[] = [];
  #patience = several ? mostPatience : 0;

  constructor(transport: Transport, onCancel: (sequence: number, reason: Buffer) => void) {
    this.#transport = transport;
    this.#onCancel = onCancel;
  }

  /** The next message, if there is one. */
  take(): Buffer | undefined {
    if (this.#messages.length > 0) return this.#messages.shift();
    for (;;) {
      const bytes = this.#transport.take();
      // A task that could be given up is not running now.
      if (bytes === undefined || bytes[0] !== CANCEL) return bytes;
    }
  }

  /** Waits until there may be a message. */
  async wait(): Promise<void> {
    const looks = this.#looks();
    if (looks && (await this.#lookOn())) return;
    const asleep = performance.now();
    await new Promise<void>((resolve) => {
      this.#transport.onBell = resolve;
      if (!this.#transport.sleep()) resolve();
    });
    this.#transport.wake();
    if (!looks && several && performance.now() - asleep < quickMs) {
      this.#patience = Math.min(mostPatience, this.#patience + 2);
    }
  }

  /** Takes messages as they come, until `busy` is settled. */
  async listenUntil(busy: Promise<void>): Promise<void> {
    const collect = (): void => {
      do {
        for (let bytes = this.#transport.take(); bytes !== undefined; bytes = this.#transport.take()) {
          if (bytes[0] === CANCEL) this.#onCancel(bytes.readUInt32LE(1), bytes.subarray(headerLength));
          else this.#messages.push(bytes);
        }
      } while (!this.#transport.sleep());
    };
    this.#transport.onBell = collect;
    collect();
    try {
      await busy;
    } finally {
      this.#transport.onBell = () => {};
      this.#transport.wake();
    }
  }

  /** Whether it looks on before it sleeps. Once in a while it is tried again whether it pays. */
  #looks(): boolean {
    return this.#patience > 0 || (several && Math.random() < 1 / 16);
  }

  async #lookOn(): Promise<boolean> {
    const start = performance.now();
    while (performance.now() - start < spinMs) {
      if (this.#transport.ready) return this.#found();
      yieldCore();
    }
    while (performance.now() - start < lookMs) {
      await turn();
      yieldCore();
      if (this.#transport.ready) return this.#found();
    }
    if (this.#patience > 0) this.#patience--;
    return false;
  }

  #found(): true {
    this.#patience = mostPatience;
    return true;
  }
}
