/**
 * Starts a program, the fast way: `posix_spawn` called directly, the same cost at any size of this process, where
 * Node's own `child_process` forks and so stops the event loop in proportion to its memory.
 *
 * Failure is known at once, as an error of Python's class with the path that was at fault, because posix_spawn returns
 * only after the program was loaded or could not be.
 */
import { isMainThread } from '../base/thread.ts';
import { type Child, SpawnedChild } from './child.ts';
import { asUser, changesUser } from './credentials.ts';
import { type CString, checkCString, environmentEntries } from './cstrings.ts';
import { setBlocking } from './descriptors.ts';
import { startError } from './launch-error.ts';
import { declare, requirePlatform } from './libc.ts';
import { type PreparedSpawn, prepareSpawn, spawnByName, spawnPrepared } from './posix-spawn.ts';
import { mayExist, places } from './program.ts';
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
/** The name of the last program that was found in `PATH`: it is probably still to be found there, and may be looked up in one go. */
let lastFound: string | undefined;

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
  const file = checkCString(options.file, 'the program');
  const args = options.args.map(checkCString);
  const cwd = options.cwd === undefined ? undefined : checkCString(options.cwd, 'cwd');
  // The main thread's process.env is the C library's own environment, so that it need not be copied.
  const ownEnvironment = options.env === undefined && isMainThread();
  const env = options.env ?? process.env;
  const prepared = prepareSpawn({
    argv: args,
    env: ownEnvironment ? undefined : environmentEntries(env),
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
    if (changesUser(options)) {
      const there = places(file, env.PATH).filter((place) => mayExist(place, cwd)); // with the rights that we have now
      pid = asUser(options, () => startFirst(prepared, there, cwd));
    } else if (ownEnvironment && file === lastFound) {
      pid = spawnByName(prepared, file);
      if (pid < 0) pid = startFirst(prepared, places(file, env.PATH), cwd);
    } else {
      pid = startFirst(prepared, places(file, env.PATH), cwd);
    }
  } finally {
    if (umask !== undefined) umaskC(umask);
  }
  lastFound = pid > 0 && typeof file === 'string' && !file.includes('/') ? file : undefined;
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
function startFirst(prepared: PreparedSpawn, paths: readonly CString[], cwd: CString | undefined): number {
  let missing = -ENOENT;
  let refused = 0;
  for (const path of paths) {
    if (paths.length > 1 && !mayExist(path, cwd)) continue;
    const pid = spawnPrepared(prepared, path);
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
