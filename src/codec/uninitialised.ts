/**
 * Variables whose declaration has not run yet: whoever reads one at home gets an error, so it cannot travel as undefined.
 *
 * V8 before 12 shows them as undefined. What is that by its declaration is told from them inside of the function (`stop-inside.ts`).
 */
import { inspect, type Scopes } from './inspect.ts';
import { entrances, isLive, mayNotStop } from './live-closure.ts';
import type { Fn } from './plan.ts';
import type { Binding, Unit } from './scope.ts';
import type { Script } from './script.ts';
import { mayBeUnderWay } from './settled.ts';
import { stopInside } from './stop-inside.ts';

/** Expressions that are never undefined. */
const definedValues = new Set([
  'FunctionExpression',
  'ArrowFunctionExpression',
  'ClassExpression',
  'ObjectExpression',
  'ArrayExpression',
  'NewExpression',
  'Literal',
  'TemplateLiteral',
  'BinaryExpression',
  'UpdateExpression',
]);

/** Variables that are undefined and were seen to be initialised: that they stay. */
const initialised = new WeakMap<Fn, Set<Binding>>();

/** Whether a variable around `fn`, which reads as undefined, is not initialised. Where that cannot be found out it is taken for undefined. */
export function isUninitialised(
  binding: Binding,
  fn: Fn,
  unit: Unit,
  script: Script,
  scopes: Scopes,
): boolean {
  const { name, kind } = binding;
  if (kind !== 'let' && kind !== 'const' && kind !== 'class') return false;
  const scope = scopes.find((s) => name in s);
  if (scope === undefined) return false;
  if (throwsAt(scope, name)) return true;
  if (isLive(scope) || tells()) return false;
  if (!binding.reassigned && mustBeDefined(binding)) return true;
  const known = initialised.get(fn) ?? new Set();
  if (known.has(binding) || !mayBeUnderWay(binding, script) || mayNotStop()) return false;
  for (const entrance of entrances(fn, unit, script)) {
    const hidden = entrance.unit.names.has(name) ? [name] : [];
    // An object, which other realms hand over too.
    const text = `(() => { try { return [typeof ${name}]; } catch { return []; } })()`;
    const found = stopInside(entrance, text, hidden) as { value: readonly string[] } | undefined;
    if (found === undefined) continue;
    if (found.value.length === 0) return true;
    break;
  }
  initialised.set(fn, known.add(binding));
  return false;
}

function mustBeDefined({ kind, node }: Binding): boolean {
  if (kind === 'class') return true;
  if (node.type !== 'VariableDeclarator' || node.id.type !== 'Identifier') return false;
  return definedValues.has(node.init?.type ?? '');
}

function throwsAt(scope: Scopes[number], name: string): boolean {
  try {
    void scope[name];
    return false;
  } catch {
    return true;
  }
}

let isTold: boolean | undefined;

/** Whether V8 shows of a variable that it is not initialised. */
function tells(): boolean {
  isTold ??= probe();
  return isTold;
}

function probe(): boolean {
  const fn = (): number => later;
  const scope = inspect(fn).scopes.find((s) => 'later' in s);
  const later = 0;
  return scope !== undefined && throwsAt(scope, 'later');
}
