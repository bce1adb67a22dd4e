/**
 * Decides how a function or class travels: as a built-in, as an export of a module, or as code with what it captured.
 */
import module from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';
import type { MethodDefinition } from 'acorn';
import { inMainRealm } from '../base/node-process.ts';
import { workingDirectory } from '../base/working-directory.ts';
import { builtinModule, builtinPathAfresh } from './builtins.ts';
import { CellRef } from './cells.ts';
import { keyOf } from './class-keys.ts';
import {
  codeOf,
  commonJsNames,
  heritageName,
  isConstant,
  keyName,
  type LocalCode,
  type Variable,
} from './code.ts';
import { nodeLoadsAlike, requireCache, toNamespace } from './commonjs.ts';
import { commonJsExport } from './commonjs-exports.ts';
import { nextNumber, origin, remember } from './identity.ts';
import { importOf, parentOf } from './imports.ts';
import { inspect, privateStatics, type Scopes, valueIn } from './inspect.ts';
import { isClass } from './is-class.ts';
import { lexicalThis } from './lexical-this.ts';
import { entrances, isLive } from './live-closure.ts';
import { LiveScopes } from './live-scopes.ts';
import { isMain } from './main.ts';
import { memberExport } from './member-exports.ts';
import { importedBy } from './namespace-ref.ts';
import {
  type Fn,
  type FnRecord,
  ImporterRef,
  ImportRef,
  MetaRef,
  type Place,
  type Plan,
  RequireRef,
  WrappedRef,
  wayTo,
} from './plan.ts';
import { knownPlan, ownClass, setPlan } from './plans.ts';
import { type Position, positionOf } from './position.ts';
import { claimPrototype } from './prototypes.ts';
import { twinOf } from './realms.ts';
import { exportElsewhere, noteScript } from './reexports.ts';
import type { Binding, Unit } from './scope.ts';
import { requireShape, type Script, scriptOf } from './script.ts';
import { settling } from './settled.ts';
import { stopInside } from './stop-inside.ts';
import { considerTop, isTop, topScope } from './top-scope.ts';
import { NodesOwn, Trouble } from './trouble.ts';
import { isUninitialised } from './uninitialised.ts';
import { viteReference } from './vite.ts';

/** How `fn` travels. Decided once per function. @throws {Trouble} When it cannot. */
export function planOf(fn: Fn): Plan {
  let plan = knownPlan(fn);
  if (plan === undefined) {
    plan = decide(fn);
    if (plan.kind !== 'builtin') claimPrototype(fn);
    setPlan(fn, plan);
  }
  return plan;
}

/** As {@link planOf}, for the class of an instance: one that is a function in the old style may be what another module exports, too. */
export function planOfClass(cls: Fn): Plan {
  const at = knownPlan(cls) !== undefined || types.isProxy(cls) || isClass(cls) ? undefined : positionOf(cls);
  const script = at && scriptOf(at.scriptId, cls);
  const ref = script?.isFile && !isMain(script.url) ? exportElsewhere(cls) : undefined;
  if (ref !== undefined) setPlan(cls, { kind: 'import', ref });
  return planOf(cls);
}

function decide(fn: Fn): Plan {
  if (types.isProxy(fn)) throw new Trouble(undefined, 'it is a Proxy', 'send the function behind it');
  if (ownClass(fn.name) === fn) return { kind: 'own', name: fn.name };
  const requires = requireDirectory(fn);
  if (requires !== undefined) return { kind: 'require', file: path.join(requires, 'x.js') };
  if (Function.prototype.toString.call(fn).endsWith('{ [native code] }')) return nativePlan(fn);
  const at = positionOf(fn) ?? positionSeen(fn);
  const script = scriptOf(at.scriptId, fn);
  if (script.url.startsWith('node:')) {
    const builtin = builtinPathAfresh(fn);
    if (builtin !== undefined) return { kind: 'builtin', path: builtin };
    throw new NodesOwn();
  }
  const unit = script.unitAtOffset(at.offset);
  if (unit === undefined) {
    throw new Trouble(
      undefined,
      `its source is not found in ${script.filename}`,
      'export it from a module and send { module, name }',
    );
  }
  let seen: Scopes | undefined;
  const look = (): Scopes => {
    seen ??= inspect(fn).scopes;
    return seen;
  };
  noteScript(script, fn);
  const ref = exportOf(fn, script, unit, look) ?? exportOfClass(fn, script, unit, look);
  if (ref !== undefined) return { kind: 'import', ref };
  considerTop(fn, unit, script, look);
  return { kind: 'code', record: recordOf(fn, codeOf(script, unit, look), look) };
}

