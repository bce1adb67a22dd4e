/**
 * Arguments for a call that is ended before the function's first step: with them no default of a parameter is evaluated, and its
 * patterns find something to be taken apart.
 */
import type { AnyNode } from 'acorn';

/** As many as a rest parameter that is a pattern may want to take apart. */
const FOR_REST = 100;

/** For a function with these parameters. */
export function standIns(params: readonly AnyNode[]): readonly unknown[] {
  if (params.every((p) => p.type === 'Identifier')) return [];
  const last = params.at(-1);
  const rest = last?.type === 'RestElement' && last.argument.type !== 'Identifier' ? FOR_REST : 0;
  return new Array<unknown>(params.length + rest).fill(standIn);
}

/** Has every property, and as many elements as anyone asks for, all of which are like itself. */
const standIn: object = new Proxy(
  {},
  {
    get: (_, name) => (name === Symbol.iterator ? elements : standIn),
    getOwnPropertyDescriptor: () => undefined,
  },
);

function* elements(): Generator<object> {
  for (let i = 0; i < FOR_REST; i++) yield standIn;
}
