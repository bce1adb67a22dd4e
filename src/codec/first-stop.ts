/**
 * Where V8 stops first in a call, so that nothing of the user's has run before.
 *
 * V8 has a place at the beginning of most statements; else it can stop at what a variable or a field is given, at a computed key of a
 * class and at a call, but says so of places that depend on what is there, and of some not at all. Before the first of these it evaluates
 * - patterns of parameters, and their defaults: see `stand-ins.ts`;
 * - what a class extends that is declared at the start of a body;
 * - a field's value that is as a whole a chain with `?.`, as far as its first call.
 * There it must be certain that nothing of the user's runs (`quiet.ts`). What is not known to be certain is not entered: then all is
 * slower, and nothing else.
 */
import { types } from 'node:util';
import type {
  Function as AcornFunction,
  AnyNode,
  Class,
  Expression,
  Statement,
  VariableDeclaration,
} from 'acorn';
import type { Scopes } from './inspect.ts';
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
  /** In which part of the text, of all places there the first to be reached; undefined for the first that V8 has in the function. */
  readonly range: Range | undefined;
  /** Whether the place must be the first character of it. */
  readonly isExact: boolean;
  /** How many calls further in than where to look: those in which members of a class get their values. */
  readonly depth: number;
}

/** Whether V8 has a function that gives the static members of this class their values. */
export function hasStaticFields({ body: { body } }: Class): boolean {
  return body.some((m) => m.type === 'StaticBlock' || (m.type === 'PropertyDefinition' && m.static));
}

function hasKeyOfThis({ body: { body } }: Class): boolean {
  return body.some((m) => m.type !== 'StaticBlock' && m.computed && holds(m.key, 'ThisExpression'));
}

function holds(node: AnyNode, type: AnyNode['type']): boolean {
  if (node.type === type) return true;
  return Object.values(node)
    .flat()
    .some(
      (part) => typeof (part as Partial<AnyNode> | null)?.type === 'string' && holds(part as AnyNode, type),
    );
}

/** Where a call of `entrance` stops; undefined when something of the user's might run before. */
export function firstStop({ unit, fields = [] }: Entrance, scopes: Scopes): FirstStop | undefined {
  const { node } = unit;
  const args = 'params' in node ? standIns(node.params) : [];
  // V8 before 13 ends the process with a fault where fields get their values and a key of the class is computed from `this`.
  if (fields.length > 0 && hasKeyOfThis(classOf(unit).node as Class)) return undefined;
  for (const value of fields) {
    const cls = classOf(unit);
    const step = new Walk(scopes, cls.names).value(value);
    if (step === 'unknown') return undefined;
    // V8 12 aborts the process when it evaluates something where fields get their values and there are static ones too.
    if (step !== 'quiet') return { args, ...step, depth: hasStaticFields(cls.node as Class) ? 1 : 0 };
  }
  if (!('params' in node)) return { args, range: undefined, isExact: false, depth: 0 };
  const step = new Walk(scopes, unit.names).call(node);
  if (typeof step === 'string') return undefined;
  return { args, ...step };
}

/** The class of a constructor. */
function classOf(unit: Unit): Unit {
  return 'params' in unit.node ? unit.outer! : unit;
}

/** What a step of the walk comes to: V8 stops in this part of the text; or all goes by without a stop; or nobody can tell. */
type Step = Stop | 'quiet' | 'unknown';
type Stop = Omit<FirstStop, 'args'>;

/** Goes the way that a call goes. */
class Walk {
  readonly #variables: Variables;
  /** Classes that were declared on the way, in the blocks around. */
  #classes: ReadonlySet<string> = new Set();
  #depth = 0;
  #isInTry = false;
  /** Whether the way led past a `catch` or a default, whose places come before those that follow. */
  #isPastOthers = false;

