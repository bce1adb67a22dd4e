/**
 * Writing all input and reading all output at the same time, so that neither side waits for the other for ever.
 *
 * One object lasts from the first `communicate` of a program to its end: a call that runs out of time leaves everything
 * read so far in it, and the next call, waiting or blocking, goes on. Output is read from the descriptors directly,
 * into large blocks; the event loop gets its turn after every megabyte.
 */
import { rangeError, show, typeError } from '../base/validate.ts';
import { type PipeEnd, type PipeReader, type PipeWatch, WOULD_BLOCK } from '../platform/pipe-end.ts';
import { Capture } from './capture.ts';
import type { ProcessInput } from './input-stream.ts';
import type { ProcessOutput } from './output-stream.ts';

const TURN_BYTES = 1 << 20;
/** From here on a program is taken to be a talkative one, and gets a larger pipe. */
const TALKATIVE_BYTES = 256 * 1024;

/** What a program may be sent. */
export type Input = string | Uint8Array | null | undefined;

/** @throws {TypeError} It is neither text nor bytes. */
export function checkInput(input: unknown): string | Uint8Array | undefined {
  if (input === undefined || input === null) return undefined;
  if (typeof input === 'string' || input instanceof Uint8Array) return input;
  if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
  throw typeError(`Cannot send input: it must be a string or a Buffer, got ${show(input)}`);
}

/** Bytes of each stream to keep. @throws {TypeError | RangeError} It is no number of bytes. */
export function checkMaxOutput(max: unknown): number {
  if (max === undefined || max === null) return Number.POSITIVE_INFINITY;
  if (typeof max !== 'number')
    throw typeError(`Cannot read output: maxOutput must be a number of bytes, got ${show(max)}`);
  if (max !== Number.POSITIVE_INFINITY && !(Number.isInteger(max) && max >= 0))
    throw rangeError(`Cannot read output: maxOutput must be a whole number of bytes, 0 or more, got ${max}`);
  return max;
}

/** One stream being read to its end. */
class Reading {
  readonly stream: ProcessOutput;
  readonly capture: Capture;
  /** Text that had been decoded before. */
  readonly #ahead: string;
  readonly pipe: PipeReader;
  #watch: PipeWatch | undefined;
  #widened = false;

  constructor(stream: ProcessOutput, max: number) {
    this.stream = stream;
    this.capture = new Capture(max);
    const { pipe, ahead } = stream.takeOver();
    this.pipe = pipe;
    this.#ahead = typeof ahead === 'string' ? ahead : '';
    if (ahead !== undefined && typeof ahead !== 'string') this.capture.add(ahead);
  }

  get open(): boolean {
    return !this.pipe.closed;
  }

  /** Reads what is there, for one turn. */
  read(): void {
    if (!this.open) return;
    for (let got = 0; got < TURN_BYTES; ) {
      const n = this.pipe.read(this.capture.room());
      if (n === WOULD_BLOCK) return;
      if (n === 0) {
        this.#end();
        return;
      }
      got += n;
      this.capture.took(n);
      if (!this.#widened && this.capture.length + this.capture.dropped > TALKATIVE_BYTES) {
        this.#widened = true;
        this.pipe.widen();
      }
    }
  }

  #end(): void {
    this.pause();
    this.stream.destroy();
  }

  watch(onChange: (error?: Error) => void): void {
    if (!this.open) return;
    this.#watch = this.pipe.watch(() => {
      try {
        this.read();
        if (!this.open) onChange();
      } catch (error) {
        onChange(error as Error);
      }
    });
  }

  pause(): void {
    this.#watch?.stop();
    this.#watch = undefined;
  }

  /** What has been read, as bytes; null if nothing has. */
  partial(): Buffer | null {
    const bytes = this.capture.bytes();
    if (this.#ahead !== '') return Buffer.concat([Buffer.from(this.#ahead), bytes]);
    return bytes.length === 0 ? null : Buffer.from(bytes);
  }

  /** Everything, in the form that was asked for. */
  result(): Buffer | string {
    const bytes = this.capture.bytes();
    return this.stream.textual
      ? this.#ahead + this.stream.decodeRest(bytes, this.capture.dropped > 0)
      : bytes;
  }
}

