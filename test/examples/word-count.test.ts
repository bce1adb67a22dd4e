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

function wordCount(folder: string): { stdout: string; stderr: string; status: number | null } {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return spawnSync(process.execPath, [example, folder], { encoding: 'utf8', env, cwd: root });
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

test('files that cannot be read are listed, skipped and counted', (t) => {
  const folder = temporaryDirectory(t);
  writeFileSync(path.join(folder, 'good.txt'), 'some words\n');
  // A name that is no text, which Node gives as another; and one without permission, which does not stop root.
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/odd`), Buffer.from([0xff]), Buffer.from('.txt')]), '');
  const secret = path.join(folder, 'secret.txt');
  writeFileSync(secret, 'words');
  chmodSync(secret, 0);
  const root = process.getuid?.() === 0;
  const { stdout, status } = wordCount(folder);
  assert.equal(status, 0);
  assert.equal(value(stdout, 'files'), root ? '2' : '1');
  assert.equal(value(stdout, 'unreadable'), root ? '1' : '2');
  assert.match(stdout, /\nskipped .*odd\ufffd\.txt: ENOENT\n/);
  if (!root) assert.match(stdout, /\nskipped .*secret\.txt: EACCES\n/);
});

test('large files, and words in any language, are counted whole', (t) => {
  const folder = temporaryDirectory(t);
  const texts = [
    'größer ωμέγα слово 漢字 x\n'.repeat(100_000),
    'plain words\n'.repeat(200_000),
    // Without a place between words to stop at.
    `${'z'.repeat(2 ** 20)}\n`,
    Buffer.from([0xff, 0xfe, 0x41, 0x42, 0x0a]),
  ];
  for (const [i, text] of texts.entries()) writeFileSync(path.join(folder, `${i}.txt`), text);
  const { stdout, stderr, status } = wordCount(folder);
  assert.deepEqual([stderr, status], ['', 0]);
  const hashes = texts.map((text) => createHash('sha256').update(text).digest('hex')).sort();
  assert.deepEqual(
    ['lines', 'words', 'different words', 'SHA-256 over all'].map((row) => value(stdout, row)),
    ['300,002', '800,002', '8', createHash('sha256').update(hashes.join('')).digest('hex')],
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
