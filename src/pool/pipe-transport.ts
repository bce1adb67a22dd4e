/** {@link Transport} over a pair of connected sockets: length (u32, little endian), message. */
import net from 'node:net';
import type { Transport } from './transport.ts';

/** Puts whole messages together from whatever pieces arrive, copying each byte at most once. */
export class Reassembler {
  readonly #pieces: Buffer[] = [];
  #have = 0;
  #need = -1;

  /** Takes a piece and calls back with every message that is whole now; each is only valid during the call. */
  push(piece: Buffer, onMessage: (message: Buffer) => void): void {
    this.#pieces.push(piece);
    this.#have += piece.length;
    for (;;) {
      if (this.#need < 0) {
        if (this.#have < 4) return;
        this.#need = this.#take(4).readUInt32LE(0);
      }
      if (this.#have < this.#need) return;
      const message = this.#take(this.#need);
      this.#need = -1;
      onMessage(message);
    }
  }

  #take(length: number): Buffer {
    this.#have -= length;
    const first = this.#pieces[0] ?? Buffer.alloc(0);
    if (first.length >= length) {
      if (first.length === length) this.#pieces.shift();
      else this.#pieces[0] = first.subarray(length);
      return first.subarray(0, length);
    }
    const all = Buffer.allocUnsafe(length);
    let at = 0;
    let used = 0;
    while (at < length) {
      const piece = this.#pieces[used]!;
      const part = piece.subarray(0, length - at);
      all.set(part, at);
      at += part.length;
      if (part.length === piece.length) used += 1;
      else this.#pieces[used] = piece.subarray(part.length);
    }
    this.#pieces.splice(0, used);
    return all;
  }
}

/** @see Transport */
export class PipeTransport implements Transport {
  onMessage: (message: Buffer) => void = () => {};
  onEnd: () => void = () => {};
  readonly #socket: net.Socket;
  readonly #reassembler = new Reassembler();
  #corked = false;

  constructor(fd: number) {
    this.#socket = new net.Socket({ fd, readable: true, writable: true });
    this.#socket.on('data', (piece: Buffer) =>
      this.#reassembler.push(piece, (message) => this.onMessage(message)),
    );
    // A dead peer shows as an error (EPIPE, ECONNRESET) or as the end, whichever is seen first; 'close' follows both.
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => this.onEnd());
  }

  send(message: Uint8Array): void {
    // All messages of one turn of the loop leave in one system call.
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32LE(message.length);
    this.#socket.write(length);
    this.#socket.write(message);
  }

  sendNow(message: Uint8Array): Promise<void> | undefined {
    const framed = Buffer.allocUnsafe(4 + message.length);
    framed.writeUInt32LE(message.length);
    framed.set(message, 4);
    // The socket tries to write at once; what the kernel has no room for stays here until the other side reads.
    this.#socket.write(framed);
    if (this.#socket.writableLength === 0) return undefined;
    return new Promise((resolve) => this.#socket.write('', () => resolve()));
  }

  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  close(): void {
    this.#socket.destroy();
  }
}
