/**
 * Reads classes' sources for what decides how they and their instances travel.
 */
import type { Class, Expression } from 'acorn';
import { adviceToStay } from '../base/travel.ts';
import { builtinPath } from './builtins.ts';
import { parse } from './parse.ts';
import type { Fn } from './plan.ts';
import { nameOf } from './script.ts';
import { Trouble } from './trouble.ts';

interface ClassSource {
  /** Names of private members of instances. */
  readonly privates: readonly string[];
  /** Sources of its methods and accessors, as `toString` of these gives them. */
  readonly members: ReadonlySet<string>;
  /** Names of those methods and accessors that the class itself has, and that it gives its `prototype`. */
  readonly staticNames: ReadonlySet<string>;
  readonly names: ReadonlySet<string>;
}

const none: ClassSource = { privates: [], members: new Set(), staticNames: new Set(), names: new Set() };
const sources = new WeakMap<Fn, ClassSource>();

export function classSource(cls: Fn): ClassSource {
  let found = sources.get(cls);
  if (found === undefined) {
    found = read(Function.prototype.toString.call(cls));
    sources.set(cls, found);
  }
  return found;
}

function read(text: string): ClassSource {
  if (!/^class\b/.test(text)) return none;
  let cls: Class;
  try {
    const program = parse(`(${text})`, { ecmaVersion: 'latest', checkPrivateFields: false } as Parameters<
      typeof parse
    >[1]);
    cls = (program.body[0] as unknown as { expression: Expression }).expression as unknown as Class;
  } catch {
    // A decorator, perhaps: instances are judged by the letters alone.
    return { ...none, privates: [...text.matchAll(/^\s*(#\w+)\s*[=;(]/gm)].map((m) => m[1]!) };
  }
  const privates: string[] = [];
  const members = new Set<string>();
  const staticNames = new Set<string>();
  const names = new Set<string>();
  for (const m of cls.body.body) {
    if (m.type === 'StaticBlock') continue;
    if (m.key.type === 'PrivateIdentifier' && !m.static) privates.push(`#${m.key.name}`);
    if (m.type === 'MethodDefinition') {
      const source = text.slice(m.start - 1, m.end - 1);
      members.add(m.static ? source.replace(/^static\s*/, '') : source);
      const isNamed = !m.computed && m.key.type !== 'PrivateIdentifier';
      if (isNamed) (m.static ? staticNames : names).add(nameOf(m.key as never));
    }
  }
  return { privates, members, staticNames, names };
}

/** The first private member that `cls` or a base of it gives its instances. */
function privateMember(cls: Fn): { owner: Fn; name: string } | undefined {
  for (
    let c: unknown = cls;
    // What Node's own classes keep is their affair.
    typeof c === 'function' && builtinPath(c) === undefined;
    c = Object.getPrototypeOf(c)
  ) {
    const [name] = classSource(c).privates;
    if (name !== undefined) return { owner: c as Fn, name };
  }
  return undefined;
}

/** @throws {Trouble} When instances of the class hold what only its own code can see. */
export function checkPrivate(cls: Fn): void {
  const found = privateMember(cls);
  if (found === undefined) return;
  const advice = adviceToStay(found.owner);
  if (advice !== undefined) throw new Trouble(cls.name, 'it belongs to the process that made it', advice);
  throw new Trouble(
    cls.name,
    `class ${found.owner.name} keeps private state (${found.name}), which would be lost`,
    `give ${found.owner.name} static [serialize] and [deserialize] methods`,
  );
}
