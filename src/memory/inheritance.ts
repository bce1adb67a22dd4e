/**
 * What is on its way to a child process while it is being started: descriptors that it inherits instead of opening them through
 * `/proc`, and handles that nobody will open if it dies before.
 *
 * The parent notes which descriptors are named by the handles that it makes while it encodes what the child is to get,
 * and starts the child with these open under the same numbers. So the memory outlives the parent, and the child need
 * not ask for what it has. Nothing here depends on memory: pipes may use it too.
 */

interface Cargo {
  /** Descriptors that handles name. */
  readonly fds: Set<number>;
  readonly transits: Transit[];
  /** Descriptors that were opened for the child alone, and what closes them here. */
  readonly own: Map<number, () => void>;
}

/** A handle that counts as somebody's until it is opened. */
export interface Transit {
  /** The process that is to open it was started: it counts as long as that lives. */
  bind(pid: number): void;
  /** That process is gone: unless it was opened, it counts no more. */
  cancel(): void;
}

let collecting: Cargo | undefined;

/** Runs `fn` and tells what the handles hold that were made meanwhile. May be nested. */
export function collectCargo<T>(fn: () => T): {
  readonly result: T;
  readonly fds: number[];
  /** To be called when the receiver was started. */
  readonly bind: (pid: number) => void;
  /** To be called when the receiver is gone: what it has opened stays untouched. */
  readonly cancel: () => void;
  /** To be called when the child is started, or cannot be: closes here what was opened for it alone. */
  readonly release: () => void;
} {
  const outer = collecting;
  const mine: Cargo = { fds: new Set(), transits: [], own: new Map() };
  collecting = mine;
  const bind = (pid: number): void => {
    for (const each of mine.transits) each.bind(pid);
  };
  const cancel = (): void => {
    for (const each of mine.transits) each.cancel();
  };
  const release = (): void => {
    for (const each of mine.own.values()) each();
    mine.own.clear();
  };
  try {
    return { result: fn(), fds: [...mine.fds, ...mine.own.keys()], bind, cancel, release };
  } catch (error) {
    release();
    throw error;
  } finally {
    collecting = outer;
    if (outer !== undefined) {
      for (const fd of mine.fds) outer.fds.add(fd);
      outer.transits.push(...mine.transits);
    }
  }
}

/** Whether what is encoded now goes to a child that is being started, and that inherits descriptors. */
export function isStartingChild(): boolean {
  return collecting !== undefined;
}

/** Notes a descriptor that was opened for the child alone, to be inherited under its number; `release` closes it here. */
export function noteOwnDescriptor(fd: number, release: () => void): void {
  collecting?.own.set(fd, release);
}

/** Notes that such a handle was made. */
export function noteTransit(transit: Transit): void {
  collecting?.transits.push(transit);
}

/** Notes that a handle names `fd`: to be called by whatever makes handles that travel. */
export function noteDescriptor(fd: number): void {
  collecting?.fds.add(fd);
}

let inheritedFrom = 0;
const inherited = new Set<number>();

/** Called once by a child's start: these numbers were opened by the process `parentPid` and are open here too. */
export function setInherited(parentPid: number, fds: Iterable<number>): void {
  inheritedFrom = parentPid;
  for (const fd of fds) inherited.add(fd);
}

/**
 * Whether `fd` of process `pid` is open here under the same number. Whoever takes it owns it from then on: a number
 * that was taken is no longer offered, since it may be closed and used again.
 */
export function isInherited(pid: number, fd: number): boolean {
  return pid === inheritedFrom && inherited.has(fd);
}

/** Marks an inherited descriptor as taken. */
export function takeInherited(fd: number): void {
  inherited.delete(fd);
}
