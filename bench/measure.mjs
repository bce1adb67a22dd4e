/** What all benchmarks share: medians, and a table with the ratio to ours. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

let folder;

/** A file that is gone when the benchmark ends; its path. */
export function temporaryFile(name, text) {
  if (folder === undefined) {
    folder = mkdtempSync(path.join(os.tmpdir(), 'multiproc-bench-'));
    process.on('exit', () => rmSync(folder, { recursive: true }));
  }
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** Median of `runs` calls of `once`, which returns a number; one more call warms up. */
export async function median(once, runs = 5) {
  await once();
  const values = [];
  for (let i = 0; i < runs; i++) values.push(await once());
  return values.sort((a, b) => a - b)[Math.floor(runs / 2)];
}

/** How often each is measured if nothing else is said; once more warms up. */
export const usualRounds = 5;

/** Pairs of name and the median of what each gives, measured in turns, so that all see the same machine. */
export async function inTurns(measured, rounds = usualRounds) {
  const found = new Map(Object.keys(measured).map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const [name, measure] of Object.entries(measured)) {
      const value = await measure();
      // The first one warms up.
      if (round > 0) found.get(name).push(value);
    }
  }
  return [...found].map(([name, values]) => [name, values.sort((a, b) => a - b)[values.length >> 1]]);
}

/** Milliseconds that `work` takes. */
export async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Runs a program under python3, which prints JSON; undefined where there is no python3. */
export function python(program, executable = 'python3') {
  const { status, stdout, stderr, error } = spawnSync(executable, ['-c', program], { encoding: 'utf8' });
  if (error) return undefined;
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

const format = (value) =>
  value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(2) : value.toFixed(4);

/**
 * A table of one kind of work. `better` says whether more or less is better; the ratio is how many times as good as the
 * peer we are.
 */
export function table(title, unit, better, rows) {
  const ours = rows[0][1];
  const lines = rows
    .filter(([, value]) => value !== undefined)
    .map(([name, value], i) => {
      const ratio = better === 'more' ? ours / value : value / ours;
      // Two of nothing at all are as good as one another.
      const said =
        i === 0 ? '' : `   ours is ${Number.isNaN(ratio) ? 'as good' : `${ratio.toFixed(2)} times as good`}`;
      return `  ${name.padEnd(44)} ${format(value).padStart(12)} ${unit}${said}`;
    });
  return `${title}\n${lines.join('\n')}\n`;
}
