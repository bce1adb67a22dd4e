/**
 * Ending a process with all of its descendants, also those in another group or session.
 *
 * Descendants are found through /proc. A process may start another between listing and killing, so everything found is
 * stopped (SIGSTOP) first and the listing repeated until nothing new shows up; then all get the signal and go on.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** pid → parent's pid, for every process that we can see. */
function parents(): Map<number, number> {
  const found = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      // The name, in parentheses, may hold anything, also parentheses and blanks.
      const [status, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (status !== 'Z') found.set(pid, Number(parent));
    } catch {
      // ended meanwhile
    }
  }
  return found;
}

/** All living descendants of a process, without itself. */
export function descendants(root: number): number[] {
  const tree = parents();
  const found = new Set<number>([root]);
  for (let before = 0; before !== found.size; ) {
    before = found.size;
    for (const [pid, parent] of tree) if (found.has(parent)) found.add(pid);
  }
  found.delete(root);
  return [...found];
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false; // ended meanwhile
  }
}

/** Sends `signal` to every descendant of `root`, none escaping by being started meanwhile; not to `root` itself. */
export function killDescendants(root: number, signal: NodeJS.Signals): void {
  const stopped = new Set<number>();
  send(root, 'SIGSTOP');
  for (;;) {
    const fresh = descendants(root).filter((pid) => !stopped.has(pid));
    if (fresh.length === 0) break;
    for (const pid of fresh) {
      stopped.add(pid);
      send(pid, 'SIGSTOP');
    }
  }
  for (const pid of stopped) {
    send(pid, signal);
    send(pid, 'SIGCONT');
  }
  send(root, 'SIGCONT');
}
