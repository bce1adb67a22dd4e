/** Test code as one ES module that uses the built library, for programs and threads that run without a loader. */
import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { root } from './run.ts';

/** Bundles `file`; its imports of `src/…` become imports of the built ones. @returns the bundle's path, in a fresh directory. */
export async function bundleForDist(file: string): Promise<string> {
  const outfile = path.join(mkdtempSync(path.join(os.tmpdir(), 'multiproc-bundle-')), 'bundle.mjs');
  const src = path.join(root, 'src') + path.sep;
  await build({
    entryPoints: [file],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'silent',
    define: { 'import.meta.dirname': JSON.stringify(path.dirname(file)) },
    plugins: [
      {
        name: 'built-library',
        setup({ onResolve }) {
          onResolve({ filter: /^\./ }, ({ path: name, resolveDir }) => {
            const full = path.resolve(resolveDir, name);
            if (!full.startsWith(src)) return undefined;
            const file = full.slice(src.length).replace(/\.ts$/, '.js');
            const built = path.join(root, 'dist', file.includes(path.sep) ? 'modules' : 'cjs', file);
            return { path: built, external: true };
          });
          onResolve({ filter: /^(koffi|fast-check)$/ }, ({ path: name }) => ({
            path: fileURLToPath(import.meta.resolve(name)),
            external: true,
          }));
        },
      },
    ],
  });
  return outfile;
}
