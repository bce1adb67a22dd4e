/**
 * Finds out, for every function and class of a script, which outer variables its source uses.
 *
 * Two passes over acorn's tree: the first makes scopes, bindings and a list of references, the second resolves these.
 * A direct `eval` of a literal text uses what that names; of another only what the source names elsewhere. It may write any of it.
 */
import type { Function as AcornFunction, AnyNode, Class, Node, Pattern, TemplateLiteral } from 'acorn';
import { blockDeclarations, blockFunctions, type Kind, namesIn, varDeclarations } from './declarations.ts';
import { parse } from './parse.ts';

/** A declared variable. */
export interface Binding {
  readonly name: string;
  readonly kind: Kind;
  /** Declarator, import specifier, function or class that declares it. */
  readonly node: AnyNode;
  /** The import declaration, for an import. */
  readonly parent: AnyNode | undefined;
  /** The function that it is declared in; undefined at the top. */
  readonly home: Unit | undefined;
  /** Whether anything but its initialiser writes to it. */
  reassigned: boolean;
  /** Whether a function or class inside of the one that declares it does so. */
  reassignedWithin: boolean;
  /** Functions and loops below the declaration that refer to it from within. */
  readonly users: Set<Unit>;
  usedInLoop: boolean;
}

/** One use of an outer variable. */
export interface Reference {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly binding: Binding | undefined;
  /** `{name}` in a literal or pattern, where a replacement must spell the key out. */
  readonly shorthand: boolean;
  /** `name(…)`, where a replacement must not become a method call. */
  readonly called: boolean;
}

/** A function or class, with what it needs from outside. */
export interface Unit {
  readonly node: AcornFunction | Class;
  /** The method, property or accessor that holds a function without a `function` keyword. */
  readonly holder: AnyNode | undefined;
  readonly outer: Unit | undefined;
  readonly strict: boolean;
  readonly references: Reference[];
  /** `import.meta`, by position. */
  readonly metas: number[];
  /** The keyword of `import()`, by position. */
  readonly imports: number[];
  /** `this` of an arrow function's surroundings, by position. */
  readonly thises: number[];
  /** Whatever is declared anywhere inside of it, but for what its own functions declare. */
  readonly names: Set<string>;
  usesArguments: boolean;
  usesSuper: boolean;
  usesNewTarget: boolean;
  /** Whether there is a direct `eval` in it, which sees its variables. */
  evaluates: boolean;
  /** Whether a `with` is around it, whose object may hide any variable. */
  readonly inWith: boolean;
  /** Names of private members of outer classes. */
  readonly privates: Set<string>;
}

interface Scope {
  readonly outer: Scope | undefined;
  readonly unit: Unit | undefined;
  readonly isFunction: boolean;
  readonly isLoop: boolean;
  readonly bindings: Map<string, MutableBinding>;
  readonly privates: ReadonlySet<string> | undefined;
}

type MutableBinding = Binding;

/** What a reference does to a variable: a `var` gives it its first value, unless it is in a loop, or its name is that of what was caught. */
type Write = 'no' | 'declares' | 'writes';

interface Pending {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly scope: Scope;
  readonly write: Write;
  readonly shorthand: boolean;
  readonly called: boolean;
}

/** Everything about the functions of a script. */
export interface ScopeInfo {
  readonly units: readonly Unit[];
  readonly top: ReadonlyMap<string, Binding>;
}

type Any = AnyNode & Record<string, unknown>;

const loopTypes = new Set([
  'ForStatement',
  'ForInStatement',
  'ForOfStatement',
  'WhileStatement',
  'DoWhileStatement',
]);

/** @param isOpen Whether other scripts may write what is declared at its top: one that is no module of any kind. */
export function analyse(program: Node, isModule: boolean, isOpen: boolean): ScopeInfo {
  return new Analyser(isModule).run(program as Any, isOpen);
}

class Analyser {
  readonly #units: Unit[] = [];
  readonly #pending: Pending[] = [];
  /** Where a direct `eval` is. */
  readonly #evals: Scope[] = [];
  readonly #isModule: boolean;
  readonly #top: Scope;
  #withs = 0;

  constructor(isModule: boolean) {
    this.#isModule = isModule;
    this.#top = this.#scope(undefined, undefined, true, false);
  }

