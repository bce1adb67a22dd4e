/**
 * What a program writes, as a Node stream: pipe it, iterate it, by lines in text mode.
 *
 * The descriptor stays untouched (blocking, unread) until somebody reads, so that it can be handed to another program
 * instead; then the bytes go from one to the other inside the kernel. `communicate` takes the descriptor over and reads
 * it in larger pieces than a stream would.
 */
import { Readable } from 'node:stream';
import { NotSupportedError, ValueError } from '../base/errors.ts';
import { type PipeReader, type PipeWatch, WOULD_BLOCK } from '../platform/pipe-end.ts';
import { createDecoder, type Decoder } from './decode.ts';
import { NewlineTranslator } from './newlines.ts';
import type { TextMode } from './options.ts';

/** One per thread: pieces are copied out of it, so that a small piece does not hold a large buffer. */
let scratch: Buffer | undefined;
const SCRATCH_BYTES = 256 * 1024;

/**
 * `Popen.stdout` and `Popen.stderr`.
 *
 * @example
 * const p = new Popen(['ls'], { stdout: PIPE, text: true });
 * for await (const line of p.stdout) console.log(line.trimEnd());
 */
export class ProcessOutput extends Readable {
  readonly #pipe: PipeReader;
  #watch: PipeWatch | undefined;
  /** `communicate` reads the descriptor now. */
  #takenOver = false;
  /** Somebody has begun to read, so the kernel no longer has everything. */
  #begun = false;
  /** A blocking call is under way, which reads by itself. */
  #blocking = false;
  /** `_read` has been called and nothing watches: Node calls it no more before something is pushed. */
  #owed = false;
  readonly #decoder: Decoder | undefined;
  readonly #newlines = new NewlineTranslator();

  /** @internal */
  constructor(pipe: PipeReader, textMode: TextMode | undefined, highWaterMark: number) {
    // With an encoding of the stream's own, strings that are pushed under that name stay as they are.
    super({ highWaterMark, ...(textMode === undefined ? {} : { encoding: 'utf8' }) });
    this.#pipe = pipe;
    this.#decoder = textMode === undefined ? undefined : createDecoder(textMode.encoding, textMode.errors);
  }

  /** Whether it gives text. @internal */
  get textual(): boolean {
    return this.#decoder !== undefined;
  }

  /** The descriptor, null once closed. */
  get fd(): number | null {
    return this.#pipe.fd ?? null;
  }

