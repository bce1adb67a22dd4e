/** The first example, as a user runs it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root, temporaryDirectory } from '../support/run.ts';
import { noTerminal, onTerminal } from '../support/terminal.ts';

const example = path.join(root, 'examples', 'word-count.mjs');

const isRoot = process.getuid?.() === 0;
/** Takes from root what lets it read everything. */
const withoutPower = ['setpriv', '--bounding-set=-dac_override,-dac_read_search'];
const noWayToRefuse =
  isRoot && spawnSync(withoutPower[0]!, [withoutPower[1]!, 'true']).status !== 0
    ? 'root reads everything here'
    : false;

/** @param before A program that runs it, with its arguments. */
function wordCount(
  folder: string,
  before: readonly string[] = [],
): { stdout: string; stderr: string; status: number | null } {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const [file, ...args] = [...before, process.execPath, example, folder];
  return spawnSync(file!, args, { encoding: 'utf8', env, cwd: root });
}

/** What a row of the first table says. */
const value = (stdout: string, row: string): string | undefined =>
  new RegExp(`${row}\\s*│\\s*'([^']*)'`).exec(stdout)?.[1];

test('it counts every file below the folder, with one worker and with all cores', (t) => {
  const folder = temporaryDirectory(t);
  mkdirSync(path.join(folder, 'a', 'b'), { recursive: true });
  const texts = ['the quick brown fox\njumps\n', 'The the THE lazy dog\n', ''];
  writeFileSync(path.join(folder, 'one.txt'), texts[0]!);
  writeFileSync(path.join(folder, 'a', 'two.txt'), texts[1]!);
  writeFileSync(path.join(folder, 'a', 'b', 'three.txt'), texts[2]!);
  symlinkSync(path.join(folder, 'one.txt'), path.join(folder, 'link.txt'));
  const { stdout, stderr, status } = wordCount(folder);
  assert.deepEqual([stderr, status], ['', 0]);
  const hashes = texts.map((text) => createHash('sha256').update(text).digest('hex')).sort();
  assert.deepEqual(
    ['files', 'unreadable', 'bytes', 'lines', 'words', 'SHA-256 over all', 'different words'].map((row) =>
      value(stdout, row),
    ),
    ['3', '0', '47', '3', '10', createHash('sha256').update(hashes.join('')).digest('hex'), '7'],
  );
  assert.match(stdout, /│ 0 +│ 'the' +│ '4' +│\n│ 1 +│ 'brown' +│ '1'/);
  assert.match(stdout, /\n1 worker: [\d.]+ s, \d+ workers?: [\d.]+ s \([\d.]+ times as fast\)\n$/);
});

test('files that cannot be read are listed, skipped and counted', { skip: noWayToRefuse }, (t) => {
  const folder = temporaryDirectory(t);
  writeFileSync(path.join(folder, 'good.txt'), 'some words\n');
  const secret = path.join(folder, 'secret\n.txt');
  writeFileSync(secret, 'words');
  chmodSync(secret, 0);
  const { stdout, status } = wordCount(folder, isRoot ? withoutPower : []);
  assert.equal(status, 0);
  assert.equal(value(stdout, 'files'), '1');
  assert.equal(value(stdout, 'unreadable'), '1');
  assert.match(stdout, /\nskipped .*secret\ufffd\.txt: EACCES\n/);
});

test('names of files and folders may be any bytes', (t) => {
  const folder = temporaryDirectory(t);
  const odd = Buffer.concat([Buffer.from(`${folder}/odd`), Buffer.from([0xff])]);
  mkdirSync(odd);
  for (const [name, text] of [
    ['/in.txt', 'inside of it\n'],
    ['/größe.txt', 'more words\n'],
  ] as const) {
    writeFileSync(Buffer.concat([odd, Buffer.from(name)]), text);
  }
  writeFileSync(Buffer.concat([odd, Buffer.from('.txt')]), 'some words\n');
  const { stdout, status } = wordCount(folder);
  assert.deepEqual(
    [status, ...['files', 'unreadable', 'words'].map((row) => value(stdout, row))],
    [0, '3', '0', '7'],
  );
});

test('large files, and words in any language, are counted whole', (t) => {
  const folder = temporaryDirectory(t);
  const texts = [
    'größer ωμέγα слово 漢字 x\n'.repeat(100_000),
    'plain words\n'.repeat(200_000),
    // Without a place between words to stop at.
    `${'z'.repeat(2 ** 20)}\n`,
    '漢字'.repeat(400_000),
    Buffer.from([0xff, 0xfe, 0x41, 0x42, 0x0a]),
  ];
  for (const [i, text] of texts.entries()) writeFileSync(path.join(folder, `${i}.txt`), text);
  const { stdout, stderr, status } = wordCount(folder);
  assert.deepEqual([stderr, status], ['', 0]);
  const hashes = texts.map((text) => createHash('sha256').update(text).digest('hex')).sort();
  assert.deepEqual(
    ['lines', 'words', 'different words', 'SHA-256 over all'].map((row) => value(stdout, row)),
    ['300,002', '800,005', '11', createHash('sha256').update(hashes.join('')).digest('hex')],
  );
  assert.match(stdout, /'größer' +│ '100,000'/);
});

test('a folder that is not there, or is none, is one clear line and exit code 2', (t) => {
  const folder = temporaryDirectory(t);
  writeFileSync(path.join(folder, 'file'), '');
  for (const name of ['missing', 'file', 'file/below']) {
    const { stdout, stderr, status } = wordCount(path.join(folder, name));
    assert.deepEqual([stdout, stderr, status], ['', `There is no folder ${path.join(folder, name)}\n`, 2]);
  }
});

test('an empty folder is no mistake', (t) => {
  const folder = temporaryDirectory(t);
  const { stdout, stderr, status } = wordCount(folder);
  assert.deepEqual([stdout, stderr, status], [`There are no files below ${folder}\n`, '', 0]);
});

test('on a terminal a bar shows the progress, and goes', { skip: noTerminal }, async (t) => {
  const folder = temporaryDirectory(t);
  for (let i = 0; i < 200; i++) writeFileSync(path.join(folder, `${i}.txt`), 'some words\n');
  const { screen, code, left } = await onTerminal([example, folder], []);
  assert.deepEqual([code, left], [0, 0]);
  assert.match(screen, /1 worker {2}\[#+\.*\] \d+\/200/);
  assert.match(screen, /\[#{30}\] 200\/200/);
});