function nativePlan(fn: Fn): Plan {
  const builtin = builtinPathAfresh(twinOf(fn) ?? fn);
  if (builtin !== undefined) return { kind: 'builtin', path: builtin };
  const { bound } = inspect(fn);
  if (bound !== undefined) return { kind: 'bound', ...bound };
  throw new Trouble(undefined, 'it is native code that has no name', 'call it inside a function of yours');
}

/** Where a function is, by the inspector's word. */
function positionSeen(fn: Fn): Position {
  const { scriptId, lineNumber, columnNumber } = inspect(fn).location!;
  return { scriptId, offset: scriptOf(scriptId, fn).offsetOf(lineNumber, columnNumber) ?? -1 };
}

/** The reference to a function that an importable module exports. */
function exportOf(fn: Fn, script: Script, unit: Unit, look: () => Scopes): ImportRef | undefined {
  if (!script.isFile || isMain(script.url) || !nodeLoadsAlike(script.filename)) return undefined;
  if (!script.source.isModule) return commonJsExport(fn, script, unit);
  if (script.exports.get('') === 'default' && script.isDefaultExport(unit)) {
    return new ImportRef(script.url, '', 'default');
  }
  const open = [...script.exports].filter(([local]) => local !== '' && mayHold(script.top.get(local), unit));
  if (open.length === 0) return undefined;
  const scopes = look();
  const top = scopes.at(-1);
  const holders = open.filter(
    ([local]) => lookUp(scopes, local) === fn && (top === undefined || valueIn(top, local) === fn),
  );
  // The receiver's own module has in a variable what that was given first.
  const best = holders.find(([local]) => script.top.get(local)?.reassigned !== true) ?? holders[0];
  return best && new ImportRef(script.url, '', best[1]);
}

/** The reference to a class that a module exports otherwise: instances of it are instances of the receiver's own. */
function exportOfClass(fn: Fn, script: Script, unit: Unit, look: () => Scopes): ImportRef | undefined {
  if (!isClass(fn) || !script.isFile || isMain(script.url)) return undefined;
  const member = nodeLoadsAlike(script.filename) ? memberExport(fn, script, unit, look().at(-1)) : undefined;
  return member ?? exportElsewhere(fn);
}

/** Whether a variable may hold a function or class of this unit: not where its declaration gives it another value for good. */
function mayHold(binding: Binding | undefined, unit: Unit): boolean {
  if (binding === undefined || binding.reassigned) return true;
  const { node } = binding;
  const isAlone = node.type === 'VariableDeclarator' && node.id.type === 'Identifier';
  const value = isAlone ? node.init : node;
  if (value === unit.node) return true;
  return value === null || value === undefined || !knownValues.has(value.type);
}

/** Declarations and expressions that say themselves what their value is. */
const knownValues = new Set([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'ClassDeclaration',
  'ClassExpression',
  'ObjectExpression',
  'ArrayExpression',
  'Literal',
  'TemplateLiteral',
]);

/** The directory from which a `require` that the program has made, with `createRequire`, or been given, resolves. */
function requireDirectory(fn: Fn): string | undefined {
  const { name, resolve, cache: modules } = fn as NodeJS.Require;
  if (name !== 'require' || modules !== requireCache() || typeof resolve?.paths !== 'function')
    return undefined;
  return resolve.paths('./x')?.[0];
}

function lookUp(scopes: Scopes, name: string): unknown {
  for (const scope of scopes) if (name in scope) return valueIn(scope, name);
  return undefined;
}

