/**
 * Starts a program, the fast way: `posix_spawn` called directly, the same cost at any size of this process, where
 * Node's own `child_process` forks and so stops the event loop in proportion to its memory.
 *
 * Failure is known at once, as an error of Python's class with the path that was at fault, because posix_spawn returns
 * only after the program was loaded or could not be.
 */
import { isMainThread } from 'node:worker_threads';
import { type Child, SpawnedChild } from './child.ts';
import { asUser, changesUser } from './credentials.ts';
import { type CString, checkCString, environmentEntries } from './cstrings.ts';
import { setBlocking } from './descriptors.ts';
import { startError } from './launch-error.ts';
import { declare, requirePlatform } from './libc.ts';
import { type PreparedSpawn, prepareSpawn } from './posix-spawn.ts';
import { candidates } from './program.ts';
import { childBorn, expectChild } from './reaper.ts';
import type { StartOptions } from './start-request.ts';

export type { Child } from './child.ts';

/** What to start and how. */
export interface LaunchOptions extends StartOptions {
  /** Child's descriptor → ours. Only these survive in the child, unless `closeFds` is false. */
  readonly fds: ReadonlyMap<number, number>;
}

const umaskC = declare<(mask: number) => number>('unsigned int umask(unsigned int mask)');
const ENOENT = 2;
const ENOTDIR = 20;

/**
 * Starts a program; returns when it is running or is known not to.
 *
 * @throws {FileNotFoundError} No such program, interpreter or `cwd`; `path` says which.
 * @throws {PermissionError} It may not be executed, is a directory, or we may not become that user.
 * @throws {NotADirectoryError} The path leads through a file, or `cwd` is one.
 * @throws {BlockingIOError} Too many processes run (`EAGAIN`).
 * @throws {OSError} Anything else the kernel says: `E2BIG`, `ENOEXEC`, …
 * @throws {ValueError} A NUL or half a surrogate pair in an argument, the environment or a path.
 *
 * @example
 * const child = launch({ file: 'ls', args: ['ls', '-l'], fds: new Map([[0, 0], [1, 1], [2, 2]]) });
 * child.onExit((returncode) => console.log(returncode));
 */
export function launch(options: LaunchOptions): Child {
  return launchWith(options, options.fds);
}

/** {@link launch} for those who have the options and the descriptors apart. */
export function launchWith(options: StartOptions, wanted: ReadonlyMap<number, number>): Child {
  requirePlatform('the fast start of processes');
  const env = options.env ?? process.env;
  const file = checkCString(options.file, 'the program');
  const args = options.args.map((arg, i) => checkCString(arg, `argument ${i}`));
  const cwd = options.cwd === undefined ? undefined : checkCString(options.cwd, 'cwd');
  // The main thread's process.env is the C library's own environment, so that it need not be copied.
  const entries = options.env === undefined && isMainThread ? undefined : environmentEntries(env);
  const prepared = prepareSpawn({
    argv: args,
    env: entries,
    cwd,
    fds: inheritable(wanted),
    closeFds: options.closeFds ?? true,
    setsid: options.setsid ?? false,
    pgroup: options.pgroup,
    restoreSignals: options.restoreSignals ?? true,
  });

  expectChild();
  const umask = options.umask === undefined ? undefined : umaskC(options.umask);
  let pid: number;
  try {
    const paths = candidates(file, env.PATH, cwd);
    if (changesUser(options)) {
      const all = [...paths]; // looked for with the rights that we have now
      pid = asUser(options, () => startFirst(prepared, all));
    } else {
      pid = startFirst(prepared, paths);
    }
  } finally {
    if (umask !== undefined) umaskC(umask);
  }
  if (pid < 0) throw startError(-pid, file, cwd);
  const child = new SpawnedChild(pid);
  childBorn(child);
  return child;
}

/**
 * Starts the first of `paths` that is a program. @returns its pid, or the negated errno.
 *
 * As execvp and CPython: what is not there is passed over; any other refusal is reported only if no later directory of
 * PATH has a program that starts.
 */
function startFirst(prepared: PreparedSpawn, paths: Iterable<CString>): number {
  let missing = -ENOENT;
  let refused = 0;
  for (const path of paths) {
    const pid = prepared.start(path);
    if (pid > 0) return pid;
    if (pid === -ENOENT || pid === -ENOTDIR) missing = pid;
    else refused ||= pid;
  }
  return refused || missing;
}

/**
 * Standard descriptors that are closed here stay closed there instead of failing the start. Those that are open are
 * made blocking, since few programs expect standard streams that say EAGAIN; Node's `child_process` does the same.
 */
function inheritable(fds: ReadonlyMap<number, number>): ReadonlyMap<number, number> {
  let result = fds;
  for (let to = 0; to <= 2; to++) {
    const from = fds.get(to);
    if (from === undefined) continue;
    if (!setBlocking(from) && from === to) {
      if (result === fds) result = new Map(fds);
      (result as Map<number, number>).delete(to);
    }
  }
  return result;
}
