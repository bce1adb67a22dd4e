/**
 * Three ways into a function: all call it, and end the call where V8 stops first.
 *
 * Stepping in is the surest: V8 stops wherever it comes first, be it in another function that is called on the way. But from the step
 * on it throws away the machine code of every function that is called, ours too, which takes as long as all else together. Of an async
 * function what comes first is what Node has V8 call for each promise that is made, as it does when somebody listens.
 *
 * A generator is made by a call, and V8 does not step into that; but a break that was scheduled comes as soon as it is made.
 */
import type inspector from 'node:inspector';
import { types } from 'node:util';
import { promiseHooks } from 'node:v8';
import { heedEnd } from './ended-thread.ts';
import { type Entrance, isAsync, isMadeQuietly, isPlain, stopsFirst } from './first-stop.ts';
import type { Inspected } from './inspect.ts';
import { evaluate, handleOf, post, withStops } from './inspector.ts';
import { withIntrinsics } from './intrinsics.ts';
import type { Fn } from './plan.ts';
import type { Unit } from './scope.ts';
import { isConstructor } from './script.ts';
import { standIns } from './stand-ins.ts';

export type Frame = inspector.Debugger.CallFrame;
type Paused = inspector.Debugger.PausedEventDataType;
/** Where V8 says that a function is. */
type Location = NonNullable<Inspected['location']>;

type Look = (frame: Frame) => void;
type Way = (entrance: Entrance, location: Location, look: Look) => void;

/** How to get into it; `look` is given its frame there. Undefined where something of the user's might run before V8 stops. */
export function wayInto(entrance: Entrance): Way | undefined {
  if (isMadeQuietly(entrance)) {
    const scheduled = withIntrinsics<Scheduled>(...schedules);
    if (scheduled !== undefined)
      return (_, location, look) => breakWhereMade(entrance, scheduled, location, look);
  }
  if (!stopsFirst(entrance)) return undefined;
  return isPlain(entrance) ? breakIn : stepIn;
}

/** Whether a frame is that of the function there. */
export function isAt(
  { functionLocation: at }: Frame,
  { scriptId, lineNumber, columnNumber }: Location,
): boolean {
  return at?.scriptId === scriptId && at.lineNumber === lineNumber && at.columnNumber === columnNumber;
}

/** Stops at any place that V8 names in a function. */
function breakIn(entrance: Entrance, start: Location, look: Look): void {
  const breakpoints = [
    // Whatever it may name, at least one.
    breakpoint('Debugger.setBreakpointOnFunctionCall', { objectId: handleOf(entrance.fn) }),
    ...placesFrom(start).map((location) => breakpoint('Debugger.setBreakpoint', { location })),
  ];
  try {
    call(entrance, attempt(textOf(entrance.unit)), ({ callFrames, hitBreakpoints }) => {
      // Not a stop of the user's, as at an exception.
      if (hitBreakpoints?.some((id) => breakpoints.includes(id))) end(() => look(callFrames[0]!));
    });
  } finally {
    for (const breakpointId of breakpoints) post('Debugger.removeBreakpoint', { breakpointId });
  }
}

function breakpoint(method: string, params: object): string {
  return post<{ breakpointId: string }>(method, params).breakpointId;
}

function placesFrom(start: Location): inspector.Debugger.Location[] {
  const { locations } = post<{ locations: readonly inspector.Debugger.BreakLocation[] }>(
    'Debugger.getPossibleBreakpoints',
    { start, restrictToFunction: true },
  );
  const places = new Map<string, inspector.Debugger.Location>();
  for (const { scriptId, lineNumber, columnNumber = 0 } of locations) {
    places.set(`${lineNumber}:${columnNumber}`, { scriptId, lineNumber, columnNumber });
  }
  return [...places.values()];
}

type Scheduled = (apply: Call['apply'], fn: Fn, args: readonly unknown[]) => unknown;

const schedules = ['apply', 'fn', 'args', '%ScheduleBreak(); return apply(fn, undefined, args);'];

