/**
 * The parent's side of how a child learns that its parent is gone, however it went; `lifeline.ts` is the child's.
 *
 * A parent (a thread of a program) keeps one pipe for all of its children and never writes to it; only the parent holds the write end, so
 * the kernel closes it with the parent. Each child inherits a read end of its own open file description: end of file there
 * means that the parent is dead. For a daemon the kernel does the rest: the description is set (`killOnClose`) to send
 * SIGKILL at that moment, which ends the child in a busy loop too, and needs no code in the child.
 *
 * `prctl(PR_SET_PDEATHSIG)` would do it as well, but needs a call into libc while the child starts, and fires when the
 * parent's *thread* ends.
 */
import { constants, openSync } from 'node:fs';
import { openPipe, type PipeEnds } from '../platform/descriptors.ts';
import { createOwned } from '../platform/thread-end.ts';

let template: PipeEnds | undefined;

/** A worker thread has a pipe of its own, which ends with it: also when it is terminated, so that no code of it runs any more. */
function openTemplate(): PipeEnds {
  const [read, write] = createOwned(2, () => {
    const ends = openPipe();
    return [ends.read, ends.write];
  });
  return { read: read!, write: write! };
}

/** A fresh read end for one child; the caller closes it once the child has started. */
export function lifelineForChild(): number {
  template ??= openTemplate();
  return openSync(`/proc/self/fd/${template.read}`, constants.O_RDONLY | constants.O_NONBLOCK);
}
