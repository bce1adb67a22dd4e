/**
 * Computed keys of methods and accessors: V8 forgets the variables that nothing else has used, but the class has the keys.
 */
import { types } from 'node:util';
import type { AnyNode, Class, MethodDefinition } from 'acorn';
import { isAt } from './live-closure.ts';
import type { Fn } from './plan.ts';
import type { Unit } from './scope.ts';
import { requireShape, type Script } from './script.ts';

/** The methods and accessors whose keys use variables of the program's that are no modules. */
export function* keyedByVariables({ node, references }: Unit): Iterable<MethodDefinition> {
  for (const m of (node as Class).body.body) {
    if (m.type !== 'MethodDefinition' || !m.computed) continue;
    const isUsed = references.some(
      ({ start, binding }) =>
        isWithin(start, m.key) &&
        binding !== undefined &&
        binding.kind !== 'import' &&
        binding.kind !== 'self' &&
        requireShape(binding) === undefined,
    );
    if (isUsed) yield m;
  }
}

function isWithin(at: number, { start, end }: AnyNode): boolean {
  return at >= start && at < end;
}

/** The key that a method or accessor has; undefined when it is not there any more. */
export function keyOf(cls: Fn, member: MethodDefinition, script: Script): PropertyKey | undefined {
  const unit = script.units.find((u) => u.node === member.value)!;
  const holder = member.static ? cls : (cls.prototype as object);
  return Reflect.ownKeys(holder).find((key) => {
    const d = Object.getOwnPropertyDescriptor(holder, key);
    const fn: unknown = member.kind === 'get' || member.kind === 'set' ? d?.[member.kind] : d?.value;
    return typeof fn === 'function' && !types.isProxy(fn) && isAt(fn, unit, script);
  });
}
