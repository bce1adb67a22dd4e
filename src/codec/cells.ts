/**
 * Variables that several functions share and somebody reassigns: in the receiver, too, all functions of a message that see one see it
 * change.
 *
 * Whether two functions see one variable V8 has no word for, and its inspector gives copies. Where one of the two is seen live, it is tried
 * out: the variable is given another value for a moment, in which nothing of the user's can run. Else scopes that look alike are taken
 * for one.
 */
import { inspect, type Scopes, valueIn } from './inspect.ts';
import { isLive } from './live-closure.ts';
import type { Fn } from './plan.ts';
import type { Binding, Unit } from './scope.ts';

type Scope = Scopes[number];

/** Such a variable, as one function sees it. */
export class CellRef {
  readonly binding: Binding;
  readonly #fn: Fn;
  readonly #unit: Unit;
  readonly #scope: Scope;
  #isGuess = false;

  /** @param scope The variables of the scope that it lives in; at the top of a script, or where they are seen live, perhaps others. */
  constructor(binding: Binding, fn: Fn, unit: Unit, scope: Scope) {
    this.binding = binding;
    this.#fn = fn;
    this.#unit = unit;
    this.#scope = scope;
  }

  /** The variable's value, now. */
  get value(): unknown {
    return valueIn(this.#scope, this.binding.name);
  }

  /** Whether it was taken for one with others since their scopes look alike. */
  get isGuess(): boolean {
    return this.#isGuess;
  }

  /** Copies of all variables of its scope, where others of them decide for what it is taken. */
  get neighbours(): Scope | undefined {
    return isLive(this.#scope) || Object.keys(this.#scope).length < 2 ? undefined : this.#scope;
  }

  /** Whether one of `others`, which are one variable, is this one. */
  isAmong(others: readonly CellRef[]): boolean {
    const [first] = others;
    if (first === undefined || first.binding !== this.binding) return false;
    const other = others.find((o) => isLive(o.#scope)) ?? first;
    const certain = this.#tries(other) ?? other.#tries(this);
    if (certain !== undefined) return certain;
    // One function literal would be in one scope twice.
    const direct = this.#unit.outer === this.binding.home && !this.binding.usedInLoop;
    if (direct && others.some((o) => o.#unit === this.#unit)) return false;
    this.#isGuess = areAlike(this.#scope, first.#scope);
    return this.#isGuess;
  }

  /** As {@link value}, but of now also where what is known of the scope is a copy. */
  #look(): unknown {
    if (isLive(this.#scope)) return this.value;
    const { name } = this.binding;
    return valueIn(
      inspect(this.#fn).scopes.find((s) => name in s),
      name,
    );
  }

  /** Whether it and `other` are one; undefined unless it is seen live and can be written. */
  #tries(other: CellRef): boolean | undefined {
    if (!isLive(this.#scope)) return undefined;
    const { name } = this.binding;
    let value: unknown;
    try {
      value = this.#scope[name];
    } catch {
      return undefined; // not initialised yet
    }
    if (!Object.is(value, other.value)) return false;
    // Of the same kind where that is what V8 likes to know of a variable.
    const another = typeof value === 'number' ? Number(value === 0) : unlike;
    try {
      Reflect.set(this.#scope, name, another);
    } catch {
      return undefined; // a constant that somebody tries to give a value
    }
    try {
      return other.#look() === another;
    } finally {
      Reflect.set(this.#scope, name, value);
    }
  }
}

/** What no variable holds. */
const unlike = Symbol();

function areAlike(a: Scope, b: Scope): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((n) => n in b && Object.is(valueIn(a, n), valueIn(b, n)))
  );
}
