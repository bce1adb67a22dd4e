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

/**
 * The calls that are on the stack, the last first, up to a limit.
 *
 * @returns undefined where that cannot be found out since Error, or its `stackTraceLimit`, is frozen.
 */
export function calls(limit: number): readonly NodeJS.CallSite[] | undefined {
  const { stackTraceLimit, prepareStackTrace } = Error;
  if (!Reflect.set(Error, 'stackTraceLimit', limit)) return undefined;
  Reflect.set(Error, 'prepareStackTrace', (_: unknown, sites: readonly NodeJS.CallSite[]) => sites);
  const { stack }: { stack?: unknown } = new Error();
  Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  if (prepareStackTrace === undefined) Reflect.deleteProperty(Error, 'prepareStackTrace');
  else Reflect.set(Error, 'prepareStackTrace', prepareStackTrace);
  return Array.isArray(stack) ? stack : undefined;
}
