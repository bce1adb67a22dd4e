/**
 * The variables around a function, read again and again.
 *
 * The inspector gives copies, and takes above a tenth of a millisecond. A closure that was made inside of the function sees the variables
 * themselves, in less than a microsecond; but making one takes some milliseconds, and far more where the debugger is not enabled anyway
 * (`stop-inside.ts`, `price.ts`). Nobody knows whether a function will be sent again. So one is made
 * - for the first function of each literal that is sent, until too much was spent in vain;
 * - for further ones of a literal as long as those before were sent again, the more often the more of them there are;
 * - for each function that was sent often.
 * Where none can be made, all goes on through the inspector: see `stop-inside.ts`.
 */
import { isCatchingUp, putOff } from './ahead.ts';
import { inspect, type Scopes } from './inspect.ts';
import { entrances, liveScope, mayNotStop } from './live-closure.ts';
import type { Fn } from './plan.ts';
import { mayVenture, priceOfLook, recover, venture } from './price.ts';
import type { Unit } from './scope.ts';
import type { Script } from './script.ts';

/** So many slow reads at least, and one for each millisecond that making a closure takes: it is sent often, then. */
const OFTEN = 16;

/** So many closures of a literal may be made for functions that are sent but twice. */
const FEW = 4;

/** What became of the functions of one literal. */
class Literal {
  #made = 0;
  #readAgain = 0;
  /** What was spent on the first of them, until one is read again. */
  #ventured = 0;

  wasReadAgain(): void {
    // A mere rehearsal.
    if (isCatchingUp()) return;
    recover(this.#ventured);
    this.#ventured = 0;
    this.#readAgain++;
  }

  isMade(price: number): void {
    if (this.#made === 0 && this.#readAgain === 0) {
      this.#ventured = price;
      venture(price);
    }
    this.#made++;
  }

  /** Whether to make a closure for one more function, which was not sent often yet. */
  paysAt(price: number): boolean {
    if (this.#made === 0) return mayVenture(price);
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
  #declined = false;
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
    if (!this.#isTime() || mayNotStop()) return;
    this.#nextTry = Math.max(OFTEN, this.#slowReads * 4);
    putOff(() => {
      this.#tried = true;
      const { scopes } = inspect(fn);
      this.#live ??= this.#make(fn, wanted(scopes), scopes);
    });
  }

  #isTime(): boolean {
    const hasToWait = this.#tried || this.#declined;
    if (hasToWait && this.#slowReads < this.#nextTry) return false;
    const price = priceOfLook();
    if (this.#slowReads >= Math.max(this.#nextTry, price)) return true;
    if (hasToWait) return false;
    // Once: who is sent a second time should not wait for what a third would gain.
    this.#declined = !this.#literal.paysAt(price);
    return !this.#declined;
  }

  #make(fn: Fn, wanted: readonly string[], scopes: Scopes): Scopes | undefined {
    // The others are global.
    const names = wanted.filter((name) => scopes.some((s) => name in s));
    if (names.length === 0) return [];
    this.#literal.isMade(priceOfLook());
    const live = liveScope(entrances(fn, this.#unit, this.#script), names, scopes);
    return live && [live];
  }
}