function recordOf(fn: Fn, local: LocalCode, look: () => Scopes): FnRecord {
  const number = nextNumber();
  const key = `${origin()}:${number}`;
  remember(key, fn);
  const eager = reader(fn, local, local.eager, look, 0);
  const late = reader(fn, local, local.late, look, local.eager.length);
  // The function is named weakly: its plan, which holds this record, hangs on it.
  return {
    origin: origin(),
    number,
    key,
    code: local.code,
    constant: [...local.eager, ...local.late].every(isConstant),
    eagerNames: local.eager.map((v) => v.name),
    lateNames: local.late.map((v) => v.name),
    eager: eager.read,
    late: late.read,
    isQuick: () => eager.isQuick() && late.isQuick(),
    places: placesIn(eager, late),
  };
}

interface Reader {
  /** The variables' values, now. */
  read(): unknown[];
  /** Whether that can do without the inspector. */
  isQuick(): boolean;
  /** Where they are; undefined unless all that may change are seen live. */
  places(): readonly Place[] | undefined;
  /** Told when they were looked up at their places. */
  wasLookedUp(): void;
}

/** What the readers of a function find, once: it stays so. */
function placesIn(eager: Reader, late: Reader): () => readonly Place[] | undefined {
  let found: readonly Place[] | undefined;
  return () => {
    if (found === undefined) {
      const first = eager.places();
      const others = late.places();
      if (first === undefined || others === undefined) return undefined;
      found = [...first, ...others];
    }
    eager.wasLookedUp();
    late.wasLookedUp();
    return found;
  };
}

const nothing: Reader = { read: () => [], isQuick: () => true, places: () => [], wasLookedUp: () => {} };

/**
 * Reads variables of a function: again and again those that may change, once those that cannot.
 *
 * @param first The index of the first of them, among all of the function.
 */
function reader(
  fn: Fn,
  local: LocalCode,
  variables: readonly Variable[],
  look: () => Scopes,
  first: number,
): Reader {
  if (variables.length === 0) return nothing;
  const { script, unit } = local;
  const settled = new Map<Variable, unknown>();
  const live = new LiveScopes(unit, script);
  const weak = new WeakRef(fn);
  let top = topScope(script, look);
  const open = (): Variable[] =>
    variables.filter(
      (v) =>
        !settled.has(v) &&
        isInScope(v, script) &&
        !(top !== undefined && isTopOf(v, script) && v.name in top),
    );
  const read = (): unknown[] => {
    const self = weak.deref()!;
    let scopes: Scopes = top === undefined ? [] : [top];
    let slow = false;
    if (open().length > 0) {
      const known = live.read();
      slow = known === undefined;
      scopes = [...(known ?? inspect(self).scopes), ...scopes];
    }
    const values = variables.map((v) => {
      if (settled.has(v)) return settled.get(v);
      try {
        return variableValue(v, self, local, scopes);
      } catch (e) {
        if (e instanceof Trouble) e.path.unshift(variableStep(v.name));
        throw e;
      }
    });
    const isSettled = slow ? settling(script) : undefined;
    variables.forEach((v, i) => {
      const isFinal = v.kind === 'this' || (isConstant(v) && values[i] !== undefined);
      if (isFinal || (v.binding?.reassigned && isSettled?.(v.binding))) settled.set(v, values[i]);
    });
    if (slow && open().length > 0) {
      live.wasReadSlowly(self, (now) => {
        top ??= topScope(script, () => now);
        return open().map((v) => v.name);
      });
    }
    return values;
  };
  const isPrivate = variables.some((v) => v.kind === 'static');
  const isQuick = (): boolean => !isPrivate && (live.scopes !== undefined || open().length === 0);
  const places = (): Place[] | undefined => {
    if (!isQuick()) return undefined;
    const scopes = [...(live.scopes ?? []), ...(top === undefined ? [] : [top])];
    const found: Place[] = [];
    for (const [i, v] of variables.entries()) {
      // What a class inherits from is among its looks.
      if (settled.has(v) || v.kind === 'super') continue;
      const scope = v.kind === 'cell' || v.binding?.reassigned ? scopes.find((s) => v.name in s) : undefined;
      if (scope === undefined) return undefined;
      found.push({ index: first + i, name: v.name, scope });
    }
    return found;
  };
  const wasLookedUp = (): void => {
    live.read();
  };
  return { read, isQuick, places, wasLookedUp };
}

