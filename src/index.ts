/** The table of contents of `multiproc`: everything of Python's `multiprocessing`. */

// Errors
export {
  AbandonedLockError,
  AssertionError,
  AttributeError,
  AuthenticationError,
  BlockingIOError,
  BrokenBarrierError,
  BrokenPipeError,
  BufferTooShort,
  ConnectionError,
  DeadlockError,
  EOFError,
  FileExistsError,
  FileNotFoundError,
  IndexError,
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
// Shared objects between worker threads
export { fromHandle, type ShareHandle, shareHandle } from './base/handle.ts';
// What a class of your own says about how it travels
export { deserialize, serialize } from './base/travel.ts';
// Options that many calls take
export type { SyncWaitOptions, WaitOptions } from './base/validate.ts';
// Channels
export type { QueueOptions, QueueSyncOptions } from './channel/arguments.ts';
export { type BytesLike, Connection, Pipe } from './channel/connection.ts';
export { Empty, Full, ShutDown } from './channel/errors.ts';
export { JoinableQueue } from './channel/joinable-queue.ts';
export { Queue } from './channel/queue.ts';
export { SimpleQueue } from './channel/simple-queue.ts';
// Numbers, arrays and records in shared memory
export { copy, RawArray } from './memory/raw-array.ts';
export { RawValue } from './memory/raw-value.ts';
export { type CellKind, type Fields, type RecordOf, type StructType, struct } from './memory/struct.ts';
export type { Typecode } from './memory/typecodes.ts';
// Pools
export { AsyncResult } from './pool/async-result.ts';
export { MaybeEncodingError, WorkerLostError } from './pool/errors.ts';
export type { Imap } from './pool/imap.ts';
export type { Items } from './pool/items.ts';
export type { Progress } from './pool/jobs.ts';
export type {
  ApplyOptions,
  Callbacks,
  KwargsOptions,
  MapOptions,
  PlainApplyOptions,
  PoolOptions,
  TaskOptions,
} from './pool/options.ts';
export { Pool } from './pool/pool.ts';
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
// Shared memory with a name
export {
  type Shareable,
  ShareableList,
  type ShareableListOptions,
  SharedMemory,
  type SharedMemoryOptions,
} from './shared-memory.ts';
// Locks and what is like them, for threads and processes
export { Barrier, type BarrierOptions } from './sync/barrier.ts';
export type { LockOptions } from './sync/base-lock.ts';
export { Condition } from './sync/condition.ts';
export { Event } from './sync/event.ts';
export { Guard } from './sync/guard.ts';
export { Lock } from './sync/lock.ts';
export type { AcquireOptions, AcquireSyncOptions } from './sync/options.ts';
export { RLock } from './sync/rlock.ts';
export { BoundedSemaphore, Semaphore } from './sync/semaphore.ts';
export { SharedArray, SharedArray as Array } from './sync/shared-array.ts';
export { Value } from './sync/value.ts';
export type { ValueOptions } from './sync/value-lock.ts';
