#!/usr/bin/env node
/**
 * Size, lines, words and SHA-256 of every file below a folder, and the 20 most frequent words of all of them, with one
 * worker and with all cores: `node examples/word-count.mjs [folder]`.
 */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { cpuCount, Pool } from 'multiproc';
import { statistics } from './text-stats.mjs';

const folder = process.argv[2] ?? 'node_modules';

/** Many small files make one task: reading a file may take less time than handing it over. */
function measure(files) {
  const merged = { files: 0, size: 0, lines: 0, words: 0, counts: new Map(), hashes: [], unreadable: [] };
  for (const file of files) {
    try {
      const { size, lines, words, sha256, counts } = statistics(file);
      merged.files += 1;
      merged.size += size;
      merged.lines += lines;
      merged.words += words;
      merged.hashes.push(sha256);
      add(merged.counts, counts);
    } catch (error) {
      merged.unreadable.push(`${shown(file)}: ${error.code ?? error.message}`);
    }
  }
  return merged;
}

function add(total, counts) {
  for (const [word, n] of counts) total.set(word, (total.get(word) ?? 0) + n);
}

/** A name is a string where it is UTF-8, as nearly all are; else its bytes. */
function joined(dir, name) {
  if (typeof dir === 'string' && isUtf8(name)) return path.join(dir, name.toString());
  return Buffer.concat([Buffer.from(dir), Buffer.from(path.sep), name]);
}

function shown(file) {
  return String(file).replace(/\p{Cc}/gu, '\ufffd');
}

function isFolder(name) {
  try {
    return statSync(name).isDirectory();
  } catch {
    return false;
  }
}

function* filesBelow(dir, unreadable) {
  let entries;
  try {
    entries = readdirSync(dir, { withFileTypes: true, encoding: 'buffer' });
  } catch (error) {
    unreadable.push(`${shown(dir)}: ${error.code}`);
    return;
  }
  for (const entry of entries) {
    const file = joined(dir, entry.name);
    if (entry.isDirectory()) yield* filesBelow(file, unreadable);
    else if (entry.isFile()) yield file;
  }
}

function* batches(items, size) {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}

function progressBar(label) {
  const { stderr } = process;
  if (!stderr.isTTY) return { update() {}, end() {} };
  return {
    update(done, total) {
      const filled = Math.round((30 * done) / total);
      stderr.write(`\r${label} [${'#'.repeat(filled)}${'.'.repeat(30 - filled)}] ${done}/${total}`);
    },
    end: () => stderr.write('\r\x1b[K'),
  };
}

async function run(files, workers) {
  const started = performance.now();
  const total = { files: 0, size: 0, lines: 0, words: 0, counts: new Map(), hashes: [], unreadable: [] };
  const bar = progressBar(`${workers} worker${workers === 1 ? ' ' : 's'}`);
  const pool = new Pool(workers);
  for await (const part of pool.imapUnordered(measure, batches(files, 64))) {
    total.files += part.files;
    total.size += part.size;
    total.lines += part.lines;
    total.words += part.words;
    total.hashes.push(...part.hashes);
    total.unreadable.push(...part.unreadable);
    add(total.counts, part.counts);
    bar.update(total.files + total.unreadable.length, files.length);
  }
  bar.end();
  pool.close();
  await pool.join();
  return { ...total, ms: performance.now() - started };
}

if (!isFolder(folder)) {
  console.error(`There is no folder ${folder}`);
  process.exit(2);
}
const unreadable = [];
const files = [...filesBelow(folder, unreadable)];
if (files.length === 0) {
  for (const line of unreadable) console.log(`skipped ${line}`);
  console.log(`There are no files below ${folder}`);
  process.exit(0);
}
const cores = cpuCount();
const alone = await run(files, 1);
const together = await run(files, cores);
unreadable.push(...together.unreadable);

const number = new Intl.NumberFormat('en');
console.table({
  files: number.format(together.files),
  unreadable: number.format(unreadable.length),
  bytes: number.format(together.size),
  lines: number.format(together.lines),
  words: number.format(together.words),
  'SHA-256 over all': createHash('sha256').update(together.hashes.sort().join('')).digest('hex'),
  'different words': number.format(together.counts.size),
});
console.table(
  [...together.counts]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, 20)
    .map(([word, count]) => ({ word: word.slice(0, 40), count: number.format(count) })),
);
for (const line of unreadable) console.log(`skipped ${line}`);
console.log(
  `1 worker: ${(alone.ms / 1000).toFixed(2)} s, ${cores} workers: ${(together.ms / 1000).toFixed(2)} s ` +
    `(${(alone.ms / together.ms).toFixed(2)} times as fast)`,
);
