/**
 * Whether nothing happens in a call before V8 stops in it (`ways-in.ts`).
 *
 * In an async function it stops when the promise is made, in a generator when that is made: before the body. In all others it stops at
 * the first of its places that is reached, there or in any other function that is called on the way, be it a getter. It has a place at
 * each statement, call and `return`, before what a variable or a field is given, and at the end of a function; but none before
 * - the patterns of parameters, whose defaults are never evaluated (`stand-ins.ts`), but whose keys are;
 * - what a class extends;
 * - what a `switch` looks for whose cases declare variables.
 * There nothing may be done but by calls. (V8 does not step into functions of its own. One that does something would have to be put as
 * a getter by the user.) What is not certain is not entered: then all is slower, and nothing else.
 */
import type {
  Function as AcornFunction,
  AnyNode,
  Class,
  Expression,
  Statement,
  SwitchStatement,
  TryStatement,
  VariableDeclaration,
} from 'acorn';
import { childrenOf } from './parse.ts';
import type { Fn } from './plan.ts';
import type { Unit } from './scope.ts';
import { areCertain } from './stand-ins.ts';

/** A function, or a class, that is to be entered. */
export interface Entrance {
  readonly fn: Fn;
  /** In which it stops: the class itself where no constructor is spelt out. */
  readonly unit: Unit;
  /** For a class that is no subclass: the values that its fields are given, which come before a constructor's first step. */
  readonly fields?: readonly Expression[];
}

/** Whether V8 stops before anything was done. */
export function stopsFirst({ unit, fields = [] }: Entrance): boolean {
  const { node } = unit;
  if (isAsm(unit)) return false;
  if (!('params' in node) || fields.length > 0 || isAsync(unit)) return true;
  // At the end is a place, too.
  return call(node) !== 'acts';
}

/** Whether it is a function whose promise is made before all else. */
export function isAsync({ node }: Unit): boolean {
  return 'params' in node && node.async && !node.generator;
}

/** Whether it is a generator that is made without a call. */
export function isMadeQuietly({ unit: { node } }: Entrance): boolean {
  return 'params' in node && node.generator && node.params.every(isQuiet);
}

/** Statements at whose beginning V8 has a place for certain. */
const begins: ReadonlySet<AnyNode['type']> = new Set<AnyNode['type']>([
  'ExpressionStatement',
  'ReturnStatement',
  'VariableDeclaration',
  'IfStatement',
]);

/**
 * Whether that is at a place that V8 names, and nothing else is called before: it is a function whose parameters are mere names, with
 * nothing but plain statements first, and without a class, a `switch` or a chain with `?.`, whose places are not where one would think.
 */
export function isPlain({ unit: { node }, fields }: Entrance): boolean {
  if (!('params' in node) || fields !== undefined || node.async || node.generator) return false;
  if (!node.params.every((p) => p.type === 'Identifier') || !isBare(node.body)) return false;
  if (node.body.type !== 'BlockStatement') return true;
  const [first] = node.body.body;
  return first !== undefined && begins.has(first.type) && statement(first) === 'stops';
}

function isBare(node: AnyNode): boolean {
  if (/^(Class|ChainE|Switch)/.test(node.type)) return false;
  return /Function/.test(node.type) || childrenOf(node).every(isBare);
}

/** V8 compiles what says so as a module of WebAssembly, which has no places. */
function isAsm({ node, outer }: Unit): boolean {
  if ('params' in node && node.body.type === 'BlockStatement') {
    const { body } = node.body;
    if (body.some((s) => s.type === 'ExpressionStatement' && s.directive === 'use asm')) return true;
  }
  return outer !== undefined && isAsm(outer);
}

/**
 * What comes of a part of a text: V8 has a place before it does anything; it does nothing; it does nothing but leave the `switch` or loop
 * around it; or it may do something before.
 */
type Passage = 'stops' | 'passes' | 'leaves' | 'acts';

function inOrder<T>(parts: readonly T[], go: (part: T) => Passage): Passage {
  for (const part of parts) {
    const passage = go(part);
    if (passage !== 'passes') return passage;
  }
  return 'passes';
}

