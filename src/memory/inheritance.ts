/**
 * Descriptors that a child process inherits instead of opening them through `/proc`.
 *
 * The parent notes which descriptors are named by the handles that it makes while it encodes what the child is to get,
 * and starts the child with these open under the same numbers. So the memory outlives the parent, and the child need
 * not ask for what it has. Nothing here depends on memory: pipes may use it too.
 */

let collecting: Set<number> | undefined;

/** Runs `fn` and tells which descriptors the handles name that were made meanwhile. May be nested. */
export function collectDescriptors<T>(fn: () => T): { readonly result: T; readonly fds: number[] } {
  const outer = collecting;
  const mine = new Set<number>();
  collecting = mine;
  try {
    return { result: fn(), fds: [...mine] };
  } finally {
    collecting = outer;
    if (outer !== undefined) for (const fd of mine) outer.add(fd);
  }
}

/** Notes that a handle names `fd`: to be called by whatever makes handles that travel. */
export function noteDescriptor(fd: number): void {
  collecting?.add(fd);
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

/** Inherited descriptors that nothing has taken yet. */
export function untakenDescriptors(): number[] {
  return [...inherited];
}
