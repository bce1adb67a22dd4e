/**
 * Where a function is in the source: the engine's own word, which takes a fraction of a microsecond. The inspector knows it, too, and takes a
 * tenth of a millisecond.
 */
import { withIntrinsics } from './intrinsics.ts';
import type { Fn } from './plan.ts';

/** The script as V8 counts them, and where in its text a function begins. */
export interface Position {
  readonly scriptId: string;
  readonly offset: number;
}

type Ask = (fn: Fn, answer: Int32Array) => void;

/** Of a function without a script, as one that is native or bound, nothing more may be asked. */
const text = `
  answer[0] = %FunctionGetScriptId(fn);
  if (answer[0] >= 0) answer[1] = %FunctionGetScriptSourcePosition(fn);`;

/** So often compiling may fail. */
const mostRefusals = 10;

const answer = new Int32Array(2);
let ask: Ask | undefined;
let refusals = 0;

/** @returns undefined for what has no script, as most of what is native, and where the engine does not tell. */
export function positionOf(fn: Fn): Position | undefined {
  if (!asked(fn)) return undefined;
  const [id = -1, offset = -1] = answer;
  return id < 0 ? undefined : { scriptId: String(id), offset };
}

function asked(fn: Fn): boolean {
  while (refusals < mostRefusals) {
    ask ??= withIntrinsics<Ask>('fn', 'answer', text);
    try {
      ask?.(fn, answer);
      if (ask !== undefined) return true;
    } catch (error) {
      // V8 has thrown its code away since nobody called it for a while, and the text is none that may be compiled any more.
      if (!(error instanceof SyntaxError)) throw error;
      ask = undefined;
      continue;
    }
    refusals++;
  }
  return false;
}
