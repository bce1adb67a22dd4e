/**
 * Where V8 stops first in a call, so that nothing of the user's has run before.
 *
 * V8 can stop before each statement, each call, each return, each computed key of a class and each value of a field. Before the first
 * of these it evaluates
 * - patterns of parameters, and their defaults: see `stand-ins.ts`;
 * - what a class extends that is declared at the start of a body;
 * - a field's value that is as a whole a chain with `?.`, as far as its first call.
 * There it must be certain that nothing of the user's runs (`quiet.ts`), else the function is not entered.
 */
import type { Function as AcornFunction, AnyNode, Class, Expression, Statement } from 'acorn';
import { type Scopes, valueIn } from './inspect.ts';
import type { Fn } from './plan.ts';
import { type Outcome, quietly, read, type Variables } from './quiet.ts';
import type { Unit } from './scope.ts';
import { standIns } from './stand-ins.ts';

/** A function, or a class, that is to be entered. */
export interface Entrance {
  readonly fn: Fn;
  /** In which it stops: the class itself where that is before a field gets its value, or where no constructor is spelt out. */
  readonly unit: Unit;
  /** For a class that is no subclass: the values that its fields are given, which come before a constructor's first step. */
  readonly fields?: readonly Expression[];
}

export interface Range {
  readonly start: number;
  readonly end: number;
}

export interface FirstStop {
  readonly args: readonly unknown[];
  /** In which part of the text, of all places there the first to be reached; undefined for the first place in the function. */
  readonly range: Range | undefined;
  /** How many calls further in than where to look: those in which members of a class get their values. */
  readonly depth: number;
}

/** Whether V8 has a function that gives the static members of this class their values. */
export function hasStaticFields({ body: { body } }: Class): boolean {
  return body.some((m) => m.type === 'StaticBlock' || (m.type === 'PropertyDefinition' && m.static));
}

/** Where a call of `entrance` stops; undefined when something of the user's might run before. */
export function firstStop({ unit, fields = [] }: Entrance, scopes: Scopes): FirstStop | undefined {
  const { node } = unit;
  const args = 'params' in node ? standIns(node.params) : [];
  for (const value of fields) {
    const cls = classOf(unit);
    const step = new Walk(scopes, cls.names).value(value);
    if (step === 'unknown') return undefined;
    // V8 12 aborts the process when it evaluates something where fields get their values and there are static ones too.
    if (step !== 'quiet')
      return { args, range: step.range, depth: hasStaticFields(cls.node as Class) ? 1 : 0 };
  }
  if (!('params' in node)) return { args, range: undefined, depth: 0 };
  const step = new Walk(scopes, unit.names).call(node);
  if (typeof step === 'string') return undefined;
  const isFirstPlace = step.depth === 0 && node.params.every(hasNoPlace);
  return { args, range: isFirstPlace ? undefined : step.range, depth: step.depth };
}

/** The class of a constructor. */
function classOf(unit: Unit): Unit {
  return 'params' in unit.node ? unit.outer! : unit;
}

/** What a step of the walk comes to: V8 stops in this part of the text; or all goes by without a stop; or nobody can tell. */
type Step = { readonly range: Range; readonly depth: number } | 'quiet' | 'unknown';

/** Goes the way that a call goes. */
class Walk {
  readonly #variables: Variables;
  /** Classes that were declared on the way. */
  readonly #classes = new Set<string>();
  #depth = 0;

