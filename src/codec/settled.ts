/**
 * Variables that change no more: nobody but the function that declares them gives them values, and no call of it is under way, as with
 * `(options) => { options ??= {}; return () => options; }`. Their values are read once.
 */
import type { Binding, Unit } from './scope.ts';
import type { Script } from './script.ts';
import { calls } from './stacks.ts';

/** With more calls on the stack than these nothing is certain. */
const MOST_CALLS = 200;

/** Tells of variables of a script; for as long as the caller does not return, since it looks at the stack but once. */
export function settling(script: Script): (binding: Binding) => boolean {
  let stack: ReturnType<typeof calls> | null = null;
  return (binding) => {
    const { home } = binding;
    if (home === undefined || !maySettle(binding, home)) return false;
    if (stack === null) stack = calls(MOST_CALLS);
    return !mayHold(stack, home, script);
  };
}

/** Whether a call of the function that declares a variable may be under way: else it has a value for good, or never will. */
export function mayBeUnderWay({ home }: Binding, script: Script): boolean {
  if (home === undefined || !('params' in home.node) || home.node.async || home.node.generator) return true;
  return mayHold(calls(MOST_CALLS), home, script);
}

/** Whether a call of the function may be on the stack. */
function mayHold(stack: ReturnType<typeof calls>, home: Unit, script: Script): boolean {
  if (stack === undefined || stack.length === MOST_CALLS) return true;
  return stack.some((site) => isWithin(site, home, script));
}

function maySettle({ kind, reassignedWithin }: Binding, { node, evaluates, strict }: Unit): boolean {
  if (reassignedWithin || evaluates || !('params' in node) || node.async || node.generator) return false;
  // Whoever has the `arguments` of a function that is not strict can give its parameters values.
  return kind !== 'param' || strict || node.type === 'ArrowFunctionExpression';
}

/** Whether it may be a call of the function, or of one inside of it. */
function isWithin(site: NodeJS.CallSite, { node }: Unit, script: Script): boolean {
  const at = site.getPosition();
  return at >= node.start && at <= node.end && mayBeOf(site.getScriptNameOrSourceURL(), script);
}

/** The inspector has paths as URLs, normalised and escaped; calls have names as they were given. */
function mayBeOf(name: unknown, { url, filename }: Script): boolean {
  if (typeof name !== 'string' || name === '' || url === '') return true;
  if (name === url || name === filename) return true;
  if (!url.startsWith('file:') || name.startsWith('node:')) return false;
  const [path, other] = [plainPath(name), plainPath(url)];
  return path === undefined || path === other;
}

/** A path that looks alike in all ways of writing it. */
function plainPath(name: string): string | undefined {
  const path = name.replace(/^file:\/\//, '');
  return /^(\/[\w@+-][\w.@+-]*)+$/.test(path) ? path : undefined;
}
