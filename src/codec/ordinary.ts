/**
 * Whether an object has nothing but fields as assigning makes them, so that its keys and their values say all about it.
 *
 * Asking for each property takes as long as writing it. So where thousands are asked about, the latest that were ordinary answer for others
 * of their hidden class (see `hidden-class.ts`). It says nothing of elements (integer keys): so those have none, and others no more keys.
 */
import { fastHiddenClassTest, isElement, type SameHiddenClass } from './hidden-class.ts';
import { worthwhile } from './samples.ts';

interface Sample {
  readonly object: object;
  readonly keys: number;
}

/** So many are compared with; the next takes the place of the oldest. */
const FEW = 4;

let left = worthwhile;
let same: SameHiddenClass | undefined;

export class Ordinary {
  readonly #samples: Sample[] = [];
  #next = 0;

  /** @param keys Those of `o` that are enumerable, of its own and strings. */
  has(o: object, keys: readonly string[]): boolean {
    if (same !== undefined) {
      for (const s of this.#samples) if (s.keys === keys.length && same(o, s.object)) return true;
    }
    if (!hasOnlyFields(o, keys)) return false;
    if (left > 0 && --left === 0) same = fastHiddenClassTest();
    // Elements come first.
    if (same !== undefined && !isElement(keys[0] ?? ''))
      this.#samples[this.#next++ % FEW] = { object: o, keys: keys.length };
    return true;
  }

  /** Lets go of the program's objects, which it may change now. */
  forget(): void {
    this.#samples.length = 0;
    this.#next = 0;
  }
}

function hasOnlyFields(o: object, keys: readonly string[]): boolean {
  if (Reflect.ownKeys(o).length !== keys.length) return false;
  for (let i = 0; i < keys.length; i++) {
    const d = Object.getOwnPropertyDescriptor(o, keys[i]!);
    if (d === undefined || d.get !== undefined || d.set !== undefined) return false;
  }
  return true;
}
