/**
 * Sending a signal to a program and everything that it started, also what has gone into another group or session.
 *
 * Who belongs to it is read from /proc (elsewhere asked of `ps`): children of children, and whoever is in a group or session that the program
 * leads (those may outlive it). Processes that go on starting others would escape a single look, so each one found is
 * stopped first and the look repeated until it finds nobody new; then all get the signal and are continued.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

interface Entry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly zombie: boolean;
}

function processes(): Entry[] {
  return process.platform === 'linux' ? fromProc() : fromPs();
}

/** Any POSIX system has these four columns; the session is taken to be the group. */
function fromPs(): Entry[] {
  const { stdout, pid: asker } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,pgid=,state='], {
    encoding: 'utf8',
  });
  return (stdout ?? '')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields.length === 4)
    .map(([pid, parent, group, state]) => ({
      pid: Number(pid),
      parent: Number(parent),
      group: Number(group),
      session: Number(group),
      zombie: state!.startsWith('Z'),
    }))
    .filter(({ pid }) => pid !== asker);
}

function fromProc(): Entry[] {
  const entries: Entry[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      // The second field is the program's name in brackets and may itself hold brackets and spaces.
      const [state, parent, group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      entries.push({
        pid: Number(name),
        parent: Number(parent),
        group: Number(group),
        session: Number(session),
        zombie: state === 'Z' || state === 'X',
      });
    } catch {
      // Gone between the listing and the reading.
    }
  }
  return entries;
}

function family(root: number): number[] {
  const all = processes();
  const members = new Set<number>([root]);
  for (let size = 0; size !== members.size; ) {
    size = members.size;
    for (const p of all) {
      if (members.has(p.parent) || p.group === root || p.session === root) members.add(p.pid);
    }
  }
  const zombies = new Set(all.filter((p) => p.zombie).map((p) => p.pid));
  // Never ourselves, should we be in a group that the child leads.
  return [...members].filter((pid) => pid !== process.pid && !zombies.has(pid));
}

/** @returns false when it has ended, or belongs to someone else (a set-user-id program): the others still get it. */
function signalOne(pid: number, signal: number | NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/**
 * Signals the whole tree below `root`, which must be a child that has not been collected, or whose group lives on.
 *
 * @param alive Whether `root` itself still runs; if not, only those left of its group and session are signalled.
 * @returns How many processes got the signal.
 */
export function signalTree(root: number, signal: number | NodeJS.Signals, alive: boolean): number {
  if (process.platform === 'win32') return endTree(root, alive);
  const stopped = new Set<number>();
  for (let found = true; found; ) {
    found = false;
    const members = family(root);
    // With the child collected its number may be somebody else's by now: then nobody of that family is ours.
    if (!alive && processes().some((p) => p.pid === root)) return 0;
    for (const pid of members) {
      if (stopped.has(pid) || (!alive && pid === root)) continue;
      stopped.add(pid);
      found = true;
      signalOne(pid, 'SIGSTOP');
    }
  }
  let reached = 0;
  for (const pid of stopped) if (signalOne(pid, signal)) reached++;
  for (const pid of stopped) signalOne(pid, 'SIGCONT');
  return reached;
}

/** Windows knows no signals, whatever is asked for ends them, and no groups: those of a program that is gone are lost. */
function endTree(root: number, alive: boolean): number {
  if (!alive) return 0;
  const { status } = spawnSync('taskkill', ['/pid', String(root), '/T', '/F'], { stdio: 'ignore' });
  return status === 0 ? 1 : 0;
}
