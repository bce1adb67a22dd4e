/** Calling what was sent to run. A file of its own, without imports: every child waits for what is imported. */

/** Any function; what a target's type must extend. */
export type AnyFunction = (...args: never[]) => unknown;

/**
 * An explicit reference to an exported function, accepted wherever a function is.
 *
 * `module` is a URL, a path (relative ones against the working directory) or the name of a package; `name` the export.
 *
 * @example new Process({ target: { module: new URL('./jobs.js', import.meta.url), name: 'main' } })
 */
export interface Reference {
  readonly module: string | URL;
  readonly name: string;
}

/** Whether it looks like a {@link Reference}. */
export function isReference(value: unknown): value is Reference {
  if (typeof value !== 'object' || value === null) return false;
  const { module, name } = value as Partial<Record<string, unknown>>;
  return typeof name === 'string' && (typeof module === 'string' || module instanceof URL);
}

/** Loads what a reference names. @throws {TypeError} When the module has no such function. */
export async function loadReference(reference: Reference): Promise<AnyFunction> {
  const namespace = (await import(String(reference.module))) as Record<string, unknown>;
  const found =
    namespace[reference.name] ?? (namespace.default as Record<string, unknown> | undefined)?.[reference.name];
  if (typeof found !== 'function') {
    throw new TypeError(
      `Cannot run ${JSON.stringify(reference.name)} of ${String(reference.module)}: it exports no such function`,
    );
  }
  return found as AnyFunction;
}

/** Calls it with positional arguments and, last, the keyword arguments. */
export function callTarget(
  target: AnyFunction | Reference,
  args: readonly unknown[],
  kwargs: object | undefined,
): unknown {
  const all = (kwargs === undefined ? args : [...args, kwargs]) as never[];
  return typeof target === 'function' ? target(...all) : loadReference(target).then((f) => f(...all));
}
