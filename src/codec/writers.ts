/**
 * Writes the values of a plain object whose keys are known.
 *
 * For keys that come often a function is compiled that reads property by property in straight code. So the engine learns for
 * each of them where it lies and what it holds, and each has a place to remember what objects were in it. Where a program must
 * not compile code (`--disallow-code-generation-from-strings`), all objects go through one loop.
 */
import type { Shape } from './shapes.ts';
import type { Sink } from './sink.ts';
import { through } from './trouble.ts';

/** What a writer needs of the encoder. */
export interface Writing {
  readonly sink: Sink;
  /** Writes any value. */
  value(v: unknown): void;
  /** Writes an object that may have the shape `likely`; returns what to expect in its place the next time. */
  object(o: object, likely: Shape | undefined): Shape | undefined;
}

type Fields = Readonly<Record<string, unknown>>;
export type Writer = (o: Fields, to: Writing) => void;

/** Puts the name of the property that failed in front of the path. */
function at(error: unknown, key: string | undefined): unknown {
  return through(error, `property "${key}"`);
}

export function writeByName(o: Fields, keys: readonly string[], to: Writing): void {
  let i = 0;
  try {
    // The engine is quickest at this way to go through an object; a getter may have changed it meanwhile.
    for (const key in o) {
      if (key !== keys[i]) break;
      to.value(o[key]);
      i++;
    }
    for (; i < keys.length; i++) to.value(o[keys[i]!]);
  } catch (e) {
    throw at(e, keys[i]);
  }
}

let mayCompile = true;

/** @returns undefined where no code may be compiled. */
export function compileWriter(keys: readonly string[]): Writer | undefined {
  if (!mayCompile) return undefined;
  const likely = keys.map((_, i) => `l${i}`).join();
  const writes = keys.map(
    (key, i) => `i=${i};v=o[${JSON.stringify(key)}];
if(typeof v==="number")s.number(v);
else if(typeof v==="string")s.string(v);
else if(typeof v==="object"&&v!==null)l${i}=to.object(v,l${i});
else to.value(v);`,
  );
  const code = `"use strict";${likely === '' ? '' : `let ${likely};`}return function(o,to){
const s=to.sink;let i=0,v;
try{${writes.join('\n')}}catch(e){throw at(e,keys[i]);}}`;
  try {
    return (new Function('at', 'keys', code) as (failed: typeof at, keys: readonly string[]) => Writer)(
      at,
      keys,
    );
  } catch (error) {
    if (!(error instanceof EvalError)) throw error;
    mayCompile = false;
    return undefined;
  }
}
