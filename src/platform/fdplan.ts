/**
 * In which order a child's descriptors must be put in place, so that none is overwritten before it was used.
 *
 * Pure: what the child's numbers shall be goes in, steps for posix_spawn's file actions come out. A move whose target
 * is still somebody's source waits; a ring of such moves (0→1, 1→0) is broken by one copy to a spare number.
 */

/** One thing that the child does before it becomes the program. */
export type FdStep =
  | { readonly kind: 'dup'; readonly from: number; readonly to: number }
  | { readonly kind: 'close'; readonly fd: number }
  | { readonly kind: 'closeFrom'; readonly fd: number };

/**
 * @param fds Child's number → ours.
 * @returns Steps after which every number of `fds` is in place and inheritable; spare copies are closed again.
 */
export function planMoves(fds: ReadonlyMap<number, number>): FdStep[] {
  const steps: FdStep[] = [];
  const pending = new Map(fds);
  const uses = new Map<number, number>();
  let spare = 3;
  for (const [to, from] of fds) {
    if (to !== from) uses.set(from, (uses.get(from) ?? 0) + 1);
    spare = Math.max(spare, to + 1, from + 1);
  }
  const dup = (from: number, to: number): void => {
    steps.push({ kind: 'dup', from, to });
  };
  // First what overwrites nothing that is still wanted; each move may set another free.
  const place = (): void => {
    for (let moved = true; moved; ) {
      moved = false;
      for (const [to, from] of pending) {
        if (to === from || (uses.get(to) ?? 0) > 0) continue;
        dup(from, to);
        uses.set(from, uses.get(from)! - 1);
        pending.delete(to);
        moved = true;
      }
    }
  };
  place();
  const spares: number[] = [];
  for (;;) {
    // What is left and moves is a set of rings, perhaps with numbers that also stay where they are (to === from).
    const ring = [...pending].find(([to, from]) => to !== from);
    if (ring === undefined) break;
    const [, source] = ring;
    const copy = spare++;
    spares.push(copy);
    dup(source, copy);
    for (const [to, from] of pending) {
      if (from === source && to !== source) {
        pending.set(to, copy);
        uses.set(copy, (uses.get(copy) ?? 0) + 1);
      }
    }
    uses.set(source, 0);
    place();
  }
  // dup2 of a number onto itself only clears its close-on-exec flag, in posix_spawn's file actions.
  for (const [to] of pending) dup(to, to);
  for (const fd of spares) steps.push({ kind: 'close', fd });
  return steps;
}

/** Above this, the numbers to close between kept ones are looked up instead of closed one by one. */
const GAP_LIMIT = 256;

/**
 * Steps that close everything that `kept` does not name.
 *
 * @param open Lists the open descriptors, asked only when it is needed.
 * @param closeFrom Whether the C library has `posix_spawn_file_actions_addclosefrom_np`.
 */
export function planCloses(kept: Iterable<number>, open: () => number[], closeFrom: boolean): FdStep[] {
  const keep = new Set(kept);
  const top = Math.max(-1, ...keep) + 1;
  const steps: FdStep[] = [];
  if (closeFrom && top <= GAP_LIMIT) {
    for (let fd = 0; fd < top; fd++) if (!keep.has(fd)) steps.push({ kind: 'close', fd });
  } else {
    for (const fd of open()) {
      if (!keep.has(fd) && !(closeFrom && fd >= top)) steps.push({ kind: 'close', fd });
    }
  }
  if (closeFrom) steps.push({ kind: 'closeFrom', fd: top });
  return steps;
}
