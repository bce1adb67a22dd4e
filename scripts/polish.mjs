/**
 * Improves the CommonJS that esbuild makes of a part. Lines stay what they were, so that the source map stays true.
 */
import { parse } from 'acorn';

/** @param isLate Whether a part is loaded when it is first used. */
export function polish(code, isLate) {
  const plain = withoutDocs(withOwnNames(withPlainExports(code)));
  const linked = withConstants(withLateModules(plain, isLate))
    // `import()` would load the loader of ES modules first.
    .replace(/\bimport\("(\.\.?\/[^"]+)"\)/g, 'Promise.resolve().then(() => require("$1"))')
    .replace(/\b__moduleUrl\b/g, 'require("node:url").pathToFileURL(__filename).href');
  // V8 keeps the text, and with one such character twice as many bytes of it.
  const wide = /[^\0-\x7f].*/.exec(linked);
  if (wide !== null) throw new Error(`not ASCII: ${wide[0]}`);
  return linked;
}

/** Takes the comments away that esbuild leaves: they would be read and kept in memory by every program. */
function withoutDocs(code) {
  const comments = [];
  parse(code, { ecmaVersion: 'latest', onComment: comments });
  return comments
    .filter(({ type }) => type === 'Block')
    .reverse()
    .reduce((text, { start, end }) => {
      const lines = text.slice(start, end).replace(/[^\n]+/g, '');
      return text.slice(0, start).replace(/[ \t]+$/, '') + lines + text.slice(end);
    }, code);
}

/**
 * esbuild exports through getters behind getters, for the sake of circular imports and of exported variables that change. The
 * sources have neither (a test says so), and hot loops would pay for it: plain properties, set at the end of the file.
 */
function withPlainExports(code) {
  const header = /^__export\((\w+), \{\n([^}]*)\}\);\nmodule\.exports = __toCommonJS\(\1\);\n/m;
  const found = header.exec(code);
  if (found === null) return code;
  const properties = found[2].replace(/: \(\) => /g, ': ');
  const exports = `module.exports = Object.defineProperty({\n${properties}}, '__esModule', { value: true });\n`;
  const names = code.lastIndexOf('// Annotate the CommonJS export names');
  const body = names < 0 ? `${code}${exports}` : `${code.slice(0, names)}${exports}${code.slice(names)}`;
  // As many lines as before.
  return body.replace(header, (text) => '\n'.repeat(text.split('\n').length - 1));
}

/**
 * What stands at the top of a file is `var` to esbuild. The engine knows the value of a constant when it compiles a function that uses
 * it, and would have to look at a variable each time: hot loops take up to half as long again.
 */
function withConstants(code) {
  const tree = parse(code, { ecmaVersion: 'latest' });
  const assigned = new Set();
  const visit = (node) => {
    if (node.type === 'AssignmentExpression') namesIn(node.left, assigned);
    else if (node.type === 'UpdateExpression') namesIn(node.argument, assigned);
    else if (/^For(In|Of)Statement$/.test(node.type)) namesIn(node.left, assigned);
    for (const child of Object.values(node)) {
      for (const each of Array.isArray(child) ? child : [child])
        if (typeof each?.type === 'string') visit(each);
    }
  };
  visit(tree);
  return tree.body
    .filter(({ type, kind, declarations }) => {
      if (type !== 'VariableDeclaration' || kind !== 'var') return false;
      const names = new Set();
      for (const { id } of declarations) namesIn(id, names);
      return (
        declarations.every(({ init }) => init !== null) && ![...names].some((name) => assigned.has(name))
      );
    })
    .reverse()
    .reduce((text, { start }) => `${text.slice(0, start)}const${text.slice(start + 'var'.length)}`, code);
}

/** Adds the names that a pattern assigns to. */
function namesIn(pattern, names) {
  if (pattern === null) return;
  if (pattern.type === 'Identifier') names.add(pattern.name);
  else if (pattern.type === 'ObjectPattern') {
    for (const property of pattern.properties) namesIn(property.value ?? property.argument, names);
  } else if (pattern.type === 'ArrayPattern') for (const element of pattern.elements) namesIn(element, names);
  else if (pattern.type === 'AssignmentPattern') namesIn(pattern.left, names);
  else if (pattern.type === 'RestElement') namesIn(pattern.argument, names);
}

/** A class that speaks of itself is `var Lock = class _Lock {`; but users see the names of classes. */
function withOwnNames(code) {
  for (const [, name] of code.matchAll(/\bvar (\w+) = class _\1\b/g)) {
    code = code.replace(new RegExp(`(?<![\\w$.#'"])_${name}\\b`, 'g'), name);
  }
  return code;
}

/**
 * Has modules of Node's, and parts, loaded when they are first used, since each takes its time. In a realm of a test runner's Node's modules
 * are loaded at once: it may give out none any more when a finalizer or a listener asks for one.
 */
function withLateModules(code, isLatePart) {
  const isLate = (id) => id.startsWith('node:') || isLatePart(/([\w-]+)\.js$/.exec(id)?.[1]);
  const names = new Set();
  const first = new Map();
  const lines = code.replace(
    /\bvar (import_\w+) = (?:__toESM\()?require\("([^"]+)"\)(?:(?:, 1)?\))?;/g,
    (text, name, id) => {
      if (isLate(id)) {
        names.add(name);
        return `var ${name} = ${id.startsWith('node:') ? '__lateBuiltin' : '__latePart'}(() => require("${id}"));`;
      }
      const known = first.get(id);
      if (known !== undefined) return `var ${name} = ${known};`;
      first.set(id, name);
      return text;
    },
  );
  if (names.size === 0) return lines;
  const used = lines.replace(/(?<!var )\bimport_\w+\b/g, (name) => (names.has(name) ? `(${name}())` : name));
  return `var __latePart = (load, m) => () => m ??= load(), __lateBuiltin = (load, full = () => ({ __proto__: load(), default: load() })) => __latePart(full, process instanceof Object ? undefined : full());${used}`;
}
