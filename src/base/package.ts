/**
 * Where this library is, and what it needs of its package besides its own text: main scripts of children and threads, koffi, acorn.
 *
 * A bundler that puts this library into one file with a program does not take them along. Then they are taken from the package where it is
 * installed, if the bundle could import it from there.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { NotSupportedError } from './errors.ts';
import { nodeProcess } from './node-process.ts';

/** In the package all files of the sources' folders are in one, as parts. */
const isPart = /\/parts\/[a-z-]+\.js$/.test(import.meta.url);
const isInPlace = isPart || /\/(src|modules)\/base\/package\.[jt]s$/.test(import.meta.url);

/** Where the files of this library are: nowhere, when they are a part of the program's. */
const ownFolders: readonly string[] = isInPlace ? foldersAround(fileURLToPath(import.meta.url)) : [];

function foldersAround(file: string): string[] {
  const folder = path.dirname(path.dirname(file));
  // Source maps show those of the package in its sources.
  return isPart ? [folder, path.join(folder, '..', '..', 'src')] : [folder];
}

/** Whether a line of a stack is one of this library. */
export function isOwnFrame(line: string): boolean {
  return ownFolders.some((folder) => line.includes(folder + path.sep));
}

let known: string | undefined;

/** The main script of every child, in the sources and in the package alike. */
export function bootstrapFile(): string {
  return fileURLToPath(isInPlace ? beside('../bootstrap') : inPackage('bootstrap.js'));
}

/** The main script of a helper thread, by its name in the sources. */
export function threadFile(folder: 'channel' | 'platform', name: string): URL {
  if (!isInPlace) return inPackage(`parts/${name}.js`);
  return beside(isPart ? `./${name}` : `../${folder}/${name}`);
}

function beside(name: string): URL {
  return new URL(name + import.meta.url.slice(import.meta.url.lastIndexOf('.')), import.meta.url);
}

function inPackage(name: string): URL {
  return pathToFileURL(path.join(path.dirname(installed()), 'dist', 'cjs', name));
}

/** Loads a package that this one depends on: once in a process, into the main realm. */
export function requireDependency(name: string): unknown {
  return nodeRequire()(name);
}

/** Node's own `require`, which no test runner has put another one in the place of. */
export function nodeRequire(): NodeJS.Require {
  const { createRequire: create } = nodeProcess.getBuiltinModule('node:module');
  return create(isInPlace ? import.meta.url : installed());
}

/** `package.json` of the installed package. */
function installed(): string {
  try {
    known ??= createRequire(import.meta.url).resolve('multiproc/package.json');
    return known;
  } catch (cause) {
    throw new NotSupportedError(
      `Cannot use multiproc as a part of ${fileURLToPath(import.meta.url)} alone: it needs files of its package; install multiproc where that ` +
        'file could import it from, or leave it out of the bundle as an external package',
      { cause },
    );
  }
}
