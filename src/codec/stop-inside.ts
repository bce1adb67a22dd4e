/**
 * Looks at a place that V8 shows to nobody but a debugger: the inside of a function.
 *
 * The function is called, and the call is ended where V8 stops first: nothing of it has run (`first-stop.ts`, `ways-in.ts`). Looking
 * takes some milliseconds, and some more where the debugger is not enabled yet.
 */
import type inspector from 'node:inspector';
import type { Entrance } from './first-stop.ts';
import { inspect } from './inspect.ts';
import { enableDebugger, objectGroup, post, primitive, stoppedByUser, valuesOf } from './inspector.ts';
import { type Frame, isAt, wayInto } from './ways-in.ts';

/**
 * The value of `expression` inside of a function; inside of its constructor, for a class.
 *
 * @param hidden Names that a part of the function has variables for, too: the expression does not see these.
 * @returns undefined when that is not possible: something of the user's might run before V8 stops, or a debugger of the user's
 *   has stopped the program (`stoppedByUser`). Undefined, too, when evaluating it fails.
 */
export function stopInside(
  entrance: Entrance,
  expression: string,
  hidden: readonly string[] = [],
): { readonly value: unknown } | undefined {
  const enter = wayInto(entrance);
  if (enter === undefined) return undefined;
  const { location, global } = inspect(entrance.fn);
  enableDebugger();
  if (location === undefined || stoppedByUser()) return undefined;
  let found: { readonly value: unknown } | undefined;
  const look = (frame: Frame): void => {
    if (!isAt(frame, location)) return;
    const text = revealing(frame, hidden) + expression;
    found = global === globalThis ? evaluated(frame, text) : evaluatedThere(frame, text, global);
  };
  try {
    enter(entrance, location, look);
  } finally {
    post('Runtime.releaseObjectGroup', { objectGroup });
  }
  return found;
}

/**
 * What makes an expression see past the function's own variables of these names, where it stopped: V8 shows it copies, as properties of
 * objects. Not so of variables that a closure inside has, too: there it throws.
 */
function revealing({ scopeChain }: Frame, names: readonly string[]): string {
  if (names.length === 0) return '';
  // The block of a class is called so, too.
  const last = scopeChain.findLastIndex((scope) => scope.type === 'local');
  if (last < 0) return 'throw 0; ';
  const own = scopeChain.slice(0, last + 1).flatMap(({ object: { objectId } }) => {
    const params = { objectId, ownProperties: true };
    return post<{ result: readonly { readonly name: string }[] }>('Runtime.getProperties', params).result;
  });
  const hiding = own.filter(({ name }) => names.includes(name));
  return hiding.map(({ name }) => `if (!delete ${name}) throw 0; `).join('');
}

function evaluated(frame: Frame, expression: string): { readonly value: unknown } | undefined {
  const result = evaluate(frame, expression);
  if (result === undefined) return undefined;
  return { value: result.objectId === undefined ? primitive(result) : valuesOf([result.objectId])[0] };
}

function evaluate({ callFrameId }: Frame, expression: string): inspector.Runtime.RemoteObject | undefined {
  const { result, exceptionDetails } = post<{
    result: inspector.Runtime.RemoteObject;
    exceptionDetails?: object;
  }>('Debugger.evaluateOnCallFrame', { callFrameId, expression, objectGroup, silent: true });
  return exceptionDetails === undefined ? result : undefined;
}

const handover = 'multiproc.handover';

/**
 * As {@link evaluated}, in another realm: the inspector hands no object over, so it is left at the global object of that one. No variable
 * of the user's is named for it.
 */
function evaluatedThere(
  frame: Frame,
  expression: string,
  global: object,
): { readonly value: unknown } | undefined {
  const objectId = evaluate(frame, expression)?.objectId;
  const out: { value?: unknown } = {};
  if (
    objectId === undefined ||
    !Reflect.defineProperty(global, handover, { value: out, configurable: true })
  ) {
    return undefined;
  }
  try {
    const functionDeclaration = `function () { (function () { return this; })()['${handover}'].value = this; }`;
    post('Runtime.callFunctionOn', { objectId, functionDeclaration, silent: true });
  } finally {
    Reflect.deleteProperty(global, handover);
  }
  return 'value' in out ? { value: out.value } : undefined;
}
