/**
 * A script as the sender sees it: acorn's tree, the functions by their position, what it exports and imports.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { AnyNode, CallExpression, Class, Expression, Program, VariableDeclarator } from 'acorn';
import { SerializationError } from '../base/errors.ts';
import { type ScriptSource, scriptSource } from './inspect.ts';
import { parse } from './parse.ts';
import type { Fn } from './plan.ts';
import { analyse, type Binding, type Unit } from './scope.ts';

/** How texts made by `code.ts` begin: their scripts bear the user's file name, but can be imported from nowhere. */
export const mark = '/*multiproc*/';

const scripts = new Map<string, Script>();

/** The script with V8's id `id`, that of `fn`; parsed once. */
export function scriptOf(id: string, fn: Fn): Script {
  let script = scripts.get(id);
  if (script === undefined) {
    script = new Script(scriptSource(id, fn));
    scripts.set(id, script);
  }
  return script;
}

/** The script in a file, of which no function is known. @returns undefined for what is no JavaScript as it stands there. */
export function scriptOfFile(url: string, isModule: boolean): Script | undefined {
  const id = `${isModule ? 'module' : 'script'} ${url}`;
  let script = scripts.get(id);
  if (script === undefined) {
    try {
      const text = readFileSync(fileURLToPath(url), 'utf8');
      script = new Script({ id, url, isModule, startLine: 0, startColumn: 0, sourceMapURL: '', text });
    } catch {
      return undefined;
    }
    scripts.set(id, script);
  }
  return script;
}

export class Script {
  readonly source: ScriptSource;
  readonly units: readonly Unit[];
  readonly top: ReadonlyMap<string, Binding>;
  /** As `import()` and `require` would name it: a URL or a path, or an invented name such as `[eval]`. */
  readonly url: string;
  /** As stack traces name it. */
  readonly filename: string;
  /** Whether another process could load it by its URL (unless it is the main script). */
  readonly isFile: boolean;
  readonly program: Program;
  #lineStarts: number[] | undefined;
  #byPosition: Map<number, Unit> | undefined;
  #exports: Map<string, string> | undefined;

  constructor(source: ScriptSource) {
    this.source = source;
    const url = compiledFile(source.url) ?? source.url;
    this.url = url;
    this.isFile = url.startsWith('file:') && !source.text.startsWith(mark) && !/\/\[eval\d*\]$/.test(url);
    this.filename = url.startsWith('file:') && !source.isModule ? fileURLToPath(url) : url;
    try {
      this.program = parse(source.text, {
        ecmaVersion: 'latest',
        sourceType: source.isModule ? 'module' : 'script',
        allowReturnOutsideFunction: true,
        allowAwaitOutsideFunction: true,
        allowSuperOutsideMethod: true,
        allowHashBang: true,
        ...(source.isModule ? {} : { allowNewDotTargetOutsideFunction: true }),
      } as Parameters<typeof parse>[1]);
    } catch (cause) {
      throw new SerializationError(
        `Cannot send a function of ${this.filename}: its source cannot be parsed; export the function from a module of its own`,
        { cause },
      );
    }
    const info = analyse(this.program, source.isModule, !source.isModule && !this.isFile);
    this.units = info.units;
    this.top = info.top;
  }

  /** The function or class that V8 places there. */
  unitAt(line: number, column: number): Unit | undefined {
    const offset = this.offsetOf(line, column);
    return offset === undefined ? undefined : this.unitAtOffset(offset);
  }

  /** The function or class that V8 places at this offset of the text. */
  unitAtOffset(offset: number): Unit | undefined {
    // A class stands where its constructor does.
    this.#byPosition ??= new Map(
      this.units.filter((u) => !isConstructor(u)).map((u) => [startOf(u, this.source.text), u]),
    );
    return this.#byPosition.get(offset);
  }

  /** Where in the text a place is that V8 names. */
  offsetOf(line: number, column: number): number | undefined {
    const l = line - this.source.startLine;
    const start = this.lineStarts[l];
    if (start === undefined) return undefined;
    return start + (l === 0 ? column - this.source.startColumn : column);
  }

  get lineStarts(): readonly number[] {
    if (this.#lineStarts === undefined) {
      this.#lineStarts = [0];
      for (const m of this.source.text.matchAll(/\r\n|[\n\r\u2028\u2029]/g)) {
        this.#lineStarts.push(m.index + m[0].length);
      }
    }
    return this.#lineStarts;
  }

  /** Line and column of an offset, in the script's own counting. */
  placeOf(offset: number): { line: number; column: number } {
    const starts = this.lineStarts;
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    const column = offset - starts[low]! + (low === 0 ? this.source.startColumn : 0);
    return { line: low + this.source.startLine, column };
  }

  /** Exported name by local name, of what the script exports itself. "" stands for an unnamed default export. */
  get exports(): ReadonlyMap<string, string> {
    if (this.#exports !== undefined) return this.#exports;
    const map = new Map<string, string>();
    this.#exports = map;
    const add = (local: string, exported: string): void => {
      if (!map.has(local)) map.set(local, exported);
    };
    for (const s of this.program.body) {
      if (s.type === 'ExportDefaultDeclaration') {
        const { declaration } = s;
        const id = 'id' in declaration ? declaration.id : null;
        if (id) add(id.name, 'default');
        else add('', 'default');
      } else if (s.type === 'ExportNamedDeclaration' && !s.source) {
        for (const spec of s.specifiers) add(nameOf(spec.local), nameOf(spec.exported));
        const { declaration } = s;
        if (declaration?.type === 'VariableDeclaration') {
          for (const { name, node } of this.top.values()) {
            if (declaration.declarations.includes(node as VariableDeclarator)) add(name, name);
          }
        } else if (declaration) add(declaration.id.name, declaration.id.name);
      }
    }
    return map;
  }

  /** Whether this function or class is the unnamed default export. */
  isDefaultExport(unit: Unit): boolean {
    return this.program.body.some(
      (s) => s.type === 'ExportDefaultDeclaration' && (s.declaration as AnyNode) === unit.node,
    );
  }
}