function call({ params, body }: AcornFunction): Passage {
  if (params.some(actsAsPattern)) return 'acts';
  return body.type === 'BlockStatement' ? inOrder(body.body, statement) : 'stops';
}

/** A parameter that is given its stand-in. */
function actsAsPattern(p: AnyNode): boolean {
  switch (p.type) {
    case 'AssignmentPattern':
      return actsAsPattern(p.left);
    case 'RestElement':
      // The engine makes an array of what is left.
      return p.argument.type === 'ObjectPattern' ? acts(p.argument) : actsAsPattern(p.argument);
    case 'ArrayPattern':
      return p.elements.some((element) => element !== null && actsAsPattern(element));
    case 'ObjectPattern':
      return (
        !areCertain(p) ||
        p.properties.some(
          (property) =>
            property.type !== 'RestElement' &&
            ((property.computed && acts(property.key)) || actsAsPattern(property.value)),
        )
      );
    default:
      return false;
  }
}

/** Whether giving it its stand-in calls nothing at all. */
function isQuiet(p: AnyNode): boolean {
  switch (p.type) {
    case 'Identifier':
      return true;
    case 'AssignmentPattern':
      return isQuiet(p.left);
    case 'RestElement':
      return p.argument.type === 'Identifier';
    case 'ObjectPattern':
      return (
        areCertain(p) &&
        p.properties.every((q) => q.type === 'RestElement' || (!q.computed && isQuiet(q.value)))
      );
    default:
      return false;
  }
}

/** Whether evaluating it may do something but by a call of a function that V8 can step into. */
function acts(node: AnyNode): boolean {
  switch (node.type) {
    case 'ArrowFunctionExpression':
    case 'FunctionExpression':
      return false;
    case 'ClassExpression':
      return definition(node) === 'acts';
    // The last two may take something from an iterator of the engine's.
    case 'AssignmentExpression':
    case 'UpdateExpression':
    case 'AwaitExpression':
    case 'YieldExpression':
    case 'ImportExpression':
    case 'ArrayPattern':
    case 'SpreadElement':
      return true;
    default:
      if (node.type === 'UnaryExpression' && node.operator === 'delete') return true;
      return childrenOf(node).some(acts);
  }
}

function statement(s: Statement): Passage {
  switch (s.type) {
    case 'EmptyStatement':
    case 'FunctionDeclaration':
      return 'passes';
    case 'ExpressionStatement':
      return isIdle(s.expression) ? 'passes' : 'stops';
    case 'VariableDeclaration':
      return declaration(s);
    case 'ClassDeclaration':
      return definition(s);
    case 'BlockStatement':
      return inOrder(s.body, statement);
    case 'LabeledStatement':
      return statement(s.body);
    case 'TryStatement':
      return attempt(s);
    case 'DoWhileStatement': {
      const body = statement(s.body);
      if (body === 'leaves') return 'acts';
      return body === 'passes' ? loop(s.test, s.body) : body;
    }
    case 'WhileStatement':
      return loop(s.test, s.body);
    case 'ForStatement': {
      const begins = s.init ? initial(s.init) : 'passes';
      return begins === 'passes' ? loop(s.test, s.body) : begins;
    }
    case 'ForInStatement':
    case 'ForOfStatement': {
      // V8 leaves out the loop over `null`.
      if (!isKnown(s.right)) return 'stops';
      return statement(s.body) === 'acts' || acts(s.left) ? 'acts' : 'passes';
    }
    case 'IfStatement':
      return isKnown(s.test) ? any([s.consequent, s.alternate ?? null]) : 'stops';
    case 'SwitchStatement':
      return choice(s);
    // V8 leaves out a jump to what comes next.
    case 'BreakStatement':
      return s.label ? 'acts' : 'leaves';
    case 'ContinueStatement':
      return 'acts';
    default:
      return 'stops';
  }
}

function choice({ discriminant, cases }: SwitchStatement): Passage {
  const statements = cases.flatMap((c) => c.consequent);
  const expressions = [discriminant, ...cases.map((c) => c.test)];
  // Where the cases declare variables V8 keeps what is looked for in one of its own, without a place.
  if (statements.some(declares)) {
    if (expressions.some((e) => e && acts(e))) return 'acts';
  } else if (!expressions.every((e) => !e || isIdle(e))) return 'stops';
  return statements.some((s) => statement(s) === 'acts') ? 'acts' : 'passes';
}

