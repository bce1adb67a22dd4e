/**
 * What a program reads, as a Node stream.
 *
 * A write goes to the kernel at once, as far as the pipe has room; nothing is held back. A program that no longer reads
 * is an ordinary thing: the error (EPIPE) goes to the write's callback and to whoever listens, but does not end this
 * program when nobody does.
 */
import { Writable } from 'node:stream';
import { NotSupportedError, ValueError } from '../base/errors.ts';
import { type PipeWatch, type PipeWriter, WOULD_BLOCK } from '../platform/pipe-end.ts';
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
  readonly #pipe: PipeWriter;
  #watch: PipeWatch | undefined;
  #inFlight: { bytes: Uint8Array; readonly callback: Callback } | undefined;
  #failure: Error | undefined;
  readonly #textMode: TextMode | undefined;

  /** @internal */
  constructor(pipe: PipeWriter, textMode: TextMode | undefined) {
    super({ decodeStrings: false });
    this.#pipe = pipe;
    this.#textMode = textMode;
    this.on('error', (error) => {
      this.#failure = error;
    });
  }

  /** The descriptor, null once closed. */
  get fd(): number | null {
    return this.#pipe.fd ?? null;
  }

  /** Python's `fileno()`. @throws {ValueError} Once it is closed. @throws {NotSupportedError} The platform gives none. */
  fileno(): number {
    if (this.#pipe.closed) throw new ValueError('I/O operation on closed file');
    if (this.#pipe.fd === undefined)
      throw new NotSupportedError('Cannot tell the descriptor: there is none here');
    return this.#pipe.fd;
  }

  /** The program has been told that there is no more. @internal */
  get ended(): boolean {
    return this.#pipe.closed;
  }

  /** The pipe itself, to wait for. @internal */
  get pipeEnd(): PipeWriter {
    return this.#pipe;
  }

  /** Why a write failed, if one did. @internal */
  get failure(): Error | undefined {
    return this.#failure;
  }

  override _write(chunk: string | Uint8Array, encoding: BufferEncoding, callback: Callback): void {
    try {
      this.#inFlight = { bytes: this.encoded(chunk, encoding), callback };
    } catch (error) {
      callback(error as Error);
      return;
    }
    this.#pump();
  }

  /** What is written for `chunk`. @throws {UnicodeEncodeError} @internal */
  encoded(chunk: string | Uint8Array, encoding: BufferEncoding): Uint8Array {
    if (typeof chunk !== 'string') return chunk;
    const mode = this.#textMode;
    return mode === undefined ? Buffer.from(chunk, encoding) : encodeText(chunk, mode.encoding, mode.errors);
  }

  /** Writes what there is room for. @returns whether nothing is left in flight. */
  #pump(): boolean {
    while (this.#inFlight !== undefined) {
      const { bytes, callback } = this.#inFlight;
      try {
        const n = bytes.length === 0 ? 0 : this.#pipe.write(bytes);
        if (n === WOULD_BLOCK) {
          this.#watch ??= this.#pipe.watch(() => this.#pump());
          return false;
        }
        this.#inFlight.bytes = bytes.subarray(n);
        if (n < bytes.length) continue;
      } catch (error) {
        this.#failure = error as Error;
        this.#settle(callback, this.#failure);
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
    while (!this.pumpNow()) this.#pipe.waitAny([this.#pipe]);
  }

  /** Closes at once instead of in the event loop's time. @internal */
  closeNow(): void {
    this.#close();
    this.destroy();
  }

  #close(): void {
    this.#watch?.stop();
    this.#watch = undefined;
    this.#pipe.close();
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
