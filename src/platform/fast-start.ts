/** The fast start with pipes of our own: `launch`, and what the three standard streams lead to. */
import { closeSync, openSync } from 'node:fs';
import { closeFd, isOpen, openPipe } from './descriptors.ts';
import { FdReader, FdWriter } from './fd-pipes.ts';
import { launchWith } from './launch.ts';
import { startError } from './launch-error.ts';
import type { Started, StartRequest, Target } from './start-request.ts';

/** @throws what `launch` throws; `EMFILE` without descriptors left. Then nothing is left open. */
export function fastStart(request: StartRequest): Started {
  const stdio = new Stdio();
  try {
    open(stdio, request);
    const child = launchWith(request, stdio.fds);
    stdio.closeChilds();
    const [stdin, stdout, stderr] = stdio.ours;
    const mayGrow = request.pipesize === undefined;
    return {
      child,
      stdin: stdin === undefined ? null : new FdWriter(stdin, mayGrow),
      stdout: stdout === undefined ? null : new FdReader(stdout, mayGrow),
      stderr: stderr === undefined ? null : new FdReader(stderr, mayGrow),
    };
  } catch (error) {
    stdio.closeChilds();
    stdio.closeOurs();
    throw error;
  }
}

function open(stdio: Stdio, { file, stdio: targets, pipesize, passFds }: StartRequest): void {
  try {
    stdio.open(targets, pipesize);
  } catch (cause) {
    const { errno } = cause as NodeJS.ErrnoException;
    throw errno === undefined ? cause : startError(-errno, file, undefined, { cause });
  }
  for (const fd of passFds) if (fd > 2) stdio.fds.set(fd, fd);
}

/** The descriptors of one start. */
class Stdio {
  /** Child's number → ours. */
  readonly fds = new Map<number, number>();
  /** Our ends of the pipes, by the child's number. */
  readonly ours: (number | undefined)[] = [undefined, undefined, undefined];
  /** What the child alone shall have. */
  readonly #childs: number[] = [];
  #devnull: number | undefined;

  open(targets: readonly Target[], pipesize: number | undefined): void {
    // Before any pipe is opened: pipes may get the numbers of standard streams that are closed here. (When all
    // are inherited none is, and `launch` finds out.)
    const all = targets.every(isInherit);
    for (let n = 0; n < targets.length; n++) {
      if (targets[n]!.kind === 'inherit' && (all || isOpen(n))) this.fds.set(n, n);
    }
    for (let n = 0; n < targets.length; n++) this.#open(targets[n]!, n, pipesize);
  }

  #open(target: Target, n: number, pipesize: number | undefined): void {
    switch (target.kind) {
      case 'inherit':
        break;
      case 'pipe': {
        const ends = openPipe(pipesize);
        const [child, parent] = n === 0 ? [ends.read, ends.write] : [ends.write, ends.read];
        this.#childs.push(child);
        this.ours[n] = parent;
        this.fds.set(n, child);
        break;
      }
      case 'devnull':
        this.#devnull ??= openSync('/dev/null', 'r+');
        this.fds.set(n, this.#devnull);
        break;
      case 'stdout': {
        const out = this.fds.get(1);
        if (out !== undefined) this.fds.set(n, out);
        break;
      }
      case 'fd':
        this.fds.set(n, target.fd);
        break;
      case 'reader':
        this.fds.set(n, target.reader.fd!);
        break;
    }
  }

  /** Closes what is the child's alone. */
  closeChilds(): void {
    for (const fd of this.#childs) closeFd(fd);
    if (this.#devnull !== undefined) closeSync(this.#devnull);
  }

  /** For a program that does not run. */
  closeOurs(): void {
    for (const fd of this.ours) if (fd !== undefined) closeFd(fd);
  }
}

function isInherit(target: Target): boolean {
  return target.kind === 'inherit';
}
