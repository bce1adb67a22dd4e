/**
 * Runs the test files through Node's own runner with tsx: `node scripts/test.mjs [--stress] [path fragment…]`.
 *
 * Node 20's runner knows no globs, hence the listing here. With fragments, only the files whose path holds one of them.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const fragments = process.argv.slice(2).filter((a) => !a.startsWith('--'));
const files = readdirSync(path.join(root, 'test'), { recursive: true })
  .map(String)
  .filter((f) => f.endsWith('.test.ts') && !f.includes('fixtures'))
  .filter((f) => fragments.length === 0 || fragments.some((fragment) => f.includes(fragment)))
  .sort()
  .map((f) => path.join('test', f));

if (files.length === 0) {
  console.error(`No test file matches ${fragments.join(' ')}`);
  process.exit(1);
}
const { status, signal } = spawnSync(
  process.execPath,
  ['--import', 'tsx', '--test', '--test-concurrency=2', '--test-timeout=300000', ...files],
  { cwd: root, stdio: 'inherit' },
);
process.exit(status ?? (signal === null ? 1 : 128));
