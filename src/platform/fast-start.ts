/** The fast start with pipes of our own: `launch`, and what the three standard streams lead to. */
import { closeSync, openSync } from 'node:fs';
import { closeFd, isOpen, openPipe } from './descriptors.ts';
import { FdReader, FdWriter } from './fd-pipes.ts';
import { launchWith } from './launch.ts';
import { startError } from './launch-error.ts';
import type { Started, StartRequest, Target } from './start-request.ts';

/** @throws what `launch` throws; `EMFILE` without descriptors left. Then nothing is left open. */
export function fastStart(request: StartRequest): Started {
  const stdio = opened(request);
  try {
    for (const fd of request.passFds) if (fd > 2) stdio.fds.set(fd, fd);
    const child = launchWith(request, stdio.fds);
    stdio.commit();
    const { ours } = stdio;
    return {
      child,
      stdin: ours[0] === undefined ? null : new FdWriter(ours[0]),
      stdout: ours[1] === undefined ? null : new FdReader(ours[1]),
      stderr: ours[2] === undefined ? null : new FdReader(ours[2]),
    };
  } catch (error) {
    stdio.rollback();
    throw error;
  }
}

function opened({ file, stdio, pipesize }: StartRequest): Stdio {
  try {
    return openStdio(stdio, pipesize);
  } catch (cause) {
    const { errno } = cause as NodeJS.ErrnoException;
    throw errno === undefined ? cause : startError(-errno, file, undefined, { cause });
  }
}

/** Descriptors before the start; `commit` or `rollback` afterwards. */
interface Stdio {
  /** Child's number → ours. */
  readonly fds: Map<number, number>;
  /** Our ends of the pipes, by the child's number. */
  readonly ours: readonly (number | undefined)[];
  /** The program runs: closes what is the child's alone. */
  commit(): void;
  /** It does not: closes all that was opened. */
  rollback(): void;
}

function openStdio(targets: readonly Target[], pipesize: number | undefined): Stdio {
  // Before any pipe is opened: pipes may get the numbers of standard streams that are closed here. (When all
  // are inherited none is, and `launch` finds out.)
  const all = targets.every((t) => t.kind === 'inherit');
  const inherited = targets.map((t, n) => t.kind === 'inherit' && (all || isOpen(n)));
  const childs: number[] = [];
  const ours: (number | undefined)[] = [undefined, undefined, undefined];
  const fds = new Map<number, number>();
  let devnull: number | undefined;
  const closeChilds = (): void => {
    for (const fd of childs) closeFd(fd);
    if (devnull !== undefined) closeSync(devnull);
  };
  const rollback = (): void => {
    closeChilds();
    for (const fd of ours) if (fd !== undefined) closeFd(fd);
  };
  const open = (t: Target, n: number): void => {
    switch (t.kind) {
      case 'inherit':
        if (inherited[n]) fds.set(n, n);
        break;
      case 'pipe': {
        const ends = openPipe(pipesize);
        const [child, parent] = n === 0 ? [ends.read, ends.write] : [ends.write, ends.read];
        childs.push(child);
        ours[n] = parent;
        fds.set(n, child);
        break;
      }
      case 'devnull':
        devnull ??= openSync('/dev/null', 'r+');
        fds.set(n, devnull);
        break;
      case 'stdout': {
        const out = fds.get(1);
        if (out !== undefined) fds.set(n, out);
        break;
      }
      case 'fd':
        fds.set(n, t.fd);
        break;
      case 'reader':
        fds.set(n, t.reader.fd!);
        break;
    }
  };
  try {
    targets.forEach(open);
  } catch (error) {
    rollback();
    throw error;
  }
  return { fds, ours, commit: closeChilds, rollback };
}
