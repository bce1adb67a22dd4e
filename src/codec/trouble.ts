/**
 * Errors of sending: what cannot travel, where it is, and what to do instead.
 *
 * The path is gathered while the exception unwinds, so that sending what can travel pays nothing for it.
 */
import { MultiprocError, SerializationError } from '../base/errors.ts';

/** Thrown inside the encoder; each level that it passes puts its own step in front. */
export class Trouble {
  readonly path: string[] = [];
  readonly why: string;
  readonly advice: string;
  readonly cause: unknown;

  constructor(what: string | undefined, why: string, advice: string, cause?: unknown) {
    if (what !== undefined) this.path.push(what);
    this.why = why;
    this.advice = advice;
    this.cause = cause;
  }

  /** Where the path begins with an element of a list: that the list's first element is the `first` of another. */
  countFrom(first: number): void {
    this.path[0] = this.path[0]?.replace(/^\[(\d+)\]$/, (_, at: string) => `[${Number(at) + first}]`) ?? '';
  }

  toError(root: string): SerializationError {
    const path = root === '' ? this.path.map(withoutProperty) : [root, ...this.path];
    return new SerializationError(`Cannot send ${path.join(' → ')}: ${this.why}; ${this.advice}`, {
      path,
      ...(this.cause === undefined ? {} : { cause: this.cause }),
    });
  }
}

/** What is inside of Node itself and has no name there. */
export class NodesOwn extends Trouble {
  constructor() {
    super(undefined, "it is inside Node's own code", 'call it inside a function of yours');
  }
}

/** `property "target"` → `target`, at the start of a path. */
function withoutProperty(step: string, at: number): string {
  return at === 0 ? step.replace(/^property "(.*)"$/, '$1') : step;
}

/** A stack overflow inside the encoder: the receiver's or the caller's stack was nearly used up already. */
export function isStackOverflow(e: unknown): boolean {
  return e instanceof RangeError && /call stack/.test(e.message);
}

/** Puts a step in front of the path of what is flying. */
export function through(e: unknown, step: string): unknown {
  const trouble = troubleWith(e);
  if (trouble instanceof Trouble) trouble.path.unshift(step);
  return trouble;
}

/** What a getter, a trap of a Proxy or the like has thrown is trouble, too. */
export function troubleWith(e: unknown): unknown {
  if (e instanceof Trouble || e instanceof MultiprocError || isStackOverflow(e)) return e;
  return new Trouble(undefined, `looking at it threw ${briefly(e)}`, 'see the cause', e);
}

/** One line about anything that may be thrown. */
export function briefly(e: unknown): string {
  try {
    return String(e);
  } catch {
    return 'something that cannot be shown';
  }
}

/** How the class of an unsendable object is named. */
export function className(o: object): string {
  try {
    const cls = (o as { constructor?: unknown }).constructor;
    if (typeof cls === 'function' && cls.name !== '') return cls.name;
  } catch {
    // A getter that throws: the tag will do.
  }
  return Object.prototype.toString.call(o).slice(8, -1);
}

const advices: readonly (readonly [RegExp, string])[] = [
  [/^Promise$/, 'await it first and send what it gives'],
  [
    /Socket|Server|Stream|Readable|Writable|Duplex|Transform|FileHandle|Handle|Pipe|TCP|UDP|Request|Response|Agent|Client/,
    'open it inside the function, in the process that uses it',
  ],
  [/ChildProcess|Worker/, 'it belongs to the process that started it: start it inside the function'],
  [/Timeout|Immediate|Timer/, 'start the timer inside the function'],
  [
    /^Weak(Map|Set)$/,
    'its contents cannot be listed: use a Map or a Set, or export what uses it from a module, which each process then loads for itself ' +
      '(one that a compiler has made of #private fields: tell it to target ES2022)',
  ],
  [/^Weak|FinalizationRegistry/, 'its contents cannot be listed: use a Map or a Set'],
  [/Generator|Iterator/, 'its position cannot be copied: send the function that makes it, or an array'],
  [/^SharedArrayBuffer$/, 'it reaches only threads of this process: use SharedArray or SharedMemory'],
  [/^Proxy$/, 'send the object behind it'],
  [/AbortSignal|AbortController|EventTarget/, 'make it inside the function'],
];

/**
 * What to do about an object of class `name` that cannot travel.
 *
 * @param isOwn Whether the class is the program's own.
 */
export function adviceFor(name: string, isOwn = true): string {
  const known = advices.find(([pattern]) => pattern.test(name))?.[1];
  const inside = 'make it inside the function';
  return known ?? (isOwn ? `${inside}, or give its class [serialize] and [deserialize]` : inside);
}
