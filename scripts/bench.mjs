/** Installs the peers into `bench/` and runs the benchmarks: `node scripts/bench.mjs [name…]`; tables go to `bench/results/`. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const bench = path.join(root, 'bench');
const names = process.argv.slice(2);

function run(file, args, options = {}) {
  const { status, stdout } = spawnSync(file, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    ...options,
  });
  if (status !== 0) {
    console.error(`${file} ${args.join(' ')} failed`);
    process.exit(status ?? 1);
  }
  return stdout;
}

run('npm', ['run', '--silent', 'build'], { cwd: root });
if (!existsSync(path.join(bench, 'node_modules')))
  run('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: bench });
mkdirSync(path.join(bench, 'results'), { recursive: true });

const files = readdirSync(bench).filter(
  (f) => f.endsWith('.bench.mjs') && (names.length === 0 || names.some((n) => f.includes(n))),
);
for (const file of files) {
  const table = run(process.execPath, [path.join(bench, file)], { cwd: bench });
  process.stdout.write(`${table}\n`);
  const head = `${file}: Node ${process.version}, ${os.cpus().length} cores, ${os.platform()} ${os.arch()}\n\n`;
  writeFileSync(path.join(bench, 'results', file.replace('.bench.mjs', '.txt')), head + table);
}
