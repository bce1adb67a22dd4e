/**
 * Errors that tasks threw, and in which process: what reaches the caller shows both sides in its stack.
 */
import { isOwnFrame } from '../base/package.ts';
import { joinStacks } from '../codec/index.ts';

const origins = new WeakMap<object, string>();

/** Notes that an error has just come from a worker. */
export function cameFrom(error: unknown, pid: number, name: string): void {
  if (error instanceof Error) origins.set(error, `process ${pid} '${name}'`);
}

/** Where in the program a call was made: the other side of the stack of an error that comes from a worker. */
export class Caller {
  #error: Error | undefined;

  /** Notes the frames of who calls. That takes longer than all else in a call: once its task is on its way, if at all. */
  note(): void {
    this.#error = new Error();
  }

  /**
   * Adds the caller's frames to the stack of an error that came from a worker, once; leaves any other alone. Where they were not noted,
   * they are those of now.
   */
  show(error: unknown): void {
    if (!(error instanceof Error)) return;
    const where = origins.get(error);
    if (where === undefined) return;
    origins.delete(error);
    const { stack = '' } = this.#error ?? new Error();
    // The way through the library itself tells nothing.
    const frames = stack.split('\n').filter((line) => !isOwnFrame(line));
    joinStacks(error, where, Object.assign(new Error(), { stack: frames.join('\n') }));
  }
}
