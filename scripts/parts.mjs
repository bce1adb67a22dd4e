/**
 * The JavaScript of `dist/`: the sources, put together in a few parts.
 *
 * What loading the library takes is a fraction of a millisecond for each file, and the rest for parsing. Hence each layer is one
 * file in one scope (`dist/cjs/parts/sync.js`), what not every program needs is a part of its own, and some parts, like modules of
 * Node's own, are loaded when they are first used. All is CommonJS, with ES modules in front of the entry points (`dist/*.js`): loading
 * a CommonJS file takes a fifth of the time of an ES module. `import` and `require` both end up at the same files, so there is one
 * state, whoever loads it.
 *
 * The parts `core` and `decoder` are what every child loads. A child finds them in its main script, `bootstrap.js`, together with what
 * only a child runs, and enters them into the cache of modules under the names of their own files: other parts, loaded later, share
 * their state.
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { polish } from './polish.mjs';

/** The main script of children. */
const bootstrap = 'bootstrap.ts';

/** Main scripts of threads: they lie among the parts, where the modules that start them look for them. */
const threads = ['channel/descriptor-thread.ts', 'platform/fallback-thread.ts'];

/**
 * Layers that are more than one part: those of their modules that `roots` need, unless a line before has them. What no line names is in
 * the part named after the layer; a child looks there for the classes of the objects that it is given. (What waits for a message must not
 * load what starts programs.)
 */
const pieces = [
  { layer: 'platform', part: 'platform', roots: (file) => /^(memory|sync)\/|^channel\/waiting/.test(file) },
  { layer: 'platform', part: 'platform-start', roots: () => true },
  {
    layer: 'channel',
    part: 'channel-descriptors',
    roots: (file) => /\/descriptors-in-transit\.ts$/.test(file),
  },
  { layer: 'pool', part: 'pool', roots: (file) => /^pool\/worker-(main|process)\.ts$/.test(file) },
  { layer: 'pool', part: 'pool-dispatcher', roots: (file) => file === 'pool/dispatcher.ts' },
  { layer: 'pool', part: 'pool-parent', roots: () => true },
];

/** Parts that are loaded when they are first used. */
const late = new Set(['codec', 'decoder', 'platform-start', 'channel-descriptors', 'pool-dispatcher']);

/** … but for this one, the encoder, which shares the words of the format with the decoder and is late itself. */
const early = new Map([['codec', 'decoder']]);

/** The files of `dist/` that hold JavaScript and source maps: path there → text. */
export async function emit(src) {
  const modules = await analyse(src);
  const parts = cut(modules);
  const linker = new Linker(src, parts);
  const files = new Map();
  const add = async (file, contents, own) => {
    const { code, map } = await linker.link(file, contents, own);
    files.set(file, code).set(`${file}.map`, map);
  };
  for (const [name, part] of parts) await add(`cjs/parts/${name}.js`, exporting(part), [name]);
  for (const file of threads) await add(`cjs/parts/${path.basename(file, '.ts')}.js`, `import './${file}';`);
  for (const file of modules.keys()) {
    if (file.endsWith('/index.ts')) await add(`modules/${outputOf(file)}`, `export * from './${file}';`);
    if (!isEntry(file)) continue;
    await add(`cjs/${outputOf(file)}`, `export * from './${file}';`);
    files.set(outputOf(file), `export * from './cjs/${outputOf(file)}';\n`);
  }
  await add('cjs/bootstrap.js', `import 'own-parts'; import './${bootstrap}';`, ['core', 'decoder']);
  files.set('cjs/package.json', '{ "type": "commonjs" }\n');
  addModules(files, parts);
  return files;
}

/** A module of the library on its own, as its tests load it. */
function addModules(files, parts) {
  for (const [name, part] of parts) {
    for (const [file, aliases] of part) {
      const out = `modules/${outputOf(file)}`;
      const target = path.posix.relative(path.posix.dirname(out), `cjs/parts/${name}.js`);
      const lines = [...aliases].map(([key, alias]) => `exports.${key} = part.${alias};\n`);
      files.set(out, `const part = require('${target}');\n${lines.join('')}`);
    }
  }
  files.set('modules/package.json', '{ "type": "commonjs" }\n');
}

/** What each source imports and exports, without types. */
async function analyse(src) {
  const files = readdirSync(src, { recursive: true })
    .map((file) => String(file).split(path.sep).join('/'))
    .filter((file) => file.endsWith('.ts'))
    .sort();
  const { metafile } = await build({
    ...options(src),
    entryPoints: files,
    format: 'esm',
    splitting: true,
    packages: 'external',
    metafile: true,
    outdir: 'out',
  });
  const outputs = new Map(Object.values(metafile.outputs).map((output) => [output.entryPoint, output]));
  return new Map(
    files.map((file) => {
      const imports = metafile.inputs[file].imports.filter((i) => !i.external && i.kind !== 'dynamic-import');
      return [file, { imports: imports.map((i) => i.path), exports: outputs.get(file).exports }];
    }),
  );
}

