/**
 * Looks into functions: where their source is and which variables they see.
 *
 * An inspector session within the process answers synchronously. Position and variables need no debugger; only a script's source
 * does, so the debugger is enabled for the moment of fetching it, once per script, with all pauses skipped: a session
 * of its own, which a debugger that the user has attached never notices.
 */
import inspector from 'node:inspector';
import { NotSupportedError } from '../base/errors.ts';
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

/** What is known about a function from the outside. */
export interface Inspected {
  /** Undefined for a native function. */
  readonly location: { scriptId: string; lineNumber: number; columnNumber: number } | undefined;
  /** Visible variables, innermost scope first, without the global object. Copies: reassignments do not show later. */
  readonly scopes: readonly Readonly<Record<string, unknown>>[];
  readonly bound: { target: Fn; self: unknown; args: readonly unknown[] } | undefined;
}

interface Registry {
  value: unknown;
  out: unknown;
}

interface Property {
  readonly name: string;
  readonly value?: inspector.Runtime.RemoteObject;
}

const registry: Registry = { value: undefined, out: undefined };
let session: inspector.Session | undefined;
let registryId = '';
const scripts = new Map<string, ScriptSource>();

/** Sends a command; in-process sessions answer before this returns. */
function post<R>(method: string, params: object): R {
  let error: Error | null = null;
  let result: unknown;
  (session as unknown as { post(m: string, p: object, f: (e: Error | null, r: unknown) => void): void }).post(
    method,
    params,
    (e, r) => {
      error = e;
      result = r;
    },
  );
  if (error !== null) throw error;
  return result as R;
}

function connect(): void {
  if (session !== undefined) return;
  if (process.features.inspector === false) {
    throw new NotSupportedError(
      'Cannot send a function as code: this Node was built without the inspector; export it from a module and send { module, name }',
    );
  }
  session = new inspector.Session();
  session.connect();
  const key = Symbol.for('multiproc.inspect');
  Object.defineProperty(globalThis, key, { value: registry, configurable: true });
  try {
    const expression = "globalThis[Symbol.for('multiproc.inspect')]";
    registryId = post<{ result: { objectId: string } }>('Runtime.evaluate', { expression }).result.objectId;
  } finally {
    Reflect.deleteProperty(globalThis, key);
  }
}

/** The real value behind remote objects, all fetched at once. */
function valuesOf(objectIds: readonly string[]): unknown[] {
  post('Runtime.callFunctionOn', {
    objectId: registryId,
    functionDeclaration: 'function(...values) { this.out = values; }',
    arguments: objectIds.map((objectId) => ({ objectId })),
    silent: true,
  });
  const out = registry.out as unknown[];
  registry.out = undefined;
  return out;
}

/** Everything that can be seen of a function. About 0.1 ms. */
export function inspect(fn: Fn): Inspected {
  connect();
  registry.value = fn;
  let objectId = '';
  try {
    objectId = post<{ result: { objectId: string } }>('Runtime.callFunctionOn', {
      objectId: registryId,
      functionDeclaration: 'function() { return this.value; }',
      objectGroup: 'multiproc',
      silent: true,
    }).result.objectId;
    const found = post<{ internalProperties?: readonly Property[] }>('Runtime.getProperties', {
      objectId,
      ownProperties: true,
    });
    const internal = new Map(found.internalProperties?.map((p) => [p.name, p.value]));
    const target = internal.get('[[TargetFunction]]')?.objectId;
    if (target !== undefined) return boundParts(target, internal);
    const location = internal.get('[[FunctionLocation]]')?.value as Inspected['location'];
    const scopesId = internal.get('[[Scopes]]')?.objectId;
    const scopes: Record<string, unknown>[] = [];
    if (scopesId !== undefined) {
      const list = valuesOf([scopesId])[0] as { length: number; [i: number]: { object: object } };
      for (let i = 0; i < list.length; i++) {
        const { object } = list[i]!;
        if (object !== globalThis) scopes.push(object as Record<string, unknown>);
      }
    }
    return { location, scopes, bound: undefined };
  } finally {
    registry.value = undefined;
    post('Runtime.releaseObjectGroup', { objectGroup: 'multiproc' });
  }
}

