/** How a child ends: by its target's return, by an error that it prints, or by {@link SystemExit}. */
import { state } from './state.ts';

/** Loaded when it is needed: every child waits for what is imported. */
function show(value: unknown): string {
  return process.getBuiltinModule('node:util').inspect(value);
}

/**
 * Python's `SystemExit`: thrown in a child, it ends it with an exit code, without a traceback.
 *
 * `code`: a whole number is the exit code; absent, null or false is 0; true is 1; anything else is printed on standard
 * error and gives 1.
 *
 * @example new Process({ target: () => { throw new SystemExit(3); } })
 * @see https://docs.python.org/3/library/exceptions.html#SystemExit
 */
export class SystemExit extends Error {
  readonly code: unknown;

  constructor(code?: unknown) {
    super(`exit: ${show(code)}`);
    this.code = code;
  }

  static {
    Object.defineProperty(SystemExit.prototype, 'name', {
      value: 'SystemExit',
      configurable: true,
      writable: true,
    });
  }
}

function exitCodeOf({ code }: SystemExit): number {
  if (code === undefined || code === null || code === false) return 0;
  if (code === true) return 1;
  if (typeof code === 'number' && Number.isInteger(code)) return code & 0xff;
  process.stderr.write(`${typeof code === 'string' ? code : show(code)}\n`);
  return 1;
}

/** What a getter of its own may keep from being shown is said in part. */
function textOf(error: unknown): string {
  for (const write of [show, String]) {
    try {
      return write(error);
    } catch {
      // The next way shows less.
    }
  }
  return 'An error that cannot be shown';
}

/** Prints an uncaught error as Python does, and says which exit code it gives. Never throws. */
export function reportUncaught(error: unknown): number {
  try {
    if (error instanceof SystemExit) return exitCodeOf(error);
    process.stderr.write(`Process ${state.current.name}:\n${textOf(error)}\n`);
  } catch {
    // No standard error to print on; the exit code still tells.
  }
  return 1;
}
