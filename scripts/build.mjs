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
import { build, transformSync } from 'esbuild';

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
await bundleBootstrap();
writeFileSync(path.join(cjs, 'package.json'), '{ "type": "commonjs" }\n');
for (const entry of sources.filter((file) => !file.includes(path.sep) && file !== 'bootstrap.ts')) {
  const name = entry.replace(/\.ts$/, '.js');
  writeFileSync(path.join(dist, name), `export * from './cjs/${name}';\n`);
}

/**
 * Puts all that every child loads into `bootstrap.js`, in one scope, so that a child finds, reads and compiles one small file instead of
 * dozens. Each part is entered into the cache of modules under the name of its own file: the rest of the library, loaded
 * later, shares its state.
 */
async function bundleBootstrap() {
  const { metafile } = await bundle("import './bootstrap.ts';");
  const inputs = Object.keys(metafile.inputs);
  const parts = inputs
    .map((file) => path.relative(src, path.join(root, file)))
    .filter((file) => file.endsWith('.ts') && file !== 'bootstrap.ts')
    .map((file) => file.split(path.sep).join('/'));
  const classes = [];
  const entries = parts.map((file, i) => {
    const code = readFileSync(path.join(cjs, outputOf(file)), 'utf8');
    const names = exportsOf(code);
    classes.push(...names.filter((name) => code.includes(`class ${name} `)));
    const pairs = names.map((name) => `${name}: part${i}.${name}`);
    return {
      load: `import * as part${i} from './${file}';`,
      row: `'${outputOf(file)}': { ${pairs.join(', ')} },`,
    };
  });
  const register = `import { Module } from 'node:module';
${entries.map((e) => e.load).join('\n')}
const exportsOf = { ${entries.map((e) => e.row).join('\n')} };
for (const name of Object.keys(exportsOf)) {
  const filename = __dirname + '/' + name;
  const part = new Module(filename);
  part.filename = filename;
  part.exports = Object.defineProperty(exportsOf[name], '__esModule', { value: true });
  part.loaded = true;
  Module._cache[filename] = part;
}
`;
  const { outputFiles } = await bundle("import 'register'; import './bootstrap.ts';", register);
  const bundled = outputFiles.find((file) => file.path.endsWith('.js')).text;
  const text = withLateBuiltins(bundled).replace(/\bimport\("(\.\/[^"]+)\.ts"\)/g, 'import("$1.js")');
  writeFileSync(path.join(cjs, 'bootstrap.js'), text);
  writeFileSync(
    path.join(cjs, 'bootstrap.js.map'),
    outputFiles.find((file) => file.path.endsWith('.map')).text,
  );
  // A name that is taken would have got a number, and errors show the names of their classes.
  for (const name of classes) {
    if (!new RegExp(`class ${name}\\b|${name} = class\\b`).test(text))
      throw new Error(`class ${name} was renamed`);
  }
}

/** Bundles a program that lies in `src/`; `register` is the text of the module of that name. */
function bundle(contents, register = '') {
  return build({
    stdin: { contents, resolveDir: src, sourcefile: 'bootstrap-parts.js' },
    bundle: true,
    plugins: [given('register', register)],
    // Loaded later, and then as files of their own.
    external: ['./index.ts', './process/own-copy.ts'],
    format: 'cjs',
    platform: 'node',
    target: 'node20.19',
    tsconfigRaw: '{}',
    sourcemap: 'linked',
    sourcesContent: false,
    metafile: true,
    outfile: path.join(cjs, 'bootstrap.js'),
    write: false,
    absWorkingDir: root,
  });
}

/**
 * Has a bundle load Node's own modules when they are first used, since each costs a child a fraction of a millisecond. Lines stay what they
 * were, so that the source map stays true.
 */
function withLateBuiltins(code) {
  const late = code
    .replace(
      /\bvar (import_node_\w+) = (?:__toESM\()?require\("(node:\w+)"\)(?:, 1\))?;/g,
      'var $1 = __late("$2");',
    )
    .replace(/(?<!var )\b(import_node_\w+)\b/g, '($1())');
  return `var __late = (id, m) => () => m ??= { __proto__: require(id), default: require(id) };${late}`;
}

/** A module named `name` that is nowhere but in `contents`. */
function given(name, contents) {
  return {
    name,
    setup(builder) {
      builder.onResolve({ filter: new RegExp(`^${name}$`) }, () => ({ path: name, namespace: name }));
      builder.onLoad({ filter: /.*/, namespace: name }, () => ({ contents, resolveDir: src, loader: 'js' }));
    },
  };
}

/** `codec/decode.ts` → `codec/decode.js`. */
function outputOf(file) {
  return file.replace(/\.ts$/, '.js');
}

/** What a CommonJS file that esbuild has made exports. */
function exportsOf(code) {
  return [...(/0 && \(module\.exports = \{\n([^}]*)\}\)/.exec(code)?.[1] ?? '').matchAll(/\w+/g)].map(
    ([name]) => name,
  );
}