/**
 * Calls `fn`, stops before its first step, evaluates `expression` there and ends the call: nothing of `fn` runs.
 *
 * @returns undefined when that is not possible now, because the program has been stopped by a debugger of the user's.
 */
export function stopInside(fn: Fn, expression: string): { readonly value: unknown } | undefined {
  connect();
  const objectGroup = 'multiproc';
  const handle = (value: unknown): string => {
    registry.value = value;
    return post<{ result: { objectId: string } }>('Runtime.callFunctionOn', {
      objectId: registryId,
      functionDeclaration: 'function() { return this.value; }',
      objectGroup,
      silent: true,
    }).result.objectId;
  };
  let armed = false;
  let busy = false;
  let found: { readonly value: unknown } | undefined;
  const onPaused = ({ params }: { params: inspector.Debugger.PausedEventDataType }): void => {
    if (!armed) {
      busy = true; // somebody else's stop, which our session is told of
      return;
    }
    try {
      const { result } = post<{ result: inspector.Runtime.RemoteObject }>('Debugger.evaluateOnCallFrame', {
        callFrameId: params.callFrames[0]!.callFrameId,
        expression,
        objectGroup,
        silent: true,
      });
      found = { value: result.objectId === undefined ? primitive(result) : valuesOf([result.objectId])[0] };
    } finally {
      post('Debugger.resume', { terminateOnResume: true });
    }
  };
  session!.on('Debugger.paused', onPaused);
  try {
    const objectId = handle(fn);
    // Evaluated in a call of its own, at whose border the end of the call stops.
    const key = Symbol.for('multiproc.inspect');
    post('Debugger.enable', {});
    if (busy) return undefined;
    const { breakpointId } = post<{ breakpointId: string }>('Debugger.setBreakpointOnFunctionCall', {
      objectId,
    });
    Object.defineProperty(globalThis, key, { value: fn, configurable: true });
    try {
      armed = true;
      post('Runtime.evaluate', { expression: "globalThis[Symbol.for('multiproc.inspect')]()", silent: true });
    } catch {
      // "Execution was terminated": as it should be.
    } finally {
      armed = false;
      Reflect.deleteProperty(globalThis, key);
      post('Debugger.removeBreakpoint', { breakpointId });
    }
    return found;
  } finally {
    session!.off('Debugger.paused', onPaused);
    post('Debugger.disable', {});
    registry.value = undefined;
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
    bound: {
      target: fn,
      self: self?.objectId === undefined ? primitive(self) : that,
      args: Array.prototype.slice.call(args),
    },
  };
}

function primitive(o: inspector.Runtime.RemoteObject | undefined): unknown {
  if (o === undefined || o.type === 'undefined') return undefined;
  if (o.subtype === 'null') return null;
  if (o.type === 'bigint') return BigInt(String(o.unserializableValue ?? '0n').replace(/n$/, ''));
  if (o.unserializableValue !== undefined) return Number(o.unserializableValue);
  return o.value;
}

/** The script with this id. Fetching an unknown one enables the debugger for some milliseconds. */
export function scriptSource(id: string): ScriptSource {
  const known = scripts.get(id);
  if (known !== undefined) return known;
  connect();
  const onParsed = ({ params }: { params: inspector.Debugger.ScriptParsedEventDataType }): void => {
    if (params.scriptId !== id) return;
    scripts.set(id, {
      id,
      url: params.url,
      isModule: params.isModule === true,
      startLine: params.startLine,
      startColumn: params.startColumn,
      sourceMapURL: params.sourceMapURL ?? '',
      text: '',
    });
  };
  session!.on('Debugger.scriptParsed', onParsed);
  try {
    post('Debugger.enable', {});
    post('Debugger.setSkipAllPauses', { skip: true });
    const text = post<{ scriptSource: string }>('Debugger.getScriptSource', { scriptId: id }).scriptSource;
    const script = { ...scripts.get(id)!, text };
    scripts.set(id, script);
    return script;
  } finally {
    session!.off('Debugger.scriptParsed', onParsed);
    post('Debugger.disable', {});
  }
}