/** Our ends of a program's pipes. */
export interface Streams {
  readonly stdin: ProcessInput | null;
  readonly stdout: ProcessOutput | null;
  readonly stderr: ProcessOutput | null;
}

/** The exchange with one program. */
export class Communication {
  /** Everything has been given to the caller. */
  finished = false;
  readonly #stdin: ProcessInput | null;
  readonly #out: Reading | null;
  readonly #err: Reading | null;

  /** @param maxOutput Bytes of each stream to keep. */
  constructor({ stdin, stdout, stderr }: Streams, maxOutput: number, input: string | Uint8Array | undefined) {
    this.#stdin = stdin;
    const takes = stdin !== null && !stdin.destroyed && !stdin.writableEnded;
    // First: what cannot be encoded is refused before anything is read.
    const bytes = takes && input !== undefined ? stdin.encoded(input, 'utf8') : undefined;
    this.#out = stdout === null ? null : new Reading(stdout, maxOutput);
    this.#err = stderr === null ? null : new Reading(stderr, maxOutput);
    if (takes && bytes !== undefined && bytes.length > 0) {
      if (bytes.length > TALKATIVE_BYTES) stdin.pipeEnd.widen();
      stdin.write(bytes);
    }
  }

  get #readings(): Reading[] {
    return [this.#out, this.#err].filter((r) => r !== null);
  }

  /** Whether all is read and written. */
  get done(): boolean {
    return !this.#out?.open && !this.#err?.open && (this.#stdin === null || this.#stdin.closed);
  }

  /** Goes on until all is done; resolves false if `stop` resolves first. */
  async run(stop: Promise<unknown> | undefined): Promise<boolean> {
    const parts: Promise<void>[] = this.#readings.map(
      (r) =>
        new Promise<void>((resolve, reject) => {
          if (!r.open) resolve();
          r.watch((error) => (error === undefined ? resolve() : reject(error)));
        }),
    );
    const stdin = this.#stdin;
    if (stdin !== null && !stdin.closed) {
      parts.push(new Promise((resolve) => stdin.once('close', resolve)));
      // A program that no longer reads is no error here: its output and its exit code say what it thinks of it.
      stdin.end();
    }
    try {
      const all = Promise.all(parts).then(() => true);
      return await (stop === undefined ? all : Promise.race([all, stop.then(() => false)]));
    } finally {
      for (const r of this.#readings) r.pause();
    }
  }

  /** As {@link run}, blocking this thread; false when `deadline` (performance.now) comes first. */
  runSync(deadline: number): boolean {
    for (;;) {
      const stdin = this.#stdin;
      if (stdin !== null && !stdin.ended && stdin.pumpNow()) stdin.closeNow();
      const ends: PipeEnd[] = [];
      const open = this.#readings.filter((r) => r.open);
      for (const r of open) ends.push(r.pipe);
      if (stdin !== null && !stdin.ended) ends.push(stdin.pipeEnd);
      if (ends.length === 0) return true;
      const left = deadline - performance.now();
      if (left <= 0) return false;
      const ready = ends[0]!.waitAny(ends, left === Number.POSITIVE_INFINITY ? undefined : left);
      open.forEach((r, i) => {
        if (ready[i]) r.read();
      });
    }
  }

  /** What has been read when time was up. */
  partial(): [Buffer | null, Buffer | null] {
    return [this.#out?.partial() ?? null, this.#err?.partial() ?? null];
  }

  /** Prepares {@link result} without holding up the event loop for long; undefined when there is nothing to do. */
  join(): Promise<void> | undefined {
    const parts = this.#readings.filter((r) => !r.capture.joined);
    return parts.length === 0 ? undefined : joinAll(parts);
  }

  /** What was read, once done. */
  result(): [Buffer | string | null, Buffer | string | null] {
    this.finished = true;
    return [this.#out?.result() ?? null, this.#err?.result() ?? null];
  }

  /** Bytes read but not kept. */
  dropped(): [number, number] {
    return [this.#out?.capture.dropped ?? 0, this.#err?.capture.dropped ?? 0];
  }
}

async function joinAll(parts: readonly Reading[]): Promise<void> {
  for (const r of parts) await r.capture.join();
}
