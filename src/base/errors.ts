/**
 * Every error that multiproc throws on purpose, under Python's names.
 *
 * One base class carries a stable `code`; callers catch by class (Python's habit) or by code (Node's).
 * Messages follow one pattern, "Cannot do X: what is; what to do", and may change; codes may not.
 * A wrong kind of argument is a native `TypeError` with code `ERR_MULTIPROC_INVALID_ARG_TYPE`, see `validate.ts`.
 */

/** Stable identifiers of multiproc's own errors: `ERR_MULTIPROC_…`; an {@link OSError} has the kernel's (`ENOENT`). */
export type ErrorCode = `ERR_MULTIPROC_${string}`;

/**
 * Base of every error that multiproc throws on purpose.
 *
 * @example
 * try { await lock.acquire(); } catch (e) { if (e instanceof MultiprocError) console.error(e.code); }
 */
export class MultiprocError extends Error {
  /** Stable across versions, unlike the message. */
  readonly code: string;

  constructor(code: string, message?: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  static {
    // On the prototype, like the built-in errors: it stays out of what console.log prints and of what travels.
    Object.defineProperty(MultiprocError.prototype, 'name', {
      value: 'MultiprocError',
      configurable: true,
      writable: true,
    });
  }
}

/** Gives each class its name on the prototype, where the built-in errors have theirs. */
function named(...classes: readonly (abstract new (...args: never[]) => Error)[]): void {
  for (const c of classes) {
    Object.defineProperty(c.prototype, 'name', { value: c.name, configurable: true, writable: true });
  }
}

/** Options of the errors below. */
export interface ErrorDetails extends ErrorOptions {
  /** Replaces the class's own code by a more precise one. */
  readonly code?: ErrorCode;
}

/** Python's `ValueError`: the right kind of argument with a value that makes no sense. */
export class ValueError extends MultiprocError {
  constructor(message?: string, options: ErrorDetails = {}) {
    super(options.code ?? 'ERR_MULTIPROC_VALUE', message, options);
  }
}

/** Python's `KeyError`: there is nothing under that name. */
export class KeyError extends MultiprocError {
  constructor(message?: string, options: ErrorDetails = {}) {
    super(options.code ?? 'ERR_MULTIPROC_KEY', message, options);
  }
}

/** Python's `OverflowError`: a number does not fit into what the system has for it. */
export class OverflowError extends MultiprocError {
  constructor(message?: string, options: ErrorDetails = {}) {
    super(options.code ?? 'ERR_MULTIPROC_OVERFLOW', message, options);
  }
}

/** Python's `AssertionError`: a rule of the interface was broken, e.g. a process started twice. */
export class AssertionError extends MultiprocError {
  constructor(message?: string, options: ErrorDetails = {}) {
    super(options.code ?? 'ERR_MULTIPROC_ASSERTION', message, options);
  }
}

/** Python's `RuntimeError`: an operation that is not allowed in the present state. */
export class RuntimeError extends MultiprocError {
  constructor(message?: string, options: ErrorDetails = {}) {
    super(options.code ?? 'ERR_MULTIPROC_RUNTIME', message, options);
  }
}

/** Python's `AttributeError`: an object lacks what is asked of it. */
export class AttributeError extends MultiprocError {
  constructor(message?: string, options: ErrorDetails = {}) {
    super(options.code ?? 'ERR_MULTIPROC_ATTRIBUTE', message, options);
  }
}

/** Python's `EOFError`: the other side is gone and everything that it sent has been read. */
export class EOFError extends MultiprocError {
  constructor(message?: string, options: ErrorDetails = {}) {
    super(options.code ?? 'ERR_MULTIPROC_EOF', message, options);
  }
}

/** Python's `multiprocessing.ProcessError`: base of the errors below it. */
export class ProcessError extends MultiprocError {
  constructor(message?: string, options: ErrorDetails = {}) {
    super(options.code ?? 'ERR_MULTIPROC_PROCESS', message, options);
  }
}

/** Python's `multiprocessing.TimeoutError`: time was up before there was a result; nothing was consumed. */
export class TimeoutError extends ProcessError {
  constructor(message?: string, options: ErrorDetails = {}) {
    super(message, { code: 'ERR_MULTIPROC_TIMEOUT', ...options });
  }
}

/** Python's `multiprocessing.BufferTooShort`: a message does not fit; `args[0]` holds the whole of it. */
export class BufferTooShort extends ProcessError {
  /** `[message]`: the message that did not fit, so that it is not lost. */
  readonly args: readonly [Buffer];

  constructor(message: Buffer, options: ErrorDetails = {}) {
    super(`Cannot receive into the buffer: it is too short for the message of ${message.length} bytes`, {
      code: 'ERR_MULTIPROC_BUFFER_TOO_SHORT',
      ...options,
    });
    this.args = [message];
  }
}

/** Python's `multiprocessing.AuthenticationError`: the other side does not know the key. */
export class AuthenticationError extends ProcessError {
  constructor(message?: string, options: ErrorDetails = {}) {
    super(message, { code: 'ERR_MULTIPROC_AUTHENTICATION', ...options });
  }
}

/**
 * Something cannot travel to another process, or what arrived cannot be rebuilt there.
 * The message names the path to it: `target → closure variable "socket" → Socket`.
 */
export class SerializationError extends MultiprocError {
  /** The way from the value that was sent to the part that cannot travel. */
  readonly path: readonly string[];

