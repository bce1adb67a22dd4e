/**
 * Where a lexer's characters come from: Python's `io.StringIO` and a text file, as far as a lexer needs them.
 *
 * Reading is synchronous, since `getToken()` is; hence no Node stream can be a source, but its descriptor can.
 * A character is a code point. Text from a descriptor or a file is UTF-8 and gets universal newlines, as Python's
 * `open()` does; a string is taken as it is, as `StringIO` does.
 */
import { readFileSync, readSync } from 'node:fs';
import { type ErrorCode, osError, ValueError } from '../base/errors.ts';
import { rangeError, show, typeError } from '../base/validate.ts';

/** What a lexer reads from; an object of yours with these methods will do. */
export interface TextSource {
  /** The next `size` characters (code points), fewer at the end, `''` behind it. The lexer asks for one. */
  read(size: number): string;
  /** The rest of the line with its newline; the lexer skips comments with it. */
  readline(): string;
  /** Called when the lexer leaves a source that was pushed. */
  close?(): void;
}

/**
 * What may be given as a source: the text itself, a {@link TextSource}, a descriptor, or what has one
 * (`process.stdin`). A descriptor is read in blocks, so nobody else should read it meanwhile, and it stays open:
 * who opened it closes it.
 */
export type LexerInput = string | number | TextSource | { readonly fd: number };

const decodeCode: ErrorCode = 'ERR_MULTIPROC_UNICODE_DECODE';
/** Bytes read from a descriptor at a time. */
const blockSize = 65_536;

/** Text in memory that may have more to come; subclasses say from where. */
abstract class BufferedText implements TextSource {
  #text: string;
  #position = 0;
  #closed = false;

  constructor(text: string) {
    this.#text = text;
  }

  /** More text, or `''` at the end. */
  protected abstract more(): string;

  read(size = -1): string {
    const unit = this.#text.charCodeAt(this.#position);
    // NaN (nothing left) is not below either.
    if (size === 1 && unit < 0xd800) return this.#text[this.#position++]!;
    return this.#readSlow(size);
  }

  #readSlow(size: number): string {
    this.#checkOpen();
    let end = this.#position;
    for (let count = 0; count !== size; count++) {
      if (end >= this.#text.length) {
        const ahead = end - this.#position;
        if (!this.#fill()) break;
        end = this.#position + ahead;
      }
      end += this.#text.codePointAt(end)! > 0xffff ? 2 : 1;
    }
    return this.#take(end);
  }

  readline(): string {
    this.#checkOpen();
    for (let searched = this.#position; ; ) {
      const newline = this.#text.indexOf('\n', searched);
      if (newline !== -1) return this.#take(newline + 1);
      const ahead = this.#text.length - this.#position;
      if (!this.#fill()) return this.#take(this.#text.length);
      searched = this.#position + ahead;
    }
  }

  /** Lets the text go; reading any further is an error. */
  close(): void {
    this.#text = '';
    this.#position = 0;
    this.#closed = true;
  }

  #take(end: number): string {
    const taken = this.#text.slice(this.#position, end);
    this.#position = end;
    return taken;
  }

  /** Appends more text and drops what was read. */
  #fill(): boolean {
    const more = this.more();
    if (more === '') return false;
    this.#text = this.#text.slice(this.#position) + more;
    this.#position = 0;
    return true;
  }

  #checkOpen(): void {
    if (this.#closed) throw new ValueError('Cannot read: the source is closed; push a new one');
  }
}

/** Python's `io.StringIO`: a string as a source. */
export class StringSource extends BufferedText {
  protected override more(): string {
    return '';
  }
}

/** A descriptor as a source of text. Blocks the thread until something can be read. */
export class DescriptorSource extends BufferedText {
  readonly #fd: number;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #endsInReturn = false;

  constructor(fd: number) {
    super('');
    this.#fd = fd;
  }

  protected override more(): string {
    const block = Buffer.allocUnsafe(blockSize);
    for (;;) {
      const size = readBlocking(this.#fd, block);
      const name = `descriptor ${this.#fd}`;
      let text =
        (this.#endsInReturn ? '\r' : '') + decode(this.#decoder, block.subarray(0, size), name, size > 0);
      // Whether a newline follows is only known with the next block; at the end none does.
      this.#endsInReturn = size > 0 && text.endsWith('\r');
      if (this.#endsInReturn) text = text.slice(0, -1);
      // A block may hold nothing but the beginning of one character; the end of the input is a block of no bytes.
      if (text !== '' || size === 0) return universalNewlines(text);
    }
  }
}

/** Reads into `block`, waiting where the descriptor was made non-blocking; 0 at the end. */
function readBlocking(fd: number, block: Buffer): number {
  for (let pause = 1; ; pause = Math.min(pause * 2, 16)) {
    try {
      return readSync(fd, block);
    } catch (cause) {
      const { code, errno } = cause as NodeJS.ErrnoException;
      // Windows' way to say that a pipe's other side is gone.
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') {
        throw osError(`Cannot read descriptor ${fd}: ${(cause as Error).message}`, {
          code: code ?? 'EIO',
          ...(errno === undefined ? {} : { errno }),
          syscall: 'read',
          cause,
        });
      }
      // Someone, often libuv for process.stdin, made it non-blocking. Node has no poll(2) to call, so look again soon.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause);
    }
  }
}

function decode(
  decoder: InstanceType<typeof TextDecoder>,
  bytes: Uint8Array,
  name: string,
  stream: boolean,
): string {
  try {
    return decoder.decode(bytes, { stream });
  } catch (cause) {
    throw new ValueError(`Cannot read ${name}: it is not UTF-8; decode it and pass the text`, {
      code: decodeCode,
      cause,
    });
  }
}

function universalNewlines(text: string): string {
  return text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
}

/**
 * A whole text file as a source. It is read at once, so that a lexer dropped half-way leaves no descriptor open.
 *
 * @throws {OSError} `FileNotFoundError`, `IsADirectoryError`, …
 * @throws {ValueError} When it is not UTF-8.
 */
export function fileSource(file: string): TextSource {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    const { code, errno, syscall } = cause as NodeJS.ErrnoException;
    if (code === undefined || syscall === undefined) throw cause;
    throw osError(`Cannot include ${show(file)}: ${(cause as Error).message}`, {
      code,
      ...(errno === undefined ? {} : { errno }),
      syscall,
      path: file,
      cause,
    });
  }
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  return new StringSource(universalNewlines(decode(decoder, bytes, show(file), false)));
}

// One for the whole thread, as Python's sys.stdin: what one lexer read ahead is there for the next.
let standardInput: TextSource | undefined;

/** The source for what a caller passed; nothing (`undefined`, `null`) is standard input, of which nothing is read yet. */
export function toSource(input: LexerInput | null | undefined): TextSource {
  if (typeof input === 'string') return new StringSource(input);
  if (input === undefined || input === null) return fromDescriptor(0);
  if (typeof input === 'number') return fromDescriptor(input);
  if (typeof input === 'object') {
    if ('read' in input && 'readline' in input) return input;
    if ('fd' in input && typeof input.fd === 'number') return fromDescriptor(input.fd);
  }
  throw typeError(
    `Cannot read tokens from ${show(input)}: give a string, a descriptor or an object with read() and readline()`,
  );
}

function fromDescriptor(fd: number): TextSource {
  if (!Number.isSafeInteger(fd) || fd < 0) {
    throw rangeError(`Cannot read tokens from descriptor ${fd}: a descriptor is an integer from 0 on`);
  }
  if (fd !== 0) return new DescriptorSource(fd);
  standardInput ??= new DescriptorSource(0);
  return standardInput;
}
