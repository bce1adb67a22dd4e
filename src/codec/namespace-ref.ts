/**
 * Which module a namespace object belongs to. The engine does not tell, so what it holds must: the exports of a built-in or a CommonJS
 * module, or a function whose script exports just these names.
 */
import type { AnyNode, Expression, SpreadElement } from 'acorn';
import { builtinPathAfresh } from './builtins.ts';
import { moduleWithExports, nodeLoadsAlike } from './commonjs.ts';
import { isMain } from './main.ts';
import { originOf, setOrigin } from './namespaces.ts';
import { type Fn, ImportRef } from './plan.ts';
import { positionOf } from './position.ts';
import type { Binding } from './scope.ts';
import { nameOf, type Script, scriptOf } from './script.ts';

/** @returns undefined when nothing that it holds tells. */
export function namespaceOf(namespace: object): ImportRef | undefined {
  let ref = originOf(namespace);
  if (ref === undefined) {
    ref = byDefault(namespace) ?? byFunctions(namespace);
    if (ref !== undefined) setOrigin(namespace, ref);
  }
  return ref;
}

function byDefault(namespace: object): ImportRef | undefined {
  const exports = exported(namespace, 'default');
  const path = builtinPathAfresh(exports);
  if (path !== undefined && /^node:[^!]+!$/.test(path)) return new ImportRef(path.slice(0, -1), '', '*');
  if ((typeof exports !== 'object' && typeof exports !== 'function') || exports === null) return undefined;
  const loaded = moduleWithExports(exports);
  return loaded && new ImportRef(loaded.specifier, '', '*', /\.json$/.test(loaded.specifier) ? 'json' : '');
}

function byFunctions(namespace: object): ImportRef | undefined {
  const names = Object.keys(namespace);
  const seen = new Set<Script>();
  for (const name of names) {
    const value = exported(namespace, name);
    const at = typeof value === 'function' ? positionOf(value as Fn) : undefined;
    if (at === undefined) continue;
    const script = scriptOf(at.scriptId, value as Fn);
    if (seen.has(script)) continue;
    seen.add(script);
    if (exportsJust(names, script)) return new ImportRef(script.url, '', '*');
  }
  return undefined;
}

/** An export; undefined while it is not initialised. */
function exported(namespace: object, name: string): unknown {
  try {
    return (namespace as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

function exportsJust(names: readonly string[], script: Script): boolean {
  if (!script.source.isModule || !script.isFile || isMain(script.url) || !nodeLoadsAlike(script.filename)) {
    return false;
  }
  const own = new Set<string>();
  let isOpen = false;
  for (const s of script.program.body) {
    if (s.type === 'ExportDefaultDeclaration') own.add('default');
    else if (s.type === 'ExportNamedDeclaration')
      for (const spec of s.specifiers) own.add(nameOf(spec.exported));
    else if (s.type === 'ExportAllDeclaration') {
      if (s.exported) own.add(nameOf(s.exported));
      else isOpen = true;
    }
  }
  for (const name of script.exports.values()) own.add(name);
  return [...own].every((name) => names.includes(name)) && (isOpen || own.size === names.length);
}

/** What `const name = await import('…')` says. */
export function importedBy(binding: Binding, script: Script, parent: string): ImportRef | undefined {
  const { node } = binding;
  if (node.type !== 'VariableDeclarator' || node.id.type !== 'Identifier') return undefined;
  const awaited = node.init?.type === 'AwaitExpression' ? node.init.argument : undefined;
  const call = awaited && withoutInterop(awaited, script);
  if (call?.type !== 'ImportExpression' || call.source.type !== 'Literal') return undefined;
  const { value } = call.source;
  const type = typeOf(call.options);
  if (typeof value !== 'string' || type === undefined) return undefined;
  return new ImportRef(value, parent, '*', type);
}

/** Without the `.then(…)` of a loader (tsx), which gives the namespace itself unless a transpiler made that of CommonJS. */
function withoutInterop(e: Expression, script: Script): AnyNode {
  if (e.type !== 'CallExpression' || e.callee.type !== 'MemberExpression') return e;
  const { object, property } = e.callee;
  const [f] = e.arguments;
  const isInterop =
    property.type === 'Identifier' &&
    property.name === 'then' &&
    f?.type === 'ArrowFunctionExpression' &&
    script.source.text.slice(f.start, f.end).includes('"__esModule"');
  return isInterop ? object : e;
}

/** The type in `{ with: { type } }`; "" without options, undefined for others. */
function typeOf(options: Expression | null | undefined): string | undefined {
  if (!options) return '';
  const type = property(property(options, 'with'), 'type');
  return type?.type === 'Literal' ? String(type.value) : undefined;
}

function property(object: Expression | undefined, name: string): Expression | undefined {
  if (object?.type !== 'ObjectExpression' || object.properties.length !== 1) return undefined;
  const [p] = object.properties as [Exclude<(typeof object.properties)[0], SpreadElement>];
  return p.type === 'Property' && !p.computed && nameOf(p.key as never) === name ? p.value : undefined;
}
