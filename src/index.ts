/** The table of contents of `multiproc`: everything of Python's `multiprocessing`. */

// Errors
export {
  AssertionError,
  AttributeError,
  AuthenticationError,
  BrokenPipeError,
  BufferTooShort,
  ConnectionError,
  EOFError,
  FileExistsError,
  FileNotFoundError,
  MultiprocError,
  NotSupportedError,
  OSError,
  PermissionError,
  ProcessError,
  RuntimeError,
  SerializationError,
  TimeoutError,
  ValueError,
} from './base/errors.ts';
// What a class of your own says about how it travels
export { deserialize, serialize } from './base/travel.ts';
// Options that many calls take
export type { SyncWaitOptions, WaitOptions } from './base/validate.ts';
// Pools
export { AsyncResult } from './pool/async-result.ts';
export { MaybeEncodingError, WorkerLostError } from './pool/errors.ts';
export type { Imap } from './pool/imap.ts';
export type { Progress } from './pool/jobs.ts';
export {
  type ApplyOptions,
  type Callbacks,
  type Items,
  type MapOptions,
  Pool,
  type PoolOptions,
  type TaskOptions,
} from './pool/pool.ts';
export { taskSignal } from './pool/task-context.ts';
export type { AnyFunction, Reference } from './process/call.ts';
// Processes
export {
  activeChildren,
  cpuCount,
  currentProcess,
  type ParentProcess,
  parentProcess,
} from './process/current.ts';
export { type EndOptions, Process, type ProcessOptions } from './process/process.ts';
export { SystemExit } from './process/report.ts';
