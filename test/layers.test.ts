import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** From the ground up: a folder may import from itself and from those before it. */
const layers = [
  'base',
  'platform',
  'memory',
  'sync',
  'codec',
  'channel',
  'process',
  'pool',
  'managers',
  'subprocess',
  'shlex',
  'threading',
];
const src = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'src');

const files = readdirSync(src, { recursive: true })
  .map(String)
  .filter((f) => f.endsWith('.ts'));

/** Files that `file` imports; `prepare` may take parts of its text away first. */
function importsOf(file: string, prepare = (text: string) => text): string[] {
  const text = prepare(readFileSync(path.join(src, file), 'utf8'));
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((m) =>
    path.relative(src, path.resolve(src, path.dirname(file), m[1]!)),
  );
}

test('imports between folders point down', () => {
  const wrong: string[] = [];
  for (const file of files) {
    const from = file.split(path.sep)[0]!;
    if (!file.includes(path.sep)) continue;
    assert.ok(layers.includes(from), `src/${from} is a folder that the layers do not name`);
    for (const target of importsOf(file)) {
      const to = target.split(path.sep)[0]!;
      if (layers.indexOf(to) > layers.indexOf(from)) wrong.push(`${file} imports ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('no import is circular, types apart', () => {
  const graph = new Map(
    files.map((f) => [f, importsOf(f, (text) => text.replace(/^(?:import|export) type [^;]*;/gm, ''))]),
  );
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    assert.ok(!trail.includes(file), `circular import: ${[...trail, file].join(' → ')}`);
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...trail, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
});

test('only src/platform knows koffi and the platform', () => {
  for (const file of files) {
    if (file.startsWith(`platform${path.sep}`)) continue;
    const text = readFileSync(path.join(src, file), 'utf8');
    assert.doesNotMatch(text, /['"]koffi['"]|process\.platform/, file);
  }
});

test('the name under which a class travels begins with the folder that announces it', () => {
  let seen = 0;
  for (const file of files) {
    const text = readFileSync(path.join(src, file), 'utf8');
    for (const [, name] of text.matchAll(
      /^ *register(?:TravelClass|ForeignClass)(?:<.*>)?\(\s*'([^']*)'/gm,
    )) {
      assert.equal(name!.split('/')[0], file.split(path.sep)[0], file);
      seen++;
    }
  }
  assert.ok(seen > 20, 'the calls look different by now');
});
