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
  mayBeSeen,
  objectGroup,
  parsedScript,
  post,
  stoppedByUser,
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

/** Under which the text of a call, and what is evaluated inside of it, find a {@link Carrier} in the global object of their realm. */
const key = Symbol.for('multiproc.stop');
const carrier = `globalThis[Symbol.for('${key.description}')]`;

/** Takes values in and out. Functions of the engine's alone: V8 would step into any other. */
interface Carrier {
  readonly fn: Fn;
  readonly args: readonly unknown[];
  readonly next: unknown;
  readonly apply: typeof apply;
  readonly construct: typeof construct;
  outcome?: unknown;
  found?: { readonly value: unknown };
}

/**
 * The value of `expression` inside of a function; inside of its constructor, for a class.
 *
 * @param hidden Names that a part of the function has variables for: the expression must not see these.
 * @returns undefined when that is not possible: something of the user's might run before V8 stops; or a debugger of the user's has
 *   stopped the program (`stoppedByUser`). Undefined, too, when evaluating it fails.
 */
export function stopInside(
  entrance: Entrance,
  expression: string,
  hidden: readonly string[] = [],
): { readonly value: unknown } | undefined {
  if (!stopsFirst(entrance)) return undefined;
  const { fn, unit } = entrance;
  const { location, realm = globalThis } = inspect(fn);
  enableDebugger();
  if (location === undefined || stoppedByUser()) return undefined;
  const args = 'params' in unit.node ? standIns(unit.node.params) : [];
  const value: Carrier = { fn, args, next: isAsync(unit) ? asyncNext : next, apply, construct };
  const globals = [...new Set([globalThis, realm])];
  // Who has frozen one is not looked into.
  const property = { value, configurable: true };
  if (!globals.every((global) => Reflect.defineProperty(global, key, property))) return undefined;
  try {
    stepInto(callOf(unit), (frame) => {
      if (!isAt(frame, location) || hides(frame, hidden)) return;
      evaluate(frame, `${carrier}.found = { value: (${expression}) }`);
    });
  } finally {
    for (const global of globals) Reflect.deleteProperty(global, key);
    post('Runtime.releaseObjectGroup', { objectGroup });
  }
  // A call that went on to its end against all expectation: nobody else looks at the promise that it gave.
  if (types.isPromise(value.outcome)) apply(then, value.outcome, [undefined, () => {}]);
  return value.found;
}

function isAsync({ node }: Unit): boolean {
  return 'params' in node && node.async;
}

/** The body of a generator begins with the first `next()`. */
function callOf(unit: Unit): string {
  const { node } = unit;
  const isMade = !('params' in node) || isConstructor(unit);
  if (isMade) return `${carrier}.construct(${carrier}.fn, ${carrier}.args)`;
  const call = `${carrier}.apply(${carrier}.fn, undefined, ${carrier}.args)`;
  return node.generator ? `${carrier}.apply(${carrier}.next, ${call}, [])` : call;
}

/** Milliseconds until a call is ended that does not stop: that must not happen, but an endless loop would be worse. */
const MOST_MILLISECONDS = 2000;

/**
 * As often V8 may stop on the way: in the text of the call, and in what is told of the promise of an async generator (`async_hooks`),
 * which is made before its body begins.
 */
const MOST_STEPS = 200;

/** Evaluates `call` as far as the first place in a function that is called there; `look` gets that function's frame. */
function stepInto(call: string, look: (frame: Frame) => void): void {
  let steps = 0;
  let outer = 0;
  const onStop = ({ callFrames, reason }: Paused): void => {
    // A debugger of the user's may stop at exceptions, so at the end of the call: what it has stopped is left alone.
    if (reason === 'exception' || reason === 'promiseRejection') return;
    if (steps++ === 0) outer = callFrames.length;
    const depth = callFrames.length - outer;
    const entered = callFrames[depth - 1];
    if (entered !== undefined && !isNodes(entered)) {
      try {
        look(entered);
      } catch {
        // Thrown on, it would be a warning of Node's: nothing was found.
      } finally {
        post('Debugger.resume', { terminateOnResume: true });
      }
    } else if (depth < 0 || (depth === 0 && callFrames[0]!.returnValue !== undefined)) {
      // Nothing was entered: the call threw.
      post('Debugger.resume', {});
    } else if (steps < MOST_STEPS) {
      post('Debugger.stepInto', {});
    } else {
      post('Debugger.resume', { terminateOnResume: true });
    }
  };
  withStops(onStop, () => {
    try {
      post('Runtime.evaluate', {
        expression: `debugger; try { ${carrier}.outcome = ${call} } catch {}`,
        silent: true,
        // Whoever has a debugger attached takes the time to go on.
        ...(mayBeSeen() ? {} : { timeout: MOST_MILLISECONDS }),
      });
    } catch {
      // "Execution was terminated": as it should be.
    }
  });
}

function isNodes({ location: { scriptId } }: Frame): boolean {
  return parsedScript(scriptId)?.url.startsWith('node:') === true;
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

function evaluate({ callFrameId }: Frame, expression: string): void {
  post('Debugger.evaluateOnCallFrame', { callFrameId, expression: `void (${expression})`, silent: true });
}
