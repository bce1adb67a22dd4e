/** What a child is told when it starts, and where it finds it; the agreement between `start.ts` and `bootstrap.ts`. */
import type { TrackerHandle } from '../platform/tracker-offer.ts';
import type { AnyFunction, Reference } from './call.ts';

/** Where a child finds its lifeline and its message. */
export const LIFELINE_FD = 3;
export const MESSAGE_FD = 4;
/** The first descriptor number that is free for other uses. */
export const FIRST_EXTRA_FD = 5;

/** What a child must know before it can decode anything. */
export interface Preparation {
  readonly path: readonly number[];
  readonly name: string;
  readonly daemon: boolean;
  readonly nestable: boolean;
  /** hex */
  readonly authkey: string;
  readonly parentPid: number;
  readonly parentName: string;
  readonly argv: readonly string[];
  /** URLs of the main scripts: no child may load one as a module. */
  readonly mains: readonly string[];
  /** Descriptors of shared memory that were inherited at their parent's numbers. */
  readonly inherited: readonly number[];
  /** Whether the payload is a {@link PlainJob}. */
  readonly plain: boolean;
  /** The parent's tracker of named shared memory, if it has one. */
  readonly tracker: TrackerHandle | undefined;
  /** Where to go first: it starts where the parent did, so that Node's options mean what they meant there. */
  readonly cwd: string | undefined;
  /** Where the parent found koffi's machine code, if it is a file. */
  readonly koffi: string | undefined;
}

/** The payload for an object of `Process` itself; an instance of a subclass travels whole. */
export interface PlainJob {
  readonly target: AnyFunction | Reference | undefined;
  readonly args: readonly unknown[];
  readonly kwargs: object | undefined;
}
