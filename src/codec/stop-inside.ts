/**
 * Looks at a place that V8 shows to nobody but a debugger: the inside of a function.
 *
 * The function is called and stepped into, and the call is ended where V8 stops first: nothing of it has run (`first-stop.ts`). Looking
 * takes a millisecond, and some more where the debugger is not enabled yet.
 */
import type inspector from 'node:inspector';
import { types } from 'node:util';
import { type Entrance, stopsFirst } from './first-stop.ts';
import { type Inspected, inspect } from './inspect.ts';
import {
  enableDebugger,
  objectGroup,
  post,
  primitive,
  stoppedByUser,
  valuesOf,
  withStops,
} from './inspector.ts';
import type { Fn } from './plan.ts';
import type { Unit } from './scope.ts';
import { isConstructor } from './script.ts';
import { standIns } from './stand-ins.ts';

type Location = NonNullable<Inspected['location']>;
type Frame = inspector.Debugger.CallFrame;
type Paused = inspector.Debugger.PausedEventDataType;

const { then } = Promise.prototype;
const { next } = Object.getPrototypeOf(function* () {}).prototype as Generator;
const { next: asyncNext } = Object.getPrototypeOf(async function* () {}).prototype as AsyncGenerator;
const { apply, construct } = Reflect;

/** Where the text of a call finds what it needs. */
const key = Symbol.for('multiproc.stop');
const self = `globalThis[Symbol.for('${key.description}')]`;

/** What it needs. Functions of the engine's alone: V8 would step into any other. */
interface Call {
  readonly fn: Fn;
  readonly args: readonly unknown[];
  readonly next: unknown;
  readonly apply: typeof apply;
  readonly construct: typeof construct;
  outcome?: unknown;
}

/**
 * The value of `expression` inside of a function; inside of its constructor, for a class.
 *
 * @param hidden Names that a part of the function has variables for: the expression must not see these.
 * @returns undefined when that is not possible: something of the user's might run before V8 stops; the function is another realm's; or
 *   a debugger of the user's has stopped the program (`stoppedByUser`). Undefined, too, when evaluating it fails.
 */
export function stopInside(
  entrance: Entrance,
  expression: string,
  hidden: readonly string[] = [],
): { readonly value: unknown } | undefined {
  if (!stopsFirst(entrance)) return undefined;
  const { fn, unit } = entrance;
  const { location } = inspect(fn);
  enableDebugger();
  if (location === undefined || stoppedByUser()) return undefined;
  const args = 'params' in unit.node ? standIns(unit.node.params) : [];
  const call: Call = { fn, args, next: isAsync(unit) ? asyncNext : next, apply, construct };
  let found: { readonly value: unknown } | undefined;
  try {
    stepInto(call, textOf(unit), (frame) => {
      if (isAt(frame, location) && !hides(frame, hidden)) found = evaluated(frame, expression);
    });
  } finally {
    post('Runtime.releaseObjectGroup', { objectGroup });
  }
  // A call that went on to its end against all expectation: nobody else looks at the promise that it gave.
  if (types.isPromise(call.outcome)) apply(then, call.outcome, [undefined, () => {}]);
  return found;
}

function isAsync({ node }: Unit): boolean {
  return 'params' in node && node.async;
}

/** The body of a generator begins with the first `next()`. */
function textOf(unit: Unit): string {
  const { node } = unit;
  if (!('params' in node) || isConstructor(unit)) return `${self}.construct(${self}.fn, ${self}.args)`;
  const text = `${self}.apply(${self}.fn, undefined, ${self}.args)`;
  return node.generator ? `${self}.apply(${self}.next, ${text}, [])` : text;
}

/**
 * Milliseconds to which an evaluation is limited. Only at the border of one with a limit the end of a call stops for certain, also where
 * Node has caught it (as it does where a promise is rejected). But it must not come to it: it would be the end of any function of ours
 * that runs then, and of the program.
 */
const LONG = 3_600_000;

/** As often V8 may stop in the text of the call: at its beginning, at the call, and when a generator was made. */
const MOST_STEPS = 10;

/**
 * Calls as far as the first place in a function that is called; `look` gets the frame of the first of those on the stack. That is not
 * the user's where V8 tells of a promise that is made before a body begins (`async_hooks`).
 */
function stepInto(call: Call, text: string, look: (frame: Frame) => void): void {
  let steps = 0;
  let outer = 0;
  let script: string | undefined;
  const onStop = ({ callFrames, reason }: Paused): void => {
    // A debugger of the user's may stop at exceptions, so at the end of the call: what it has stopped is left alone.
    if (reason === 'exception' || reason === 'promiseRejection') return;
    if (steps++ === 0) {
      outer = callFrames.length;
      script = callFrames[0]!.location.scriptId;
    }
    const depth = callFrames.length - outer;
    const isOver = callFrames[depth]?.location.scriptId !== script;
    if (isOver || (depth === 0 && callFrames[0]!.returnValue !== undefined)) {
      // Nothing was entered: the call threw. Here it would be a function of ours that is ended.
      post('Debugger.resume', {});
    } else if (depth > 0) {
      try {
        look(callFrames[depth - 1]!);
      } catch {
        // The inspector hands nothing from one realm to another. Thrown on, it would be a warning of Node's.
      } finally {
        post('Debugger.resume', { terminateOnResume: true });
      }
    } else if (steps < MOST_STEPS) {
      post('Debugger.stepInto', {});
    } else {
      post('Debugger.resume', { terminateOnResume: true });
    }
  };
  // Who has frozen it is not looked into.
  if (!Reflect.defineProperty(globalThis, key, { value: call, configurable: true })) return;
  try {
    const expression = `debugger; try { ${self}.outcome = ${text}; } catch {}`;
    withStops(onStop, () => post('Runtime.evaluate', { expression, silent: true, timeout: LONG }));
  } catch {
    // "Execution was terminated": as it should be.
  } finally {
    Reflect.deleteProperty(globalThis, key);
  }
}

function isAt({ functionLocation: at }: Frame, { scriptId, lineNumber, columnNumber }: Location): boolean {
  return at?.scriptId === scriptId && at.lineNumber === lineNumber && at.columnNumber === columnNumber;
}

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
