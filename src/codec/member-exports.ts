/**
 * Classes that their module exports inside of an object: `export const models = { User }`, and those of namespaces of TypeScript.
 *
 * What the program has put into an exported object meanwhile another process would not find there, so the source must say it.
 */
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';
import type { AnyNode } from 'acorn';
import { requireCache } from './commonjs.ts';
import { assignmentsOf } from './commonjs-exports.ts';
import { type Scopes, valueIn } from './inspect.ts';
import { type Fn, ImportRef, wayTo } from './plan.ts';
import type { Unit } from './scope.ts';
import { nameOf, type Script } from './script.ts';

/** So deep it is looked for. */
const MOST_KEYS = 4;

/** @param look Tells what the class sees. */
export function memberExport(cls: Fn, script: Script, unit: Unit, look: () => Scopes): ImportRef | undefined {
  const keys = unit.outer === undefined ? inLiterals(script, unit) : inNamespaces(cls, script, unit, look);
  if (keys === undefined || !keys.every((key) => /^[^.]+$/.test(key))) return undefined;
  const { isModule } = script.source;
  return isModule
    ? new ImportRef(script.url, '', wayTo(keys))
    : new ImportRef(fileURLToPath(script.url), '', wayTo(keys), '', true);
}

function inLiterals(script: Script, unit: Unit): readonly string[] | undefined {
  for (const [keys, value] of exportedValues(script)) {
    const found = inLiteral(value, script, unit, keys);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What the source gives the exports of a module for good, behind which keys. */
function* exportedValues(script: Script): Iterable<[readonly string[], AnyNode]> {
  if (!script.source.isModule) {
    const { first, later } = assignmentsOf(script);
    for (const [name, value] of first) {
      if (!later.has(name)) yield [name === '' ? [] : [name], value];
    }
    return;
  }
  for (const [local, exported] of script.exports) {
    const binding = script.top.get(local);
    const { node, reassigned } = binding ?? {};
    if (node?.type === 'VariableDeclarator' && node.id.type === 'Identifier' && node.init && !reassigned) {
      yield [[exported], node.init];
    }
  }
  for (const s of script.program.body) {
    if (s.type === 'ExportDefaultDeclaration') yield [['default'], s.declaration];
  }
}

function inLiteral(
  value: AnyNode,
  script: Script,
  unit: Unit,
  keys: readonly string[],
): readonly string[] | undefined {
  const literal = unfrozen(value);
  if (literal.type !== 'ObjectExpression') {
    const isIt =
      literal === unit.node ||
      (literal.type === 'Identifier' && script.top.get(literal.name)?.node === unit.node);
    return isIt ? keys : undefined;
  }
  if (keys.length === MOST_KEYS) return undefined;
  for (const p of literal.properties) {
    if (p.type !== 'Property' || p.computed || p.kind !== 'init') continue;
    const found = inLiteral(p.value, script, unit, [...keys, nameOf(p.key as never)]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What is given to `Object.freeze`. */
function unfrozen(value: AnyNode): AnyNode {
  const [first] = value.type === 'CallExpression' ? value.arguments : [];
  const isFreeze =
    value.type === 'CallExpression' &&
    value.callee.type === 'MemberExpression' &&
    value.callee.object.type === 'Identifier' &&
    value.callee.object.name === 'Object' &&
    value.callee.property.type === 'Identifier' &&
    value.callee.property.name === 'freeze';
  return isFreeze && first ? first : value;
}

/** As TypeScript and esbuild compile namespaces: functions that are called at once fill the objects. */
function inNamespaces(
  cls: Fn,
  script: Script,
  unit: Unit,
  look: () => Scopes,
): readonly string[] | undefined {
  for (let u = unit.outer; u !== undefined; u = u.outer) if (!isCalledAtOnce(u, script)) return undefined;
  if (!script.source.isModule) {
    const exports: unknown = requireCache()[fileURLToPath(script.url)]?.exports;
    return behind(exports, cls, []);
  }
  const top = look().at(-1);
  for (const [local, exported] of script.exports) {
    const found = local === '' ? undefined : behind(valueIn(top, local), cls, [exported]);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isCalledAtOnce({ node, outer }: Unit, script: Script): boolean {
  const body = outer === undefined ? script.program : outer.node.body;
  if (body.type !== 'Program' && body.type !== 'BlockStatement') return false;
  return body.body.some(
    (s) =>
      s.type === 'ExpressionStatement' &&
      s.expression.type === 'CallExpression' &&
      s.expression.callee === node,
  );
}

function behind(value: unknown, cls: Fn, keys: readonly string[]): readonly string[] | undefined {
  if (value === cls) return keys;
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined;
  if (keys.length === MOST_KEYS || types.isProxy(value)) return undefined;
  for (const [key, d] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
    // Transpilers export through getters.
    const inner: unknown = d.get !== undefined && keys.length === 0 ? d.get.call(value) : d.value;
    const found = key === 'prototype' ? undefined : behind(inner, cls, [...keys, key]);
    if (found !== undefined) return found;
  }
  return undefined;
}