  /** @param names What is declared inside, so that it is no variable of the scopes. */
  constructor(scopes: Scopes, names: ReadonlySet<string>) {
    this.#variables = (name) => {
      if (names.has(name)) return undefined;
      for (const scope of scopes) {
        // The object of a `with`, or of a context.
        if (types.isProxy(scope)) return undefined;
        if (name in scope) return read(scope, name);
      }
      return read(globalThis, name);
    };
  }

  call({ params, body }: AcornFunction): Step {
    this.#isPastOthers = params.some((p) => holds(p, 'ChainExpression'));
    for (const p of params) {
      const step = this.#pattern(p);
      if (step !== 'quiet') return step;
    }
    if (body.type !== 'BlockStatement') {
      return body.type === 'ChainExpression' ? this.#unplaced() : this.#given(body);
    }
    const step = this.#statements(body.body);
    // At the end of a function is a place, too.
    return step === 'quiet' ? this.#exactly({ start: body.end - 1, end: body.end }) : step;
  }

  /** The value of a field. */
  value(e: Expression): Step {
    return e.type === 'ChainExpression' ? this.#expression(e) : this.#given(e);
  }

  /** At the beginning of a statement, or of what a variable is given: there V8 has a place or none. */
  #exactly({ start, end }: Range): Step {
    return { range: { start, end }, isExact: true, depth: this.#depth };
  }

  /** At the beginning of a statement that goes on with `e`, which may be where the place is said to be. */
  #beginning(s: Range, e: Expression | null | undefined): Step {
    return e && e.type !== 'ChainExpression' && isPlain(e) ? this.#within(s) : this.#exactly(s);
  }

  #within({ start, end }: Range): Step {
    return { range: { start, end }, isExact: false, depth: this.#depth };
  }

  /** An expression that V8 treats as it does a statement. */
  #given(e: Expression): Step {
    return e.type !== 'ChainExpression' && isPlain(e) ? this.#within(e) : 'unknown';
  }

  /** Takes a stand-in apart: of that, only keys that are computed are the user's. */
  #pattern(p: AnyNode): Step {
    switch (p.type) {
      case 'AssignmentPattern':
        return this.#pattern(p.left);
      case 'RestElement':
        // What is left is an array or an object of the engine's, which has not every property.
        return p.argument.type === 'ObjectPattern' ? 'unknown' : this.#pattern(p.argument);
      case 'ArrayPattern':
        if (p.elements.length > MOST_ELEMENTS) return 'unknown';
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
    if (typeof outcome !== 'object') return this.#step(outcome, e);
    const { value } = outcome;
    // A stand-in's elements are no stand-in.
    return Object(value) === value || value === Symbol.iterator ? 'unknown' : 'quiet';
  }

  #expression(e: Expression): Step {
    return this.#step(quietly(e, this.#variables), e);
  }

  #step(outcome: Outcome, e: Expression): Step {
    if (outcome === undefined) return 'unknown';
    return outcome === 'call' ? this.#within(e) : 'quiet';
  }

  #each<T>(items: readonly T[], go: (item: T) => Step): Step {
    for (const item of items) {
      const step = go(item);
      if (step !== 'quiet') return step;
    }
    return 'quiet';
  }

  #statements(list: readonly Statement[]): Step {
    const before = this.#classes;
    const step = this.#each(list, (s) => this.#statement(s));
    this.#classes = before;
    return step;
  }

  /** V8 stops at all but those that only declare, or are but a frame for others. */
  #statement(s: Statement): Step {
    switch (s.type) {
      case 'EmptyStatement':
      case 'FunctionDeclaration':
        return 'quiet';
      case 'ExpressionStatement':
        return s.directive === undefined ? this.#beginning(s, s.expression) : 'quiet';
      case 'ReturnStatement':
      case 'ThrowStatement':
        return this.#beginning(s, s.argument);
      case 'VariableDeclaration':
        return this.#declaration(s);
      case 'ClassDeclaration':
        return this.#class(s);
      case 'BlockStatement':
        return this.#statements(s.body);
      case 'LabeledStatement':
        return this.#statement(s.body);
      case 'TryStatement': {
        const outer = this.#isInTry;
        this.#isInTry = true;
        const step = this.#statement(s.block);
        this.#isInTry = outer;
        if (step !== 'quiet') return step;
        this.#isPastOthers ||= s.handler != null;
        return s.finalizer ? this.#statement(s.finalizer) : 'quiet';
      }
      case 'DoWhileStatement': {
        const step = this.#statement(s.body);
        return step === 'quiet' ? this.#test(s.test, () => 'unknown') : step;
      }
      case 'WhileStatement':
        return this.#test(s.test, () => this.#endless(s.body));
      case 'ForStatement': {
        const { init, test } = s;
        const begin = init?.type === 'VariableDeclaration' ? this.#declaration(init) : 'quiet';
        if (begin !== 'quiet') return begin;
        if (init && init.type !== 'VariableDeclaration') return this.#given(init);
        return test ? this.#test(test, () => this.#endless(s.body)) : this.#endless(s.body);
      }
      case 'ForInStatement':
      case 'ForOfStatement':
        return s.right.type === 'ChainExpression' ? this.#unplaced() : this.#given(s.right);
      case 'SwitchStatement':
        // With variables of its own it has its place later.
        return s.cases.some((c) => c.consequent.some((inner) => inner.type.endsWith('Declaration')))
          ? 'unknown'
          : this.#exactly(s);
      default:
        return this.#exactly(s);
    }
  }

  /** The first of the variables that are given something. */
  #declaration({ kind, declarations }: VariableDeclaration): Step {
    if (kind !== 'var' && kind !== 'let' && kind !== 'const') return 'unknown';
    const init = declarations.find((d) => d.init)?.init;
    return init ? this.#beginning(init, init) : 'quiet';
  }

  /** The condition of a loop, which V8 leaves out when it is constant. */
  #test(e: Expression, always: () => Step): Step {
    if (e.type === 'Literal') return e.value ? always() : 'quiet';
    if (e.type === 'ChainExpression') return this.#unplaced();
    return isConstant(e) ? 'unknown' : this.#given(e);
  }

  /**
   * A place that has no position: so it cannot be named, but comes before all others of the function for V8. That it is reached first
   * must be certain.
   */
  #unplaced(): Step {
    return this.#depth === 0 && !this.#isPastOthers
      ? { range: undefined, isExact: false, depth: 0 }
      : 'unknown';
  }

  #endless(body: Statement): Step {
    const step = this.#statement(body);
    // Without a stop it would never end.
    return typeof step === 'object' && step.depth === 0 ? step : 'unknown';
  }

  #class(cls: Class): Step {
    const { id, superClass } = cls;
    const members = cls.body.body;
    // What throws leads to the `catch`.
    if (this.#isInTry && (superClass || hasStaticFields(cls))) return 'unknown';
    if (superClass) {
      const step = this.#extended(superClass);
      if (step !== 'quiet') return step;
    }
    for (const m of members) {
      if (m.type !== 'StaticBlock' && m.computed) return this.#given(m.key as Expression);
    }
    this.#depth++;
    const step = this.#each(members, (m) => {
      if (m.type === 'StaticBlock') return this.#statements(m.body);
      return m.type === 'PropertyDefinition' && m.static && m.value ? this.value(m.value) : 'quiet';
    });
    if (step === 'quiet') this.#depth--;
    if (id) this.#classes = new Set([...this.#classes, id.name]);
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