  /** Python's `fileno()`. @throws {ValueError} After the end. @throws {NotSupportedError} The platform gives none. */
  fileno(): number {
    if (this.#pipe.closed) throw new ValueError('I/O operation on closed file');
    if (this.#pipe.fd === undefined)
      throw new NotSupportedError('Cannot tell the descriptor: there is none here');
    return this.#pipe.fd;
  }

  override _read(): void {
    if (this.#takenOver || this.#pipe.closed) return;
    if (this.#blocking) {
      this.#owe();
      return;
    }
    this.#owed = false;
    this.#begun = true;
    this.#watch ??= this.#pipe.watch(() => this.#ready());
  }

  /** Whoever wants more without blocking comes through here, but for those who only listen for `readable`. */
  override read(size?: number): string | Buffer | null {
    if (this.#owed) this._read();
    return super.read(size) as string | Buffer | null;
  }

  #owe(): void {
    if (this.#owed) return;
    this.#owed = true;
    const onListener = (name: string | symbol): void => {
      if (name !== 'readable' && this.#owed) return;
      this.off('newListener', onListener);
      if (this.#owed) this._read();
    };
    this.on('newListener', onListener);
  }

  #ready(): void {
    scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES);
    let n: number;
    try {
      n = this.#pipe.read(scratch);
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    if (n === WOULD_BLOCK) return;
    this.#take(n);
  }

  #take(n: number): void {
    let more: boolean;
    if (this.#decoder === undefined) {
      more = n > 0 && this.push(Buffer.from(scratch!.subarray(0, n)));
    } else {
      try {
        const text = this.#text(scratch!.subarray(0, n), n === 0);
        more = text === '' || this.push(text, 'utf8');
      } catch (error) {
        this.destroy(error as Error);
        return;
      }
    }
    if (n === 0) {
      this.#close();
      this.push(null);
    } else if (!more) {
      this.#watch?.stop();
      this.#watch = undefined;
    }
  }

  #text(bytes: Uint8Array, final: boolean): string {
    return this.#newlines.translate(this.#decoder!.decode(bytes, final), final);
  }

  /**
   * The next line with its newline; what is left without one at the end; then an empty string (as in Python). Bytes in
   * binary mode.
   *
   * @throws {ValueError} It was closed before its end: by `destroy()`, or by leaving a loop over it early. The same for all reads.
   */
  async readline(): Promise<string | Buffer> {
    for (;;) {
      this.#checkNotClosed();
      const line = this.#bufferedLine();
      if (line !== undefined) return line;
      const more = await this.#arrival();
      if (!more) return this.#rest();
    }
  }

  /** As {@link readline}, blocking this thread. */
  readlineSync(): string | Buffer {
    return this.#block(() => {
      for (;;) {
        const line = this.#bufferedLine();
        if (line !== undefined) return line;
        if (!this.#arrivalSync()) return this.#rest();
      }
    });
  }

  /** Everything up to the end. */
  async readAll(): Promise<string | Buffer> {
    this.#checkNotClosed();
    while (await this.#arrival()) {}
    return this.#rest();
  }

  /** As {@link readAll}, blocking this thread. */
  readAllSync(): string | Buffer {
    return this.#block(() => {
      while (this.#arrivalSync()) {}
      return this.#rest();
    });
  }

  /** Lets nothing else read meanwhile, nor keep the program alive afterwards. */
  #block(read: () => string | Buffer): string | Buffer {
    this.#checkNotClosed();
    this.#blocking = true;
    if (this.#watch !== undefined) this.#owe();
    this.#stopWatching();
    try {
      return read();
    } finally {
      this.#blocking = false;
    }
  }

  /** By lines in text mode, by pieces as they come in binary mode. Leaving the loop closes the stream, as Node's do. */
  override [Symbol.asyncIterator](): NodeJS.AsyncIterator<string & Buffer> {
    this.#checkNotClosed();
    if (this.#decoder === undefined)
      return super[Symbol.asyncIterator]() as NodeJS.AsyncIterator<string & Buffer>;
    return this.#lines() as unknown as NodeJS.AsyncIterator<string & Buffer>;
  }

  async *#lines(): AsyncGenerator<string, undefined> {
    let rest = '';
    try {
      for await (const piece of { [Symbol.asyncIterator]: () => super[Symbol.asyncIterator]() }) {
        const text: string = rest === '' ? piece : rest + piece;
        let from = 0;
        for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
          yield text.slice(from, end + 1);
          from = end + 1;
        }
        rest = text.slice(from);
      }
      if (rest !== '') yield rest;
    } finally {
      this.destroy();
    }
    return undefined;
  }

  /** As Python does. An error that ended it early is not meant here: whoever asks for more is told. */
  #checkNotClosed(): void {
    if (!this.destroyed || this.readableEnded) return;
    // Leaving a loop early leaves an AbortError in the stream.
    if (this.errored === null || this.errored.name === 'AbortError') throw this.#closedError();
  }

