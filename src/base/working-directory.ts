/** The working directory, which another process may have removed. */

/** Undefined when it is gone. */
function current(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}

/** Where relative paths start; the root, when the working directory is gone. */
export function workingDirectory(): string {
  return current() ?? '/';
}

/** Where this program was when it loaded this library: what `--import` and its like name is relative to that. */
export const startDirectory = current();

/** Where the program is by now, if it has moved; undefined when it has not, or cannot tell. */
export function movedTo(): string | undefined {
  const now = current();
  return startDirectory === undefined || now === startDirectory ? undefined : now;
}
