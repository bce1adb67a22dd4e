/**
 * Makes the text of a function that another process evaluates: its source, unchanged where possible and at its place, inside a
 * factory whose variables stand for those that it captured.
 *
 * Lines and columns stay those of home (`lineOffset`, `columnOffset` of the script), so that stack traces, also through source maps,
 * point at the user's source. What is changed:
 * - `import.meta`, the `import` of `import()` and an arrow function's `this` become variables, as long as the original;
 * - so does what a class extends, and the computed key of a method: V8 forgets variables that only these have used;
 * - a variable that several functions share and reassign becomes `$0.v`, a field of an object that they share there as well;
 * - a class loses static blocks and what it gives its static fields, whose outcome travels as values: running them twice would be visible.
 *   Those that are private get a way in from outside: an array of two functions, the first writes and the second reads. Only tables of
 *   functions that use private members, which nobody could send, are made again.
 */
import vm from 'node:vm';
import type { AnyNode, Class, MethodDefinition, Property } from 'acorn';
import { builtinModule, builtinPathAfresh, enumerableGlobals } from './builtins.ts';
import { keyedByVariables } from './class-keys.ts';
import { nextNumber, origin } from './identity.ts';
import type { Scopes } from './inspect.ts';
import { childrenOf } from './parse.ts';
import type { Code } from './plan.ts';
import type { Binding, Reference, Unit } from './scope.ts';
import { mark, type Script } from './script.ts';
import { type Edit, staticsOf, waysIn } from './statics.ts';
import { Trouble } from './trouble.ts';

/** A captured variable as the code knows it. */
export interface Variable {
  /** In the home script. */
  readonly name: string;
  /** In the text. */
  readonly alias: string;
  readonly binding: Binding | undefined;
  /** `static`: a private field, named `#name`. `key`: of a method or an accessor. */
  readonly kind: 'value' | 'cell' | 'meta' | 'importer' | 'this' | 'super' | 'static' | 'key';
  /** Whose key it is. */
  readonly member?: MethodDefinition;
}

/** Code together with where its variables come from. */
export interface LocalCode {
  readonly code: Code;
  readonly script: Script;
  readonly unit: Unit;
  readonly eager: readonly Variable[];
  readonly late: readonly Variable[];
  /** Property that holds the function in what the factory gives: methods and accessors. */
  readonly isStatic: boolean;
}

/** Names what a class extends among its variables. */
export const heritageName = 'what it extends';
/** Names the computed key of a method likewise. */
export const keyName = 'a computed key';

const made = new WeakMap<Unit, LocalCode>();
export const commonJsNames = new Set(['require', 'module', 'exports', '__dirname', '__filename']);

/**
 * The code of a function or class. Made once.
 *
 * @param look Tells what it sees.
 * @throws {Trouble} When it cannot live outside its surroundings.
 */
export function codeOf(script: Script, unit: Unit, look: () => Scopes): LocalCode {
  let code = made.get(unit);
  if (code === undefined) {
    code = make(script, unit, look);
    made.set(unit, code);
  }
  return code;
}

