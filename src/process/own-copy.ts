/** A child's own copy of an instance of a subclass of `Process`: it is what `currentProcess()` gives there. */
import { setCurrentProcess } from './current.ts';
import { becomeCurrent, type Process } from './process.ts';

/** Makes the copy the current process, and runs it. */
export function runSubclass(copy: unknown): unknown {
  const me = copy as Process;
  becomeCurrent(me);
  setCurrentProcess(me);
  return me.run();
}
