/**
 * The static state of a class, whose outcome travels as values: running what made it twice would be visible.
 *
 * Private fields get a way in from outside. Only tables of functions that use private members, which nobody could send, are made again.
 */
import type { AnyNode, Class } from 'acorn';
import { childrenOf } from './parse.ts';
import type { Script } from './script.ts';

/** A change of a source's text. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface Statics {
  /** What removes the state from the text. */
  readonly edits: readonly Edit[];
  /** The private fields whose values travel, with their `#`. */
  readonly privates: readonly string[];
}

export function staticsOf({ body }: Class, script: Script): Statics {
  const { text } = script.source;
  const edits: Edit[] = [];
  const privates: string[] = [];
  for (const m of body.body) {
    if (m.type === 'StaticBlock') edits.push(blanked(m.start, m.end, text));
    if (m.type !== 'PropertyDefinition' || !m.static) continue;
    if (m.key.type !== 'PrivateIdentifier') edits.push(blanked(m.start, m.end, text));
    else if (!isTable(m.key.name, m.value, body, script)) {
      privates.push(`#${m.key.name}`);
      // The name stays: methods use it.
      if (m.end > m.key.end) edits.push(blanked(m.key.end, m.end, text));
    }
  }
  return { edits, privates };
}

/** The end of a class's body: gives each variable an array of two functions, the first writes the field and the second reads it. */
export function waysIn(privates: readonly string[], variables: readonly string[]): string {
  const ways = privates.map((name, i) => `${variables[i]}=[(v)=>{this.${name}=v},()=>this.${name}]`);
  return `;static{${ways.join(';')}}`;
}

/** Spaces in place of everything but line ends; the semicolon keeps neighbouring fields apart. */
function blanked(start: number, end: number, text: string): Edit {
  return { start, end, text: `;${text.slice(start + 1, end).replace(/[^\n\r\u2028\u2029]/g, ' ')}` };
}

/**
 * Whether a private static field holds functions that use private members, in literals at most, and nothing else is assigned to it:
 * making them again does nothing else.
 */
function isTable(
  name: string,
  value: AnyNode | null | undefined,
  body: Class['body'],
  script: Script,
): boolean {
  if (!value || !isInert(value)) return false;
  const isWithin = (n: { start: number; end: number }): boolean =>
    n.start >= value.start && n.end <= value.end;
  return script.units.some((u) => u.privates.size > 0 && isWithin(u.node)) && !isAssigned(name, body);
}

/** Whether evaluating an expression runs nothing, and reads nothing. */
function isInert(e: AnyNode): boolean {
  switch (e.type) {
    case 'ArrowFunctionExpression':
    case 'FunctionExpression':
    case 'Literal':
      return true;
    case 'ArrayExpression':
      return e.elements.every((x) => x === null || isInert(x));
    case 'ObjectExpression':
      return e.properties.every((p) => p.type === 'Property' && !p.computed && isInert(p.value));
    default:
      return false;
  }
}

/** Whether anything in a class assigns to its private field, or to something in it. */
function isAssigned(name: string, node: AnyNode): boolean {
  let target: AnyNode | undefined;
  if (node.type === 'AssignmentExpression') target = node.left;
  else if (node.type === 'UpdateExpression') target = node.argument;
  for (; target?.type === 'MemberExpression'; target = target.object) {
    if (target.property.type === 'PrivateIdentifier' && target.property.name === name) return true;
  }
  return childrenOf(node).some((child) => isAssigned(name, child));
}
