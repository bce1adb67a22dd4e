/**
 * The options of a start, as the caller writes them, and their check.
 *
 * Checked once, here, in CPython's order and with its messages where it has any; what comes out has no gaps.
 */
import { fileURLToPath } from 'node:url';
import { KeyError, NotSupportedError, OverflowError, ValueError } from '../base/errors.ts';
import { checkSignal, rangeError, show, typeError } from '../base/validate.ts';
import { groupId, userId } from '../platform/accounts.ts';
import { type CString, checkCString, type Environment } from '../platform/cstrings.ts';
import { type ShellCommand, shellCommand } from '../platform/shell.ts';
import type { StartRequest } from '../platform/start-request.ts';
import type { Arg, Args } from './args.ts';
import { createDecoder } from './decode.ts';
import { SubprocessError } from './errors.ts';
import { type Redirection, resolveStdio } from './stdio.ts';

/** How a {@link Popen} is started: Python's keyword arguments in camelCase. */
export interface PopenOptions {
  /** 0 for none, 1 by lines, n bytes; -1 (default) leaves it to us. Writing never holds anything back; n is how much is read ahead. */
  readonly bufsize?: number | null | undefined;
  /** The program to run, while `args[0]` stays the name that it sees. With `shell`: the shell. */
  readonly executable?: Arg | null | undefined;
  /** @default the parent's */
  readonly stdin?: Redirection;
  readonly stdout?: Redirection;
  /** Also `STDOUT`: the very same descriptor as standard output, so that the order of bytes is kept. */
  readonly stderr?: Redirection;
  /** Runs `args` as a line of `/bin/sh`; of a list, the first is the line and the others are `$0`, `$1`, … @default false */
  readonly shell?: boolean | undefined;
  readonly cwd?: Arg | null | undefined;
  /** All of the environment, not an addition. @default process.env */
  readonly env?: Environment | null | undefined;
  /** Text instead of bytes, decoded as UTF-8 unless `encoding` says otherwise, `\r\n` and `\r` as `\n`. */
  readonly text?: boolean | null | undefined;
  /** Older name of `text`. */
  readonly universalNewlines?: boolean | null | undefined;
  /** Turns text mode on: `'utf-8'`, `'latin-1'`, `'utf-16'`, `'utf-32'`, `'gbk'`, … */
  readonly encoding?: string | null | undefined;
  /** Turns text mode on. @default 'strict' */
  readonly errors?: string | null | undefined;
  /** Descriptors that the child keeps, under the same numbers. */
  readonly passFds?: readonly number[] | undefined;
  /**
   * Closes every descriptor but the standard ones and `passFds` in the child. Where there is no fast start, what native code
   * made inheritable stays open all the same. @default true
   */
  readonly closeFds?: boolean | undefined;
  /** Makes the child the leader of a new session, without a terminal. @default false */
  readonly startNewSession?: boolean | undefined;
  /** Process group to join; 0 makes a new one. */
  readonly processGroup?: number | null | undefined;
  /** Gives SIGPIPE and SIGXFSZ, which Node ignores, back to the child. @default true */
  readonly restoreSignals?: boolean | undefined;
  /** Name or id. */
  readonly user?: string | number | bigint | null | undefined;
  /** Name or id. */
  readonly group?: string | number | bigint | null | undefined;
  /** All of the supplementary groups, names or ids. */
  readonly extraGroups?: readonly (string | number | bigint)[] | null | undefined;
  /** The child's file mode creation mask; -1 leaves ours. */
  readonly umask?: number | undefined;
  /** Room of the pipes in bytes; -1 is the system's (64 KiB). */
  readonly pipesize?: number | undefined;
  /** Ends the child when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** What `signal` sends (default SIGTERM), and the run family when time is up (default SIGKILL). */
  readonly killSignal?: number | NodeJS.Signals | undefined;
}

/** Text mode: how bytes become text. */
export interface TextMode {
  readonly encoding: string;
  readonly errors: string;
}

/** Checked options: what the platform starts, and what {@link Popen} keeps for itself. */
export interface Resolved {
  readonly request: StartRequest;
  readonly textMode: TextMode | undefined;
  readonly highWaterMark: number;
  readonly signal: AbortSignal | undefined;
}

const MAX_ID = 0xffff_fffe;

/** Names of {@link PopenOptions}. */
const known: ReadonlySet<string> = new Set<keyof PopenOptions>([
  'bufsize',
  'executable',
  'stdin',
  'stdout',
  'stderr',
  'shell',
  'cwd',
  'env',
  'text',
  'universalNewlines',
  'encoding',
  'errors',
  'passFds',
  'closeFds',
  'startNewSession',
  'processGroup',
  'restoreSignals',
  'user',
  'group',
  'extraGroups',
  'umask',
  'pipesize',
  'signal',
  'killSignal',
]);

/**
 * What there is not: passed over in silence, a program would run otherwise than whoever wrote it believes.
 *
 * @throws {ValueError} Options of Windows, as in Python. @throws {NotSupportedError} `preexecFn`. @throws {TypeError} Python's
 *   own spelling, and any other name.
 */
