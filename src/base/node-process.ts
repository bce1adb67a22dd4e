/**
 * Node's own `process`, and what is to be done at its events.
 *
 * A test runner that loads programs into a realm of their own (`node:vm`) gives them a copy of it, whose events nobody emits; and it loads
 * this library anew for each file of tests (Jest). So all instances of a process share their listeners, else Node would warn of a leak;
 * and who has nothing to do any more says so: these lists are not to hold an instance whose program is over.
 */

type Act = () => void;

/** Whether this library was loaded into the main realm. (A copy of `process` has the main realm's prototypes.) */
export const inMainRealm: boolean = process instanceof Object;

/** See the file's header. */
export const nodeProcess: NodeJS.Process = inMainRealm
  ? process
  : (process.getBuiltinModule('node:vm').runInThisContext('process') as NodeJS.Process);

const key = Symbol.for('multiproc.acts');
const shared = nodeProcess as { [key]?: Map<string, Set<Act>> };

/** When something is to be done, and what for: each has its place among the program's own listeners. */
export type Occasion =
  | 'exit: daemons'
  | 'exit: seats'
  | 'exit: watches'
  | 'exit: thread'
  | 'SIGCHLD: children';

/** Calls `act` on each such occasion, until {@link notAt}; once, however often this is called. */
export function at(occasion: Occasion, act: Act): void {
  if (shared[key] === undefined) Object.defineProperty(nodeProcess, key, { value: new Map() });
  const all = shared[key]!;
  let acts = all.get(occasion);
  if (acts === undefined) {
    acts = new Set();
    all.set(occasion, acts);
    const event = occasion.slice(0, occasion.indexOf(':'));
    nodeProcess.on(event, callAll.bind(undefined, acts));
  }
  acts.add(act);
}

/** One that throws does not keep the others from what they have to do. */
function callAll(acts: ReadonlySet<Act>): void {
  const errors: unknown[] = [];
  for (const act of [...acts]) {
    try {
      act();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

/** Takes {@link at} back. */
export function notAt(occasion: Occasion, act: Act): void {
  shared[key]?.get(occasion)?.delete(act);
}
