/**
 * The variables around a function, read again and again.
 *
 * The inspector gives copies, and takes above a tenth of a millisecond. A closure that was made inside of the function sees the variables
 * themselves, in less than a microsecond; but making one takes some milliseconds (`stop-inside.ts`), so it is made for functions
 * that are sent often, or when the debugger is enabled anyway. Where none can be made, all goes on through the inspector.
 */
import inspector from 'node:inspector';
import { type Scopes, valueIn } from './inspect.ts';
import { debuggerEnabled } from './inspector.ts';
import type { Fn } from './plan.ts';
import type { Unit } from './scope.ts';
import { stopInside } from './stop-inside.ts';

/** Which variables are to be read. */
export interface Wanted {
  /** Alone. */
  readonly names: readonly string[];
  /** With all others of their scope. */
  readonly whole: readonly string[];
}

/** After as many slow reads their price is that of making a closure. */
const OFTEN = 16;

const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u;

export class LiveScopes {
  readonly #unit: Unit;
  #read: (() => Scopes) | undefined;
  #slowReads = 0;

  constructor(unit: Unit) {
    this.#unit = unit;
  }

  /** The scopes, as far as they were wanted; undefined when only the inspector can tell them. */
  read(): Scopes | undefined {
    try {
      return this.#read?.();
    } catch {
      return undefined; // one of them is not initialised yet
    }
  }

  /** Told after each reading, by what way ever: makes the closure when it pays. */
  wasRead(fn: Fn, scopes: Scopes, wanted: () => Wanted, again: boolean): void {
    if (this.#read !== undefined) return;
    this.#slowReads++;
    if (this.#slowReads % OFTEN !== 0 && !(again && debuggerEnabled())) return;
    // A debugger that is attached would see the stop.
    if (inspector.url() !== undefined) return;
    const expression = expressionFor(wanted(), scopes, this.#unit);
    if (expression === undefined) return;
    const read = stopInside(fn, this.#unit, expression)?.value as (() => Scopes) | undefined;
    if (read !== undefined && agrees(read, scopes)) this.#read = read;
  }
}

/** Makes a closure that gives the scopes, innermost first; undefined when something hides one of the variables. */
function expressionFor({ names, whole }: Wanted, scopes: Scopes, unit: Unit): string | undefined {
  // The others are global.
  const parts = [names.filter((name) => scopes.some((s) => name in s))];
  for (const scope of new Set(whole.map((name) => scopes.find((s) => name in s)))) {
    if (scope === undefined) return undefined;
    const inner = scopes.slice(0, scopes.indexOf(scope));
    const all = Object.keys(scope);
    // Only what the function uses is known to be visible from inside of it.
    if (all.some((name) => unit.names.has(name) || inner.some((s) => name in s))) return undefined;
    parts.push(all);
  }
  if (!parts.flat().every((name) => identifier.test(name) && name !== 'arguments' && name !== 'this'))
    return undefined;
  return `() => [${parts.map((part) => `{ ${part.join(', ')} }`).join(', ')}]`;
}

/** Whether a closure sees what the inspector sees. */
function agrees(read: () => Scopes, scopes: Scopes): boolean {
  try {
    return read().every((part) =>
      Object.keys(part).every((name) =>
        Object.is(
          part[name],
          valueIn(
            scopes.find((s) => name in s),
            name,
          ),
        ),
      ),
    );
  } catch {
    return false; // one of them is not initialised yet
  }
}
