/** The table of contents of `multiproc/subprocess`: everything of Python's `subprocess`. */

// Errors
export {
  BlockingIOError,
  BrokenPipeError,
  FileNotFoundError,
  KeyError,
  MultiprocError,
  NotADirectoryError,
  NotSupportedError,
  OSError,
  OverflowError,
  PermissionError,
  ValueError,
} from './base/errors.ts';
export type { Arg, Args } from './subprocess/args.ts';
// Running a program to its end
export { CompletedProcess } from './subprocess/completed.ts';
// Starting one and staying in touch
export { DEVNULL, PIPE, STDOUT } from './subprocess/constants.ts';
export { UnicodeDecodeError } from './subprocess/decode.ts';
export { UnicodeEncodeError } from './subprocess/encodings.ts';
export { CalledProcessError, SubprocessError, TimeoutExpired } from './subprocess/errors.ts';
export { ProcessInput } from './subprocess/input-stream.ts';
export { list2cmdline } from './subprocess/list2cmdline.ts';
export type { PopenOptions } from './subprocess/options.ts';
export { ProcessOutput } from './subprocess/output-stream.ts';
export type { CapturedOf, CommunicatedOf, OutputOf, StreamOf } from './subprocess/output-types.ts';
export {
  type CommunicateOptions,
  type CommunicateSyncOptions,
  type KillOptions,
  Popen,
} from './subprocess/popen.ts';
export {
  type CallOptions,
  type CheckOutputOptions,
  type CompletedOf,
  call,
  callSync,
  checkCall,
  checkCallSync,
  checkOutput,
  checkOutputSync,
  type GetOutputOptions,
  getoutput,
  getoutputSync,
  getstatusoutput,
  getstatusoutputSync,
  type RunOptions,
  run,
  runSync,
} from './subprocess/run.ts';
export type { HasDescriptor, Redirection } from './subprocess/stdio.ts';