  constructor(message: string, options: ErrorDetails & { readonly path?: readonly string[] } = {}) {
    super(options.code ?? 'ERR_MULTIPROC_SERIALIZATION', message, options);
    this.path = options.path ?? [];
  }
}

/**
 * The process or thread that held a lock has died with it, so that what the lock guards may be half changed. Every
 * acquire fails with this until `reset()`, or takes the lock over with `{ onAbandoned: 'acquire' }`.
 */
export class AbandonedLockError extends MultiprocError {
  /** The process that died; undefined when that is not known any more. */
  readonly pid: number | undefined;

  constructor(message: string, options: ErrorDetails & { readonly pid?: number | undefined } = {}) {
    super(options.code ?? 'ERR_MULTIPROC_ABANDONED_LOCK', message, options);
    this.pid = options.pid;
  }
}

/** A Sync acquire that could never end, since it would block the very thread that has to release. */
export class DeadlockError extends RuntimeError {
  constructor(message?: string, options: ErrorDetails = {}) {
    super(message, { code: 'ERR_MULTIPROC_DEADLOCK', ...options });
  }
}

/** Python's `threading.BrokenBarrierError`: somebody timed out, aborted, failed or died, so not all can meet. */
export class BrokenBarrierError extends RuntimeError {
  constructor(message?: string, options: ErrorDetails = {}) {
    super(message, { code: 'ERR_MULTIPROC_BROKEN_BARRIER', ...options });
  }
}

/** Python's `IndexError`: no item has this index. */
export class IndexError extends MultiprocError {
  constructor(message?: string, options: ErrorDetails = {}) {
    super(options.code ?? 'ERR_MULTIPROC_INDEX', message, options);
  }
}

/** The platform lacks what is needed; the message says what. */
export class NotSupportedError extends MultiprocError {
  constructor(message?: string, options: ErrorDetails = {}) {
    super(options.code ?? 'ERR_MULTIPROC_NOT_SUPPORTED', message, options);
  }
}

/** What an {@link OSError} is made of, with Node's names. */
export interface OSErrorDetails extends ErrorOptions {
  /** Positive, as in `<errno.h>`. */
  readonly errno?: number;
  /** `'ENOENT'`, … */
  readonly code: string;
  /** The call that failed: `'open'`, `'posix_spawn'`, … */
  readonly syscall?: string;
  /** The file, directory, program or name concerned. */
  readonly path?: string;
}

/** Python's `OSError`: the kernel refused. Has Node's `code`, `errno` (negative, as in Node), `syscall` and `path`. */
export class OSError extends MultiprocError {
  readonly errno: number | undefined;
  readonly syscall: string | undefined;
  readonly path: string | undefined;

  constructor(message: string, details: OSErrorDetails) {
    super(details.code, message, details);
    this.errno = details.errno === undefined ? undefined : -Math.abs(details.errno);
    this.syscall = details.syscall;
    this.path = details.path;
  }
}

/** Python's `BlockingIOError`: `EAGAIN`, not now, but perhaps later; at a start, that too many processes run. */
export class BlockingIOError extends OSError {}
/** Python's `FileNotFoundError`: `ENOENT`. */
export class FileNotFoundError extends OSError {}
/** Python's `FileExistsError`: `EEXIST`. */
export class FileExistsError extends OSError {}
/** Python's `PermissionError`: `EACCES` or `EPERM`. */
export class PermissionError extends OSError {}
/** Python's `NotADirectoryError`: `ENOTDIR`. */
export class NotADirectoryError extends OSError {}
/** Python's `IsADirectoryError`: `EISDIR`. */
export class IsADirectoryError extends OSError {}
/** Python's `ProcessLookupError`: `ESRCH`. */
export class ProcessLookupError extends OSError {}
/** Python's `ConnectionError`: base of what a broken connection gives. */
export class ConnectionError extends OSError {}
/** Python's `BrokenPipeError`: `EPIPE`, nobody reads at the other side. */
export class BrokenPipeError extends ConnectionError {}
/** Python's `ConnectionRefusedError`: `ECONNREFUSED`. */
export class ConnectionRefusedError extends ConnectionError {}
/** Python's `ConnectionResetError`: `ECONNRESET`. */
export class ConnectionResetError extends ConnectionError {}

named(
  ValueError,
  KeyError,
  OverflowError,
  AssertionError,
  RuntimeError,
  AttributeError,
  EOFError,
  ProcessError,
  TimeoutError,
  BufferTooShort,
  AuthenticationError,
  SerializationError,
  AbandonedLockError,
  DeadlockError,
  BrokenBarrierError,
  IndexError,
  NotSupportedError,
  OSError,
  BlockingIOError,
  FileNotFoundError,
  FileExistsError,
  PermissionError,
  NotADirectoryError,
  IsADirectoryError,
  ProcessLookupError,
  ConnectionError,
  BrokenPipeError,
  ConnectionRefusedError,
  ConnectionResetError,
);

const classOfCode: Readonly<Record<string, typeof OSError>> = {
  EAGAIN: BlockingIOError,
  ENOENT: FileNotFoundError,
  EEXIST: FileExistsError,
  EACCES: PermissionError,
  EPERM: PermissionError,
  ENOTDIR: NotADirectoryError,
  EISDIR: IsADirectoryError,
  ESRCH: ProcessLookupError,
  EPIPE: BrokenPipeError,
  ECONNREFUSED: ConnectionRefusedError,
  ECONNRESET: ConnectionResetError,
};

/** The subclass of {@link OSError} that Python would raise for `details.code`. */
export function osError(message: string, details: OSErrorDetails): OSError {
  return new (classOfCode[details.code] ?? OSError)(message, details);
}