/** Whether a variable is read from the scopes around the function. */
function isInScope(v: Variable, script: Script): boolean {
  if (v.kind !== 'value' && v.kind !== 'cell') return false;
  if (v.binding !== undefined) return v.binding.kind !== 'import';
  return script.source.isModule || !commonJsNames.has(v.name);
}

function isTopOf(v: Variable, script: Script): boolean {
  return v.binding !== undefined && isTop(v.binding, script);
}

/** How a captured variable is named in the path of an error. */
export function variableStep(name: string): string {
  if (name.startsWith('#')) return `static ${name}`;
  if (name === heritageName || name === keyName) return name;
  return `closure variable "${name}"`;
}

function variableValue(v: Variable, fn: Fn, local: LocalCode, scopes: Scopes): unknown {
  const { script } = local;
  if (v.kind === 'meta') return new MetaRef(script.url.startsWith('file:') ? script.url : parentOf(script));
  if (v.kind === 'importer') return new ImporterRef(parentOf(script));
  if (v.kind === 'this') return lexicalThis(fn, local.unit, script);
  if (v.kind === 'super') return Object.getPrototypeOf(fn);
  if (v.kind === 'static') return privateStatics(fn).get(v.name);
  if (v.kind === 'key') return methodKey(fn, v.member!, script);
  const { binding } = v;
  if (binding === undefined) return outsideValue(v.name, script, scopes);
  if (binding.kind === 'import') {
    const ref = importOf(binding, script);
    return isWorkerData(ref) ? lookUp(inspect(fn).scopes, v.name) : ref;
  }
  if (v.kind === 'cell') {
    const scope = scopes.find((s) => v.name in s) ?? globalScope(binding, script);
    const isAlone = isTop(binding, script) && !isLive(scope);
    if (valueIn(scope, v.name) === undefined) checkInitialised(binding, fn, local, scopes);
    return new CellRef(binding, fn, local.unit, isAlone ? { [v.name]: valueIn(scope, v.name) } : scope);
  }
  if (binding.kind === 'self' && !scopes.some((s) => v.name in s)) return nameAround(v.name, fn, local);
  const value = lookUp([...scopes, globalScope(binding, script)], v.name);
  if (value === undefined && local.eager.includes(v) && !scopes.some((s) => v.name in s)) {
    return forgottenValue(binding);
  }
  if (value === undefined) checkInitialised(binding, fn, local, scopes);
  if (binding.reassigned) return value;
  const shape = requireShape(binding);
  if (shape !== undefined && isWorkerData({ specifier: shape.specifier, name: shape.path[0] ?? '' }))
    return value;
  if (shape !== undefined && value !== undefined && (inMainRealm || !/^[./]/.test(shape.specifier))) {
    return requiredValue(shape, value, script, scopes);
  }
  if (types.isModuleNamespaceObject(value)) {
    const imported = importedBy(binding, script, parentOf(script));
    if (imported !== undefined) return imported;
  }
  const reference = viteReference(binding, value, () => parentOf(script));
  if (reference !== undefined) return reference;
  if (typeof value === 'object' && value !== null) {
    const exported = exportedObject(binding, script);
    if (exported !== undefined) return exported;
  }
  return value;
}

/** Every thread has its own, so the value is what counts. */
function isWorkerData({ specifier, name }: Pick<ImportRef, 'specifier' | 'name'>): boolean {
  return name === 'workerData' && /^(node:)?worker_threads$/.test(specifier);
}

/** @throws {Trouble} When the declaration of a variable has not run yet. */
function checkInitialised(binding: Binding, fn: Fn, { unit, script }: LocalCode, scopes: Scopes): void {
  if (!isUninitialised(binding, fn, unit, script, scopes)) return;
  throw new Trouble(
    undefined,
    'it is not initialised yet',
    'send the function after its declaration has run',
  );
}

