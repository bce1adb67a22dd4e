/**
 * Looks at a place that V8 shows to nobody but a debugger: the inside of a function.
 *
 * The function is called, stopped before its first step, and the call is ended there: nothing of it has run (`first-stop.ts`). Looking
 * takes a millisecond, and some more where the debugger is not enabled yet.
 */

import type inspector from 'node:inspector';
import { types } from 'node:util';
import { type Entrance, firstStop, type Range } from './first-stop.ts';
import type { Scopes } from './inspect.ts';
import {
  enableDebugger,
  handleOf,
  objectGroup,
  post,
  primitive,
  stoppedByUser,
  valuesOf,
  withStops,
} from './inspector.ts';
import type { Fn } from './plan.ts';
import type { Unit } from './scope.ts';
import { isConstructor, type Script } from './script.ts';

/** Through which the call that is stopped finds its function and arguments. */
const key = Symbol.for('multiproc.stop');

/**
 * The value of `expression` inside of a function; inside of its constructor or before its fields get their values, for a class.
 *
 * @param scopes What the inspector sees around the function.
 * @returns undefined when that is not possible: something of the user's might run before V8 stops; or a debugger of the user's has
 *   stopped the program (`stoppedByUser`). Undefined, too, when evaluating it fails.
 */
export function stopInside(
  entrance: Entrance,
  script: Script,
  scopes: Scopes,
  expression: string,
): { readonly value: unknown } | undefined {
  const stop = firstStop(entrance, scopes);
  if (stop === undefined) return undefined;
  const { fn, unit } = entrance;
  const { args, depth } = stop;
  enableDebugger();
  if (stoppedByUser()) return undefined;
  const breakpoints: string[] = [];
  let found: { readonly value: unknown } | undefined;
  try {
    if (stop.range === undefined) breakpoints.push(setAtCall(fn));
    else for (const place of placesOf(stop.range, stop.isExact, script)) breakpoints.push(setAt(place));
    if (breakpoints.length === 0) return undefined;
    const onStop = ({ callFrames, hitBreakpoints }: inspector.Debugger.PausedEventDataType): void => {
      // A debugger of the user's may stop at exceptions, so at the end of the call: what it has stopped must not be ended.
      if (!hitBreakpoints?.some((id) => breakpoints.includes(id))) return;
      try {
        found = evaluated(callFrames[depth]!.callFrameId, expression);
      } catch {
        // The inspector hands nothing from one realm to another. Thrown on, it would be a warning of Node's.
      } finally {
        post('Debugger.resume', { terminateOnResume: true });
      }
    };
    Object.defineProperty(globalThis, key, { value: { fn, args, begin: beginOf(unit) }, configurable: true });
    try {
      withStops(onStop, () => call(unit));
    } finally {
      Reflect.deleteProperty(globalThis, key);
    }
    return found;
  } finally {
    for (const breakpointId of breakpoints) post('Debugger.removeBreakpoint', { breakpointId });
    post('Runtime.releaseObjectGroup', { objectGroup });
  }
}

function setAtCall(fn: Fn): string {
  return post<{ breakpointId: string }>('Debugger.setBreakpointOnFunctionCall', { objectId: handleOf(fn) })
    .breakpointId;
}

type Location = inspector.Debugger.BreakLocation;

function setAt({ scriptId, lineNumber, columnNumber }: Location): string {
  const location =
    columnNumber === undefined ? { scriptId, lineNumber } : { scriptId, lineNumber, columnNumber };
  return post<{ breakpointId: string }>('Debugger.setBreakpoint', { location }).breakpointId;
}

/** With more places it is not worth it. */
const MOST_PLACES = 200;

/**
 * The places in a part of a text, of which the first to be reached is meant. V8 says of a place that depends on what it is: of an
 * assignment that it is at the sign, of a call that it is behind the name.
 *
 * @param isExact Only a place at the beginning is meant, or at a parenthesis before it.
 */
function placesOf({ start, end }: Range, isExact: boolean, script: Script): readonly Location[] {
  const at = (offset: number) => {
    const { line, column } = script.placeOf(offset);
    return { scriptId: script.source.id, lineNumber: line, columnNumber: column };
  };
  let from = start;
  if (isExact) while (/[\s(]/.test(script.source.text[from - 1] ?? '')) from--;
  const nodes = script.units.map((u) => u.node);
  // At the beginning of a class its constructor has a place.
  const firstOf = ({ type, start: first }: Unit['node']) => (type.startsWith('Class') ? first : first + 1);
  const inner = nodes.filter((node) => node.start >= start && node.end <= end);
  // Some versions find static members of a class but when they are asked for all of it.
  const around = nodes.filter((node) => node.start < start && node.end >= end).map((node) => node.end);
  const { locations } = post<{ locations: Location[] }>('Debugger.getPossibleBreakpoints', {
    start: at(from),
    end: at(Math.min(...around)),
  });
  const places = locations.filter((location) => {
    const offset = script.offsetOf(location.lineNumber, location.columnNumber ?? 0);
    const isInside = offset !== undefined && (isExact ? offset <= start : offset < end);
    return isInside && !inner.some((node) => offset >= firstOf(node) && offset < node.end);
  });
  return places.length <= MOST_PLACES ? places : [];
}

const { then } = Promise.prototype;
const { next } = Object.getPrototypeOf(function* () {}).prototype as Generator;
const { next: asyncNext } = Object.getPrototypeOf(async function* () {}).prototype as AsyncGenerator;

/** What is done with the outcome of the call: the body of a generator begins with the first `next()`. */
function beginOf({ node }: Unit): (outcome: unknown) => void {
  if (!('params' in node) || !node.generator) return mute;
  const first: (this: never) => unknown = node.async ? asyncNext : next;
  return (outcome) => mute(Reflect.apply(first, outcome, []));
}

/** A call that went on to its end against all expectation: nobody else looks at the promise that it gave. */
function mute(outcome: unknown): void {
  if (types.isPromise(outcome)) Reflect.apply(then, outcome, [undefined, () => {}]);
}

/** Milliseconds until the call is ended if it did not stop: that must not happen, but an endless loop would be worse. */
const MOST_MILLISECONDS = 2000;

/** In an evaluation of its own, at whose border the end of the call stops. */
function call(unit: Unit): void {
  const { node } = unit;
  const self = `globalThis[Symbol.for('${key.description}')]`;
  const isMade = !('params' in node) || isConstructor(unit);
  try {
    post('Runtime.evaluate', {
      expression: `${self}.begin(${isMade ? 'new ' : ''}${self}.fn(...${self}.args))`,
      silent: true,
      timeout: MOST_MILLISECONDS,
    });
  } catch {
    // "Execution was terminated": as it should be.
  }
}

function evaluated(callFrameId: string, expression: string): { readonly value: unknown } | undefined {
  const { result, exceptionDetails } = post<{
    result: inspector.Runtime.RemoteObject;
    exceptionDetails?: object;
  }>('Debugger.evaluateOnCallFrame', { callFrameId, expression, objectGroup, silent: true });
  if (exceptionDetails !== undefined) return undefined;
  return { value: result.objectId === undefined ? primitive(result) : valuesOf([result.objectId])[0] };
}
