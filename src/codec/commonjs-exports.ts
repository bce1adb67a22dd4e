/**
 * Which export of a CommonJS module a function is.
 *
 * The receiver loads the module anew, and finds there what it exports at first: not what a function of it exports later.
 */
import { fileURLToPath } from 'node:url';
import type { AnyNode, AssignmentExpression } from 'acorn';
import { requireCache } from './commonjs.ts';
import { childrenOf } from './parse.ts';
import { type Fn, ImportRef } from './plan.ts';
import type { Unit } from './scope.ts';
import type { Script } from './script.ts';

/** The reference to a function that a CommonJS module exports. */
export function commonJsExport(fn: Fn, script: Script, unit: Unit): ImportRef | undefined {
  const file = fileURLToPath(script.url);
  const exports: unknown = requireCache()[file]?.exports;
  if (exports === fn) return new ImportRef(file, '', '=', '', true);
  if ((typeof exports !== 'object' && typeof exports !== 'function') || exports === null) return undefined;
  const names: string[] = [];
  for (const [key, d] of Object.entries(Object.getOwnPropertyDescriptors(exports))) {
    // Transpilers export through getters.
    const value = d.get === undefined ? (d.value as unknown) : (exports as Record<string, unknown>)[key];
    if (value === fn && isFirst(key, script, unit)) names.push(key);
  }
  // The program may have put it where something else was.
  const name =
    names.find((n) => isGiven(assignmentsOf(script).first.get(n), script, unit)) ??
    names.find((n) => n === fn.name) ??
    names[0];
  return name === undefined ? undefined : new ImportRef(file, '', name, '', true);
}

/** Whether a module exports the function of this unit by that name from the beginning. */
function isFirst(name: string, script: Script, unit: Unit): boolean {
  const { first, later } = assignmentsOf(script);
  if (!later.has(name) || (!first.has(name) && !first.has(''))) return true;
  return isGiven(first.get(name), script, unit);
}

/** Whether an expression is a function, or names it. */
function isGiven(value: AnyNode | undefined, script: Script, unit: Unit): boolean {
  if (value?.type === 'Identifier') return script.top.get(value.name)?.node === unit.node;
  return value === unit.node;
}

interface Assignments {
  /** What the module itself gives its exports, by their names; "" is all of them. */
  readonly first: ReadonlyMap<string, AnyNode>;
  /** The names to which a function assigns. */
  readonly later: ReadonlySet<string>;
}

const known = new WeakMap<Script, Assignments>();

/** What a CommonJS module exports, as far as assignments say it. */
export function assignmentsOf(script: Script): Assignments {
  let found = known.get(script);
  if (found === undefined) {
    const first = new Map<string, AnyNode>();
    const later = new Set<string>();
    const walk = (node: AnyNode, isInside: boolean): void => {
      const name = node.type === 'AssignmentExpression' ? exportNamed(node.left) : undefined;
      if (name !== undefined) {
        if (isInside) later.add(name);
        else first.set(name, (node as AssignmentExpression).right);
      }
      const within = isInside || node.type.includes('Function');
      for (const child of childrenOf(node)) walk(child, within);
    };
    walk(script.program, false);
    found = { first, later };
    known.set(script, found);
  }
  return found;
}

/** `exports.name`, `module.exports.name`; "" for `module.exports` as a whole. */
function exportNamed(node: AnyNode): string | undefined {
  if (node.type !== 'MemberExpression') return undefined;
  const { object, property, computed } = node;
  const name = property.type === 'Identifier' && !computed ? property.name : undefined;
  if (object.type === 'Identifier' && object.name === 'module' && name === 'exports') return '';
  const isExports = (object.type === 'Identifier' && object.name === 'exports') || exportNamed(object) === '';
  if (!isExports) return undefined;
  return property.type === 'Literal' ? String(property.value) : name;
}
