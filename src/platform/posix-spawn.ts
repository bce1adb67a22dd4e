/**
 * `posix_spawn` itself: the structures that it wants, filled from plain values.
 *
 * glibc and musl keep their layouts to themselves, so they are only touched through the library's own functions, in
 * room that is larger than either needs (336 and 80 bytes). glibc uses CLONE_VFORK | CLONE_VM: nothing of the parent is
 * copied, so that starting costs the same however large it is.
 */
import { readdirSync } from 'node:fs';
import { type CString, CStringArrays, cstring } from './cstrings.ts';
import { type FdStep, planCloses, planMoves } from './fdplan.ts';
import { check, declare, errnoError, pointerVariable } from './libc.ts';

const SETPGROUP = 0x02;
const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
const SETSID = 0x80;
const SIGPIPE = 13;
const SIGXFSZ = 25;

type Raw = Uint8Array;
const spawnC = declare<
  (pid: Int32Array, path: string | Raw, actions: Raw, attributes: Raw, argv: Raw, env: Raw | bigint) => number
>('int posix_spawn(int *pid, const char *path, void *actions, void *attributes, void *argv, void *env)');
const spawnByNameC = declare<
  (pid: Int32Array, name: string, actions: Raw, attributes: Raw, argv: Raw, env: Raw | bigint) => number
>('int posix_spawnp(int *pid, const char *name, void *actions, void *attributes, void *argv, void *env)');
const actionsInit = declare<(a: Raw) => number>('int posix_spawn_file_actions_init(void *a)');
const actionsDestroy = declare<(a: Raw) => number>('int posix_spawn_file_actions_destroy(void *a)');
const addDup2 = declare<(a: Raw, from: number, to: number) => number>(
  'int posix_spawn_file_actions_adddup2(void *a, int from, int to)',
);
const addClose = declare<(a: Raw, fd: number) => number>(
  'int posix_spawn_file_actions_addclose(void *a, int fd)',
);
const addChdir = declare<(a: Raw, path: Raw) => number>(
  'int posix_spawn_file_actions_addchdir_np(void *a, void *path)',
);
const addCloseFrom = declare<(a: Raw, fd: number) => number>(
  'int posix_spawn_file_actions_addclosefrom_np(void *a, int fd)',
);
const attributesInit = declare<(a: Raw) => number>('int posix_spawnattr_init(void *a)');
const attributesDestroy = declare<(a: Raw) => number>('int posix_spawnattr_destroy(void *a)');
const setFlags = declare<(a: Raw, flags: number) => number>(
  'int posix_spawnattr_setflags(void *a, short flags)',
);
const setPgroup = declare<(a: Raw, group: number) => number>(
  'int posix_spawnattr_setpgroup(void *a, int group)',
);
const setSigDefault = declare<(a: Raw, set: Raw) => number>(
  'int posix_spawnattr_setsigdefault(void *a, void *set)',
);
const setSigMask = declare<(a: Raw, set: Raw) => number>(
  'int posix_spawnattr_setsigmask(void *a, void *set)',
);
const sigEmptySet = declare<(set: Raw) => number>('int sigemptyset(void *set)');
const sigAddSet = declare<(set: Raw, signal: number) => number>('int sigaddset(void *set, int signal)');

const environ = pointerVariable('environ');

let closeFromKnown: boolean | undefined;

/** Whether the C library can close everything from a number on (glibc 2.34 and later; not musl). */
export function hasCloseFrom(): boolean {
  if (closeFromKnown === undefined) {
    const actions = Buffer.alloc(512);
    actionsInit(actions);
    try {
      closeFromKnown = addCloseFrom(actions, 3) === 0;
    } catch {
      closeFromKnown = false; // no such symbol
    }
    actionsDestroy(actions);
  }
  return closeFromKnown;
}

/** What one start needs, everything resolved. */
export interface SpawnRequest {
  readonly argv: readonly CString[];
  /** Absent: what this process has, as the C library has it. */
  readonly env: readonly CString[] | undefined;
  readonly cwd: CString | undefined;
  /** Child's descriptor → ours. */
  readonly fds: ReadonlyMap<number, number>;
  /** Closes all others. */
  readonly closeFds: boolean;
  readonly setsid: boolean;
  readonly pgroup: number | undefined;
  /** Gives SIGPIPE and SIGXFSZ, which Node ignores, back their default. */
  readonly restoreSignals: boolean;
}

/** The opaque structures of `posix_spawn`; starting changes nothing in them. */
interface Structures {
  readonly actions: Buffer;
  readonly attributes: Buffer;
}

/**
 * Structures of the last starts, by what they were filled from: programs are often started the same way, with the same
 * numbers for their pipes, and filling takes a dozen calls.
 */
const recent = new Map<string, Structures>();
const RECENT = 16;
/** Where the pid comes, and where arguments and environment are; a start is over before the next begins. */
const pid = new Int32Array(1);
const argvs = new CStringArrays();
const environments = new CStringArrays();