  run(program: Any, isOpen: boolean): ScopeInfo {
    const strict = this.#isModule || hasUseStrict(program.body as Any[]);
    this.#statements(program.body as Any[], this.#top, strict);
    for (const p of this.#pending) this.#resolve(p);
    if (isOpen) mayBeWritten(this.#top);
    for (const scope of this.#evals)
      for (let s: Scope | undefined = scope; s !== undefined; s = s.outer) mayBeWritten(s);
    return { units: this.#units, top: this.#top.bindings };
  }

  #scope(
    outer: Scope | undefined,
    unit: Unit | undefined,
    isFunction: boolean,
    isLoop: boolean,
    privates?: ReadonlySet<string>,
  ): Scope {
    return { outer, unit, isFunction, isLoop, bindings: new Map(), privates };
  }

  #declare(scope: Scope, name: string, kind: Kind, node: AnyNode, parent?: AnyNode): void {
    let at = scope;
    if (kind === 'var') while (!at.isFunction) at = at.outer!;
    const known = at.bindings.get(name);
    if (known !== undefined) {
      // A second declaration of a var or parameter is an assignment, as far as constancy goes.
      (known as { reassigned: boolean }).reassigned = true;
      return;
    }
    at.unit?.names.add(name);
    at.bindings.set(name, {
      name,
      kind,
      node,
      parent,
      home: at.unit,
      reassigned: false,
      reassignedWithin: false,
      users: new Set(),
      usedInLoop: false,
    });
  }

  #declarePattern(scope: Scope, pattern: Pattern | null, kind: Kind, node: AnyNode): void {
    for (const name of namesIn(pattern)) this.#declare(scope, name, kind, node);
  }

  /** Declares what a block declares, before its statements are visited. */
  #hoist(body: readonly Any[], scope: Scope): void {
    for (const d of blockDeclarations(body)) this.#declare(scope, d.name, d.kind, d.node, d.parent);
  }

