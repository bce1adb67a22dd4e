/**
 * What the functions of a message had captured, so that it can be told without encoding them whether they would be the same bytes again.
 *
 * Their variables are read again, and compared by identity with what they were; what is contained in small plain objects, arrays, Maps and
 * Sets is compared too (`contents.ts`). That takes a fraction of the time, and where anything else was captured it cannot be told.
 */
import { builtinPath } from './builtins.ts';
import { CellRef } from './cells.ts';
import { moduleWithExports } from './commonjs.ts';
import { Contents } from './contents.ts';
import { looksOf } from './extras.ts';
import { valueIn } from './inspect.ts';
import {
  type Fn,
  type FnRecord,
  ImporterRef,
  ImportRef,
  MetaRef,
  type Place,
  RequireRef,
  WrappedRef,
} from './plan.ts';
import type { Use } from './section.ts';

/** A function of the message. */
class Part {
  readonly #fn: Fn;
  readonly #record: FnRecord;
  readonly #see: See;
  /** Of its variables; undefined where these can never be others. */
  readonly #values: readonly unknown[] | undefined;
  readonly #looks: readonly unknown[];

  constructor({ fn, record, values }: Use, see: See) {
    this.#fn = fn;
    this.#record = record;
    this.#see = see;
    const isSettled = record.constant && !values.includes(undefined);
    this.#values = isSettled ? undefined : values.map(see);
    this.#looks = looksOf(fn);
  }

  /** Whether {@link isSame} takes no more than microseconds. */
  isQuick(): boolean {
    return this.#values === undefined || this.#record.isQuick();
  }

  isSame(): boolean {
    if (!isEach(looksOf(this.#fn), this.#looks)) return false;
    if (this.#values === undefined) return true;
    const places = this.#record.places();
    if (places !== undefined) return isEachInPlace(places, this.#values);
    const { code } = this.#record;
    const late = this.#record.late();
    const now = code.eager.length === 0 ? late : [...this.#record.eager(), ...late];
    return isEach(now.map(this.#see), this.#values);
  }
}

/**
 * The engine compiles what it runs for the first time, and once more, with much else, what it has run some times. Which of it is
 * needed differs from function to function, so that is done for some of them.
 */
const OFTEN = 8;
const FEW = 4;
let rehearsed = 0;

export class Captured {
  readonly #parts: readonly Part[];
  readonly #contents: Contents;
  /** Whether some of its variables were taken for one since they looked alike. */
  readonly isGuess: boolean;
  #isWrong = false;

  private constructor(parts: readonly Part[], contents: Contents, isGuess: boolean) {
    this.#parts = parts;
    this.#contents = contents;
    this.isGuess = isGuess;
  }

  /**
   * @param roots What was written before any function's section: the parts of a bound function.
   * @param inRoots How many objects that were.
   * @returns undefined where it cannot be told.
   */
  static of(uses: readonly Use[], roots: readonly unknown[], inRoots: number): Captured | undefined {
    const contents = new Contents();
    let objects = inRoots;
    for (const v of roots) if (!isKnown(v, contents)) return undefined;
    for (const { values, extras, eager, late } of uses) {
      for (const v of values) if (!isKnown(v, contents)) return undefined;
      for (const v of extras) if (!isKnown(v, contents)) return undefined;
      for (const s of [eager, late]) if (s !== undefined) objects += s.count - s.cells;
    }
    // Otherwise something in the message has contents that are not remembered: a bound function that was captured, for example.
    if (objects !== contents.size) return undefined;
    const see = uses.filter(({ values }) => values.some(hasNeighbours)).length > 1 ? seeScope : seeAlone;
    return new Captured(
      uses.map((use) => new Part(use, see)),
      contents,
      uses.some(({ values }) => values.some((v) => v instanceof CellRef && v.isGuess)),
    );
  }

  /** Whether all is as it was. */
  isSame(): boolean {
    if (this.#isWrong) return false;
    for (const part of this.#parts) if (!part.isSame()) return false;
    return this.#contents.isSame();
  }

  /** Whether {@link isSame} takes no more than microseconds, now that all variables are seen live. */
  isQuick(): boolean {
    return this.#parts.every((part) => part.isQuick());
  }

  /** Told that a guess was wrong. */
  refute(): void {
    this.#isWrong = true;
  }

  /** Looks ahead of time: then the engine is prepared for it when it matters. */
  rehearse(): void {
    const times = rehearsed++ < FEW ? OFTEN : 1;
    for (let i = 0; i < times; i++) this.isSame();
  }
}

/** Whether identity and the remembered contents say all about a captured value; as the encoder's `captured()` looks at it. */
function isKnown(v: unknown, contents: Contents): boolean {
  // Functions travel always alike, or are parts themselves.
  if (typeof v !== 'object' || v === null) return true;
  if (v instanceof CellRef) return contents.add(v.value);
  if (v instanceof WrappedRef) return contents.add(v.rest) && contents.add(v.path);
  const isReference =
    v instanceof ImportRef || v instanceof RequireRef || v instanceof MetaRef || v instanceof ImporterRef;
  return isReference || builtinPath(v) !== undefined || moduleWithExports(v) !== undefined || contents.add(v);
}

function isEach(now: readonly unknown[], values: readonly unknown[]): boolean {
  if (now.length !== values.length) return false;
  for (let i = 0; i < now.length; i++) {
    const v = now[i];
    const value = values[i];
    if (Object.is(v, value)) continue;
    if (!(v instanceof Neighbours && value instanceof Neighbours && v.are(value))) return false;
  }
  return true;
}

/** As {@link isEach}, for what can be looked up without being collected first: that takes half of the time, above all when it is new. */
function isEachInPlace(places: readonly Place[], values: readonly unknown[]): boolean {
  for (let i = 0; i < places.length; i++) {
    const { index, name, scope } = places[i]!;
    const value = values[index];
    // Who is seen live needs no neighbours to be told from others.
    const known = value instanceof Neighbours ? value.of(name) : value;
    if (!Object.is(valueIn(scope, name), known)) return false;
  }
  return true;
}

/** How a captured value is looked at. */
type See = (captured: unknown) => unknown;

const seeAlone: See = (v) => (v instanceof CellRef ? v.value : v);

/** Functions that share a variable do so as long as the scopes around it look alike: then its neighbours count, too. */
const seeScope: See = (v) => {
  if (!(v instanceof CellRef)) return v;
  const { neighbours } = v;
  return neighbours === undefined ? v.value : new Neighbours(neighbours);
};

function hasNeighbours(captured: unknown): boolean {
  return captured instanceof CellRef && captured.neighbours !== undefined;
}

/** The variables of a scope. They were not sent all, and so are not kept alive. */
class Neighbours {
  readonly #names: readonly string[];
  readonly #values: readonly unknown[];

  constructor(scope: Readonly<Record<string, unknown>>) {
    this.#names = Object.keys(scope);
    this.#values = this.#names.map((name) => {
      const v = valueIn(scope, name);
      return (typeof v === 'object' && v !== null) || typeof v === 'function' ? new WeakRef(v) : v;
    });
  }

  /** What the variable of this name held. */
  of(name: string): unknown {
    return held(this.#values[this.#names.indexOf(name)]);
  }

  are(others: Neighbours): boolean {
    return (
      this.#names.length === others.#names.length &&
      this.#names.every(
        (name, i) => name === others.#names[i] && Object.is(held(this.#values[i]), held(others.#values[i])),
      )
    );
  }
}

/** What no variable holds. */
const gone = Symbol();

function held(value: unknown): unknown {
  return value instanceof WeakRef ? (value.deref() ?? gone) : value;
}
