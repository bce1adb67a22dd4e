/**
 * Builds `dist/` from `src/`, from scratch.
 *
 * tsc makes the declarations. The JavaScript is CommonJS, a file for each source (`dist/cjs/`), with ES modules in front of
 * the entry points (`dist/*.js`): a child process waits for what it loads, and loading a CommonJS file takes a fifth of the time
 * of an ES module. `import` and `require` both end up at the same files, so there is one state, whoever loads it.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const src = path.join(root, 'src');
const dist = path.join(root, 'dist');
const cjs = path.join(dist, 'cjs');
rmSync(dist, { recursive: true, force: true });

const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (status !== 0) process.exit(status ?? 1);

const sources = readdirSync(src, { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.ts'));
/**
 * esbuild exports through getters behind getters, for the sake of circular imports and of exported variables that change. The
 * sources have neither (a test says so), and hot loops would pay for it: plain properties, set at the end of the file.
 */
function withPlainExports(code) {
  const header = /^__export\((\w+), \{\n([^}]*)\}\);\nmodule\.exports = __toCommonJS\(\1\);\n/m;
  const found = header.exec(code);
  if (found === null || code.includes('__reExport(')) return code;
  const properties = found[2].replace(/: \(\) => /g, ': ');
  const exports = `module.exports = Object.defineProperty({\n${properties}}, '__esModule', { value: true });\n`;
  const names = code.lastIndexOf('// Annotate the CommonJS export names');
  const body = names < 0 ? `${code}${exports}` : `${code.slice(0, names)}${exports}${code.slice(names)}`;
  // As many lines as before, so that the source map stays true.
  return body.replace(header, (text) => '\n'.repeat(text.split('\n').length - 1));
}

for (const file of sources) {
  const source = readFileSync(path.join(src, file), 'utf8');
  const out = path.join(cjs, file.replace(/\.ts$/, '.js'));
  const usesUrl = /\bimport\.meta\.url\b/.test(source);
  const { code, map } = transformSync(source, {
    loader: 'ts',
    format: 'cjs',
    platform: 'node',
    target: 'node20.19',
    sourcemap: 'external',
    sourcesContent: false,
    sourcefile: path.relative(path.dirname(out), path.join(src, file)),
    ...(usesUrl
      ? {
          define: { 'import.meta.url': '__moduleUrl' },
          banner: "const __moduleUrl = require('node:url').pathToFileURL(__filename).href;",
        }
      : {}),
  });
  const linked = withPlainExports(code).replace(/\b(require|import)\("(\.\.?\/[^"]+)\.ts"\)/g, '$1("$2.js")');
  mkdirSync(path.dirname(out), { recursive: true });
  writeFileSync(out, `${linked}//# sourceMappingURL=${path.basename(out)}.map\n`);
  writeFileSync(`${out}.map`, map);
}
bundleBootstrap();
writeFileSync(path.join(cjs, 'package.json'), '{ "type": "commonjs" }\n');
for (const entry of sources.filter((file) => !file.includes(path.sep) && file !== 'bootstrap.ts')) {
  const name = entry.replace(/\.ts$/, '.js');
  writeFileSync(path.join(dist, name), `export * from './cjs/${name}';\n`);
}

/**
 * Puts all that every child loads into `bootstrap.js`, so that a child finds, reads and compiles one file instead of dozens. Each part is
 * entered into the cache of modules under the name of its own file: the rest of the library, loaded later, shares its state.
 */
function bundleBootstrap() {
  const main = 'bootstrap.js';
  const parts = [];
  const seen = new Set([main]);
  const collect = (name) => {
    const text = readFileSync(path.join(cjs, name), 'utf8').replace(/\/\/# sourceMappingURL=[^\n]*\n$/, '');
    const inner = (specifier) => path.posix.join(path.posix.dirname(name), specifier);
    const code = text
      .replace(/^(var \w+ = (?:__toESM\()?)require\("(\.[^"]+)"\)/gm, (_, head, specifier) => {
        const wanted = inner(specifier);
        if (!seen.has(wanted)) {
          seen.add(wanted);
          collect(wanted);
        }
        return `${head}__load(${JSON.stringify(wanted)})`;
      })
      .replace(/\bimport\("(\.[^"]+)"\)/g, (_, specifier) => `import("./${inner(specifier)}")`);
    parts.push({ name, code });
  };
  collect(main);
  let out = `const __parts = Object.create(null);
function __load(name) {
  const filename = __dirname + '/' + name;
  const known = require.cache[filename];
  if (known !== undefined) return known.exports;
  const part = new module.constructor(filename, module);
  part.filename = filename;
  part.paths = module.paths;
  require.cache[filename] = part;
  let own;
  const need = (id) => (id[0] === '.' ? (own ??= require('node:module').createRequire(filename))(id) : require(id));
  __parts[name].call(part.exports, part.exports, need, part, filename, filename.slice(0, filename.lastIndexOf('/')));
  part.loaded = true;
  return part.exports;
}
`;
  const sections = [];
  const add = ({ name, code }) => {
    const map = JSON.parse(readFileSync(path.join(cjs, `${name}.map`), 'utf8'));
    map.sources = map.sources.map((source) => path.posix.join(path.posix.dirname(name), source));
    sections.push({ offset: { line: out.split('\n').length - 1, column: 0 }, map });
    out += code;
  };
  for (const part of parts) {
    if (part.name === main) continue;
    out += `__parts[${JSON.stringify(part.name)}] = function (exports, require, module, __filename, __dirname) {\n`;
    add(part);
    out += '};\n';
  }
  add(parts.find((part) => part.name === main));
  writeFileSync(path.join(cjs, main), `${out}//# sourceMappingURL=${main}.map\n`);
  writeFileSync(path.join(cjs, `${main}.map`), JSON.stringify({ version: 3, sections }));
}