function make(script: Script, unit: Unit, look: () => Scopes): LocalCode {
  refuse(unit);
  const text = script.source.text;
  const isClass = unit.node.type === 'ClassDeclaration' || unit.node.type === 'ClassExpression';
  const edits: Edit[] = [];
  const eagerRanges: [number, number][] = [];
  const statics = isClass ? staticsOf(unit.node as Class, script) : undefined;
  if (statics !== undefined) edits.push(...statics.edits);
  if (isClass) eagerRanges.push(...evaluatedWith(unit.node as Class));
  const heritage = isClass ? heritageOf(unit) : undefined;
  const blanked = edits.map((e) => [e.start, e.end] as const);
  if (heritage !== undefined) blanked.push([heritage.start, heritage.end]);
  const keyed = isClass ? [...keyedByVariables(unit)] : [];
  for (const { key } of keyed) blanked.push([key.start, key.end]);
  const within = (at: number, ranges: readonly (readonly [number, number])[]): boolean =>
    ranges.some(([start, end]) => at >= start && at < end);

  const eager = new Map<string, Variable>();
  const late = new Map<string, Variable>();
  const cells = new Map<Binding, string>();
  for (const r of unit.references) {
    if (within(r.start, blanked) || !travels(r, script, look)) continue;
    const cell = r.binding !== undefined && isShared(r.binding);
    let alias = r.name;
    if (cell) {
      alias = cells.get(r.binding!) ?? freshName(text, cells.size);
      cells.set(r.binding!, alias);
      edits.push(cellEdit(r, alias, script));
    }
    const variable: Variable = { name: r.name, alias, binding: r.binding, kind: cell ? 'cell' : 'value' };
    if (within(r.start, eagerRanges)) {
      eager.set(alias, variable);
      late.delete(alias);
    } else if (!eager.has(alias)) late.set(alias, variable);
  }
  const special = (
    kind: 'meta' | 'importer' | 'this',
    word: string,
    positions: readonly number[],
    n: number,
  ): void => {
    const used = positions.filter((at) => !within(at, blanked));
    if (used.length === 0) return;
    const alias = freshName(text, n);
    for (const start of used) {
      edits.push({ start, end: start + word.length, text: alias.padEnd(word.length) });
    }
    const target = used.some((at) => within(at, eagerRanges)) ? eager : late;
    target.set(alias, { name: word, alias, binding: undefined, kind });
  };
  special('meta', 'import.meta', unit.metas, cells.size);
  special('importer', 'import', unit.imports, cells.size + 1);
  special('this', 'this', unit.thises, cells.size + 2);
  if (heritage !== undefined) {
    const alias = freshName(text, cells.size + 3);
    const rest = text.slice(heritage.start, heritage.end).slice(alias.length);
    edits.push({ ...heritage, text: ` ${alias}${rest.replace(/[^\n\r\u2028\u2029]/g, ' ')}` });
    eager.set(alias, { name: heritageName, alias, binding: undefined, kind: 'super' });
  }
  for (const [i, member] of keyed.entries()) {
    const { start, end } = member.key;
    const alias = freshName(text, cells.size + 4 + i);
    const rest = text.slice(start, end).slice(alias.length);
    edits.push({ start, end, text: `${alias}${rest.replace(/[^\n\r\u2028\u2029]/g, ' ')}` });
    eager.set(alias, { name: keyName, alias, binding: undefined, kind: 'key', member });
  }
  if (statics !== undefined && statics.privates.length > 0) {
    const before = cells.size + 4 + keyed.length;
    const aliases = statics.privates.map((_, i) => freshName(text, before + i));
    for (const [i, name] of statics.privates.entries()) {
      const alias = aliases[i]!;
      late.set(alias, { name, alias, binding: undefined, kind: 'static' });
    }
    const end = unit.node.body.end - 1;
    edits.push({ start: end, end, text: waysIn(statics.privates, aliases) });
  }

  const { node, holder } = unit;
  if (node.type === 'FunctionDeclaration' && node.id && late.has(node.id.name)) {
    // As an expression its own name would hide the variable that it was declared as.
    edits.push({ start: node.id.start, end: node.id.end, text: ' '.repeat(node.id.end - node.id.start) });
  }
  const isMember = holder !== undefined;
  const start = isMember ? holder.start : node.start;
  const end = isMember ? holder.end : node.end;
  if (isMember) memberEdits(holder as MethodDefinition | Property, text, edits);
  const literal = apply(text, start, end, edits);
  const eagerNames = [...eager.keys()];
  const lateNames = [...late.keys()];
  const ways = new Set([...late.values()].filter((v) => v.kind === 'static').map((v) => v.alias));
  const code: Code = {
    key: `${origin()}:${nextNumber()}`,
    ...wrap(script, unit, start, literal, eagerNames, lateNames, ways),
    filename: script.filename,
    eager: eagerNames,
    late: lateNames,
    isClass,
    // What it extends is just looked at; what is imported is complete.
    runs:
      isClass &&
      [...eager.values()].some((v) => v.kind !== 'super' && v.kind !== 'key' && v.binding?.kind !== 'import'),
    sourceMap: process.sourceMapsEnabled ? script.source.sourceMapURL : '',
  };
  const isStatic = holder?.type === 'MethodDefinition' && holder.static;
  return { code, script, unit, eager: [...eager.values()], late: [...late.values()], isStatic };
}

/**
 * Where a class says what it extends, unless that is null, or an import, which the receiver imports for itself.
 */
function heritageOf(unit: Unit): { start: number; end: number } | undefined {
  const { superClass } = unit.node as Class;
  if (!superClass || (superClass.type === 'Literal' && superClass.value === null)) return undefined;
  let root: AnyNode = superClass;
  while (root.type === 'MemberExpression') root = root.object;
  const imported = unit.references.some((r) => r.start === root.start && r.binding?.kind === 'import');
  if (root.type === 'Identifier' && imported) return undefined;
  return { start: superClass.start, end: superClass.end };
}

