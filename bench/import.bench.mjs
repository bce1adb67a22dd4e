/** What loading costs a program: the time of one `import` in a fresh process, and how much its heap grows; libraries in turns. */
import { spawnSync } from 'node:child_process';
import { inTurns, table } from './measure.mjs';

const libraries = {
  multiproc: '../dist/index.js',
  'multiproc/subprocess': '../dist/subprocess.js',
  piscina: 'piscina',
  poolifier: 'poolifier',
  workerpool: 'workerpool',
  execa: 'execa',
  zx: 'zx',
};

function load(specifier) {
  const text = `const before = process.memoryUsage().heapUsed;
    const began = performance.now();
    await import(${JSON.stringify(specifier)});
    console.log(JSON.stringify({ time: performance.now() - began, heap: process.memoryUsage().heapUsed - before }));`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', text], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  return JSON.parse(stdout);
}

const measure = (what) =>
  inTurns(
    Object.fromEntries(
      Object.entries(libraries).map(([name, specifier]) => [name, () => what(load(specifier))]),
    ),
    9,
  );

process.stdout.write(table('importing it in a new program', 'ms', 'less', await measure(({ time }) => time)));
process.stdout.write(
  table('growth of the heap meanwhile', 'KiB', 'less', await measure(({ heap }) => heap / 1024)),
);