  #statements(body: readonly Any[], scope: Scope, strict: boolean): void {
    if (scope.isFunction) {
      for (const s of body) for (const d of varDeclarations(s)) this.#declare(scope, d.name, 'var', d.node);
    }
    this.#hoist(body, scope);
    if (scope.isFunction && !strict) this.#hoistBlockFunctions(body, scope);
    for (const s of body) this.#visit(s, scope, strict);
  }

  #hoistBlockFunctions(body: readonly Any[], scope: Scope): void {
    const hidden = new Set<string>();
    for (let s: Scope | undefined = scope; s !== undefined && s.unit === scope.unit; s = s.outer) {
      for (const { name, kind } of s.bindings.values()) {
        if (kind !== 'var' && kind !== 'function' && kind !== 'self') hidden.add(name);
      }
    }
    for (const d of blockFunctions(body, (name) => hidden.has(name))) {
      this.#declare(scope, d.name, 'var', d.node);
      scope.bindings.get(d.name)!.reassigned = true;
    }
  }

  #reference(node: Any, scope: Scope, write: Write = 'no', shorthand = false, called = false): void {
    const name = node.name as unknown as string;
    if (name === 'arguments') this.#outward(scope, 'usesArguments');
    this.#pending.push({ name, start: node.start, end: node.end, scope, write, shorthand, called });
  }

  /** `super`, `arguments`, `new.target`: belongs to every arrow function between here and its owner. */
  #outward(scope: Scope, what: 'usesArguments' | 'usesSuper' | 'usesNewTarget'): void {
    for (let unit = scope.unit; unit !== undefined; unit = unit.outer) {
      const arrow = unit.node.type === 'ArrowFunctionExpression';
      if (!arrow && (what !== 'usesSuper' || unit.node.type.startsWith('Class'))) return;
      unit[what] = true;
      if (!arrow) return;
    }
  }

  #visitAll(nodes: unknown, scope: Scope, strict: boolean): void {
    if (Array.isArray(nodes)) for (const n of nodes) this.#visit(n as Any | null, scope, strict);
  }

  #visit(node: Any | null | undefined, scope: Scope, strict: boolean): void {
    if (node === null || node === undefined) return;
    switch (node.type) {
      case 'Identifier':
        this.#reference(node, scope);
        return;
      case 'ThisExpression':
        for (let u = scope.unit; u?.node.type === 'ArrowFunctionExpression'; u = u.outer)
          u.thises.push(node.start);
        return;
      case 'Super':
        this.#outward(scope, 'usesSuper');
        return;
      case 'MetaProperty':
        if ((node.meta as unknown as Any).name === ('new' as never)) this.#outward(scope, 'usesNewTarget');
        else for (let u = scope.unit; u !== undefined; u = u.outer) u.metas.push(node.start);
        return;
      case 'ImportExpression':
        for (let u = scope.unit; u !== undefined; u = u.outer) u.imports.push(node.start);
        this.#children(node, scope, strict);
        return;
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'ArrowFunctionExpression':
        this.#function(node, undefined, scope, strict);
        return;
      case 'ClassDeclaration':
      case 'ClassExpression':
        this.#class(node, scope);
        return;
      case 'BlockStatement':
      case 'StaticBlock':
        this.#statements(
          node.body as Any[],
          this.#scope(scope, scope.unit, node.type === 'StaticBlock', false),
          strict,
        );
        return;
      case 'SwitchStatement': {
        this.#visit(node.discriminant as Any, scope, strict);
        const inner = this.#scope(scope, scope.unit, false, false);
        const cases = node.cases as unknown as { test: Any | null; consequent: Any[] }[];
        for (const c of cases) this.#hoist(c.consequent, inner);
        for (const c of cases) {
          this.#visit(c.test, inner, strict);
          this.#visitAll(c.consequent, inner, strict);
        }
        return;
      }
      case 'CatchClause': {
        const inner = this.#scope(scope, scope.unit, false, false);
        this.#declarePattern(inner, node.param as Pattern | null, 'catch', node);
        this.#pattern(node.param as Any | null, inner, strict, 'no');
        this.#statements((node.body as unknown as { body: Any[] }).body, inner, strict);
        return;
      }
      case 'VariableDeclaration':
        for (const { id, init } of node.declarations as unknown as { id: Any; init: Any | null }[]) {
          this.#pattern(id, scope, strict, node.kind === ('var' as never) ? 'declares' : 'no');
          this.#visit(init, scope, strict);
        }
        return;
      case 'WithStatement':
        this.#visit(node.object as Any, scope, strict);
        this.#withs++;
        this.#visit(node.body as Any, scope, strict);
        this.#withs--;
        return;
      case 'AssignmentExpression':
        this.#pattern(node.left as Any, scope, strict, 'writes');
        this.#visit(node.right as Any, scope, strict);
        return;
      case 'UpdateExpression':
        this.#pattern(node.argument as Any, scope, strict, 'writes');
        return;
      case 'CallExpression': {
        const callee = node.callee as Any;
        if (callee.type === 'Identifier') this.#reference(callee, scope, 'no', false, true);
        else this.#visit(callee, scope, strict);
        this.#visitAll(node.arguments, scope, strict);
        if (callee.type === 'Identifier' && callee.name === ('eval' as never)) {
          for (let u = scope.unit; u !== undefined; u = u.outer) u.evaluates = true;
          this.#evals.push(scope);
          const body = evaluatedBody((node.arguments as unknown as Any[])[0]);
          if (body !== undefined) this.#statements(body, this.#scope(scope, scope.unit, true, false), strict);
        }
        return;
      }
      case 'TaggedTemplateExpression': {
        const tag = node.tag as Any;
        if (tag.type === 'Identifier') this.#reference(tag, scope, 'no', false, true);
        else this.#visit(tag, scope, strict);
        this.#visit(node.quasi as Any, scope, strict);
        return;
      }
      case 'MemberExpression':
        this.#visit(node.object as Any, scope, strict);
        if (node.computed) this.#visit(node.property as Any, scope, strict);
        else this.#private(node.property as Any, scope);
        return;
      case 'PrivateIdentifier':
        this.#private(node, scope);
        return;
      case 'ObjectExpression':
        for (const p of node.properties as unknown as Any[]) this.#property(p, scope, strict);
        return;
      case 'LabeledStatement':
        this.#visit(node.body as Any, scope, strict);
        return;
      case 'BreakStatement':
      case 'ContinueStatement':
      case 'ImportDeclaration':
      case 'ExportAllDeclaration':
        return;
      case 'ExportNamedDeclaration':
        this.#visit(node.declaration as Any | null, scope, strict);
        return;
      default:
        this.#children(node, scope, strict);
    }
  }

  #children(node: Any, scope: Scope, strict: boolean): void {
    let inner = scope;
    if (loopTypes.has(node.type)) {
      inner = this.#scope(scope, scope.unit, false, true);
      for (const head of [node.init, node.left] as unknown as (Any | null | undefined)[]) {
        if (head?.type !== 'VariableDeclaration') continue;
        this.#hoist([head], inner);
      }
      const left = node.left as Any | undefined;
      if (left !== undefined && left.type !== 'VariableDeclaration')
        this.#pattern(left, inner, strict, 'writes');
    }
    for (const key of Object.keys(node)) {
      if (
        key === 'type' ||
        (key === 'left' && inner !== scope && (node.left as Any).type !== 'VariableDeclaration')
      )
        continue;
      const child = node[key];
      if (Array.isArray(child)) this.#visitAll(child, inner, strict);
      else if (typeof child === 'object' && child !== null && 'type' in child)
        this.#visit(child as Any, inner, strict);
    }
  }

  #private(node: Any, scope: Scope): void {
    if (node.type !== 'PrivateIdentifier') return;
    const name = node.name as unknown as string;
    for (let s: Scope | undefined = scope; s !== undefined; s = s.outer) {
      if (s.privates?.has(name)) {
        // Every unit inside the class needs the class; the class itself does not.
        for (let u = scope.unit; u !== undefined && u !== s.unit; u = u.outer) u.privates.add(name);
        return;
      }
    }
  }

  #property(p: Any, scope: Scope, strict: boolean): void {
    if (p.type !== 'Property') {
      this.#visit(p, scope, strict);
      return;
    }
    if (p.computed) this.#visit(p.key as Any, scope, strict);
    const value = p.value as Any;
    if (p.shorthand) this.#reference(value, scope, 'no', true);
    else if (p.method || p.kind !== 'init') this.#function(value, p, scope, strict);
    else this.#visit(value, scope, strict);
  }

  /** A pattern: its identifiers are written, its defaults and computed keys read. */
  #pattern(node: Any | null, scope: Scope, strict: boolean, write: Write, shorthand = false): void {
    if (node === null) return;
    switch (node.type) {
      case 'Identifier':
        if (write !== 'no') this.#reference(node, scope, write, shorthand);
        return;
      case 'ObjectPattern':
        for (const p of node.properties as unknown as Any[]) {
          if (p.type === 'RestElement') this.#pattern(p.argument as Any, scope, strict, write);
          else {
            if (p.computed) this.#visit(p.key as Any, scope, strict);
            this.#pattern(p.value as Any, scope, strict, write, p.shorthand as boolean);
          }
        }
        return;
      case 'ArrayPattern':
        for (const p of node.elements as unknown as (Any | null)[]) this.#pattern(p, scope, strict, write);
        return;
      case 'RestElement':
        this.#pattern(node.argument as Any, scope, strict, write);
        return;
      case 'AssignmentPattern':
        this.#pattern(node.left as Any, scope, strict, write, shorthand);
        this.#visit(node.right as Any, scope, strict);
        return;
      default:
        this.#visit(node, scope, strict);
    }
  }

  #unit(node: Any, holder: Any | undefined, scope: Scope, strict: boolean): Unit {
    const unit: Unit = {
      node: node as unknown as AcornFunction | Class,
      holder,
      outer: scope.unit,
      strict,
      references: [],
      metas: [],
      thises: [],
      imports: [],
      names: new Set(),
      usesArguments: false,
      usesSuper: false,
      usesNewTarget: false,
      evaluates: false,
      inWith: this.#withs > 0,
      privates: new Set(),
    };
    this.#units.push(unit);
    return unit;
  }

  #function(node: Any, holder: Any | undefined, scope: Scope, outerStrict: boolean): void {
    const body = node.body as unknown as Any;
    const block = body.type === 'BlockStatement' ? (body.body as unknown as Any[]) : undefined;
    const strict = outerStrict || (block !== undefined && hasUseStrict(block));
    const unit = this.#unit(node, holder, scope, outerStrict);
    let inner = this.#scope(scope, unit, true, false);
    const id = node.id as unknown as { name: string } | null;
    if (node.type === 'FunctionExpression' && id !== null) {
      this.#declare(inner, id.name, 'self', node);
      inner = this.#scope(inner, unit, true, false);
    }
    if (node.type !== 'ArrowFunctionExpression') {
      inner.bindings.set('arguments', {
        name: 'arguments',
        kind: 'self',
        node,
        parent: undefined,
        home: unit,
        reassigned: false,
        reassignedWithin: false,
        users: new Set(),
        usedInLoop: false,
      });
    }
    for (const p of node.params as Pattern[]) this.#declarePattern(inner, p, 'param', node);
    for (const p of node.params as unknown as Any[]) this.#pattern(p, inner, strict, 'no');
    // What the body declares with `var` is not seen by defaults of parameters.
    const isPlain = (node.params as Pattern[]).every((p) => p.type === 'Identifier');
    if (block === undefined) this.#visit(body, inner, strict);
    else this.#statements(block, isPlain ? inner : this.#scope(inner, unit, true, false), strict);
  }

  #class(node: Any, scope: Scope): void {
    const unit = this.#unit(node, undefined, scope, true);
    const body = (node.body as unknown as { body: Any[] }).body;
    const privates = new Set<string>();
    for (const member of body) {
      const key = member.key as unknown as Any | undefined;
      if (key?.type === 'PrivateIdentifier') privates.add(key.name as unknown as string);
    }
    const inner = this.#scope(scope, unit, false, false, privates);
    const id = node.id as unknown as { name: string } | null;
    if (id !== null) this.#declare(inner, id.name, 'self', node);
    this.#visit(node.superClass as Any | null, inner, true);
    for (const member of body) {
      if (member.computed) this.#visit(member.key as Any, inner, true);
      const value = member.value as Any | null | undefined;
      if (member.type === 'MethodDefinition') this.#function(value!, member, inner, true);
      else if (member.type === 'PropertyDefinition') {
        // An initialiser is a method of its own: it has its own `this`.
        this.#visit(value, this.#scope(inner, unit, true, false), true);
      } else this.#visit(member, inner, true);
    }
  }

  #resolve(p: Pending): void {
    let binding: Binding | undefined;
    let crossedLoop = false;
    for (let s: Scope | undefined = p.scope; s !== undefined; s = s.outer) {
      binding = s.bindings.get(p.name);
      if (binding !== undefined) break;
      crossedLoop ||= s.isLoop;
    }
    if (binding !== undefined && writes(p, binding, crossedLoop)) {
      binding.reassigned = true;
      binding.reassignedWithin ||= p.scope.unit !== binding.home;
    }
    const reference: Reference = { ...p, binding };
    for (let u = p.scope.unit; u !== undefined && u !== binding?.home; u = u.outer) {
      u.references.push(reference);
      if (binding !== undefined) {
        binding.users.add(u);
        binding.usedInLoop ||= crossedLoop;
      }
    }
  }
}