/** In the block around it. */
function declares(s: Statement): boolean {
  return (
    /^(Class|Function)Declaration$/.test(s.type) || (s.type === 'VariableDeclaration' && s.kind !== 'var')
  );
}

function initial(init: VariableDeclaration | Expression): Passage {
  if (init.type === 'VariableDeclaration') return declaration(init);
  return isIdle(init) ? 'passes' : 'stops';
}

function declaration({ kind, declarations }: VariableDeclaration): Passage {
  if (kind !== 'var' && kind !== 'let' && kind !== 'const') return 'acts';
  return declarations.some((d) => d.init && !isIdle(d.init)) ? 'stops' : 'passes';
}

/** Statements of which V8 may leave out all or some. */
function any(list: readonly (Statement | null)[]): Passage {
  return list.some((s) => s && /^(acts|leaves)$/.test(statement(s))) ? 'acts' : 'passes';
}

/** What is thrown before V8 stops, as by a class that extends no class, leads to the `catch`. */
function attempt({ block, handler, finalizer }: TryStatement): Passage {
  const tried = inOrder(block.body, statement);
  if (tried === 'acts' || tried === 'leaves' || (handler?.param && acts(handler.param))) return 'acts';
  const caught = handler ? inOrder(handler.body.body, statement) : tried;
  const last = finalizer ? inOrder(finalizer.body, statement) : 'passes';
  if ([caught, last].some((p) => p === 'acts' || p === 'leaves')) return 'acts';
  return last === 'stops' || (tried === 'stops' && caught === 'stops') ? 'stops' : 'passes';
}

/** V8 leaves out a condition that is constant. An endless loop without a place would never end. */
function loop(test: Expression | null | undefined, body: Statement): Passage {
  if (test?.type === 'Literal' && !test.value) return 'passes';
  if (test && !isKnown(test)) return 'stops';
  const runs = statement(body);
  if (runs !== 'stops') return 'acts';
  return !test || (test.type === 'Literal' && test.value) ? 'stops' : 'passes';
}

/** Whether V8 may have nothing to do for it, so that there is no place. */
function isIdle(e: AnyNode): boolean {
  switch (e.type) {
    case 'Identifier':
    case 'ThisExpression':
    case 'MetaProperty':
    case 'ArrowFunctionExpression':
    case 'FunctionExpression':
      return true;
    case 'UnaryExpression':
      return e.operator !== 'delete' && isIdle(e.argument);
    case 'BinaryExpression':
    case 'LogicalExpression':
    case 'ConditionalExpression':
    case 'SequenceExpression':
      return childrenOf(e).every(isIdle);
    default:
      return isKnown(e);
  }
}

/** Whether V8 may know its value before the program runs. */
function isKnown(e: AnyNode): boolean {
  switch (e.type) {
    case 'Literal':
      return true;
    case 'Identifier':
      return e.name === 'undefined';
    case 'TemplateLiteral':
    case 'SequenceExpression':
      return e.expressions.every(isKnown);
    case 'UnaryExpression':
      return isKnown(e.argument);
    case 'BinaryExpression':
    case 'LogicalExpression':
      return isKnown(e.left) && isKnown(e.right);
    case 'ConditionalExpression':
      return isKnown(e.test) && isKnown(e.consequent) && isKnown(e.alternate);
    default:
      return false;
  }
}

/** Of a class. Its static members are given their values in a function of the engine's. */
function definition({ superClass, body }: Class): Passage {
  if (superClass && acts(superClass)) return 'acts';
  if (body.body.some((m) => m.type !== 'StaticBlock' && m.computed && !isKnown(m.key))) return 'stops';
  return inOrder(body.body, (m) => {
    if (m.type === 'StaticBlock') return inOrder(m.body, statement);
    return m.type === 'PropertyDefinition' && m.static && m.value ? 'stops' : 'passes';
  });
}
