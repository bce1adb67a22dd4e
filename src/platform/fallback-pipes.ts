/** Ends of pipes that the helper thread holds: what is read and written travels as messages. */
import { osError } from '../base/errors.ts';
import { keepLoop, releaseLoop } from './exit-listeners.ts';
import { hearNow, tell, waitUntil } from './fallback-link.ts';
import type { OutputIndex, Refusal } from './fallback-protocol.ts';
import { type PipeEnd, type PipeReader, type PipeWatch, type PipeWriter, WOULD_BLOCK } from './pipe-end.ts';

abstract class HelperEnd implements PipeEnd {
  protected readonly id: number;
  readonly #stream: 0 | OutputIndex;
  readonly #fd: number;
  #closed = false;
  #onReady: (() => void) | undefined;
  #scheduled = false;

  constructor(id: number, stream: 0 | OutputIndex, fd: number) {
    this.id = id;
    this.#stream = stream;
    this.#fd = fd;
  }

  get fd(): number | undefined {
    return this.#closed || this.#fd < 0 ? undefined : this.#fd;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether a read or write need not wait. */
  protected abstract get ready(): boolean;
  /** Tells the helper what is wanted, if it does not know yet. */
  protected abstract ask(): void;

  watch(onReady: () => void): PipeWatch {
    this.#onReady = onReady;
    keepLoop();
    this.ask();
    this.arrived();
    let stopped = false;
    return {
      stop: () => {
        if (stopped) return;
        stopped = true;
        this.#onReady = undefined;
        releaseLoop();
      },
    };
  }

  /** Calls the watch for as long as there is something for it, as the event loop does for descriptors. */
  protected arrived(): void {
    if (this.#onReady === undefined || this.#scheduled || !this.ready) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.ready) this.#onReady?.();
      this.arrived();
    });
  }

  waitAny(ends: readonly PipeEnd[], timeout?: number): boolean[] {
    const all = ends as readonly HelperEnd[];
    for (const end of all) end.ask();
    waitUntil(() => all.some((end) => end.ready), timeout);
    return all.map((end) => end.ready);
  }

  widen(): void {}

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    tell({ op: 'close', id: this.id, stream: this.#stream });
  }

  /** Closed by the helper already. */
  protected markClosed(): void {
    this.#closed = true;
  }
}

/** So much may be on its way here unread. */
const CREDIT_BYTES = 1 << 20;

/** A program's output. */
export class HelperReader extends HelperEnd implements PipeReader {
  readonly #index: OutputIndex;
  readonly #queue: Uint8Array[] = [];
  #at = 0;
  #ended = false;
  /** What the helper may still send. */
  #credit = 0;

  constructor(id: number, stream: OutputIndex, fd: number) {
    super(id, stream, fd);
    this.#index = stream;
  }

  /** Which program's which output, for a start that it is given to. */
  get source(): { readonly id: number; readonly stream: OutputIndex } {
    return { id: this.id, stream: this.#index };
  }

  protected get ready(): boolean {
    return this.#queue.length > 0 || this.#ended;
  }

  protected ask(): void {
    if (this.#ended || this.closed || this.#credit > CREDIT_BYTES / 2) return;
    tell({ op: 'read', id: this.id, stream: this.#index, bytes: CREDIT_BYTES });
    this.#credit += CREDIT_BYTES;
  }

  read(into: Uint8Array): number {
    if (this.#queue.length === 0) hearNow();
    const first = this.#queue[0];
    if (first === undefined) {
      if (this.#ended) return 0;
      this.ask();
      return WOULD_BLOCK;
    }
    const n = Math.min(into.length, first.length - this.#at);
    into.set(first.subarray(this.#at, this.#at + n));
    this.#at += n;
    if (this.#at === first.length) {
      this.#queue.shift();
      this.#at = 0;
      this.#credit -= first.length;
      this.ask();
    }
    return n;
  }

  /** The helper read this. */
  take(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    this.arrived();
  }

  /** The helper saw the end. */
  end(): void {
    this.#ended = true;
    this.arrived();
  }

  /** Another program has it now. */
  givenAway(): void {
    this.markClosed();
  }
}

/** As much as a pipe usually holds may be under way to the program … */
const PIPE_BYTES = 64 * 1024;
/** … or, for one that gets much, as much as a pipe may hold. */
const WIDE_BYTES = 1 << 20;

/**
 * A program's standard input. What is under way stands for what a pipe holds: written, but perhaps never read.
 *
 * A write while nothing is under way waits until the helper has tried it, so that it fails at once when nobody reads any more.
 */
export class HelperWriter extends HelperEnd implements PipeWriter {
  #room = PIPE_BYTES;
  #underWay = 0;
  /** The helper has tried what was written last while nothing was under way. */
  #tried = true;
  #failure: Refusal | undefined;

  constructor(id: number, fd: number) {
    super(id, 0, fd);
  }

  protected get ready(): boolean {
    return this.#underWay < this.#room || this.#failure !== undefined;
  }

  protected ask(): void {}

  write(bytes: Uint8Array): number {
    if (!this.ready) hearNow();
    this.#refuse();
    const length = Math.min(bytes.length, this.#room - this.#underWay);
    if (length <= 0) return WOULD_BLOCK;
    // A copy that is handed over. (A part of larger memory, which is what a Buffer's slice() gives, travels with all of that.)
    const piece = new Uint8Array(bytes.subarray(0, length));
    // This program does not end before the helper has written it, as it would not take it back from a pipe.
    const first = this.#underWay === 0;
    if (first) keepLoop();
    this.#underWay += length;
    this.#tried = !first;
    tell({ op: 'write', id: this.id, bytes: piece }, [piece.buffer]);
    if (first) waitUntil(() => this.#tried);
    this.#refuse();
    return length;
  }

  #refuse(): void {
    if (this.#failure === undefined) return;
    const { code, errno } = this.#failure;
    throw osError(`${code}: broken pipe, write`, { code, errno, syscall: 'write' });
  }

  override widen(): void {
    this.#room = WIDE_BYTES;
  }

  /** The helper wrote so many bytes, or could not; 0 when there is no room yet. */
  wrote(bytes: number, error: Refusal | undefined): void {
    this.#tried = true;
    this.#failure ??= error;
    if (bytes === 0) return;
    this.#underWay -= bytes;
    if (this.#underWay === 0) releaseLoop();
    this.arrived();
  }
}
