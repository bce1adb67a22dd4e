/**
 * Which script is the program itself: other processes must not load it as a module, for it would run again.
 */
import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { workingDirectory } from '../base/working-directory.ts';

let forArgument: string | undefined;
const mains = new Set<string>();

/** Counts a module as the program's main script too: a child learns its parent's. */
export function addMain(url: string): void {
  mains.add(url);
}

/** URLs of the main scripts that this process knows of. */
export function mainUrls(): readonly string[] {
  learn();
  return [...mains];
}

function learn(): void {
  const argument = process.argv[1] ?? '';
  if (forArgument === argument) return;
  forArgument = argument;
  if (argument === '') return;
  const require = createRequire(pathToFileURL(path.join(workingDirectory(), 'x.js')));
  for (const find of [
    () => realpathSync(argument),
    () => require.resolve(path.resolve(workingDirectory(), argument)),
  ]) {
    try {
      mains.add(pathToFileURL(find()).href);
    } catch {
      // `node script` without an extension, or no file at all: the other way may find it.
    }
  }
  mains.add(pathToFileURL(path.resolve(workingDirectory(), argument)).href);
}

/** Whether this is the main script of this process or of one that sent us code. */
export function isMain(url: string): boolean {
  learn();
  if (mains.has(url)) return true;
  const query = url.search(/[?#]/);
  return query >= 0 && mains.has(url.slice(0, query));
}
