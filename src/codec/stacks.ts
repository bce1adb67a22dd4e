/**
 * Stacks: of errors that came from another process, and the one here.
 */

/**
 * Makes the stack of an error that was decoded show both sides: first where it was thrown, then where its result was asked for.
 *
 * @param error Changed in place, if it is an Error with a stack; anything else is left alone.
 * @param where The other process: `process 1234 'SpawnPoolWorker-1'`.
 * @param local An Error made where the result was asked for; its own message is not shown.
 * @example
 * joinStacks(error, `process ${pid} 'Process-1'`, new Error());
 * // Error: no such row
 * //     at work (file:///app/main.js:12:9)
 * //     [in process 1234 'Process-1', called from]
 * //     at file:///app/main.js:30:20
 */
export function joinStacks(error: unknown, where: string, local?: Error): void {
  if (!(error instanceof Error) || typeof error.stack !== 'string') return;
  const frames = (local?.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n');
  const seam = `    [in ${where}${frames === '' ? '' : ', called from'}]`;
  const stack = `${error.stack}\n${seam}${frames === '' ? '' : `\n${frames}`}`;
  Object.defineProperty(error, 'stack', {
    value: stack,
    configurable: true,
    writable: true,
    enumerable: false,
  });
}

/** The engine's own, also where the program has put another in its place. */
const EngineError = Object.getPrototypeOf(RangeError) as ErrorConstructor;

/**
 * The calls that are on the stack, the last first, up to a limit.
 *
 * @returns undefined where that cannot be found out since a part of Error is fixed.
 */
export function calls(limit: number): readonly NodeJS.CallSite[] | undefined {
  let found: readonly NodeJS.CallSite[] | undefined;
  const prepare = (_: unknown, sites: readonly NodeJS.CallSite[]): void => {
    found = sites;
  };
  return withProperty(EngineError, 'stackTraceLimit', limit, () =>
    withProperty(Error, 'prepareStackTrace', prepare, () => {
      void new EngineError().stack;
      return found;
    }),
  );
}

/** Does `work` while an object has this property. */
function withProperty<R>(o: object, key: string, value: unknown, work: () => R): R | undefined {
  const before = Object.getOwnPropertyDescriptor(o, key);
  if (!Reflect.defineProperty(o, key, { value, configurable: true, writable: true })) return undefined;
  try {
    return work();
  } finally {
    if (before === undefined) Reflect.deleteProperty(o, key);
    else Reflect.defineProperty(o, key, before);
  }
}
