/**
 * Looks into functions: where their source is and which variables they see.
 *
 * Position and variables need no debugger; only a script's source does, once per script. See `inspector.ts`.
 */
import type inspector from 'node:inspector';
import { types } from 'node:util';
import {
  connect,
  enableDebugger,
  handleOf,
  objectGroup,
  parsedScript,
  post,
  primitive,
  valuesOf,
} from './inspector.ts';
import { withIntrinsics } from './intrinsics.ts';
import type { Fn } from './plan.ts';

/** The source of a script as V8 compiled it. */
export interface ScriptSource {
  readonly id: string;
  readonly url: string;
  readonly isModule: boolean;
  readonly startLine: number;
  readonly startColumn: number;
  readonly sourceMapURL: string;
  readonly text: string;
}

/** Visible variables, innermost scope first, without the global object. */
export type Scopes = readonly Readonly<Record<string, unknown>>[];

/** The value of a variable in its scope: undefined while it is not initialised, which V8 tells by an error at some versions. */
export function valueIn(scope: Readonly<Record<string, unknown>> | undefined, name: string): unknown {
  try {
    return scope?.[name];
  } catch (e) {
    // Perhaps of another realm.
    if (types.isNativeError(e) && e.name === 'ReferenceError') return undefined;
    throw e;
  }
}

/** What is known about a function from the outside. */
export interface Inspected {
  /** Undefined for a native function. */
  readonly location: { scriptId: string; lineNumber: number; columnNumber: number } | undefined;
  /** Copies: reassignments do not show later. */
  readonly scopes: Scopes;
  /** The global object of its realm. */
  readonly global: object;
  readonly bound: { target: Fn; self: unknown; args: readonly unknown[] } | undefined;
}

interface Property {
  readonly name: string;
  readonly value?: inspector.Runtime.RemoteObject;
}

/** Everything that can be seen of a function. Above 0.1 ms. */
export function inspect(fn: Fn): Inspected {
  connect();
  try {
    const found = post<{ internalProperties?: readonly Property[] }>('Runtime.getProperties', {
      objectId: handleOf(fn),
      ownProperties: true,
    });
    const internal = new Map(found.internalProperties?.map((p) => [p.name, p.value]));
    const target = internal.get('[[TargetFunction]]')?.objectId;
    if (target !== undefined) return boundParts(target, internal);
    const location = internal.get('[[FunctionLocation]]')?.value as Inspected['location'];
    const scopesId = internal.get('[[Scopes]]')?.objectId;
    const scopes: Record<string, unknown>[] = [];
    let global: object = globalThis;
    if (scopesId !== undefined) {
      const list = valuesOf([scopesId])[0] as ArrayLike<{ object: object }>;
      for (let i = 0; i < list.length; i++) {
        const { object } = list[i]!;
        if (object !== globalThis) scopes.push(object as Record<string, unknown>);
        // The last one is it.
        global = object;
      }
    }
    return { location, scopes, global, bound: undefined };
  } finally {
    post('Runtime.releaseObjectGroup', { objectGroup });
  }
}

function boundParts(
  target: string,
  internal: ReadonlyMap<string, inspector.Runtime.RemoteObject | undefined>,
): Inspected {
  const self = internal.get('[[BoundThis]]');
  const ids = [target, internal.get('[[BoundArgs]]')!.objectId!];
  if (self?.objectId !== undefined) ids.push(self.objectId);
  const [fn, args, that] = valuesOf(ids) as [Fn, ArrayLike<unknown>, unknown];
  return {
    location: undefined,
    scopes: [],
    global: globalThis,
    bound: {
      target: fn,
      self: self?.objectId === undefined ? primitive(self) : that,
      args: Array.prototype.slice.call(args),
    },
  };
}

/** The private fields that a class itself has, by their names with `#`. Above 0.1 ms. */
export function privateStatics(cls: Fn): ReadonlyMap<string, unknown> {
  connect();
  try {
    const { privateProperties = [] } = post<{ privateProperties?: readonly Property[] }>(
      'Runtime.getProperties',
      { objectId: handleOf(cls), ownProperties: true },
    );
    const fields = privateProperties.filter((p) => p.value !== undefined);
    const ids = fields.flatMap(({ value }) => value?.objectId ?? []);
    const objects = ids.length === 0 ? [] : [...valuesOf(ids)];
    return new Map(
      fields.map(({ name, value }) => [
        name,
        value?.objectId === undefined ? primitive(value) : objects.shift(),
      ]),
    );
  } finally {
    post('Runtime.releaseObjectGroup', { objectGroup });
  }
}

const scripts = new Map<string, ScriptSource>();

/** The script with this id, that of `fn`. Of one that was loaded since the debugger was last enabled only the debugger knows more. */
export function scriptSource(id: string, fn: Fn): ScriptSource {
  const known = scripts.get(id);
  if (known !== undefined) return known;
  let text = parsedScript(id) && textAround(fn);
  if (text === undefined) {
    enableDebugger();
    text = post<{ scriptSource: string }>('Debugger.getScriptSource', { scriptId: id }).scriptSource;
  }
  const about = parsedScript(id)!;
  const script = {
    id,
    url: about.url,
    isModule: about.isModule === true,
    startLine: about.startLine,
    startColumn: about.startColumn,
    sourceMapURL: about.sourceMapURL ?? '',
    text,
  };
  scripts.set(id, script);
  return script;
}

/** The text of the script that a function is from. Undefined where the engine does not say it without a debugger. */
function textAround(fn: Fn): string | undefined {
  const text = withIntrinsics<(fn: Fn) => unknown>('fn', 'return %FunctionGetScriptSource(fn);')?.(fn);
  return typeof text === 'string' ? text : undefined;
}
