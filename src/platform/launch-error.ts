/**
 * What a failed start is called: the errno says why, this finds out what was at fault.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { type OSError, osError } from '../base/errors.ts';
import type { CString } from './cstrings.ts';
import { errnoName, strerror } from './libc.ts';

const advice: Readonly<Record<string, string>> = {
  ENOENT: 'check its name and PATH, and the interpreter in its first line if it is a script',
  EACCES: 'check that it is a file with execute permission',
  ENOTDIR: 'a part of its path is not a directory',
  ENOEXEC: 'it is neither a binary of this machine nor a script that begins with #!',
  E2BIG: 'pass fewer or shorter arguments and environment variables, or send them through stdin or a file',
  EAGAIN: 'too many processes run; wait for some to end',
  EMFILE: 'close some of the files that this program has open, or raise its limit (ulimit -n)',
  ENOMEM: 'the system has no memory left for another process',
};

function printable(value: CString): string {
  return typeof value === 'string' ? value : Buffer.from(value).toString();
}

/** Python's error class for a start that failed with `errno`; its `path` is `cwd` when that was at fault, else the program. */
export function startError(
  errno: number,
  file: CString,
  cwd: CString | undefined,
  options: ErrorOptions = {},
): OSError {
  const code = errnoName(errno);
  const directory = cwd === undefined ? undefined : directoryError(cwd);
  if (directory !== undefined && cwd !== undefined) {
    const path = printable(cwd);
    return osError(
      `Cannot start ${JSON.stringify(printable(file))} in ${JSON.stringify(path)}: ${strerror(-directory.errno)} (${directory.code}); cwd must be a directory that may be entered`,
      { code: directory.code, errno: directory.errno, syscall: 'chdir', path },
    );
  }
  const path = printable(file);
  const hint = advice[code];
  return osError(
    `Cannot start ${JSON.stringify(path)}: ${strerror(errno)} (${code})${hint === undefined ? '' : `; ${hint}`}`,
    { ...options, code, errno, syscall: 'spawn', path },
  );
}

/** Why nobody can change to this directory, if so. */
function directoryError(cwd: CString): { code: string; errno: number } | undefined {
  const path = typeof cwd === 'string' ? cwd : Buffer.from(cwd);
  try {
    if (!statSync(path).isDirectory()) return { code: 'ENOTDIR', errno: -20 };
    accessSync(path, constants.X_OK);
    return undefined;
  } catch (error) {
    const { code, errno } = error as NodeJS.ErrnoException;
    return code === undefined || errno === undefined ? undefined : { code, errno };
  }
}
