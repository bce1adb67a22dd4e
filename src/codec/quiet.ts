/**
 * Expressions that give their value without running anything of the user's: what they come to, found out from the outside.
 *
 * They read variables and properties. A property with a getter, one of a Proxy, a key that is an object, an assignment: of these
 * nobody knows what they do.
 */
import { types } from 'node:util';
import type { CallExpression, Expression, MemberExpression, Super, TemplateLiteral } from 'acorn';

/** What evaluating an expression comes to. */
export type Outcome =
  | { readonly value: unknown }
  /** A call, before which nothing of the user's has run. */
  | 'call'
  /** Something of the user's may run. */
  | undefined;

/** The value of a variable; undefined when it is not known. */
export type Variables = (name: string) => { readonly value: unknown } | undefined;

/** Of a chain whose `?.` found nothing to go on with. */
const ended: Outcome = { value: undefined };

/** What evaluating `e` comes to. */
export function quietly(e: Expression | Super, variables: Variables): Outcome {
  switch (e.type) {
    case 'Literal':
      return { value: e.value };
    case 'Identifier':
      return variables(e.name);
    case 'TemplateLiteral':
      return template(e, variables);
    case 'ChainExpression': {
      const outcome = quietly(e.expression, variables);
      return outcome === ended ? { value: undefined } : outcome;
    }
    case 'MemberExpression':
      return member(e, variables);
    case 'CallExpression':
      return call(e, variables);
    default:
      return undefined;
  }
}

function isValue(outcome: Outcome): outcome is { readonly value: unknown } {
  return typeof outcome === 'object';
}

function template({ expressions, quasis }: TemplateLiteral, variables: Variables): Outcome {
  let text = quasis[0]!.value.cooked ?? '';
  for (const [i, e] of expressions.entries()) {
    const part = quietly(e, variables);
    if (!isValue(part)) return part;
    if (!isPrimitive(part.value) || typeof part.value === 'symbol') return undefined;
    text += `${part.value as string}${quasis[i + 1]!.value.cooked ?? ''}`;
  }
  return { value: text };
}

function member({ object, property, computed, optional }: MemberExpression, variables: Variables): Outcome {
  const base = quietly(object, variables);
  if (!isValue(base) || base === ended) return base;
  if (base.value === undefined || base.value === null) return optional ? ended : undefined;
  if (!computed) return property.type === 'Identifier' ? read(base.value, property.name) : undefined;
  const key = quietly(property as Expression, variables);
  if (!isValue(key)) return key;
  return isPrimitive(key.value) ? read(base.value, key.value as PropertyKey) : undefined;
}

/** V8 stops at a call when its function and arguments are there. */
function call({ callee, arguments: args, optional }: CallExpression, variables: Variables): Outcome {
  const fn = quietly(callee, variables);
  if (!isValue(fn) || fn === ended) return fn;
  if ((fn.value === undefined || fn.value === null) && optional) return ended;
  for (const argument of args) {
    if (argument.type === 'SpreadElement') return undefined;
    const outcome = quietly(argument, variables);
    if (!isValue(outcome)) return outcome;
  }
  return 'call';
}

/** A property that is stored as such, or missing. */
export function read(of: unknown, key: PropertyKey): { readonly value: unknown } | undefined {
  try {
    for (let o: unknown = Object(of); o !== null; o = Object.getPrototypeOf(o)) {
      if (types.isProxy(o)) return undefined;
      const found = Object.getOwnPropertyDescriptor(o, key);
      if (found !== undefined) return 'value' in found ? { value: found.value } : undefined;
    }
  } catch {
    // A variable of a module that is not initialised yet.
    return undefined;
  }
  return { value: undefined };
}

function isPrimitive(value: unknown): boolean {
  return value === null || (typeof value !== 'object' && typeof value !== 'function');
}
