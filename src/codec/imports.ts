/**
 * What `import` declarations name, and where specifiers in a script start from.
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { workingDirectory } from '../base/working-directory.ts';
import { ImportRef } from './plan.ts';
import type { Binding } from './scope.ts';
import type { Script } from './script.ts';

/** The reference to what a script imports as `binding`. */
export function importOf(binding: Binding, script: Script): ImportRef {
  const declaration = binding.parent as unknown as {
    source: { value: string };
    attributes?: readonly { key: { name?: string; value?: string }; value: { value: string } }[];
  };
  const specifier = binding.node as unknown as {
    type: string;
    imported?: { type: string; name?: string; value?: string };
  };
  let name = '*';
  if (specifier.type === 'ImportDefaultSpecifier') name = 'default';
  else if (specifier.type === 'ImportSpecifier') {
    name = specifier.imported?.type === 'Literal' ? specifier.imported.value! : specifier.imported!.name!;
  }
  const type = declaration.attributes?.find((a) => (a.key.name ?? a.key.value) === 'type')?.value.value ?? '';
  return new ImportRef(declaration.source.value, parentOf(script), name, type);
}

/** What relative specifiers in a script start from; a script without a file is in the working directory. */
export function parentOf(script: Script): string {
  if (script.url.startsWith('file:')) return script.url;
  if (path.isAbsolute(script.url)) return pathToFileURL(script.url).href;
  return pathToFileURL(path.join(workingDirectory(), '[eval]')).href;
}
