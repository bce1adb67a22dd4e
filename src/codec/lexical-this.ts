/**
 * The `this` that an arrow function took from its surroundings.
 *
 * Only a debugger that has stopped inside of the function sees it (`stop-inside.ts`): some milliseconds, once per function.
 */

import { stoppedByUser } from './inspector.ts';
import type { Fn } from './plan.ts';
import type { Unit } from './scope.ts';
import type { Script } from './script.ts';
import { stopInside } from './stop-inside.ts';
import { Trouble } from './trouble.ts';

const known = new WeakMap<Fn, unknown>();

/** Its value. @throws {Trouble} When a debugger has stopped the program, or something of it would have to run. */
export function lexicalThis(fn: Fn, unit: Unit, script: Script): unknown {
  if (script.source.isModule && isTop(unit)) return undefined;
  if (known.has(fn)) return known.get(fn);
  const stopped = stopInside({ fn, unit }, 'this');
  if (stopped === undefined) {
    throw new Trouble(
      undefined,
      `it uses \`this\` of the function or object around it, which cannot be found out ${
        stoppedByUser() ? 'while a debugger has stopped the program' : 'without running a part of it'
      }`,
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