/** Deals out the modules: part → module → export → the name under which the part exports it. */
function cut(modules) {
  const core = closure(modules, (file) => file === bootstrap);
  const placed = new Map();
  for (const { layer, part, roots } of pieces) {
    for (const file of closure(modules, roots)) {
      if (layerOf(file) === layer && !placed.has(file)) placed.set(file, part);
    }
  }
  const parts = new Map([['core', new Map()]]);
  const taken = new Map();
  for (const [file, { exports }] of modules) {
    if (isTransparent(file) || file === bootstrap || threads.includes(file)) continue;
    const inChild = layerOf(file) === 'codec' ? 'decoder' : 'core';
    const name = core.has(file) ? inChild : (placed.get(file) ?? layerOf(file));
    if (!parts.has(name)) parts.set(name, new Map());
    if (!taken.has(name)) taken.set(name, new Set());
    const names = taken.get(name);
    const aliases = exports.map((key) => {
      let alias = key;
      while (names.has(alias)) alias += '_';
      names.add(alias);
      return [key, alias];
    });
    parts.get(name).set(file, new Map(aliases));
  }
  return parts;
}

/** All that the modules of a kind import, with them. */
function closure(modules, isRoot) {
  const found = new Set();
  const gather = (file) => {
    if (found.has(file)) return;
    found.add(file);
    modules.get(file).imports.forEach(gather);
  };
  [...modules.keys()].filter(isRoot).forEach(gather);
  return found;
}

/** Whether a module only passes on what others export, so that it needs no place. */
function isTransparent(file) {
  return isEntry(file) || file.endsWith('/index.ts');
}

function isEntry(file) {
  return !file.includes('/') && file !== bootstrap;
}

function layerOf(file) {
  return file.split('/')[0];
}

/** `codec/decode.ts` → `codec/decode.js`. */
function outputOf(file) {
  return file.replace(/\.ts$/, '.js');
}

/** The text of a module that exports a part. */
function exporting(part) {
  return [...part]
    .map(([file, aliases]) => {
      const names = [...aliases].map(([key, alias]) => `${key} as ${alias}`);
      return names.length === 0 ? `import './${file}';` : `export { ${names.join(', ')} } from './${file}';`;
    })
    .join('\n');
}

function options(src) {
  return {
    absWorkingDir: src,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    tsconfigRaw: '{}',
    write: false,
    logLevel: 'warning',
  };
}

class Linker {
  #src;
  #partOf = new Map();
  #parts;

  constructor(src, parts) {
    this.#src = src;
    this.#parts = parts;
    for (const [name, part] of parts) for (const file of part.keys()) this.#partOf.set(file, name);
  }

  /** The text of the file `out` of `dist/`, which does what `contents` says and holds the modules of the parts `own`. */
  async link(out, contents, own = []) {
    const { outputFiles } = await build({
      ...options(this.#src),
      stdin: { contents, resolveDir: this.#src, sourcefile: 'part.js' },
      plugins: [{ name: 'parts', setup: (builder) => this.#setUp(builder, out, own) }],
      format: 'cjs',
      define: { 'import.meta.url': '__moduleUrl' },
      sourcemap: 'linked',
      sourcesContent: false,
      outfile: path.join(this.#src, '..', 'dist', out),
    });
    const textOf = (ending) => outputFiles.find((file) => file.path.endsWith(ending)).text;
    const isLate = (part) => late.has(part) && !own.some((name) => early.get(name) === part);
    return { code: polish(textOf('.js'), isLate), map: textOf('.map') };
  }

  #setUp(builder, out, own) {
    const beside = (file) => {
      const relative = path.posix.relative(path.posix.dirname(out), file);
      return { path: relative.startsWith('.') ? relative : `./${relative}`, external: true };
    };
    builder.onResolve({ filter: /^\.{1,2}\// }, ({ path: specifier, resolveDir, kind }) => {
      const file = path.relative(this.#src, path.resolve(resolveDir, specifier)).split(path.sep).join('/');
      const part = this.#partOf.get(file);
      if (kind === 'dynamic-import') return beside(part ? `cjs/parts/${part}.js` : `cjs/${outputOf(file)}`);
      return part === undefined || own.includes(part) ? undefined : { path: file, namespace: 'elsewhere' };
    });
    builder.onLoad({ filter: /.*/, namespace: 'elsewhere' }, ({ path: file }) => {
      const part = this.#partOf.get(file);
      const names = [...this.#parts.get(part).get(file)].map(([key, alias]) => `${alias} as ${key}`);
      return { contents: `export { ${names.join(', ')} } from 'part:${part}';`, resolveDir: this.#src };
    });
    builder.onResolve({ filter: /^part:/ }, ({ path: name }) => beside(`cjs/parts/${name.slice(5)}.js`));
    builder.onResolve({ filter: /^own-parts$/ }, () => ({ path: 'own-parts', namespace: 'own-parts' }));
    builder.onLoad({ filter: /.*/, namespace: 'own-parts' }, () => ({
      contents: this.#registering(own),
      resolveDir: this.#src,
    }));
  }

  /** The text of a module that enters parts into the cache of modules, under the names of the files that they would have been in. */
  #registering(names) {
    const imports = [];
    const calls = names.map((name) => {
      const rows = [...this.#parts.get(name)].flatMap(([file, aliases]) => {
        const id = `m${imports.length}`;
        imports.push(`import * as ${id} from './${file}';`);
        return [...aliases].map(([key, alias]) => `${alias}: ${id}.${key}`);
      });
      return `enter('${name}', { ${rows.join(', ')} });`;
    });
    return `import { Module } from 'node:module';
${imports.join('\n')}
function enter(name, exports) {
  const part = new Module(__dirname + '/parts/' + name + '.js');
  part.filename = part.id;
  part.exports = Object.defineProperty(exports, '__esModule', { value: true });
  part.loaded = true;
  Module._cache[part.id] = part;
}
${calls.join('\n')}
`;
  }
}
