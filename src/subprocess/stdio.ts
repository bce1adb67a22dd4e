/** Where the three standard streams of a program lead: what the caller wrote, checked. */
import { ValueError } from '../base/errors.ts';
import { show, typeError } from '../base/validate.ts';
import type { Target } from '../platform/start-request.ts';
import { DEVNULL, PIPE, STDOUT } from './constants.ts';
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

/** The redirections of one program. */
export interface Redirections {
  readonly stdin?: Redirection;
  readonly stdout?: Redirection;
  readonly stderr?: Redirection;
}

/** @throws {TypeError | ValueError} Something that no program can be given. */
export function resolveStdio({ stdin, stdout, stderr }: Redirections): [Target, Target, Target] {
  return [target(stdin, 'stdin'), target(stdout, 'stdout'), target(stderr, 'stderr')];
}

/** Closes here the streams that a program was given. */
export function closeGivenAway({ stdin, stdout, stderr }: Redirections): void {
  for (const value of [stdin, stdout, stderr]) if (value instanceof ProcessOutput) value.destroy();
}

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
  if (value instanceof ProcessOutput) return { kind: 'reader', reader: value.giveAway() };
  const { fd, _handle } = value as HasDescriptor & { readonly _handle?: HasDescriptor | null };
  const number = fd ?? _handle?.fd;
  if (typeof number !== 'number' || number < 0) {
    throw new ValueError(
      `Cannot use ${show(value)} as ${name}: it has no descriptor (yet); for a file stream wait for its 'open' event`,
    );
  }
  return { kind: 'fd', fd: number };
}
