/**
 * The `this` that an arrow function took from its surroundings.
 *
 * V8 shows it to nobody but a debugger that has stopped inside of the function. So we call it, stop it before its first step, look,
 * and end the call there: nothing of the function has run. That takes some milliseconds, once per function.
 */

import { stopInside } from './inspect.ts';
import type { Fn } from './plan.ts';
import type { Unit } from './scope.ts';
import type { Script } from './script.ts';
import { Trouble } from './trouble.ts';

const known = new WeakMap<Fn, unknown>();

/** Its value. @throws {Trouble} When a debugger has stopped the program meanwhile. */
export function lexicalThis(fn: Fn, unit: Unit, script: Script): unknown {
  if (script.source.isModule && isTop(unit)) return undefined;
  if (known.has(fn)) return known.get(fn);
  const stopped = stopInside(fn, 'this');
  if (stopped === undefined) {
    throw new Trouble(
      undefined,
      'it uses `this` of the function or object around it, which cannot be found out while a debugger has stopped the program',
      'put what it needs into variables',
    );
  }
  known.set(fn, stopped.value);
  return stopped.value;
}

function isTop(unit: Unit): boolean {
  for (let u = unit.outer; u !== undefined; u = u.outer) {
    if (u.node.type !== 'ArrowFunctionExpression') return false;
  }
  return true;
}