/** tsx, at Node 20, gives what it made CommonJS for an ES module a `data:` URL, which says the file in the end. */
function compiledFile(url: string): string | undefined {
  const found = url.startsWith('data:text/javascript,') ? /\?filePath=([^?&]+)$/.exec(url)?.[1] : undefined;
  return found === undefined ? undefined : pathToFileURL(decodeURIComponent(found)).href;
}

/** The name that an identifier or a literal stands for, as a key or an export. */
export function nameOf(node: { type: string; name?: string; value?: unknown }): string {
  return node.type === 'Literal' ? String(node.value) : node.name!;
}

/** Whether this is the constructor that a class spells out. */
export function isConstructor(unit: Unit): boolean {
  return unit.holder?.type === 'MethodDefinition' && unit.holder.kind === 'constructor';
}

/** Where V8 says that a function is: at its parameters, an arrow function at its start, a class at its constructor. */
function startOf(unit: Unit, text: string): number {
  const { node } = unit;
  if (node.type === 'ArrowFunctionExpression') return node.start;
  if (node.type === 'ClassDeclaration' || node.type === 'ClassExpression') {
    for (const m of (node as Class).body.body) {
      if (m.type === 'MethodDefinition' && m.kind === 'constructor') return m.value.start;
    }
    return node.start;
  }
  if (unit.holder !== undefined) return node.start;
  return openParenthesis(text, node.id ? node.id.end : node.start);
}

function openParenthesis(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    if (text[i] === '(') return i;
    if (text.startsWith('/*', i)) i = text.indexOf('*/', i) + 1;
    else if (text.startsWith('//', i)) while (!/[\n\r\u2028\u2029]/.test(text[i]!)) i++;
  }
  return -1;
}

/** A `require("x")`, bare, behind properties or inside a transpiler's wrapper, in a variable's initialiser. */
export interface RequireShape {
  readonly specifier: string;
  /** Properties taken of what was loaded, innermost first. */
  readonly path: readonly string[];
  /** Name of the function around it, if any. */
  readonly wrapper: string | undefined;
  /** Further arguments of the wrapper, literals. */
  readonly rest: readonly unknown[];
}

/** Recognises {@link RequireShape} for the variable `binding`. */
export function requireShape(binding: Binding): RequireShape | undefined {
  const { node } = binding;
  if (node.type !== 'VariableDeclarator' || !node.init) return undefined;
  const shape = shapeOf(node.init);
  if (shape === undefined) return undefined;
  if (node.id.type === 'Identifier') return shape;
  if (node.id.type !== 'ObjectPattern') return undefined;
  for (const p of node.id.properties) {
    if (p.type !== 'Property' || p.computed || p.value.type !== 'Identifier' || p.value.name !== binding.name)
      continue;
    const key =
      p.key.type === 'Identifier' ? p.key.name : p.key.type === 'Literal' ? String(p.key.value) : '';
    if (key !== '') return { ...shape, path: [...shape.path, key] };
  }
  return undefined;
}

function shapeOf(e: Expression): RequireShape | undefined {
  if (e.type === 'MemberExpression' && !e.computed && e.property.type === 'Identifier') {
    const inner = e.object.type === 'Super' ? undefined : shapeOf(e.object);
    return inner && { ...inner, path: [...inner.path, e.property.name] };
  }
  if (e.type !== 'CallExpression' || e.callee.type === 'Super') return undefined;
  const specifier = requireCall(e);
  if (specifier !== undefined) return { specifier, path: [], wrapper: undefined, rest: [] };
  const [first, ...others] = e.arguments;
  if (e.callee.type !== 'Identifier' || first?.type !== 'CallExpression') return undefined;
  const inner = requireCall(first);
  if (inner === undefined || !others.every((o) => o.type === 'Literal')) return undefined;
  const rest = others.map((o) => (o as { value?: unknown }).value);
  return { specifier: inner, path: [], wrapper: e.callee.name, rest };
}

function requireCall(e: CallExpression): string | undefined {
  const [argument] = e.arguments;
  return e.callee.type === 'Identifier' &&
    e.callee.name === 'require' &&
    e.arguments.length === 1 &&
    argument?.type === 'Literal' &&
    typeof argument.value === 'string'
    ? argument.value
    : undefined;
}
