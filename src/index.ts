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