  #closedError(): ValueError {
    return new ValueError(
      'I/O operation on closed file: destroy(), or leaving a loop over it early, has closed this stream before its end',
    );
  }

  /** What has been read ahead, not yet asked for. */
  #held: (string | Buffer)[] = [];

  #bufferedLine(): string | Buffer | undefined {
    this.#hold();
    const last = this.#held.at(-1);
    if (last === undefined || last.indexOf('\n') === -1) return undefined;
    const all = this.#joinHeld();
    const end = all.indexOf('\n') + 1;
    const rest = typeof all === 'string' ? all.slice(end) : all.subarray(end);
    if (rest.length > 0) this.#putBack(rest);
    return typeof all === 'string' ? all.slice(0, end) : all.subarray(0, end);
  }

  #hold(): void {
    const piece = super.read() as string | Buffer | null;
    if (piece !== null) this.#held.push(piece);
  }

  #joinHeld(): string | Buffer {
    const held = this.#held;
    this.#held = [];
    if (held.length === 1) return held[0]!;
    return this.#decoder === undefined ? Buffer.concat(held as Buffer[]) : held.join('');
  }

  /** To where every way of reading finds it. */
  #putBack(rest: string | Buffer): void {
    if (this.readableEnded || this.destroyed) this.#held.push(rest);
    else this.unshift(rest, 'utf8');
  }

  #rest(): string | Buffer {
    this.#hold();
    const all = this.#joinHeld();
    return all;
  }

  /** Waits until more has been read. @returns false at the end. */
  #arrival(): Promise<boolean> {
    this.#hold();
    if (this.#owed) this._read();
    if (this.readableEnded || this.destroyed) return this.#endOrError();
    return new Promise((resolve, reject) => {
      const settle = (f: () => void): void => {
        this.off('readable', onReadable).off('end', onEnd).off('close', onClose).off('error', onError);
        f();
      };
      const onReadable = (): void => {
        const piece = this.read();
        if (piece === null) return;
        this.#held.push(piece);
        settle(() => resolve(true));
      };
      const onEnd = (): void => settle(() => resolve(false));
      const onClose = (): void => settle(() => reject(this.#closedError()));
      const onError = (error: Error): void => settle(() => reject(error));
      this.on('readable', onReadable).on('end', onEnd).on('close', onClose).on('error', onError);
    });
  }

  #endOrError(): Promise<boolean> {
    return this.errored === null ? Promise.resolve(false) : Promise.reject(this.errored);
  }

  #arrivalSync(): boolean {
    this.#hold();
    if (this.#pipe.closed) return false;
    this.#begun = true;
    this.#pipe.waitAny([this.#pipe]);
    scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES);
    const n = this.#pipe.read(scratch);
    if (n === WOULD_BLOCK) return true;
    const bytes = scratch.subarray(0, Math.max(n, 0));
    const piece = this.#decoder === undefined ? Buffer.from(bytes) : this.#text(bytes, n === 0);
    if (piece.length > 0) this.#held.push(piece);
    if (n > 0) return true;
    this.#close();
    this.push(null);
    return false;
  }

  #stopWatching(): void {
    this.#watch?.stop();
    this.#watch = undefined;
  }

  #close(): void {
    this.#stopWatching();
    this.#pipe.close();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#close();
    callback(error);
  }

  /**
   * For another program's standard stream: the pipe, while all that was written is still in the kernel.
   * @internal
   */
  giveAway(): PipeReader {
    if (this.#pipe.closed) throw new ValueError('Cannot use this stream for another program: it is closed');
    if (this.#begun) {
      throw new ValueError(
        'Cannot use this stream for another program: reading has begun, so a part of the output is here already; pipe() it',
      );
    }
    return this.#pipe;
  }

  /**
   * For `communicate`: everything that was read ahead, and from now on the pipe is the caller's to read.
   * @internal
   */
  takeOver(): { readonly pipe: PipeReader; readonly ahead: string | Buffer | undefined } {
    this.#takenOver = true;
    this.#stopWatching();
    this.#hold();
    const ahead = this.#held.length === 0 ? undefined : this.#joinHeld();
    this.#begun = true;
    return { pipe: this.#pipe, ahead };
  }

  /**
   * The last piece of what `takeOver` left, as text.
   * @param cut More came and was dropped: half a character at the end is no error then, and not kept either.
   * @internal
   */
  decodeRest(bytes: Buffer, cut: boolean): string {
    return this.#newlines.translate(this.#decoder!.decode(bytes, !cut), true);
  }
}