/** The statements that a direct `eval` evaluates, at their places in the source; undefined where these do not say it letter by letter. */
function evaluatedBody(argument: Any | undefined): Any[] | undefined {
  const text = plainText(argument);
  if (text === undefined) return undefined;
  try {
    // What is before belongs to the source around it.
    const program = parse(' '.repeat(text.start) + text.value, {
      ecmaVersion: 'latest',
      allowSuperOutsideMethod: true,
      allowNewDotTargetOutsideFunction: true,
    } as Parameters<typeof parse>[1]);
    return program.body as unknown as Any[];
  } catch {
    return undefined; // An error there, too.
  }
}

/** A text without escapes, and where it begins. */
function plainText(node: Any | undefined): { readonly value: string; readonly start: number } | undefined {
  if (node?.type === 'Literal' && typeof node.value === 'string') {
    const { value, raw, start } = node as unknown as { value: string; raw: string; start: number };
    return raw.slice(1, -1) === value ? { value, start: start + 1 } : undefined;
  }
  if (node?.type !== 'TemplateLiteral') return undefined;
  const [quasi, more] = (node as unknown as TemplateLiteral).quasis;
  if (quasi === undefined || more !== undefined || quasi.value.cooked !== quasi.value.raw) return undefined;
  return { value: quasi.value.raw, start: quasi.start };
}

/** Told of scopes whose variables are written by code that nobody has seen yet. */
function mayBeWritten({ bindings }: Scope): void {
  for (const b of bindings.values()) {
    if (b.kind !== 'const' && b.kind !== 'import' && b.kind !== 'self') b.reassigned = true;
  }
}

/** Whether the variable has another value afterwards than the one that it was declared with. */
function writes({ write }: Pending, { kind }: Binding, crossedLoop: boolean): boolean {
  if (write === 'no' || kind === 'self' || kind === 'const') return false;
  return write === 'writes' || crossedLoop || kind === 'catch';
}

function hasUseStrict(body: readonly Any[]): boolean {
  for (const s of body) {
    if (s.type !== 'ExpressionStatement' || typeof s.directive !== 'string') return false;
    if (s.directive === 'use strict') return true;
  }
  return false;
}
