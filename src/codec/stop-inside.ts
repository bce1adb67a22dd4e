/**
 * Looks at a place that V8 shows to nobody but a debugger: the inside of a function.
 *
 * The function is called, stopped before its first step, and the call is ended there: nothing of it has run. Parameters come before
 * the first step, so they get something to be taken apart, and no default of theirs is evaluated. Yet V8 takes the first place at
 * which it can stop, and where that is in such a default the call would go on: a function with a call there is not entered. Fields
 * of a class come first of all, so there it is stopped before the first value of one. Looking takes a millisecond, and some more where the debugger is not enabled yet.
 */

import type inspector from 'node:inspector';
import type { AnyNode, Expression } from 'acorn';
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

/** A function, and where in it to stop. */
export interface Entrance {
  readonly fn: Fn;
  /** What is called: the class itself where it spells no constructor out. */
  readonly unit: Unit;
  /** For a class that is no subclass: the first value that is given to a field, since that comes before a constructor's first step. */
  readonly value?: Expression | undefined;
}

/**
 * The value of `expression` inside of a function; inside of its constructor or before its fields get their values, for a class.
 *
 * @returns undefined when that is not possible: a key that is computed in a parameter would be evaluated, or a default of one has
 *   a place to stop at, or the value of a field none; or a debugger of the user's has stopped the program (`stoppedByUser`). Undefined,
 *   too, when evaluating it fails.
 */
export function stopInside(
  entrance: Entrance,
  script: Script,
  expression: string,
): { readonly value: unknown } | undefined {
  const { fn, unit, value } = entrance;
  const { node } = unit;
  const args = value === undefined && 'params' in node ? standIns(node.params) : [];
  if (args === undefined) return undefined;
  enableDebugger();
  if (stoppedByUser()) return undefined;
  const breakpoints: string[] = [];
  let found: { readonly value: unknown } | undefined;
  try {
    if (value === undefined) breakpoints.push(setAtCall(fn));
    else for (const place of placesIn(value, script)) breakpoints.push(setAt(place));
    if (breakpoints.length === 0) return undefined;
    const onStop = ({ callFrames, hitBreakpoints }: inspector.Debugger.PausedEventDataType): void => {
      // A debugger of the user's may stop at exceptions, so at the end of the call: what it has stopped must not be ended.
      if (!hitBreakpoints?.some((id) => breakpoints.includes(id))) return;
      try {
        found = evaluated(callFrames[0]!.callFrameId, expression);
      } finally {
        post('Debugger.resume', { terminateOnResume: true });
      }
    };
    Object.defineProperty(globalThis, key, { value: { fn, args }, configurable: true });
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

/** A value with more places to stop at is not worth it. */
const MOST_PLACES = 100;

/**
 * Where to stop before the first step of what a field is given. V8 can, but says so of a place that depends on what it is: of an
 * assignment at the sign, of a call behind the name. So these are all places in it, of which the first to be reached is the one.
 *
 * @returns none where that is not certain: of a value that is a chain with `?.`, and where all places are in functions inside of it.
 */
function placesIn({ type, start, end }: Expression, script: Script): readonly Location[] {
  if (type === 'ChainExpression') return [];
  const at = (offset: number) => {
    const { line, column } = script.placeOf(offset);
    return { scriptId: script.source.id, lineNumber: line, columnNumber: column };
  };
  const { locations } = post<{ locations: Location[] }>('Debugger.getPossibleBreakpoints', {
    start: at(start),
    end: at(end),
  });
  const inner = script.units.map((u) => u.node).filter((node) => node.start >= start && node.end <= end);
  const isOwn = (location: Location): boolean => {
    const offset = script.offsetOf(location.lineNumber, location.columnNumber ?? 0);
    return offset !== undefined && !inner.some((node) => offset > node.start && offset < node.end);
  };
  return locations.length <= MOST_PLACES && locations.some(isOwn) ? locations : [];
}

/** In an evaluation of its own, at whose border the end of the call stops. */
function call(unit: Unit): void {
  const { node } = unit;
  const self = `globalThis[Symbol.for('${key.description}')]`;
  const isMade = !('params' in node) || isConstructor(unit);
  // The body of a generator begins with the first `next()`.
  const begin = 'params' in node && node.generator ? '.next()' : '';
  try {
    post('Runtime.evaluate', {
      expression: `${isMade ? 'new ' : ''}${self}.fn(...${self}.args)${begin}`,
      silent: true,
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

/** As many as a rest parameter that is a pattern may want to take apart. */
const FOR_REST = 100;

/** Arguments with which no default value is evaluated; undefined where a key is computed, or V8 would wait in a default. */
function standIns(params: readonly AnyNode[]): unknown[] | undefined {
  if (params.every((p) => p.type === 'Identifier')) return [];
  if (!params.every(isStill)) return undefined;
  const last = params.at(-1);
  const rest = last?.type === 'RestElement' && last.argument.type !== 'Identifier' ? FOR_REST : 0;
  return new Array<unknown>(params.length + rest).fill(standIn);
}

/** What a pattern or a default value may be made of, with no place to stop at inside of this function. */
const still: ReadonlySet<string> = new Set<AnyNode['type']>([
  'ArrayExpression',
  'ArrayPattern',
  'AssignmentExpression',
  'AssignmentPattern',
  'BinaryExpression',
  'ConditionalExpression',
  'Identifier',
  'Literal',
  'LogicalExpression',
  'MemberExpression',
  'MetaProperty',
  'ObjectExpression',
  'ObjectPattern',
  'Property',
  'RestElement',
  'TemplateElement',
  'TemplateLiteral',
  'ThisExpression',
  'UnaryExpression',
  'UpdateExpression',
]);

/** Whether it computes no key and makes no call. */
function isStill(node: AnyNode): boolean {
  if (node.type === 'ArrowFunctionExpression' || node.type === 'FunctionExpression') return true;
  if (!still.has(node.type) || (node.type === 'Property' && node.computed)) return false;
  return Object.values(node)
    .flat()
    .every((part) => typeof (part as Partial<AnyNode> | null)?.type !== 'string' || isStill(part as AnyNode));
}

/** Has every property, and as many elements as anyone asks for, all of which are like itself. */
const standIn: object = new Proxy(
  {},
  {
    get: (_, name) => (name === Symbol.iterator ? elements : standIn),
    getOwnPropertyDescriptor: () => undefined,
  },
);

function* elements(): Generator<object> {
  for (let i = 0; i < FOR_REST; i++) yield standIn;
}
