/**
 * The `this` that an arrow function took from its surroundings.
 */
import type { Fn } from './plan.ts';
import type { Unit } from './scope.ts';
import type { Script } from './script.ts';
import { Trouble } from './trouble.ts';

/** Its value. @throws {Trouble} Where it belongs to a function or object. */
export function lexicalThis(_fn: Fn, unit: Unit, _script: Script): unknown {
  for (let u = unit.outer; u !== undefined; u = u.outer) {
    if (u.node.type !== 'ArrowFunctionExpression') {
      throw new Trouble(
        undefined,
        'it uses `this` of the function or object around it',
        'put what it needs into variables, or use a method',
      );
    }
  }
  return undefined;
}
