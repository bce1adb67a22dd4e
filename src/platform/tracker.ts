/**
 * Removes named shared memory when the processes that use it are gone, killed ones included: Python's resource tracker.
 *
 * A small shell process reads names from a pipe whose other end our processes hold open. When the last of them is
 * gone, it removes what is registered and still there, unless some other process has it mapped: that one's own tracker,
 * or CPython's, will see to it. A worker thread that is terminated leaves what it had mapped to its process, and no other tracker knows
 * of that: so its own waits for that process. A shell, because it starts in a millisecond and needs no memory to speak of.
 *
 * A process that gets shared memory from another also gets that one's tracker: it opens the same pipe through `/proc`.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { isMainThread } from '../base/thread.ts';
import { closeFd } from './descriptors.ts';
import { fileStatus, openFile } from './files.ts';
import { check, declare } from './libc.ts';
import { createOwned } from './thread-end.ts';
import { offeredTracker, type TrackerHandle } from './tracker-offer.ts';
import { closeQuietly, ring } from './wake-pipe.ts';

const pipe2 = declare<(fds: [number, number], flags: number) => number>(
  'int pipe2(_Out_ int *fds, int flags)',
);
const O_CLOEXEC = 0o2000000;

/** Lines: `+<inode> <name>` registers, `-<inode> <name>` unregisters. */
const script = `
trap '' INT TERM HUP
cd /
nl='
'
list=$nl
while IFS= read -r line; do
  entry=$nl\${line#?}$nl
  case $line in
    +*) list=$list\${entry#?} ;;
    -*) while case $list in *"$entry"*) ;; *) false ;; esac; do
          list=\${list%%"$entry"*}$nl\${list#*"$entry"}
        done ;;
  esac
done
leaked=0
set -f
IFS=$nl
for entry in $list; do
  set +f
  inode=\${entry%% *}
  file=/dev/shm/\${entry#* }
  [ -e "$file" ] || continue
  found=$(ls -di "$file" 2>/dev/null)
  found=\${found#"\${found%%[! ]*}"}
  [ "\${found%% *}" = "$inode" ] || continue
  while grep -qs " $inode  */dev/shm/" "/proc/$PPID/maps"; do sleep 1; done
  grep -qs " $inode  */dev/shm/" /proc/[0-9]*/maps && continue
  rm -f "$file" && leaked=$((leaked + 1))
done
if [ "$leaked" -gt 0 ]; then
  echo "resource_tracker: There appear to be $leaked leaked shared_memory objects to clean up at shutdown" >&2
fi
`;

export type { TrackerHandle };

let writeEnd = -1;
/** Under which worker threads find the tracker of the thread that started them. */
const environmentKey = 'multiproc.tracker';
const registered = new Set<string>();

function start(): void {
  const fds: [number, number] = [0, 0];
  check(pipe2(fds, O_CLOEXEC), 'pipe2');
  const [readEnd, end] = fds;
  try {
    const child = spawn('/bin/sh', ['-c', script], {
      stdio: [readEnd, 'ignore', 'inherit'],
      detached: true,
      env: { PATH: '/usr/bin:/bin' },
    });
    child.on('error', () => {});
    child.unref();
  } finally {
    closeFd(readEnd);
  }
  [writeEnd] = createOwned(1, () => [end]) as [number];
  // For the worker threads that this one will start.
  setEnvironmentData(environmentKey, trackerHandle());
}

/**
 * Lines that may wait for the next one that must be sent: a file that was removed is not there to be removed, whether the
 * tracker knows it or not. It is told so that it need not remember it for ever.
 */
let unsent = '';
/** In characters: with another two lines it is still written in one piece, whatever characters the names are of. */
const mostUnsent = 1024;

function send(line: string): boolean {
  const lines = `${unsent}${line}\n`;
  unsent = '';
  return ring(writeEnd, Buffer.from(lines));
}

function tell(line: string): void {
  const offered = isMainThread()
    ? offeredTracker()
    : (getEnvironmentData(environmentKey) as TrackerHandle | undefined);
  if (writeEnd === -1 && offered !== undefined) joinTracker(offered);
  if (writeEnd === -1) start();
  if (send(line)) return;
  process.emitWarning(
    'resource_tracker: process died unexpectedly, relaunching; some shared memory might leak',
  );
  closeQuietly(writeEnd);
  start();
  for (const entry of registered) send(`+${entry}`);
  send(line);
}

/** From now on the file is removed when all processes that hold this tracker are gone. */
export function track(name: string, inode: number): void {
  const entry = `${inode} ${name}`;
  if (registered.has(entry)) return;
  tell(`+${entry}`);
  registered.add(entry);
}

/** It was removed. */
export function untrack(name: string, inode: number): void {
  const entry = `${inode} ${name}`;
  registered.delete(entry);
  if (writeEnd === -1) return;
  if (unsent.length < mostUnsent) unsent += `-${entry}\n`;
  else tell(`-${entry}`);
}

/** For another process, to hold the same tracker. */
export function trackerHandle(): TrackerHandle | undefined {
  return writeEnd === -1 ? undefined : { pid: process.pid, fd: writeEnd, ino: fileStatus(writeEnd).ino };
}

/** Holds the tracker of another process, unless this one has a tracker already. */
export function joinTracker(handle: TrackerHandle): void {
  if (writeEnd !== -1) return;
  try {
    const fd = openFile(`/proc/${handle.pid}/fd/${handle.fd}`, constants.O_WRONLY);
    if (fileStatus(fd).ino === handle.ino) writeEnd = fd;
    else closeQuietly(fd);
  } catch {
    // That process is gone: this one starts a tracker of its own.
  }
}
