/**
 * Becoming another user for the length of one start.
 *
 * posix_spawn can set no user, but Linux keeps credentials per thread, and a child gets those of the thread that starts
 * it. So this thread becomes that user through raw system calls (libc's wrappers would change every thread of the
 * process), keeps its old ids as saved ids, starts the program, and takes its old ids back. exec copies the effective
 * ids over the saved ones, so the program cannot come back as we do.
 *
 * Two things that the kernel resets on such a change are put back: the process's dumpable flag (it guards /proc/self)
 * and this thread's parent-death signal.
 */
import { check, declare } from './libc.ts';

/** Numeric ids that a child shall have; absent ones stay. */
export interface Identity {
  readonly user?: number | undefined;
  readonly group?: number | undefined;
  /** All of the supplementary groups. */
  readonly extraGroups?: readonly number[] | undefined;
}

const PR_SET_PDEATHSIG = 1;
const PR_GET_PDEATHSIG = 2;
const PR_GET_DUMPABLE = 3;
const PR_SET_DUMPABLE = 4;

/** System call numbers; libc.ts has made sure that it is one of these two machines. */
const numbers = {
  x64: { setresuid: 117, getresuid: 118, setresgid: 119, getresgid: 120, getgroups: 115, setgroups: 116 },
  arm64: { setresuid: 147, getresuid: 148, setresgid: 149, getresgid: 150, getgroups: 158, setgroups: 159 },
} as const;

const syscallIds = declare<(number: number, a: number, b: number, c: number) => number>(
  'long syscall(long number, long a, long b, long c)',
);
const syscallGet = declare<(number: number, a: Uint32Array, b: Uint32Array, c: Uint32Array) => number>(
  'long syscall(long number, void *a, void *b, void *c)',
);
const syscallGroups = declare<(number: number, count: number, groups: Uint32Array | null) => number>(
  'long syscall(long number, long count, void *groups)',
);
const prctlSet = declare<(option: number, value: number) => number>(
  'int prctl(int option, unsigned long value)',
);
const prctlGet = declare<(option: number, value: Int32Array) => number>('int prctl(int option, void *value)');

function systemCalls(): (typeof numbers)['x64' | 'arm64'] {
  return process.arch === 'arm64' ? numbers.arm64 : numbers.x64;
}

/** Real, effective and saved id. */
type Ids = readonly [number, number, number];

function getIds(number: number, name: string): Ids {
  const [a, b, c] = [new Uint32Array(1), new Uint32Array(1), new Uint32Array(1)];
  check(syscallGet(number, a, b, c), name);
  return [a[0]!, b[0]!, c[0]!];
}

function setIds(number: number, name: string, [real, effective, saved]: Ids): void {
  check(syscallIds(number, real, effective, saved), name);
}

/** Whether there is anything in it to change to. */
export function changesUser({ user, group, extraGroups }: Identity): boolean {
  return user !== undefined || group !== undefined || extraGroups !== undefined;
}

/**
 * Runs `start` with this thread's credentials changed to `identity`, and changes them back.
 *
 * @throws {PermissionError} `EPERM`: this process may not become that user or group.
 */
export function asUser<T>({ user, group, extraGroups }: Identity, start: () => T): T {
  const sys = systemCalls();
  const deathSignal = new Int32Array(1);
  check(prctlGet(PR_GET_PDEATHSIG, deathSignal), 'prctl');
  const dumpable = check(prctlSet(PR_GET_DUMPABLE, 0), 'prctl');
  const undo: (() => void)[] = [
    () => {
      check(prctlSet(PR_SET_DUMPABLE, dumpable), 'prctl');
      check(prctlSet(PR_SET_PDEATHSIG, deathSignal[0]!), 'prctl');
    },
  ];
  try {
    // The order matters: without the user's rights nothing else can be changed any more.
    if (extraGroups !== undefined) {
      const before = currentGroups();
      setGroups(extraGroups);
      undo.push(() => setGroups(before));
    }
    if (group !== undefined) {
      const before = getIds(sys.getresgid, 'getresgid');
      setIds(sys.setresgid, 'setresgid', [group, group, before[1]]);
      undo.push(() => setIds(sys.setresgid, 'setresgid', before));
    }
    if (user !== undefined) {
      const before = getIds(sys.getresuid, 'getresuid');
      setIds(sys.setresuid, 'setresuid', [user, user, before[1]]);
      undo.push(() => setIds(sys.setresuid, 'setresuid', before));
    }
    return start();
  } finally {
    for (const step of undo.reverse()) step();
  }
}

function currentGroups(): Uint32Array {
  const { getgroups } = systemCalls();
  const groups = new Uint32Array(check(syscallGroups(getgroups, 0, null), 'getgroups'));
  if (groups.length > 0) check(syscallGroups(getgroups, groups.length, groups), 'getgroups');
  return groups;
}

function setGroups(groups: ArrayLike<number>): void {
  const list = Uint32Array.from(groups);
  check(syscallGroups(systemCalls().setgroups, list.length, list.length === 0 ? null : list), 'setgroups');
}
