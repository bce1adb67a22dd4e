/** Starts a program with pipes, the fast way where the platform has it, through `node:child_process` elsewhere. */
import { fallbackStart } from './fallback-start.ts';
import { fastStart } from './fast-start.ts';
import { supported } from './libc.ts';
import type { Started, StartRequest } from './start-request.ts';

/**
 * Starts a program; returns when it is running or is known not to.
 *
 * @throws {FileNotFoundError | PermissionError | NotADirectoryError | OSError} With `code`, `syscall` and `path`; nothing
 *   is left open then.
 * @throws {ValueError} A NUL or half a surrogate pair in an argument, the environment or a path.
 * @throws {NotSupportedError} An option that this platform has no means for.
 */
export function startProgram(request: StartRequest): Started {
  return supported ? fastStart(request) : fallbackStart(request);
}