function refuse(options: PopenOptions): void {
  for (const name in options) {
    if (known.has(name)) continue;
    const value: unknown = options[name as keyof PopenOptions];
    if (value === undefined || value === null) continue;
    if ((name === 'startupinfo' && value) || (name === 'creationflags' && value !== 0)) {
      throw new ValueError(`Cannot start: ${name} is only supported on Windows platforms, and not here`);
    }
    if (name === 'preexecFn' || name === 'preexec_fn') {
      throw new NotSupportedError(
        `Cannot start: there is no ${name}, since no JavaScript can run between fork and exec; use cwd, env, umask, user, group, startNewSession or processGroup`,
      );
    }
    if (name === 'startupinfo' || name === 'creationflags') continue;
    if (name.includes('_')) {
      const ours = name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());
      throw typeError(`Cannot start: there is no option ${name}; it is spelled ${ours} here`);
    }
    throw typeError(
      `Cannot start: there is no option ${show(name)} of Popen; known are ${[...known].join(', ')}`,
    );
  }
}

/** @throws {TypeError | ValueError | OverflowError | KeyError | SubprocessError} */
export function resolveOptions(args: Args, options: PopenOptions): Resolved {
  refuse(options);
  const bufsize = options.bufsize ?? -1;
  if (!Number.isInteger(bufsize))
    throw typeError(`Cannot start: bufsize must be an integer, got ${show(bufsize)}`);
  const pipesize = integer(options.pipesize ?? -1, 'pipesize');
  const umask = integer(options.umask ?? -1, 'umask');
  const passFds = (options.passFds ?? []).map((fd) => descriptor(fd, 'passFds'));
  let closeFds = options.closeFds ?? true;
  if (passFds.length > 0 && !closeFds) {
    process.emitWarning('pass_fds overriding close_fds.', 'RuntimeWarning');
    closeFds = true;
  }
  const { file, argv, verbatim } = program(args, options);
  // No spreading here or on the way down: it costs more than all the checks.
  const request: StartRequest = {
    file,
    args: argv,
    verbatim,
    cwd: options.cwd == null ? undefined : path(options.cwd, 'cwd'),
    env: options.env ?? undefined,
    stdio: resolveStdio(options),
    passFds,
    closeFds,
    setsid: options.startNewSession ?? false,
    pgroup: options.processGroup == null ? undefined : integer(options.processGroup, 'processGroup'),
    restoreSignals: options.restoreSignals ?? true,
    user: options.user == null ? undefined : accountId(options.user, 'User', userId),
    group: options.group == null ? undefined : accountId(options.group, 'Group', groupId),
    extraGroups: options.extraGroups == null ? undefined : extraGroups(options.extraGroups),
    umask: umask < 0 ? undefined : umask,
    pipesize: pipesize > 0 ? pipesize : undefined,
  };
  return {
    request,
    textMode: textMode(options),
    highWaterMark: bufsize > 1 ? bufsize : 65_536,
    signal: checkSignal(options.signal),
  };
}

function program(args: Args, { shell = false, executable }: PopenOptions): ShellCommand {
  let argv: CString[];
  if (Array.isArray(args)) {
    if (args.length === 0) throw new ValueError('Cannot start: args is empty; its first item is the program');
    argv = (args as readonly Arg[]).map((arg, i) => path(arg, `argument ${i}`));
  } else {
    if (shell && args instanceof URL) {
      throw typeError('Cannot start: a path-like args is not allowed when shell is true; pass a string');
    }
    argv = [path(args as Arg, 'args')];
  }
  const replaced = executable == null ? undefined : path(executable, 'executable');
  if (shell) return shellCommand(argv, replaced);
  return { file: replaced ?? argv[0]!, argv, verbatim: false };
}

function path(value: Arg, what: string): CString {
  return checkCString(value instanceof URL ? fileURLToPath(value) : value, what);
}

function integer(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw typeError(`Cannot start: ${what} must be an integer, got ${show(value)}`);
  }
  return value;
}

/** A descriptor's number. */
export function descriptor(value: unknown, what: string): number {
  const fd = integer(value, what);
  if (fd < 0)
    throw rangeError(`Cannot start: ${what} holds ${fd}, which is no descriptor; they are 0 or more`);
  return fd;
}

function textMode({ text, universalNewlines, encoding, errors }: PopenOptions): TextMode | undefined {
  if (text != null && universalNewlines != null && Boolean(text) !== Boolean(universalNewlines)) {
    throw new SubprocessError(
      'Cannot disambiguate when both text and universalNewlines are supplied but different; pass one or the other',
    );
  }
  if (!encoding && !errors && !text && !universalNewlines) return undefined;
  const mode = { encoding: encoding ?? 'utf-8', errors: errors ?? 'strict' };
  createDecoder(mode.encoding, mode.errors); // unknown names are errors now, not when output comes
  return mode;
}

function accountId(
  value: string | number | bigint,
  what: 'User' | 'Group',
  lookUp: (name: string) => number | undefined,
): number {
  if (typeof value === 'string') {
    const id = lookUp(value);
    if (id === undefined) {
      throw new KeyError(`Cannot start: there is no ${what.toLowerCase()} ${show(value)} on this system`);
    }
    return id;
  }
  if (typeof value !== 'bigint') integer(value, what.toLowerCase());
  if (value < 0) throw new ValueError(`${what} ID cannot be negative, got ${value}`);
  if (value > MAX_ID)
    throw new OverflowError(
      `Cannot start: ${what.toLowerCase()} id ${value} is too large; ${MAX_ID} is the largest`,
    );
  return Number(value);
}

function extraGroups(groups: readonly (string | number | bigint)[]): number[] {
  return groups.map((group) => {
    try {
      return accountId(group, 'Group', groupId);
    } catch (cause) {
      if (cause instanceof OverflowError)
        throw new ValueError('Cannot start: invalid group id in extraGroups', { cause });
      throw cause;
    }
  });
}
