/**
 * Runs the test files through Node's own runner with tsx: `node scripts/test.mjs [--stress] [path fragment…]`.
 *
 * Node 20's runner knows no globs, hence the listing here. With fragments, only the files whose path holds one of them.
 * `--stress`, or MULTIPROC_STRESS=1, runs the tests of death with their full number of rounds, for which they may take an hour each.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const stress = process.argv.includes('--stress') || process.env.MULTIPROC_STRESS === '1';
const timeout = stress ? 3_600_000 : 300_000;
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
  ['--import', 'tsx', '--test', '--test-concurrency=2', `--test-timeout=${timeout}`, ...files],
  { cwd: root, stdio: 'inherit', env: stress ? { ...process.env, MULTIPROC_STRESS: '1' } : process.env },
);
process.exit(status ?? (signal === null ? 1 : 128));
