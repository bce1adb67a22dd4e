/**
 * Where the three standard streams of a program lead: from what the caller wrote to descriptors.
 */
import { closeSync, openSync } from 'node:fs';
import { ValueError } from '../base/errors.ts';
import { show, typeError } from '../base/validate.ts';
import { isOpen, openPipe, type PipeEnds } from '../platform/descriptors.ts';
import { DEVNULL, PIPE, STDOUT } from './constants.ts';
import { ProcessInput } from './input-stream.ts';
import type { TextMode } from './options.ts';
import { ProcessOutput } from './output-stream.ts';

/** Anything that has a descriptor: a `FileHandle`, a stream of a file, a socket, `process.stdout`. */
export interface HasDescriptor {
  readonly fd?: number | null | undefined;
}

/**
 * A standard stream: {@link PIPE}, {@link DEVNULL}, {@link STDOUT} (stderr only), a descriptor's number, something that
 * has one, another program's `stdout`, or null, undefined or `'inherit'` for the parent's own.
 *
 * Another program's `stdout` is given away: it is closed here once the start succeeded, so that the first program
 * notices when the second stops reading. (In Python one has to close it oneself.)
 */
export type Redirection = number | 'inherit' | HasDescriptor | object | null | undefined;

/** The streams before the start; `commit` or `rollback` afterwards. */
export interface Stdio {
  /** Child's number → ours. */
  readonly fds: ReadonlyMap<number, number>;
  readonly pipes: { readonly stdin?: PipeEnds; readonly stdout?: PipeEnds; readonly stderr?: PipeEnds };
  /** The program runs: closes what is the child's alone. */
  commit(): void;
  /** It does not: closes all that was opened. */
  rollback(): void;
}

/** Our ends as streams. */
export interface Streams {
  readonly stdin: ProcessInput | null;
  readonly stdout: ProcessOutput | null;
  readonly stderr: ProcessOutput | null;
}

/** What a redirection means. */
type Target =
  | { readonly kind: 'inherit' | 'pipe' | 'devnull' | 'stdout' }
  | { readonly kind: 'fd'; readonly fd: number; readonly given?: ProcessOutput };

function target(value: Redirection, name: string): Target {
  if (value === null || value === undefined || value === 'inherit') return { kind: 'inherit' };
  if (value === PIPE) return { kind: 'pipe' };
  if (value === DEVNULL) return { kind: 'devnull' };
  if (value === STDOUT) {
    if (name !== 'stderr') throw new ValueError('STDOUT can only be used for stderr');
    return { kind: 'stdout' };
  }
  if (typeof value === 'number') {
    if (!Number.isInteger(value) || value < 0) {
      throw new ValueError(
        `Cannot use ${value} as ${name}: it is no descriptor; pass one, a file, PIPE, DEVNULL or 'inherit'`,
      );
    }
    return { kind: 'fd', fd: value };
  }
  if (typeof value !== 'object') {
    throw typeError(
      `Cannot use ${show(value)} as ${name}: pass a descriptor, a file, PIPE, DEVNULL or 'inherit'`,
    );
  }
  if (value instanceof ProcessOutput) return { kind: 'fd', fd: value.giveAway(), given: value };
  const { fd, _handle } = value as HasDescriptor & { readonly _handle?: HasDescriptor | null };
  const number = fd ?? _handle?.fd;
  if (typeof number !== 'number' || number < 0) {
    throw new ValueError(
      `Cannot use ${show(value)} as ${name}: it has no descriptor (yet); for a file stream wait for its 'open' event`,
    );
  }
  return { kind: 'fd', fd: number };
}

/** @throws {OSError} `EMFILE`; then nothing is left open. */
export function openStdio(
  options: { readonly stdin?: Redirection; readonly stdout?: Redirection; readonly stderr?: Redirection },
  pipesize: number | undefined,
): Stdio {
  const targets = (['stdin', 'stdout', 'stderr'] as const).map((name) => target(options[name], name));
  // Before any pipe is opened: pipes may get the numbers of standard streams that are closed here.
  const inherited = [0, 1, 2].map((fd) => targets[fd]!.kind === 'inherit' && isOpen(fd));
  const childs: number[] = [];
  const ours: number[] = [];
  const rollback = (): void => {
    for (const fd of childs) closeSync(fd);
    for (const fd of ours) closeSync(fd);
  };
  const fds = new Map<number, number>();
  const pipes: { stdin?: PipeEnds; stdout?: PipeEnds; stderr?: PipeEnds } = {};
  try {
    let devnull: number | undefined;
    targets.forEach((t, n) => {
      switch (t.kind) {
        case 'inherit':
          if (inherited[n]) fds.set(n, n);
          break;
        case 'pipe': {
          const ends = openPipe(pipesize);
          const [child, parent] = n === 0 ? [ends.read, ends.write] : [ends.write, ends.read];
          childs.push(child);
          ours.push(parent);
          fds.set(n, child);
          pipes[(['stdin', 'stdout', 'stderr'] as const)[n]!] = ends;
          break;
        }
        case 'devnull':
          if (devnull === undefined) {
            devnull = openSync('/dev/null', 'r+');
            childs.push(devnull);
          }
          fds.set(n, devnull);
          break;
        case 'stdout': {
          const out = fds.get(1);
          if (out !== undefined) fds.set(2, out);
          break;
        }
        case 'fd':
          fds.set(n, t.fd);
          break;
      }
    });
  } catch (error) {
    rollback();
    throw error;
  }
  return {
    fds,
    pipes,
    commit() {
      for (const fd of childs) closeSync(fd);
      for (const t of targets) if (t.kind === 'fd') t.given?.destroy();
    },
    rollback,
  };
}

/** Our ends of the pipes as streams. */
export function openStreams(
  { pipes }: Stdio,
  textMode: TextMode | undefined,
  highWaterMark: number,
): Streams {
  const { stdin, stdout, stderr } = pipes;
  return {
    stdin: stdin === undefined ? null : new ProcessInput(stdin.write, textMode),
    stdout: stdout === undefined ? null : new ProcessOutput(stdout.read, textMode, highWaterMark),
    stderr: stderr === undefined ? null : new ProcessOutput(stderr.read, textMode, highWaterMark),
  };
}
