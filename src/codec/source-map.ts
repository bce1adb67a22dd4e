/**
 * Tells Node of the source map of a script that is not loaded here, so that stack traces of code that came from it show the
 * original lines.
 *
 * Node reads maps only from modules that it compiles; hence a module of the script's name that holds nothing but the comment.
 */
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const known = new Map<string, object>();

interface CompilableModule {
  _compile(source: string, filename: string): void;
}

/** Makes `process.setSourceMapsEnabled` work for code named `filename`. */
export function registerSourceMap(filename: string, sourceMapURL: string): void {
  if (known.has(filename)) return;
  const file = filename.startsWith('file:') ? fileURLToPath(filename) : filename;
  const Module = module as unknown as new (id: string) => CompilableModule;
  const carrier = new Module(file);
  // Kept: Node forgets the map with its module.
  known.set(filename, carrier);
  carrier._compile(`//# sourceMappingURL=${sourceMapURL}`, file);
}
