/**
 * The variables around a function, read again and again.
 *
 * The inspector gives copies, and takes above a tenth of a millisecond. A closure that was made inside of the function sees the variables
 * themselves, in less than a microsecond; but making one takes some milliseconds, and above ten where the debugger is not enabled anyway
 * (`stop-inside.ts`). Nobody knows whether a function will be sent again. So one is made
 * - for the first function of each literal that is sent, until too many were made in vain;
 * - for further ones of a literal as long as those before were sent again, the more often the more of them there are;
 * - for each function that was sent often.
 * Where none can be made, all goes on through the inspector: see `stop-inside.ts`.
 */
import { isCatchingUp, putOff } from './ahead.ts';
import { inspect, type Scopes } from './inspect.ts';
import { entrances, liveScope, mayNotStop } from './live-closure.ts';
import type { Fn } from './plan.ts';
import type { Unit } from './scope.ts';
import type { Script } from './script.ts';

/** After as many slow reads their price is that of making a closure. */
const OFTEN = 16;

/** So many closures of a literal may be made for functions that are sent but twice. */
const FEW = 4;

/** So many literals may have had their closure made in vain; and one more for each second that the program runs. */
const IN_VAIN = 8;

/** What became of the functions of one literal. */
class Literal {
  static #inVain = 0;
  #made = 0;
  #readAgain = 0;

  wasReadAgain(): void {
    // A mere rehearsal.
    if (isCatchingUp()) return;
    if (this.#made > 0 && this.#readAgain === 0) Literal.#inVain--;
    this.#readAgain++;
  }

  wasMade(): void {
    if (this.#made === 0 && this.#readAgain === 0) Literal.#inVain++;
    this.#made++;
  }

  /** Whether to make a closure for one more function, which was not sent often yet. */
  get pays(): boolean {
    if (this.#made === 0) return Literal.#inVain < IN_VAIN + process.uptime();
    return this.#readAgain >= this.#made * (this.#made < FEW ? 1 : OFTEN);
  }
}

const literals = new WeakMap<Unit, Literal>();

function literalOf(unit: Unit): Literal {
  let literal = literals.get(unit);
  if (literal === undefined) {
    literal = new Literal();
    literals.set(unit, literal);
  }
  return literal;
}

export class LiveScopes {
  readonly #unit: Unit;
  readonly #script: Script;
  readonly #literal: Literal;
  #live: Scopes | undefined;
  #slowReads = 0;
  #tried = false;
  #nextTry = OFTEN;

  constructor(unit: Unit, script: Script) {
    this.#unit = unit;
    this.#script = script;
    this.#literal = literalOf(unit);
  }

  /** The scopes, as far as they were wanted; undefined when only the inspector can tell them. */
  read(): Scopes | undefined {
    if (this.#live !== undefined) this.#literal.wasReadAgain();
    return this.#live;
  }

  /** As {@link read}, without counting. */
  get scopes(): Scopes | undefined {
    return this.#live;
  }

  /**
   * Told after the inspector was asked: makes the closure, once the message is done, when it pays.
   *
   * @param wanted The names of the variables that it is to see, of those around the function.
   */
  wasReadSlowly(fn: Fn, wanted: (scopes: Scopes) => readonly string[]): void {
    this.#slowReads++;
    if (this.#slowReads > 1) this.#literal.wasReadAgain();
    if (this.#slowReads < this.#nextTry && (this.#tried || !this.#literal.pays)) return;
    if (mayNotStop()) return;
    this.#nextTry = Math.max(OFTEN, this.#slowReads * 4);
    putOff(() => {
      this.#tried = true;
      const { scopes } = inspect(fn);
      this.#live ??= this.#make(fn, wanted(scopes), scopes);
    });
  }

  #make(fn: Fn, wanted: readonly string[], scopes: Scopes): Scopes | undefined {
    // The others are global.
    const names = wanted.filter((name) => scopes.some((s) => name in s));
    if (names.length === 0) return [];
    this.#literal.wasMade();
    const live = liveScope(entrances(fn, this.#unit, this.#script), names, scopes);
    return live && [live];
  }
}
