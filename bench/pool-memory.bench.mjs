/**
 * Memory of the parent while a gigabyte of Buffer results comes through `imap`, and what sending a function again costs.
 *
 * The peak is the kernel's own count (VmHWM), of a process that does nothing else.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Pool } from '../dist/index.js';
import { table } from './measure.mjs';

const MiB = 2 ** 20;

if (process.argv[2] === 'parent') {
  const [, , , size, method, consumer] = process.argv;
  const bytes = Number(size);
  const pool = new Pool(2);
  const peak = () => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
  await pool.map((n) => Buffer.alloc(n).length, [1, 1]);
  const before = peak();
  const started = performance.now();
  let total = 0;
  const count = Math.ceil((1024 * MiB) / bytes);
  for await (const b of pool[method](
    (i) => Buffer.alloc(bytes, i),
    Array.from({ length: count }, (_, i) => i),
  )) {
    total += b.length;
    if (consumer === 'slow') await new Promise((done) => setTimeout(done, 500 / count));
  }
  const ms = performance.now() - started;
  pool.terminate();
  await pool.join();
  console.log(JSON.stringify({ total, before, peak: peak(), ms }));
  process.exit();
}

const rows = [];
for (const [what, size, method, consumer] of [
  ['1 MiB each, imap', MiB, 'imap', 'quick'],
  ['1 MiB each, imap, slow consumer', MiB, 'imap', 'slow'],
  ['1 MiB each, imapUnordered', MiB, 'imapUnordered', 'quick'],
  ['16 MiB each, imap', 16 * MiB, 'imap', 'quick'],
  ['64 KiB each, imap', MiB / 16, 'imap', 'quick'],
]) {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [fileURLToPath(import.meta.url), 'parent', String(size), method, consumer],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
  rows.push([what, JSON.parse(stdout)]);
}
process.stdout.write("1 GiB of Buffer results: peak of the parent's resident memory (limit: 300 MB)\n");
for (const [what, { before, peak, ms }] of rows) {
  process.stdout.write(
    `  ${what.padEnd(36)} ${peak.toFixed(0).padStart(5)} MiB (${before.toFixed(0)} before), ${(ms / 1000).toFixed(2)} s\n`,
  );
}

/** Microseconds for one more call of `apply` with the same function, beyond one with a built-in. */
const pool = new Pool(1);
const factor = { by: 3 };
let changing = 1;
const madeWith = (n) => {
  n += 1;
  return (x) => x + n;
};
class Reader {
  add(x) {
    return x + changing;
  }
}
const functions = {
  'a built-in (nothing to send)': Math.abs,
  'an arrow function without captures': (x) => x + 1,
  'a closure over constants': (x) => x * factor.by,
  'a closure over an unchanged let': (x) => x + changing,
  'another one over it': (x) => x - changing,
  'a closure over an unchanged local variable': madeWith(1),
  'a closure over a class that reads an unchanged let': (x) => new Reader().add(x),
};
changing += 1;
const early = {};
const results = {};
for (const [name, f] of Object.entries(functions)) {
  await pool.apply(f, [1]);
  // From the second time on: a dozen that are short of what any habit could be learnt from, then many.
  const few = [];
  for (let i = 0; i < 12; i++) {
    const began = performance.now();
    const result = pool.applyAsync(f, [1]);
    few.push((performance.now() - began) * 1000);
    await result;
  }
  early[name] = few.sort((a, b) => a - b)[few.length >> 1];
  const n = 3000;
  // The sender's part alone: handing in, without waiting for results.
  const waiting = [];
  const started = performance.now();
  for (let i = 0; i < n; i++) waiting.push(pool.applyAsync(f, [1]));
  results[name] = ((performance.now() - started) * 1000) / n;
  await Promise.all(waiting);
}
process.stdout.write(
  table('sending a function the 2nd to 13th time: one applyAsync', 'µs', 'less', Object.entries(early)),
);
process.stdout.write(
  table('sending a function again and again: one applyAsync', 'µs', 'less', Object.entries(results)),
);

/** The second time alone: for many functions, each of a literal of its own. */
const kinds = {
  'an arrow function without captures': (i) => `(x) => x + ${i}`,
  'a closure over an unchanged let': (i) => `(x) => x + changing + ${i}`,
  'a closure over an unchanged local variable': (i) => `((n) => { n++; return (x) => x + n + ${i}; })(1)`,
  'a closure over a function that changes a local variable': (i) =>
    `((n) => { const inc = () => n++; return (x) => [inc(), x + n + ${i}]; })(1)`,
  'a closure over an instance of a class': (i) =>
    `(() => { const o = new Held(); return (x) => o.twice() + x + ${i}; })()`,
  'a method that is bound to an instance': (i) =>
    `(() => { const o = new Held(${i}); return o.twice.bind(o); })()`,
  'a closure over 100 objects': (i) =>
    `(() => { const all = rows(); return (x) => all.length + x + ${i}; })()`,
};
const literals = 30;
const surroundings = `let changing = 1; export const change = () => changing++;
class Held { constructor(n = 1) { this.n = n; this.list = [1, 2]; } twice() { return this.n * 2; } }
const rows = () => Array.from({ length: 100 }, (_, i) => ({ i, name: 'row', half: i / 2 }));`;
const second = {};
for (const [name, literal] of Object.entries(kinds)) {
  const list = Array.from({ length: literals }, (_, i) => literal(i)).join(',\n');
  const text = `${surroundings} export default [${list}];`;
  second[name] = { own: [], builtIn: [] };
  const made = (await import(`data:text/javascript,${encodeURIComponent(text)}`)).default;
  for (const [i, f] of made.entries()) {
    await pool.apply(f, [1]);
    const both = [
      ['own', f],
      ['builtIn', Math.abs],
    ];
    for (const [row, sent] of i % 2 === 0 ? both : both.reverse()) {
      // A worker that fell asleep meanwhile is woken by whatever comes first, which takes the kernel 50 µs and has nothing to do with it.
      await pool.apply(Math.sign, [1]);
      const began = performance.now();
      const result = pool.applyAsync(sent, [1]);
      second[name][row].push((performance.now() - began) * 1000);
      await result;
    }
  }
}
const middle = (times) => times.sort((a, b) => a - b)[times.length >> 1];
for (const [name, { own, builtIn }] of Object.entries(second)) {
  process.stdout.write(
    table(`sending ${name} the 2nd time: one applyAsync, median of ${literals}`, 'µs', 'less', [
      ['the function', middle(own)],
      ['a built-in (nothing to send), just before or after it', middle(builtIn)],
    ]),
  );
}
pool.terminate();
await pool.join();
