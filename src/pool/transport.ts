/** How messages get from parent to worker and back: the interface, which a pipe and a ring can both fill. */

/** One end of a two-way channel of whole messages, in order. */
export interface Transport {
  /** Sends a message; never blocks. What the other side has not taken yet is kept. */
  send(message: Uint8Array): void;
  /**
   * Sends a message that must not be lost with this process: when it returns, or when the promise that it returns is settled,
   * the other side will get it even if this process is killed.
   */
  sendNow(message: Uint8Array): Promise<void> | undefined;
  /** Called with every message that arrives. */
  onMessage: (message: Buffer) => void;
  /** Called once, when the other side has closed its end or has died, after its last whole message. */
  onEnd: () => void;
  /** Bytes that were sent and are still kept on this side. */
  readonly pendingBytes: number;
  /** Whether waiting for a message keeps the event loop alive. */
  ref(): void;
  unref(): void;
  /** Ends it; what is pending is given up. */
  close(): void;
}