/** A request in C's form, good for several tries with different paths, until the next is made. */
export interface PreparedSpawn extends Structures {
  readonly argv: Buffer;
  readonly env: Buffer | bigint;
}

/** Fills the structures of `posix_spawn`. */
export function prepareSpawn(request: SpawnRequest): PreparedSpawn {
  const { actions, attributes } = structures(request);
  const argv = argvs.pack(request.argv);
  const env = request.env === undefined ? environ() : environments.pack(request.env);
  return { actions, attributes, argv, env };
}

/** @returns The pid, or the negated errno. */
export function spawnPrepared({ actions, attributes, argv, env }: PreparedSpawn, path: CString): number {
  const file = typeof path === 'string' ? path : cstring(path);
  const errno = spawnC(pid, file, actions, attributes, argv, env);
  return errno === 0 ? pid[0]! : -errno;
}

/**
 * As {@link spawnPrepared}, for a name that the C library looks up in the `PATH` of this process.
 *
 * A directory where it isn't costs less than asking for it would; but a name that is nowhere costs as much as a start, and some
 * refusals end the search too early, so that a failure says little.
 */
export function spawnByName({ actions, attributes, argv, env }: PreparedSpawn, name: string): number {
  const errno = spawnByNameC(pid, name, actions, attributes, argv, env);
  return errno === 0 ? pid[0]! : -errno;
}

function structures(request: SpawnRequest): Structures {
  let key = keyOf(request);
  let found = recent.get(key);
  if (found === undefined) {
    let looked = false;
    const steps = planSteps(request, () => {
      looked = true;
      return readdirSync('/proc/self/fd').map(Number);
    });
    if (looked) {
      // What is to be closed differs from start to start.
      key += JSON.stringify(steps);
      found = recent.get(key);
      if (found !== undefined) return found;
    }
    found = fill(request, steps);
    if (recent.size === RECENT) {
      const [oldest, old] = recent.entries().next().value!;
      recent.delete(oldest);
      destroy(old);
    }
    recent.set(key, found);
  }
  return found;
}

function destroy({ actions, attributes }: Structures): void {
  actionsDestroy(actions);
  attributesDestroy(attributes);
}

/** All that the structures depend on, but for what is open when everything else shall be closed. */
function keyOf(request: SpawnRequest): string {
  const { cwd, fds, closeFds, pgroup } = request;
  let key = `${flagsOf(request)} ${pgroup} ${closeFds}`;
  fds.forEach((from, to) => {
    key += ` ${to}:${from}`;
  });
  if (cwd === undefined) return key;
  return typeof cwd === 'string'
    ? `${key} text ${cwd}\n`
    : `${key} bytes ${Buffer.from(cwd).toString('hex')}\n`;
}

function planSteps({ fds, closeFds }: SpawnRequest, open: () => number[]): FdStep[] {
  const moves = planMoves(fds);
  return closeFds ? [...moves, ...planCloses(fds.keys(), open, hasCloseFrom())] : moves;
}

function flagsOf({ setsid, pgroup, restoreSignals }: SpawnRequest): number {
  const group = pgroup === undefined ? 0 : SETPGROUP;
  return SETSIGMASK | group | (restoreSignals ? SETSIGDEF : 0) | (setsid ? SETSID : 0);
}

function fill(request: SpawnRequest, steps: readonly FdStep[]): Structures {
  const { cwd, pgroup, restoreSignals } = request;
  const actions = Buffer.alloc(512);
  const attributes = Buffer.alloc(1024);
  checked(actionsInit(actions));
  checked(attributesInit(attributes));
  try {
    if (cwd !== undefined) checked(addChdir(actions, cstring(cwd)));
    for (const step of steps) {
      if (step.kind === 'dup') checked(addDup2(actions, step.from, step.to));
      else if (step.kind === 'close') checked(addClose(actions, step.fd));
      else checked(addCloseFrom(actions, step.fd));
    }
    // The thread may block signals of its own; the program starts with none blocked, as from any shell.
    const set = Buffer.alloc(128);
    check(sigEmptySet(set), 'sigemptyset');
    checked(setSigMask(attributes, set));
    if (restoreSignals) {
      for (const signal of [SIGPIPE, SIGXFSZ]) check(sigAddSet(set, signal), 'sigaddset');
      checked(setSigDefault(attributes, set));
    }
    if (pgroup !== undefined) checked(setPgroup(attributes, pgroup));
    checked(setFlags(attributes, flagsOf(request)));
    return { actions, attributes };
  } catch (error) {
    destroy({ actions, attributes });
    throw error;
  }
}

/** posix_spawn's functions give errno as their result. */
function checked(errno: number): void {
  if (errno !== 0) throw errnoError(errno, 'posix_spawn');
}