function refuse(unit: Unit): void {
  if (unit.privates.size > 0) {
    const names = [...unit.privates].map((n) => `#${n}`).join(', ');
    throw new Trouble(
      undefined,
      `it uses ${names}, which only code inside its class may touch`,
      'send the class, or an instance of it, and call the method there',
    );
  }
  if (unit.inWith && unit.references.length > 0) {
    throw new Trouble(
      undefined,
      'it is inside of a `with`, whose object may hide any variable',
      'move it out of that',
    );
  }
  if (unit.usesSuper) {
    const advice =
      unit.holder?.type === 'Property'
        ? 'write the object as a class, or make it inside the function'
        : 'send the class, or an instance of it, and call the method there';
    throw new Trouble(undefined, 'it uses super, which binds it to its class or object', advice);
  }
  if (unit.usesArguments) {
    throw new Trouble(
      undefined,
      'it uses the arguments of the function around it',
      'name them in variables first',
    );
  }
  if (unit.usesNewTarget) {
    throw new Trouble(
      undefined,
      'it uses new.target of the function around it',
      'put it in a variable first',
    );
  }
}

/** Whether a reference must travel along. Globals do not, but for those that a program has defined itself. */
function travels(r: Reference, script: Script, look: () => Scopes): boolean {
  if (r.binding !== undefined) return r.binding.kind !== 'self' || r.binding.home !== undefined;
  if (r.name === 'arguments' || r.name === 'undefined') return false;
  // What a direct `eval` has made sees the variables around that.
  if (script.url === '' && look().some((scope) => r.name in scope)) return true;
  if (!script.source.isModule && commonJsNames.has(r.name)) return true;
  const d = Object.getOwnPropertyDescriptor(globalThis, r.name);
  if (d === undefined) return !script.source.isModule && isScriptVariable(r.name);
  if (d.enumerable === true) return !enumerableGlobals.has(r.name) && !isEngines(d.value);
  // What the REPL says of the last line.
  if (d.get !== undefined && (r.name === '_' || r.name === '_error')) return true;
  // The REPL and `node -e` know the built-in modules as global variables.
  return d.get !== undefined && /^[a-z_0-9]+$/.test(r.name) && isModuleName(r.name);
}

/** Whether a flag has the engine define it, such as `gc`: the receiver runs with the same. */
function isEngines(value: unknown): boolean {
  if (typeof value !== 'function' || builtinPathAfresh(value) !== undefined) return false;
  return Function.prototype.toString.call(value) === `function ${value.name}() { [native code] }`;
}

/** Whether another script declared it with `let`, `const` or `class` at its top, as lines typed into the REPL do. */
function isScriptVariable(name: string): boolean {
  try {
    return vm.runInThisContext(`typeof ${name}`) !== 'undefined';
  } catch {
    return false; // declared, and not initialised yet
  }
}

function isModuleName(name: string): boolean {
  return !(name in fixedGlobals) && builtinModule(name) !== undefined;
}

const fixedGlobals = {
  crypto: true,
  performance: true,
  navigator: true,
  process: true,
  console: true,
  buffer: false,
};

/** Whether one function may see another change it: then it becomes a field of an object that they share. */
function isShared(b: Binding): boolean {
  return b.reassignedWithin && b.kind !== 'import' && b.kind !== 'self' && (b.users.size > 1 || b.usedInLoop);
}

/** The `n`th of the names that the script does not use. */
function freshName(text: string, n: number): string {
  for (let i = 0, left = n; ; i++) {
    const name = `$${i}`;
    if (!text.includes(name) && left-- === 0) return name;
  }
}

function cellEdit(r: Reference, alias: string, script: Script): Edit {
  const access = `${alias}.v`;
  let text = access.padEnd(r.end - r.start);
  if (r.shorthand) text = `${r.name}:${access}`;
  // A line before that ends without a semicolon would go on.
  else if (r.called) text = `${statementStarts(script).has(r.start) ? ';' : ''}(0,${access})`;
  return { start: r.start, end: r.end, text };
}

const starts = new WeakMap<Script, ReadonlySet<number>>();

/** Where expressions begin that are statements of a list. */
function statementStarts(script: Script): ReadonlySet<number> {
  let found = starts.get(script);
  if (found === undefined) {
    found = new Set(startsIn(script.program));
    starts.set(script, found);
  }
  return found;
}