/** What `var` and `function` at the top of a script that is no module make, as in `node -e`: properties of the global object. */
function globalScope(binding: Binding, script: Script): Scopes[number] {
  const isGlobal = !script.source.isModule && isTop(binding, script);
  const d = isGlobal ? Object.getOwnPropertyDescriptor(globalThis, binding.name) : undefined;
  return d === undefined ? {} : { [binding.name]: d.value as unknown };
}

/** The function expression around, by the name that only its own code knows: of that the inspector says nothing. */
function nameAround(name: string, fn: Fn, { unit, script }: LocalCode): unknown {
  for (const entrance of entrances(fn, unit, script)) {
    const found = stopInside(entrance, name, entrance.unit.names.has(name) ? [name] : []);
    if (found !== undefined) return found.value;
  }
  throw new Trouble(
    undefined,
    'it is the name of the function around it, which cannot be found out without running a part of it',
    'put that function into a variable',
  );
}

function methodKey(cls: Fn, member: MethodDefinition, script: Script): PropertyKey {
  const key = keyOf(cls, member, script);
  if (key !== undefined) return key;
  throw new Trouble(
    undefined,
    'its method is not there any more, and the key is forgotten by now',
    'write the key itself',
  );
}

/**
 * The value of a variable that only a computed key of a class has used, so that V8 has forgotten it.
 *
 * @throws {Trouble} Unless its declaration says it.
 */
function forgottenValue(binding: Binding): unknown {
  const init = binding.node.type === 'VariableDeclarator' ? binding.node.init : undefined;
  if (binding.kind === 'const' && init?.type === 'Literal') return init.value;
  throw new Trouble(
    undefined,
    'only the computed key of a field uses it, and it is forgotten by now',
    'write the key itself, or use the variable in a method of the class too',
  );
}

/** What an importable module exports as a constant is found in the receiver's own instance of the module. */
function exportedObject(binding: Binding, script: Script): ImportRef | undefined {
  if (binding.home !== undefined || !script.source.isModule || !script.isFile || isMain(script.url))
    return undefined;
  const exported = script.top.get(binding.name) === binding ? script.exports.get(binding.name) : undefined;
  return exported === undefined ? undefined : new ImportRef(script.url, '', exported);
}

function requiredValue(
  shape: NonNullable<ReturnType<typeof requireShape>>,
  value: unknown,
  script: Script,
  scopes: Scopes,
): unknown {
  const base = new ImportRef(shape.specifier, parentOf(script), wayTo(shape.path), '', true);
  if (shape.wrapper === undefined) return base;
  // Only a function of the script itself can be a transpiler's helper; anything else may have side effects.
  const wrapper = lookUp(scopes, shape.wrapper) ?? siblingOf(shape.wrapper, value);
  if (typeof wrapper !== 'function') return value;
  const inner = new ImportRef(shape.specifier, parentOf(script), '=', '', true);
  return new WrappedRef(wrapper, inner, shape.rest, shape.path);
}

/** esbuild's and TypeScript's helpers, where V8 has dropped the variable that no function captured. */
function siblingOf(name: string, value: unknown): Fn | undefined {
  if (!/toESM|interop|importStar|importDefault/i.test(name)) return undefined;
  return typeof value === 'object' && value !== null ? toNamespace : undefined;
}

/** `require`, `module` and their like, and global variables that the program defined itself. */
function outsideValue(name: string, script: Script, scopes: Scopes): unknown {
  const file = script.isFile ? fileURLToPath(script.url) : path.join(workingDirectory(), '[eval]');
  if (!script.source.isModule) {
    if (name === 'require') return new RequireRef(file);
    if (name === '__filename') return file;
    if (name === '__dirname') return path.dirname(file);
    const exports: unknown = requireCache()[file]?.exports ?? {};
    if (name === 'exports') return exports;
    if (name === 'module') return { id: file, filename: file, path: path.dirname(file), exports };
  }
  for (const scope of scopes) if (name in scope) return valueIn(scope, name);
  const d = Object.getOwnPropertyDescriptor(globalThis, name);
  if (d?.get !== undefined && module.isBuiltin(name)) return builtinModule(name);
  return (globalThis as Record<string, unknown>)[name];
}
