/**
 * The in-process inspector session behind `inspect.ts` and `stop-inside.ts`: commands, and how values get there and back.
 *
 * It answers synchronously. The debugger is enabled only while something needs it, with all pauses skipped but for those asked
 * for: a session of its own, which a debugger that the user has attached never notices. Enabling takes milliseconds, since V8 tells
 * of every script then, and looks through all of its heap; so it stays enabled until the message in hand is done (`disableDebugger`).
 */
import inspector from 'node:inspector';
import { NotSupportedError } from '../base/errors.ts';

/** Of the handles that one look into a function needs; released together. */
export const objectGroup = 'multiproc';

interface Registry {
  value: unknown;
  out: unknown;
}

const registry: Registry = { value: undefined, out: undefined };
let session: inspector.Session | undefined;
let registryId = '';
/** The realm that this file was loaded into, where that is not the program's own (`node:vm`; a test runner that works with it). */
let realm: { readonly contextId?: number } = {};

/** Sends a command; in-process sessions answer before this returns. */
export function post<R>(method: string, params: object): R {
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

/** Opens the session, unless it is open. @throws {NotSupportedError} In a Node without the inspector, or where it is not permitted. */
export function connect(): void {
  if (session !== undefined) return;
  if (process.features.inspector === false) {
    throw new NotSupportedError(
      'Cannot send a function as code: this Node was built without the inspector; export it from a module and send { module, name }',
    );
  }
  const opened = new inspector.Session();
  try {
    opened.connect();
  } catch (cause) {
    throw new NotSupportedError(
      'Cannot send a function as code: Node may not use its inspector; start it with --allow-inspector, or export the function from a module and send { module, name }',
      { cause },
    );
  }
  session = opened;
  session.on('Debugger.scriptParsed', ({ params }) => {
    const { scriptId, url, isModule, startLine, startColumn, sourceMapURL } = params;
    parsed.set(scriptId, { url, isModule, startLine, startColumn, sourceMapURL });
  });
  session.on('Debugger.paused', ({ params }) => {
    if (stop === undefined) stopped = true;
    else stop(params);
  });
  const key = 'multiproc.inspect';
  Object.defineProperty(globalThis, key, { value: registry, configurable: true });
  try {
    const expression = `this['${key}']`;
    registryId = evaluate(expression).objectId ?? findRealm(opened, expression);
  } catch (error) {
    session = undefined;
    opened.disconnect();
    throw error;
  } finally {
    Reflect.deleteProperty(globalThis, key);
  }
}

/** Goes into the realm in which `expression` has a value. @returns the value's handle. */
function findRealm(opened: inspector.Session, expression: string): string {
  const realms: number[] = [];
  const onCreated = ({
    params,
  }: {
    params: inspector.Runtime.ExecutionContextCreatedEventDataType;
  }): void => {
    realms.push(params.context.id);
  };
  opened.on('Runtime.executionContextCreated', onCreated);
  // Tells of all that there are.
  post('Runtime.enable', {});
  post('Runtime.disable', {});
  opened.off('Runtime.executionContextCreated', onCreated);
  for (const contextId of realms) {
    realm = { contextId };
    const { objectId } = evaluate(expression);
    if (objectId !== undefined) return objectId;
  }
  realm = {};
  throw new NotSupportedError(
    'Cannot send a function as code: the inspector does not know the realm (node:vm) that multiproc was loaded into; load it outside',
  );
}

/** What a text comes to, as a program in the realm of this file; undefined when it throws. */
export function evaluate(
  expression: string,
  limits: { readonly timeout?: number } = {},
): inspector.Runtime.RemoteObject {
  const params = { expression, silent: true, ...limits, ...realm };
  const { result, exceptionDetails } = post<{
    result: inspector.Runtime.RemoteObject;
    exceptionDetails?: object;
  }>('Runtime.evaluate', params);
  return exceptionDetails === undefined ? result : { type: 'undefined' };
}

/** A handle of `value`, in {@link objectGroup}. */
export function handleOf(value: object): string {
  registry.value = value;
  try {
    return post<{ result: { objectId: string } }>('Runtime.callFunctionOn', {
      objectId: registryId,
      functionDeclaration: 'function() { return this.value; }',
      objectGroup,
      silent: true,
    }).result.objectId;
  } finally {
    registry.value = undefined;
  }
}

/** The real values behind remote objects, all fetched at once. */
export function valuesOf(objectIds: readonly string[]): unknown[] {
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

/** The value of a remote object that has no handle. */
export function primitive(o: inspector.Runtime.RemoteObject | undefined): unknown {
  if (o === undefined || o.type === 'undefined') return undefined;
  if (o.subtype === 'null') return null;
  if (o.type === 'bigint') return BigInt(String(o.unserializableValue ?? '0n').replace(/n$/, ''));
  if (o.unserializableValue !== undefined) return Number(o.unserializableValue);
  return o.value;
}

// The debugger

/** What V8 says about a script. */
export type ParsedScript = Pick<
  inspector.Debugger.ScriptParsedEventDataType,
  'url' | 'isModule' | 'startLine' | 'startColumn' | 'sourceMapURL'
>;
type Paused = inspector.Debugger.PausedEventDataType;

/** Characters of a source map's URL: a map that is in the URL itself is not kept. */
const LONG = 4096;

const parsed = new Map<string, ParsedScript>();
let enabled = false;
let stopped = false;
let stop: ((params: Paused) => void) | undefined;

/** Whether the debugger is enabled, so that what needs it is cheap for the moment. */
export function debuggerEnabled(): boolean {
  return enabled;
}

/** Enables the debugger; whoever made a message calls {@link disableDebugger} at its end. */
export function enableDebugger(): void {
  connect();
  if (enabled) return;
  enabled = true;
  stopped = false;
  parsed.clear();
  try {
    // Tells of a stop that a debugger of the user's has made, before pauses are skipped.
    post('Debugger.enable', {});
    post('Debugger.setSkipAllPauses', { skip: true });
  } catch (e) {
    disableDebugger();
    throw e;
  }
}

/** Disables it again, if it is enabled. */
export function disableDebugger(): void {
  if (!enabled) return;
  enabled = false;
  for (const [id, { sourceMapURL = '' }] of parsed) if (sourceMapURL.length > LONG) parsed.delete(id);
  post('Debugger.disable', {});
}

/** What V8 says about a script; of those that were there when the debugger was last enabled, but for what is long. */
export function parsedScript(id: string): ParsedScript | undefined {
  return parsed.get(id);
}

/** Whether a debugger of the user's had stopped the program when ours was enabled. */
export function stoppedByUser(): boolean {
  return stopped;
}

/** Runs `work` while pauses happen; `onStop` is called at each. */
export function withStops(onStop: (params: Paused) => void, work: () => void): void {
  post('Debugger.setSkipAllPauses', { skip: false });
  stop = onStop;
  try {
    work();
  } finally {
    stop = undefined;
    post('Debugger.setSkipAllPauses', { skip: true });
  }
}
