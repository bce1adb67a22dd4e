/** The system's shell, and how it is given a line. */
import type { CString } from './cstrings.ts';

/** A program and its arguments, `argv[0]` included. */
export interface ShellCommand {
  readonly file: CString;
  readonly argv: readonly CString[];
  /** On Windows the arguments are one line already. */
  readonly verbatim: boolean;
}

/**
 * `/bin/sh -c line`, further arguments being `$0`, `$1`, …; on Windows `cmd.exe /c "line"`.
 *
 * @param shell Another shell that takes `-c`.
 */
export function shellCommand(args: readonly CString[], shell: CString | undefined): ShellCommand {
  if (process.platform === 'win32') {
    const file = shell ?? process.env.ComSpec ?? 'cmd.exe';
    return { file, argv: [file, '/d', '/s', '/c', `"${args.join(' ')}"`], verbatim: true };
  }
  const file = shell ?? '/bin/sh';
  return { file, argv: [file, '-c', ...args], verbatim: false };
}
