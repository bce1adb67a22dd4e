/** What every way of starting a program is asked for, and what it gives. */
import type { Child } from './child.ts';
import type { Identity } from './credentials.ts';
import type { CString, Environment } from './cstrings.ts';
import type { PipeReader, PipeWriter } from './pipe-end.ts';

/** How a program is started, whatever its descriptors are. */
export interface StartOptions extends Identity {
  /** A path (it has a slash), or a name looked up in `PATH` of `env`. Relative paths are the child's: relative to `cwd`. */
  readonly file: CString;
  /** `argv`, including `argv[0]`. */
  readonly args: readonly CString[];
  /** `args` is ready for Windows: nothing is to be quoted any more. */
  readonly verbatim?: boolean | undefined;
  /** All of the child's environment. @default process.env */
  readonly env?: Environment | undefined;
  readonly cwd?: CString | undefined;
  /** False leaves open what is not close-on-exec. @default true */
  readonly closeFds?: boolean | undefined;
  /** Makes the child the leader of a new session. @default false */
  readonly setsid?: boolean | undefined;
  /** Process group to join; 0 makes the child the leader of a new one. */
  readonly pgroup?: number | undefined;
  /** The child's file mode creation mask. Ours has this value too while the child is being started (under a millisecond). */
  readonly umask?: number | undefined;
  /** Gives SIGPIPE and SIGXFSZ, which Node ignores, back their default in the child. @default true */
  readonly restoreSignals?: boolean | undefined;
}

/** Where a standard stream of the child leads. */
export type Target =
  | { readonly kind: 'inherit' | 'pipe' | 'devnull' | 'stdout' }
  | { readonly kind: 'fd'; readonly fd: number }
  /** Another program's output, untouched so far; a successful start takes it over and closes it here. */
  | { readonly kind: 'reader'; readonly reader: PipeReader };

/** A whole start. */
export interface StartRequest extends StartOptions {
  readonly stdio: readonly [Target, Target, Target];
  /** Descriptors that the child keeps, under the same numbers. */
  readonly passFds: readonly number[];
  /** Room of the pipes in bytes; absent leaves the system's default. */
  readonly pipesize: number | undefined;
}

/** A started program, and our ends of its pipes. */
export interface Started {
  readonly child: Child;
  readonly stdin: PipeWriter | null;
  readonly stdout: PipeReader | null;
  readonly stderr: PipeReader | null;
}
