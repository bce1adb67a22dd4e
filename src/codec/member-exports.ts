/**
 * Classes that a module exports inside of an object or an array: `export const models = { User }`, and those of namespaces of TypeScript.
 *
 * What the program has put into an exported object meanwhile another process would not find there, so the source must say it.
 */
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';
import type { AnyNode } from 'acorn';
import { requireCache } from './commonjs.ts';
import { assignmentsOf } from './commonjs-exports.ts';
import { type Scopes, valueIn } from './inspect.ts';
import { ImportRef, wayTo } from './plan.ts';
import type { Unit } from './scope.ts';
import { nameOf, type Script } from './script.ts';

type Scope = Scopes[number];

/** So deep it is looked for. */
const MOST_KEYS = 4;

/**
 * @param unit Of the class, where it is the module's own.
 * @param top The variables at the top of the module, where it is no CommonJS.
 */
export function memberExport(
  cls: object,
  script: Script,
  unit: Unit | undefined,
  top: Scope | undefined,
): ImportRef | undefined {
  const keys = inLiterals(cls, script, unit, top) ?? inNamespaces(cls, script, unit, top);
  if (keys === undefined || !keys.every((key) => /^[^.]+$/.test(key))) return undefined;
  const { isModule } = script.source;
  return isModule
    ? new ImportRef(script.url, '', wayTo(keys))
    : new ImportRef(fileURLToPath(script.url), '', wayTo(keys), '', true);
}

function inLiterals(
  cls: object,
  script: Script,
  unit: Unit | undefined,
  top: Scope | undefined,
): readonly string[] | undefined {
  // Of what has no name the source alone tells.
  const isIt: Is = (value, node) =>
    value === unknown ? unit !== undefined && says(node, unit, script) : value === cls;
  for (const { keys, node, value } of exportedLiterals(script, top)) {
    const found = inLiteral(node, value, keys, isIt);
    if (found !== undefined) return found;
  }
  return undefined;
}

type Is = (value: unknown, node: AnyNode) => boolean;

/** The value of what nobody can ask for. */
const unknown = Symbol();

function says(node: AnyNode, unit: Unit, script: Script): boolean {
  return node === unit.node || (node.type === 'Identifier' && script.top.get(node.name)?.node === unit.node);
}

interface Exported {
  readonly keys: readonly string[];
  /** What the source gives it for good. */
  readonly node: AnyNode;
  readonly value: unknown;
}

function* exportedLiterals(script: Script, top: Scope | undefined): Iterable<Exported> {
  if (!script.source.isModule) {
    const exports: unknown = requireCache()[fileURLToPath(script.url)]?.exports;
    const { first, later } = assignmentsOf(script);
    for (const [name, node] of first) {
      if (later.has(name)) continue;
      if (name === '') yield { keys: [], node, value: exports };
      else yield { keys: [name], node, value: field(exports, name) };
    }
    return;
  }
  for (const [local, exported] of script.exports) {
    const { node, reassigned } = script.top.get(local) ?? {};
    if (node?.type === 'VariableDeclarator' && node.id.type === 'Identifier' && node.init && !reassigned) {
      yield { keys: [exported], node: node.init, value: valueIn(top, local) };
    }
  }
  for (const s of script.program.body) {
    if (s.type === 'ExportDefaultDeclaration')
      yield { keys: ['default'], node: s.declaration, value: unknown };
  }
}

function inLiteral(
  node: AnyNode,
  value: unknown,
  keys: readonly string[],
  isIt: Is,
): readonly string[] | undefined {
  const literal = unfrozen(node);
  if (isIt(value, literal)) return keys;
  if (keys.length === MOST_KEYS) return undefined;
  for (const [key, part] of parts(literal)) {
    const found = inLiteral(part, value === unknown ? unknown : field(value, key), [...keys, key], isIt);
    if (found !== undefined) return found;
  }
  return undefined;
}

function* parts(literal: AnyNode): Iterable<[string, AnyNode]> {
  if (literal.type === 'ObjectExpression') {
    for (const p of literal.properties) {
      if (p.type === 'Property' && !p.computed && p.kind === 'init') yield [nameOf(p.key as never), p.value];
    }
  } else if (literal.type === 'ArrayExpression') {
    for (const [i, e] of literal.elements.entries()) {
      if (e?.type === 'SpreadElement') return;
      if (e) yield [String(i), e];
    }
  }
}

/** What is stored there, without running anything. */
function field(o: unknown, key: string): unknown {
  if (typeof o !== 'object' || o === null || types.isProxy(o)) return undefined;
  return Object.getOwnPropertyDescriptor(o, key)?.value;
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
  cls: object,
  script: Script,
  unit: Unit | undefined,
  top: Scope | undefined,
): readonly string[] | undefined {
  if (unit?.outer === undefined) return undefined;
  for (let u: Unit | undefined = unit.outer; u !== undefined; u = u.outer) {
    if (!isCalledAtOnce(u, script)) return undefined;
  }
  if (!script.source.isModule) {
    const exports: unknown = requireCache()[fileURLToPath(script.url)]?.exports;
    return behind(exports, cls, []);
  }
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

function behind(value: unknown, cls: object, keys: readonly string[]): readonly string[] | undefined {
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
