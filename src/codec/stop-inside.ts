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
 * @param hidden Names that a part of the function has variables for: the expression must not see these.
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
  const look = (frame: Frame, next?: Frame): void => {
    if (!isAt(frame, location)) return;
    const field = entrance.fromField && next?.functionName === initializer ? next : undefined;
    const place = [frame, field].find((f) => f !== undefined && !hides(f, hidden));
    if (place === undefined) return;
    found = global === globalThis ? evaluated(place, expression) : evaluatedThere(place, expression, global);
  };
  try {
    enter(entrance, location, look);
  } finally {
    post('Runtime.releaseObjectGroup', { objectGroup });
  }
  return found;
}

/** What V8 calls the function in which the fields of an instance are given their values. */
const initializer = '<instance_members_initializer>';

/** Whether the function has one of these variables where it stopped. */
function hides({ scopeChain }: Frame, names: readonly string[]): boolean {
  if (names.length === 0) return false;
  const last = scopeChain.findIndex((scope) => scope.type === 'local');
  return (
    last < 0 ||
    scopeChain.slice(0, last + 1).some(({ object: { objectId } }) => {
      const { result } = post<{ result: readonly { readonly name: string }[] }>('Runtime.getProperties', {
        objectId,
        ownProperties: true,
      });
      return result.some(({ name }) => names.includes(name));
    })
  );
}

function evaluated({ callFrameId }: Frame, expression: string): { readonly value: unknown } | undefined {
  const { result, exceptionDetails } = post<{
    result: inspector.Runtime.RemoteObject;
    exceptionDetails?: object;
  }>('Debugger.evaluateOnCallFrame', { callFrameId, expression, objectGroup, silent: true });
  if (exceptionDetails !== undefined) return undefined;
  return { value: result.objectId === undefined ? primitive(result) : valuesOf([result.objectId])[0] };
}

const handover = Symbol.for('multiproc.handover');

/** As {@link evaluated}, in another realm: the inspector hands nothing over, so it is left at the global object of that one. */
function evaluatedThere(
  frame: Frame,
  expression: string,
  global: object,
): { readonly value: unknown } | undefined {
  const out: { value?: unknown } = {};
  if (!Reflect.defineProperty(global, handover, { value: out, configurable: true })) return undefined;
  try {
    const there = `globalThis[Symbol.for('${handover.description}')]`;
    evaluated(frame, `void (${there}.value = ${expression})`);
  } finally {
    Reflect.deleteProperty(global, handover);
  }
  return 'value' in out ? { value: out.value } : undefined;
}
