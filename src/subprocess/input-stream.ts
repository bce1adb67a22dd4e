/**
 * What a program reads, as a Node stream.
 *
 * A write goes to the kernel at once, as far as the pipe has room; nothing is held back. A program that no longer reads
 * is an ordinary thing: the error (EPIPE) goes to the write's callback and to whoever listens, but does not end this
 * program when nobody does.
 */
import { closeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { ValueError } from '../base/errors.ts';
import { POLLOUT, pollFds, setNonBlocking } from '../platform/descriptors.ts';
import { closeWatchedPipe, type FdWatch, WOULD_BLOCK, watchFd, writeSome } from '../platform/watch.ts';
import { encodeText } from './encodings.ts';
import type { TextMode } from './options.ts';

type Callback = (error?: Error | null) => void;

/**
 * `Popen.stdin`. Strings are encoded with the `encoding` of text mode, else as UTF-8.
 *
 * @example
 * const p = new Popen(['sort'], { stdin: PIPE });
 * p.stdin.write('b\na\n');
 * p.stdin.end();
 */
export class ProcessInput extends Writable {
  #fd: number | undefined;
  #watch: FdWatch | undefined;
  #watched = false;
  #inFlight: { bytes: Uint8Array; readonly callback: Callback } | undefined;
  #failure: Error | undefined;
  readonly #textMode: TextMode | undefined;

  /** @internal */
  constructor(fd: number, textMode: TextMode | undefined) {
    super({ decodeStrings: false });
    this.#fd = fd;
    this.#textMode = textMode;
    setNonBlocking(fd);
    this.on('error', (error) => {
      this.#failure = error;
    });
  }

  /** The descriptor, null once closed. */
  get fd(): number | null {
    return this.#fd ?? null;
  }

  /** Python's `fileno()`. @throws {ValueError} Once it is closed. */
  fileno(): number {
    if (this.#fd === undefined) throw new ValueError('I/O operation on closed file');
    return this.#fd;
  }

  /** Why a write failed, if one did. @internal */
  get failure(): Error | undefined {
    return this.#failure;
  }

  override _write(chunk: string | Uint8Array, encoding: BufferEncoding, callback: Callback): void {
    try {
      this.#inFlight = { bytes: this.#bytes(chunk, encoding), callback };
    } catch (error) {
      callback(error as Error);
      return;
    }
    this.#pump();
  }

  #bytes(chunk: string | Uint8Array, encoding: BufferEncoding): Uint8Array {
    if (typeof chunk !== 'string') return chunk;
    const mode = this.#textMode;
    return mode === undefined ? Buffer.from(chunk, encoding) : encodeText(chunk, mode.encoding, mode.errors);
  }

  /** Writes what there is room for. @returns whether nothing is left in flight. */
  #pump(): boolean {
    while (this.#inFlight !== undefined) {
      const { bytes, callback } = this.#inFlight;
      try {
        const n = bytes.length === 0 ? 0 : writeSome(this.#fd!, bytes);
        if (n === WOULD_BLOCK) {
          this.#watch ??= watchFd(this.#fd!, 'writable', () => this.#pump());
          this.#watched = true;
          return false;
        }
        this.#inFlight.bytes = bytes.subarray(n);
        if (n < bytes.length) continue;
      } catch (error) {
        this.#settle(callback, error as Error);
        return true;
      }
      this.#settle(callback, null);
    }
    return true;
  }

  #settle(callback: Callback, error: Error | null): void {
    this.#inFlight = undefined;
    this.#watch?.stop();
    this.#watch = undefined;
    callback(error); // may call _write again, at once
  }

  /**
   * Writes without waiting, for a caller that blocks the event loop and waits itself.
   * @returns whether everything written so far is with the kernel, or can't get there.
   * @internal
   */
  pumpNow(): boolean {
    if (this.destroyed) return true;
    return this.#pump() && (this.destroyed || this.writableLength === 0);
  }

  /** Blocks this thread until everything written so far is with the kernel. @internal */
  flushSync(): void {
    while (!this.pumpNow()) pollFds([{ fd: this.#fd!, events: POLLOUT }]);
  }

  /** Closes at once instead of in the event loop's time. @internal */
  closeNow(): void {
    this.#close();
    this.destroy();
  }

  #close(): void {
    this.#watch?.stop();
    this.#watch = undefined;
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    if (this.#watched) closeWatchedPipe(fd);
    else closeSync(fd);
  }

  override _final(callback: Callback): void {
    this.#close();
    callback();
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#close();
    const pending = this.#inFlight;
    this.#inFlight = undefined;
    callback(error);
    pending?.callback(error ?? new ValueError('Cannot write: the stream was closed meanwhile'));
  }
}
