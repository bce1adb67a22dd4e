/**
 * Our end of a pipe to or from another program, however the platform gives it to us.
 *
 * Reads and writes never wait; waiting is a second thing, by the event loop (`watch`) or by blocking (`waitAny`). So the
 * streams and `communicate` are written once, for both forms of every call and for every way of starting programs.
 */

/** What a read or write gives when it would have to wait. */
export const WOULD_BLOCK = -1;

/** A pipe being watched; it keeps the event loop alive until stopped. */
export interface PipeWatch {
  stop(): void;
}

/** What both directions have in common. */
export interface PipeEnd {
  /** Its number in this process; undefined once closed, and where the platform has no such thing. */
  readonly fd: number | undefined;
  readonly closed: boolean;
  /** Calls back from the event loop while a read or write need not wait. One watch at a time. */
  watch(onReady: () => void): PipeWatch;
  /** Blocks this thread until one of `ends`, which come from the same start method, is ready. @returns which are. */
  waitAny(ends: readonly PipeEnd[], timeout?: number): boolean[];
  /** Asks for more room, for a program that says much; a refusal is no error, nor a room that was asked for. */
  widen(): void;
  /** The other side notices at once. May be called again. */
  close(): void;
}

/** A program's standard output or error. */
export interface PipeReader extends PipeEnd {
  /** Fills `into` with what is there. @returns bytes; 0 is the end; {@link WOULD_BLOCK}. @throws {OSError} */
  read(into: Uint8Array): number;
}

/** A program's standard input. */
export interface PipeWriter extends PipeEnd {
  /** Writes as much as there is room for. @returns bytes, or {@link WOULD_BLOCK}. @throws {BrokenPipeError} */
  write(bytes: Uint8Array): number;
}