  /** @param names What is declared inside, so that it is no variable of the scopes. */
  constructor(scopes: Scopes, names: ReadonlySet<string>) {
    this.#variables = (name) => {
      if (names.has(name)) return undefined;
      const scope = scopes.find((s) => name in s);
      return scope === undefined ? read(globalThis, name) : { value: valueIn(scope, name) };
    };
  }

  call({ params, body }: AcornFunction): Step {
    for (const p of params) {
      const step = this.#pattern(p);
      if (step !== 'quiet') return step;
    }
    if (body.type !== 'BlockStatement') return this.#at(body);
    const step = this.#statements(body.body);
    // At the end of a function is a place, too.
    return step === 'quiet' ? this.#at({ start: body.end - 1, end: body.end }) : step;
  }

  /** The value of a field. */
  value(e: Expression): Step {
    return e.type === 'ChainExpression' ? this.#expression(e) : this.#at(e);
  }

  #at({ start, end }: Range): Step {
    return { range: { start, end }, depth: this.#depth };
  }

  /** Takes a stand-in apart: of that, only keys that are computed are the user's. */
  #pattern(p: AnyNode): Step {
    switch (p.type) {
      case 'AssignmentPattern':
        return this.#pattern(p.left);
      case 'RestElement':
        return this.#pattern(p.argument);
      case 'ArrayPattern':
        return this.#each(p.elements, (element) => (element === null ? 'quiet' : this.#pattern(element)));
      case 'ObjectPattern':
        return this.#each(p.properties, (property) => {
          if (property.type === 'RestElement') return 'quiet';
          const key = property.computed ? this.#key(property.key) : 'quiet';
          return key === 'quiet' ? this.#pattern(property.value) : key;
        });
      default:
        return 'quiet';
    }
  }

  #key(e: Expression): Step {
    const outcome = quietly(e, this.#variables);
    const isObject = typeof outcome === 'object' && Object(outcome.value) === outcome.value;
    return isObject ? 'unknown' : this.#step(outcome, e);
  }

  #expression(e: Expression): Step {
    return this.#step(quietly(e, this.#variables), e);
  }

  #step(outcome: Outcome, e: Expression): Step {
    if (outcome === undefined) return 'unknown';
    return outcome === 'call' ? this.#at(e) : 'quiet';
  }

  #each<T>(items: readonly T[], go: (item: T) => Step): Step {
    for (const item of items) {
      const step = go(item);
      if (step !== 'quiet') return step;
    }
    return 'quiet';
  }

  #statements(list: readonly Statement[]): Step {
    return this.#each(list, (s) => this.#statement(s));
  }

  /** V8 stops at all but those that only declare, or are but a frame for others. */
  #statement(s: Statement): Step {
    switch (s.type) {
      case 'EmptyStatement':
      case 'FunctionDeclaration':
        return 'quiet';
      case 'VariableDeclaration': {
        const first = s.declarations.find((d) => d.init);
        return first === undefined ? 'quiet' : this.#at({ start: s.start, end: first.end });
      }
      case 'ClassDeclaration':
        return this.#class(s);
      case 'BlockStatement':
        return this.#statements(s.body);
      case 'LabeledStatement':
        return this.#statement(s.body);
      case 'TryStatement':
        return this.#statements([s.block, ...(s.finalizer ? [s.finalizer] : [])]);
      case 'DoWhileStatement': {
        const step = this.#statement(s.body);
        return step === 'quiet' ? this.#at(s) : step;
      }
      case 'WhileStatement':
        return s.test.type === 'Literal' ? this.#endless(s.body) : this.#at(s);
      case 'ForStatement':
        return s.init || (s.test && s.test.type !== 'Literal') ? this.#at(s) : this.#endless(s.body);
      default:
        return this.#at(s);
    }
  }

  /** A loop whose condition is constant, so that V8 leaves it out. */
  #endless(body: Statement): Step {
    const step = this.#statement(body);
    return step === 'quiet' ? 'unknown' : step;
  }

  #class({ id, superClass, body: { body: members } }: Class): Step {
    if (superClass) {
      const step = this.#extended(superClass);
      if (step !== 'quiet') return step;
    }
    for (const m of members) {
      if (m.type !== 'StaticBlock' && m.computed) return this.#at(m.key);
    }
    this.#depth++;
    const step = this.#each(members, (m) => {
      if (m.type === 'StaticBlock') return this.#statements(m.body);
      return m.type === 'PropertyDefinition' && m.static && m.value ? this.value(m.value) : 'quiet';
    });
    if (step === 'quiet') this.#depth--;
    if (id) this.#classes.add(id.name);
    return step;
  }

  /** Of what a class extends, its `prototype` is read. */
  #extended(e: Expression): Step {
    if (e.type === 'Identifier' && this.#classes.has(e.name)) return 'quiet';
    const outcome = quietly(e, this.#variables);
    if (typeof outcome !== 'object') return this.#step(outcome, e);
    const { value } = outcome;
    return value === null || (typeof value === 'function' && read(value, 'prototype')) ? 'quiet' : 'unknown';
  }
}

/** Of what a parameter is made, without a place at which V8 could stop. */
const placeless: ReadonlySet<string> = new Set<AnyNode['type']>([
  'ArrayExpression',
  'ArrayPattern',
  'AssignmentExpression',
  'AssignmentPattern',
  'BinaryExpression',
  'ConditionalExpression',
  'Identifier',
  'Literal',
  'LogicalExpression',
  'MemberExpression',
  'MetaProperty',
  'ObjectExpression',
  'ObjectPattern',
  'Property',
  'RestElement',
  'TemplateElement',
  'TemplateLiteral',
  'ThisExpression',
  'UnaryExpression',
  'UpdateExpression',
]);

function hasNoPlace(node: AnyNode): boolean {
  if (node.type === 'ArrowFunctionExpression' || node.type === 'FunctionExpression') return true;
  return (
    placeless.has(node.type) &&
    Object.values(node)
      .flat()
      .every(
        (part) => typeof (part as Partial<AnyNode> | null)?.type !== 'string' || hasNoPlace(part as AnyNode),
      )
  );
}
