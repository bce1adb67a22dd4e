/**
 * What pieces of source declare, and how: in the block that they stand in, or in the function around.
 */
import type { AnyNode, Pattern } from 'acorn';

export type Kind = 'var' | 'let' | 'const' | 'function' | 'class' | 'param' | 'import' | 'catch' | 'self';

export interface Declaration {
  readonly name: string;
  readonly kind: Kind;
  /** Declarator, import specifier, function or class. */
  readonly node: AnyNode;
  /** The import declaration, for an import. */
  readonly parent?: AnyNode;
}

/** The names in a pattern. */
export function* namesIn(pattern: Pattern | null): Iterable<string> {
  switch (pattern?.type) {
    case 'Identifier':
      yield pattern.name;
      break;
    case 'ObjectPattern':
      for (const p of pattern.properties) yield* namesIn(p.type === 'RestElement' ? p.argument : p.value);
      break;
    case 'ArrayPattern':
      for (const p of pattern.elements) yield* namesIn(p);
      break;
    case 'RestElement':
      yield* namesIn(pattern.argument);
      break;
    case 'AssignmentPattern':
      yield* namesIn(pattern.left);
      break;
    default:
  }
}

/** What statements declare in the block that they make up. */
export function* blockDeclarations(body: readonly AnyNode[]): Iterable<Declaration> {
  for (const s of body) {
    const node =
      s.type === 'ExportNamedDeclaration' || s.type === 'ExportDefaultDeclaration'
        ? s.declaration
        : unlabelled(s);
    if (node?.type === 'FunctionDeclaration') {
      if (node.id) yield { name: node.id.name, kind: 'function', node };
    } else if (node?.type === 'ClassDeclaration') {
      if (node.id) yield { name: node.id.name, kind: 'class', node };
    } else if (node?.type === 'VariableDeclaration' && node.kind !== 'var') {
      // What is declared with `using` cannot be written to either.
      const kind = node.kind === 'let' ? 'let' : 'const';
      for (const d of node.declarations) for (const name of namesIn(d.id)) yield { name, kind, node: d };
    } else if (node?.type === 'ImportDeclaration') {
      for (const d of node.specifiers) yield { name: d.local.name, kind: 'import', node: d, parent: node };
    }
  }
}

/** What a statement declares with `var`, at any depth but in functions and classes of its own. */
export function varDeclarations(statement: AnyNode, found: Declaration[] = []): readonly Declaration[] {
  if (statement.type === 'VariableDeclaration' && statement.kind === 'var') {
    for (const node of statement.declarations) {
      for (const name of namesIn(node.id)) found.push({ name, kind: 'var', node });
    }
  }
  for (const s of statementsIn(statement)) varDeclarations(s, found);
  return found;
}

/** Whether a name is declared between the function around and here, so that nothing gets through. */
type Hidden = (name: string) => boolean;

/**
 * The variables that functions in blocks of sloppy code are outside of these, and that are written when the block begins
 * (Annex B.3.2 of ECMAScript).
 *
 * @param body That of the function around.
 * @param hidden Whether it is declared there, without `var` and `function`.
 */
export function blockFunctions(body: readonly AnyNode[], hidden: Hidden): readonly Declaration[] {
  const found: Declaration[] = [];
  for (const s of body) {
    if (unlabelled(s).type !== 'FunctionDeclaration') functionsIn(s, hidden, hidden, found);
  }
  return found;
}

/** @param outside What hides a function that stands right here: not what its own block declares. */
function functionsIn(statement: AnyNode, hidden: Hidden, outside: Hidden, found: Declaration[]): void {
  const n = unlabelled(statement);
  if (n.type === 'FunctionDeclaration') {
    const { name } = n.id!;
    if (!n.async && !n.generator && !outside(name)) found.push({ name, kind: 'var', node: n });
    return;
  }
  const inner = statementsIn(n);
  if (inner.length === 0) return;
  const names = [...ownNames(n)];
  const own: Hidden = names.length === 0 ? hidden : (name) => names.includes(name) || hidden(name);
  const isBlock = n.type === 'BlockStatement' || n.type === 'SwitchStatement';
  const around = n.type === 'SwitchCase' ? outside : isBlock ? hidden : own;
  for (const s of inner) functionsIn(s, own, around, found);
}

/** The statements of which a statement is made, and what stands between them: cases, handlers, the heads of loops. */
function statementsIn(n: AnyNode): readonly AnyNode[] {
  switch (n.type) {
    case 'BlockStatement':
      return n.body;
    case 'IfStatement':
      return n.alternate ? [n.consequent, n.alternate] : [n.consequent];
    case 'ForStatement':
      return n.init ? [n.init, n.body] : [n.body];
    case 'ForInStatement':
    case 'ForOfStatement':
      return [n.left, n.body];
    case 'WhileStatement':
    case 'DoWhileStatement':
    case 'WithStatement':
    case 'LabeledStatement':
    case 'CatchClause':
      return [n.body];
    case 'TryStatement':
      return [n.block, n.handler, n.finalizer].filter((part) => part !== null && part !== undefined);
    case 'SwitchStatement':
      return n.cases;
    case 'SwitchCase':
      return n.consequent;
    case 'ExportNamedDeclaration':
      return n.declaration ? [n.declaration] : [];
    default:
      return [];
  }
}

/** What a node declares that is seen in it alone. */
function* ownNames(n: AnyNode): Iterable<string> {
  let declared: AnyNode[] = [];
  if (n.type === 'BlockStatement') declared = n.body;
  else if (n.type === 'SwitchStatement') declared = n.cases.flatMap((c) => c.consequent);
  else if (n.type === 'ForStatement') declared = n.init ? [n.init] : [];
  else if (n.type === 'ForInStatement' || n.type === 'ForOfStatement') declared = [n.left];
  for (const d of blockDeclarations(declared)) yield d.name;
  // A `var` may have the name of what was caught, unless that is a pattern.
  if (n.type === 'CatchClause' && n.param?.type !== 'Identifier') yield* namesIn(n.param ?? null);
}

/** The statement behind its labels. */
function unlabelled(node: AnyNode): AnyNode {
  let n = node;
  while (n.type === 'LabeledStatement') n = n.body;
  return n;
}