/** As many as a stand-in has, with room to spare. */
const MOST_ELEMENTS = 50;

/** What V8 may evaluate in part before it comes to a place, or without one; as does a chain with `?.` that is all of an expression. */
const tricky: ReadonlySet<string> = new Set<AnyNode['type']>([
  'ClassExpression',
  'ImportExpression',
  'SequenceExpression',
]);

/** Whether V8 certainly has a place before the first step of an expression. What is in functions within does not matter. */
function isPlain(node: AnyNode): boolean {
  if (node.type === 'ArrowFunctionExpression' || node.type === 'FunctionExpression') return true;
  if (tricky.has(node.type)) return false;
  if (node.type === 'LogicalExpression' && isConstant(node.left)) return false;
  if (node.type === 'ConditionalExpression' && isConstant(node.test)) return false;
  return Object.values(node)
    .flat()
    .every((part) => typeof (part as Partial<AnyNode> | null)?.type !== 'string' || isPlain(part as AnyNode));
}

/** Whether V8 may know its value before the program runs. */
function isConstant(e: AnyNode): boolean {
  switch (e.type) {
    case 'Literal':
      return true;
    case 'TemplateLiteral':
      return e.expressions.every(isConstant);
    case 'UnaryExpression':
      return isConstant(e.argument);
    case 'BinaryExpression':
    case 'LogicalExpression':
      return isConstant(e.left) && isConstant(e.right);
    case 'ConditionalExpression':
      return isConstant(e.test) && isConstant(e.consequent) && isConstant(e.alternate);
    case 'SequenceExpression':
      return e.expressions.every(isConstant);
    default:
      return false;
  }
}