function* startsIn(node: AnyNode): Iterable<number> {
  const todo = [node];
  for (let n = todo.pop(); n !== undefined; n = todo.pop()) {
    const list =
      n.type === 'Program' || n.type === 'BlockStatement' || n.type === 'StaticBlock'
        ? n.body
        : n.type === 'SwitchCase'
          ? n.consequent
          : [];
    for (const s of list) if (s.type === 'ExpressionStatement') yield s.start;
    todo.push(...childrenOf(n));
  }
}

/** What is evaluated with a class, but for its static fields: what it extends, computed keys. */
function* evaluatedWith({ superClass, body }: Class): Iterable<[number, number]> {
  if (superClass) yield [superClass.start, superClass.end];
  for (const m of body.body) {
    const isBlanked = m.type === 'PropertyDefinition' && m.static;
    if (m.type !== 'StaticBlock' && !isBlanked && m.computed) yield [m.key.start, m.key.end];
  }
}

/** A method or accessor becomes the only member, `m`, of an object. */
function memberEdits(holder: MethodDefinition | Property, text: string, edits: Edit[]): void {
  const { key, value } = holder;
  let start = key.start;
  if (holder.computed) start = text.lastIndexOf('[', key.start - 1);
  // `get[key]() {}`
  const name = /[\w$]/.test(text[start - 1] ?? '') ? ' m' : 'm';
  edits.push({ start, end: value.start, text: name.padEnd(value.start - start) });
  if (holder.type === 'MethodDefinition' && holder.static) {
    edits.push({ start: holder.start, end: holder.start + 6, text: '      ' });
  }
}

function apply(text: string, start: number, end: number, edits: readonly Edit[]): string {
  let out = '';
  let at = start;
  for (const e of [...edits].sort((a, b) => a.start - b.start)) {
    if (e.start < at) continue;
    out += text.slice(at, e.start) + e.text;
    at = e.end;
  }
  return out + text.slice(at, end);
}

/**
 * The factory around the literal: `(function ($e) { let …; return [literal, set, get] })`. `$e` holds the eager values, `set`
 * takes the late ones, `get` gives both.
 *
 * @param ways Which of the late ones are ways into the class.
 */
function wrap(
  script: Script,
  unit: Unit,
  start: number,
  literal: string,
  eager: readonly string[],
  late: readonly string[],
  ways: ReadonlySet<string>,
): { text: string; lineOffset: number; columnOffset: number; member: Code['member'] } {
  const isMember = unit.holder !== undefined;
  const place = script.placeOf(start);
  const all = [...eager, ...late];
  const [e, v] = ['$e', '$v'].map((name) => unusedName(name, literal, all));
  const head =
    `${mark}(function(${e}){${unit.strict ? '"use strict";' : ''}` +
    `${all.length === 0 ? '' : `let ${all.join(',')};`}${eager.map((n, i) => `${n}=${e}[${i}];`).join('')}` +
    `return[${isMember ? '{' : ''}`;
  const tail = `${isMember ? '}' : ''}\n,function(${v}){${late.map((n, i) => (ways.has(n) ? `${n}[0](${v}[${i}]);` : `${n}=${v}[${i}];`)).join('')}},()=>[${all.map((n) => (ways.has(n) ? `${n}[1]()` : n)).join(',')}]]})`;
  const kind = unit.holder === undefined ? '' : ((unit.holder as { kind?: string }).kind ?? 'init');
  const member = kind === '' ? '' : kind === 'get' ? 'get' : kind === 'set' ? 'set' : 'value';
  if (place.column >= head.length) {
    return {
      text: head + literal + tail,
      lineOffset: place.line,
      columnOffset: place.column - head.length,
      member,
    };
  }
  const text = `${head}\n${' '.repeat(place.column)}${literal}${tail}`;
  return { text, lineOffset: place.line - 1, columnOffset: 0, member };
}

function unusedName(name: string, literal: string, others: readonly string[]): string {
  let unused = name;
  while (literal.includes(unused) || others.includes(unused)) unused += '$';
  return unused;
}

/** Whether a variable always keeps the value that it has now. */
export function isConstant(v: Variable): boolean {
  return (
    v.kind === 'meta' ||
    v.kind === 'importer' ||
    v.kind === 'this' ||
    v.kind === 'key' ||
    (v.binding !== undefined && !v.binding.reassigned && v.kind === 'value')
  );
}

export type { AnyNode };
