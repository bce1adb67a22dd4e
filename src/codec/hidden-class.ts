/**
 * Whether two objects have one hidden class: the engine's own word on it.
 *
 * A hidden class (V8 calls it a map) says which named properties an object has, symbols included, in which order, whether they are
 * data, and what its prototype is. So one comparison of some nanoseconds with an object that is known replaces four questions
 * that cost a hundred or more (`Object.getOwnPropertySymbols` alone: 65 to 130). JavaScript has no word for it; V8 has an intrinsic,
 * which is compiled here while the flag that allows such code is set, for some microseconds.
 *
 * It says nothing of elements (integer keys), and nothing at all about objects whose properties are in a dictionary: those share
 * hidden classes whatever they hold. So one of the two must be known to be in fast mode, and must stay as it is.
 *
 * Where the engine is another or refuses (Electron freezes its flags, `--disallow-code-generation-from-strings`) there is no such
 * test, and those who would use it ask the four questions.
 */

import { withIntrinsics } from './intrinsics.ts';

/** Whether a key is that of an element. */
export function isElement(key: PropertyKey): boolean {
  return typeof key === 'string' && String(Number(key) >>> 0) === key;
}

export type SameHiddenClass = (a: object, b: object) => boolean;

/** So often compiling may fail for want of stack. */
const mostRefusals = 10;

/** A test that is compiled when it is first wanted. */
class Test {
  readonly #text: string;
  #test: SameHiddenClass | undefined;
  #refusals = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get(): SameHiddenClass | undefined {
    if (this.#test === undefined && this.#refusals < mostRefusals) {
      const compiled = this.#compile();
      if (compiled !== undefined && isSound(compiled)) this.#test = this.#lasting(compiled);
      else this.#refusals++;
    }
    return this.#test;
  }

  #compile(): SameHiddenClass | undefined {
    return withIntrinsics<SameHiddenClass>('a', 'b', `return ${this.#text};`);
  }

  /**
   * V8 throws the code of a function away that was not called for some collections, and compiles it from its text when it is called
   * again. By then the flag is off, so that this is a syntax error.
   */
  #lasting(compiled: SameHiddenClass): SameHiddenClass {
    let current = compiled;
    return (a, b) => {
      try {
        return current(a, b);
      } catch (error) {
        // Else the stack is used up.
        if (!(error instanceof SyntaxError)) throw error;
        const again = this.#compile();
        if (again !== undefined) current = again;
        else if (++this.#refusals >= mostRefusals) current = () => false;
        return again?.(a, b) === true;
      }
    };
  }
}

const one = new Test('%HaveSameMap(a, b)');
const fast = new Test('%HaveSameMap(a, b)&&%HasFastProperties(a)');

/** Some milliseconds the first time: for who has thousands of objects. @returns undefined where there is no such test. */
export function hiddenClassTest(): SameHiddenClass | undefined {
  return one.get();
}

/** As {@link hiddenClassTest}, for objects of which nothing is known: false, too, where they are not in fast mode. */
export function fastHiddenClassTest(): SameHiddenClass | undefined {
  return fast.get();
}

/** Whether it says of this engine's objects what the header claims. */
function isSound(same: SameHiddenClass): boolean {
  const make = (): Record<PropertyKey, unknown> => ({ a: 1, b: 2 });
  const sample = make();
  const others = [
    Object.assign(make(), { c: 3 }),
    Object.assign(make(), { [Symbol.iterator]: 3 }),
    Object.defineProperty(make(), 'c', { value: 3 }),
    Object.defineProperty(make(), 'a', { value: 3, enumerable: false }),
    Object.defineProperty(make(), 'a', { get: () => 1 }),
    Object.setPrototypeOf(make(), null),
    Object.freeze(make()),
    { b: 2, a: 1 },
    new Proxy(make(), {}),
    [1, 2],
    make,
  ];
  return (
    same(make(), sample) &&
    same([3], [1, 2]) &&
    others.every((o) => !same(o, sample)) &&
    !same(Object.assign([1], { index: 0 }), [1]) &&
    !same(Object.setPrototypeOf([1], null), [1])
  );
}
