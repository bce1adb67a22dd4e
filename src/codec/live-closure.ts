/**
 * Makes a closure inside of a function, which sees variables around it as they are at any later time.
 *
 * The place is the function itself. Of a class it is its constructor, also while that gives fields their values; where V8 does not stop
 * there first, as with a superclass of the user's and no constructor that is spelt out, it is one of its methods or accessors. (One that
 * was put there from another class of the same literal has other surroundings. Nobody can tell.)
 */
import inspector from 'node:inspector';
import { types } from 'node:util';
import type { AnyNode, Class, Expression, MethodDefinition } from 'acorn';
import type { Entrance } from './first-stop.ts';
import { inspect, type Scopes, valueIn } from './inspect.ts';
import { childrenOf } from './parse.ts';
import type { Fn } from './plan.ts';
import type { Unit } from './scope.ts';
import { isConstructor, type Script, scriptOf } from './script.ts';
import { calls } from './stacks.ts';
import { stopInside } from './stop-inside.ts';

type Scope = Scopes[number];

const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u;

/** With more frames on the stack, all of which V8 describes at each stop, it would take longer than it is worth. */
const MOST_FRAMES = 200;

/** Whether stopping is out of the question: a debugger that is attached would see it; or the stack is deep. */
export function mayNotStop(): boolean {
  const stack = calls(MOST_FRAMES + 1);
  return inspector.url() !== undefined || stack === undefined || stack.length > MOST_FRAMES;
}

/** Where to stop for the surroundings of `fn`: inside of functions that have the same. */
export function* entrances(fn: Fn, unit: Unit, script: Script): Iterable<Entrance> {
  const { node } = unit;
  if ('params' in node) {
    yield { fn, unit };
    return;
  }
  const members = node.body.body;
  const spelt = script.units.find((u) => isConstructor(u) && members.some((m) => m === u.holder));
  // The constructor of a subclass calls its superclass before.
  const fields = spelt && node.superClass ? [] : [...valuesIn(members)];
  // V8 before 13 ends the process with a fault where fields get their values and a key of the class is computed from `this`.
  if (fields.length === 0 || !hasKeyOfThis(node)) yield { fn, unit: spelt ?? unit, fields };
  for (const member of members) {
    if (member.type !== 'MethodDefinition' || member.kind === 'constructor') continue;
    const method = methodOf(fn, member);
    const inner = script.units.find((u) => u.node === member.value);
    if (method !== undefined && inner !== undefined && isAt(method, inner, script)) {
      yield { fn: method, unit: inner };
    }
  }
}

/** The values that the fields of an instance are given. Fields without one are the engine's affair. */
function* valuesIn(members: Class['body']['body']): Iterable<Expression> {
  for (const m of members) if (m.type === 'PropertyDefinition' && !m.static && m.value) yield m.value;
}

function hasKeyOfThis({ body: { body } }: Class): boolean {
  return body.some((m) => m.type !== 'StaticBlock' && m.computed && holdsThis(m.key));
}

function holdsThis(node: AnyNode): boolean {
  return node.type === 'ThisExpression' || childrenOf(node).some(holdsThis);
}

/** The method, or a part of an accessor, as it is found under its name, without running a getter. */
function methodOf(cls: Fn, { computed, key, kind, static: isStatic }: MethodDefinition): Fn | undefined {
  if (computed || key.type === 'PrivateIdentifier') return undefined;
  const name = key.type === 'Identifier' ? key.name : String((key as { value?: unknown }).value);
  const d = Object.getOwnPropertyDescriptor(isStatic ? cls : (cls.prototype as object), name);
  const found: unknown = kind === 'get' || kind === 'set' ? d?.[kind] : d?.value;
  return typeof found === 'function' && !types.isProxy(found) ? found : undefined;
}

/** Whether a function is the one of this unit: nobody has put another in its place. */
export function isAt(fn: Fn, unit: Unit, script: Script): boolean {
  const { location } = inspect(fn);
  return (
    location !== undefined &&
    location.scriptId === script.source.id &&
    scriptOf(location.scriptId, fn).unitAt(location.lineNumber, location.columnNumber) === unit
  );
}

/** Each costs some milliseconds. */
const MOST_ENTRANCES = 4;

const liveScopes = new WeakSet<Scope>();

/** Whether its properties are the variables themselves. */
export function isLive(scope: Scope): boolean {
  return liveScopes.has(scope);
}

/**
 * An object whose properties are variables: read when they are asked for, and written when they are given values. Either throws while a
 * variable is not initialised yet.
 *
 * @param from Where to make it, the first that is possible.
 * @param scopes What the inspector sees: a closure that does not see the same is not used.
 */
export function liveScope(
  from: Iterable<Entrance>,
  names: readonly string[],
  scopes: Scopes,
): Scope | undefined {
  if (!names.every((name) => identifier.test(name) && name !== 'arguments' && name !== 'this')) {
    return undefined;
  }
  const text = `[{ __proto__: null, ${names.map(accessors).join(', ')} }, { __proto__: null, ${names.map(typeGetter).join(', ')} }]`;
  let tries = 0;
  for (const entrance of from) {
    const hidden = names.filter((name) => entrance.unit.names.has(name));
    const made = stopInside(entrance, text, hidden)?.value;
    if (made !== undefined) {
      const [live, types] = made as readonly [Scope, Scope];
      if (!names.every((name) => agrees(name, live, types, scopes))) return undefined;
      liveScopes.add(live);
      return live;
    }
    if (++tries === MOST_ENTRANCES) break;
  }
  return undefined;
}

function accessors(name: string): string {
  const given = name === 'given' ? 'value' : 'given';
  return `get ${name}() { return ${name}; }, set ${name}(${given}) { ${name} = ${given}; }`;
}

function typeGetter(name: string): string {
  return `get ${name}() { return typeof ${name}; }`;
}

function agrees(name: string, live: Scope, types: Scope, scopes: Scopes): boolean {
  const seen = scopes.find((s) => name in s);
  if (seen === undefined) return false;
  const value = valueIn(seen, name);
  // Only what is not initialised yet throws when it is asked for its type: no such variable would be "undefined".
  if (throws(types, name)) return value === undefined;
  return !throws(live, name) && Object.is(live[name], value);
}

function throws(scope: Scope, name: string): boolean {
  try {
    return scope[name] === scope;
  } catch {
    return true;
  }
}