/** Stops in a generator function when it has made its generator, which nobody ever gets. */
function breakWhereMade(entrance: Entrance, scheduled: Scheduled, location: Location, look: Look): void {
  const onStop = ({ callFrames: [frame] }: Paused): void => {
    if (frame !== undefined && isAt(frame, location)) end(() => look(frame));
  };
  const text = attempt(`${self}.scheduled(${self}.apply, ${self}.fn, ${self}.args)`);
  call(entrance, text, onStop, scheduled);
}

/** As often V8 may stop in the text of the call: at its beginning, at the call, and when a generator was made. */
const MOST_STEPS = 10;

/** Steps into what is called: the frame is that of the first function of those on the stack. */
function stepIn(entrance: Entrance, _: Location, look: Look): void {
  const unhook = isAsync(entrance.unit) ? promiseHooks.onInit(() => {}) : undefined;
  try {
    stepInto(entrance, look);
  } finally {
    unhook?.();
  }
}

function stepInto(entrance: Entrance, look: Look): void {
  let steps = 0;
  let outer = 0;
  let script: string | undefined;
  call(entrance, `debugger; ${attempt(textOf(entrance.unit))}`, ({ callFrames, reason }) => {
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
      end(() => look(callFrames[depth - 1]!));
    } else if (steps < MOST_STEPS) {
      post('Debugger.stepInto', {});
    } else {
      end(() => {});
    }
  });
}

/** Ends the call that has stopped. */
function end(look: () => void): void {
  try {
    look();
  } catch {
    // Thrown on, it would be a warning of Node's.
  } finally {
    post('Debugger.resume', { terminateOnResume: true });
  }
}

const { then } = Promise.prototype;
const { next } = Object.getPrototypeOf(function* () {}).prototype as Generator;
const { next: asyncNext } = Object.getPrototypeOf(async function* () {}).prototype as AsyncGenerator;
const { apply, construct } = Reflect;

/** Where the text of a call finds what it needs. */
const key = 'multiproc.stop';
const self = `this['${key}']`;

/** What it needs. Functions of the engine's alone: V8 would step into any other. */
interface Call {
  readonly fn: Fn;
  readonly args: readonly unknown[];
  readonly next: unknown;
  readonly apply: typeof apply;
  readonly construct: typeof construct;
  readonly scheduled: Scheduled | undefined;
  outcome?: unknown;
}

/**
 * Milliseconds to which an evaluation is limited. Only at the border of one with a limit the end of a call stops for certain, also where
 * Node has caught it (as it does where a promise is rejected). But it must not come to it: it would be the end of any function of ours
 * that runs then, and of the program.
 */
const LONG = 3_600_000;

/** Calls it in a text of its own. Who has frozen the global object is not looked into. */
function call(
  { fn, unit }: Entrance,
  text: string,
  onStop: (stop: Paused) => void,
  scheduled?: Scheduled,
): void {
  const { node } = unit;
  const args = 'params' in node ? standIns(node.params) : [];
  const own = 'params' in node && node.async ? asyncNext : next;
  const value: Call = { fn, args, next: own, apply, construct, scheduled };
  if (!Reflect.defineProperty(globalThis, key, { value, configurable: true })) return;
  try {
    withStops(onStop, () => evaluate(text, { timeout: LONG }));
  } catch {
    // "Execution was terminated": as it should be.
  } finally {
    Reflect.deleteProperty(globalThis, key);
    heedEnd();
  }
  // A call that went on to its end against all expectation: nobody else looks at the promise that it gave.
  if (types.isPromise(value.outcome)) apply(then, value.outcome, [undefined, () => {}]);
}

function attempt(expression: string): string {
  return `try { ${self}.outcome = ${expression}; } catch {}`;
}

/** The body of a generator begins with the first `next()`. */
function textOf(unit: Unit): string {
  const { node } = unit;
  if (!('params' in node) || isConstructor(unit)) return `${self}.construct(${self}.fn, ${self}.args)`;
  const text = `${self}.apply(${self}.fn, undefined, ${self}.args)`;
  return node.generator ? `${self}.apply(${self}.next, ${text}, [])` : text;
}
