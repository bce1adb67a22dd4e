/** Ends of pipes that are plain descriptors: those of the fast start. */
import { pollFds } from './blocking-poll.ts';
import { closeFd, POLLIN, POLLOUT, setNonBlocking, widenPipe } from './descriptors.ts';
import type { PipeEnd, PipeReader, PipeWatch, PipeWriter } from './pipe-end.ts';
import { closeWatchedPipe, readSome, watchFd, writeSome } from './watch.ts';

class FdEnd {
  readonly #events: number;
  readonly #mayGrow: boolean;
  #fd: number | undefined;
  #nonBlocking = false;
  #watched = false;

  constructor(fd: number, events: number, mayGrow: boolean) {
    this.#fd = fd;
    this.#events = events;
    this.#mayGrow = mayGrow;
  }

  get fd(): number | undefined {
    return this.#fd;
  }

  get closed(): boolean {
    return this.#fd === undefined;
  }

  /** For a read or write. Only now non-blocking: until then another program could inherit it. */
  protected use(): number {
    if (!this.#nonBlocking) {
      setNonBlocking(this.#fd!);
      this.#nonBlocking = true;
    }
    return this.#fd!;
  }

  watch(onReady: () => void): PipeWatch {
    const watch = watchFd(this.use(), this.#events === POLLIN ? 'readable' : 'writable', onReady);
    this.#watched = true;
    return watch;
  }

  waitAny(ends: readonly PipeEnd[], timeout?: number): boolean[] {
    const items = (ends as readonly FdEnd[]).map((end) => ({ fd: end.#fd!, events: end.#events }));
    return pollFds(items, timeout).map((ready) => ready !== 0);
  }

  widen(): void {
    if (this.#mayGrow) widenPipe(this.#fd!);
  }

  close(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    if (this.#watched) closeWatchedPipe(fd);
    else closeFd(fd);
  }
}

/** The read end of a pipe; it owns the descriptor from now on. */
export class FdReader extends FdEnd implements PipeReader {
  /** @param mayGrow Whether {@link widen} may change its room. */
  constructor(fd: number, mayGrow = true) {
    super(fd, POLLIN, mayGrow);
  }

  read(into: Uint8Array): number {
    return readSome(this.use(), into);
  }
}

/** The write end of a pipe; it owns the descriptor from now on. */
export class FdWriter extends FdEnd implements PipeWriter {
  /** @param mayGrow Whether {@link widen} may change its room. */
  constructor(fd: number, mayGrow = true) {
    super(fd, POLLOUT, mayGrow);
  }

  write(bytes: Uint8Array): number {
    return writeSome(this.use(), bytes);
  }
}
