/**
 * The variables at the top of a script, for all of its functions that are sent.
 *
 * They are there once, so one closure sees them for all: made while the debugger is enabled anyway, or for the first function that needs
 * it, inside of the function that is sent then. It holds on to that function for good, so it must be one that holds on to nothing else:
 * there is no scope but the top around it.
 */
import vm from 'node:vm';
import { putOff } from './ahead.ts';
import { type Scopes, valueIn } from './inspect.ts';
import { debuggerEnabled } from './inspector.ts';
import { entrances, liveScope, mayNotStop } from './live-closure.ts';
import { isMain } from './main.ts';
import type { Fn } from './plan.ts';
import { mayVenture, priceOfLook } from './price.ts';
import type { Binding, Unit } from './scope.ts';
import type { Script } from './script.ts';

type Scope = Scopes[number];

const tops = new WeakMap<Script, Scope>();

/** Whether a variable is declared at the top of its script. */
export function isTop(binding: Binding, script: Script): boolean {
  return script.top.get(binding.name) === binding;
}

/**
 * The top around a function, live, as far as it is known; undefined when it is not, or is not the one that the inspector sees.
 *
 * @param look Tells what it sees.
 */
export function topScope(script: Script, look: () => Scopes): Scope | undefined {
  const top = tops.get(script);
  if (top === undefined) return undefined;
  const seen = look().at(-1);
  if (seen === undefined) return undefined;
  const same = Object.keys(top).every(
    (name) => name in seen && Object.is(valueIn(top, name), valueIn(seen, name)),
  );
  return same ? top : undefined;
}

/** Told of each function that is sent for the first time: looks at the top of its script from there if that costs little. */
export function considerTop(fn: Fn, unit: Unit, script: Script, look: () => Scopes): void {
  if (unit.outer !== undefined || tops.has(script) || !hasOneTop(script)) return;
  const used = [...script.top.values()].filter((b) => b.kind !== 'import' && b.users.size > 0);
  const changing = used.filter((b) => b.reassigned);
  if (changing.length === 0 || mayNotStop()) return;
  const isCheap = debuggerEnabled() || (changing.some((b) => b.users.has(unit)) && mayVenture(priceOfLook()));
  if (!isCheap) return;
  const scopes = look();
  const [seen] = scopes;
  if (seen === undefined || scopes.length > 1 || !changing.some((b) => b.name in seen)) return;
  const names = used.map((b) => b.name).filter((name) => name in seen);
  putOff(() => {
    for (const entrance of entrances(fn, unit, script)) {
      const visible = names.filter((name) => !entrance.unit.names.has(name));
      const live = liveScope([entrance], visible, scopes);
      if (live !== undefined) tops.set(script, live);
      return;
    }
  });
}

/** A CommonJS module is compiled once and run again when it was deleted from `require.cache`; so may be one made with `node:vm`. */
function hasOneTop({ source, url }: Script): boolean {
  return source.isModule ? !('SourceTextModule' in vm) : isMain(url);
}
