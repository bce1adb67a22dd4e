import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { MultiprocError } from '../../src/base/errors.ts';
import { join, quote, Shlex, split } from '../../src/shlex.ts';
import { random, shellText } from './generated.ts';

type Configuration =
  | readonly ['quote']
  | readonly ['join']
  | readonly ['split', comments: boolean, posix: boolean]
  | readonly ['class', posix: boolean, punctuation: boolean | string, whitespaceSplit: boolean];

const stress = process.env.MULTIPROC_STRESS === '1';
const count = stress ? 1_000_000 : 100_000;
/** Texts sent at a time, so that neither side holds all of them. */
const batch = 100_000;
/** Configurations that each text is tried with, a multiple of three. */
const each = stress ? 9 : 3;
const seed = Number(process.env.MULTIPROC_SEED ?? 20_031_219);

const booleans = [false, true];
const splits: Configuration[] = booleans.flatMap((comments) =>
  booleans.map((posix): Configuration => ['split', comments, posix]),
);
const classes: Configuration[] = [false, true, '&', '|;&', '_a', '😀é', '#', "'", ' \\'].flatMap(
  (punctuation) =>
    booleans.flatMap((posix) =>
      booleans.map((whitespaceSplit): Configuration => ['class', posix, punctuation, whitespaceSplit]),
    ),
);
const configurations: readonly Configuration[] = [...splits, ...classes, ['quote'], ['join']];

/** Where in `configurations` those for one text are: each is split in one mode, goes through one lexer, is quoted or joined. */
function usesOf(index: number): number[] {
  const uses: number[] = [];
  for (let k = index; uses.length < each; k += 7) {
    uses.push(k % splits.length);
    uses.push(splits.length + (k % classes.length));
    uses.push(splits.length + classes.length + (k % 2));
  }
  return uses;
}

/** An error counts with its message; one of another class is a failure of ours. */
function message(error: unknown): string {
  if ((error as MultiprocError).name !== 'ValueError') throw error;
  return (error as Error).message;
}

function answer(text: string, configuration: Configuration): unknown {
  switch (configuration[0]) {
    case 'quote':
      return quote(text);
    case 'join':
      return join(text.split('x'));
    case 'split':
      try {
        return split(text, { comments: configuration[1], posix: configuration[2] });
      } catch (error) {
        return message(error);
      }
    case 'class': {
      const lexer = new Shlex(text, { posix: configuration[1], punctuationChars: configuration[2] });
      lexer.whitespaceSplit = configuration[3];
      const seen: unknown[] = [];
      try {
        for (const token of lexer) seen.push(token, lexer.lineno);
      } catch (error) {
        seen.push(message(error), lexer.token, lexer.state);
      }
      seen.push(lexer.lineno);
      return seen;
    }
  }
}

const reference = path.join(path.dirname(fileURLToPath(import.meta.url)), 'fixtures', 'reference.py');

function askPython(texts: readonly string[], uses: readonly (readonly number[])[]): unknown[][] {
  const { status, stdout, stderr, error } = spawnSync('python3', [reference], {
    input: JSON.stringify({ configurations, texts, uses }),
    maxBuffer: 2 ** 30,
    encoding: 'utf8',
  });
  assert.equal(error, undefined);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as unknown[][];
}

/** Why this test cannot run, or false. Before 3.8 there was no `join` and the lexer had another rule. */
function reasonToSkip(): string | false {
  const { error, stdout } = spawnSync('python3', ['-c', 'import sys; print(sys.version_info >= (3, 8))'], {
    encoding: 'utf8',
  });
  if (error) return `no python3 to compare with: ${error.message}`;
  return stdout.trim() === 'True' ? false : 'python3 is older than 3.8';
}

test(`${count} generated strings give what CPython gives (seed ${seed})`, { skip: reasonToSkip() }, () => {
  const next = random(seed);
  let errors = 0;
  for (let done = 0; done < count; done += batch) {
    const texts = Array.from({ length: Math.min(batch, count - done) }, () => shellText(next));
    const uses = texts.map((_, i) => usesOf(done + i));
    const expected = askPython(texts, uses);
    assert.equal(expected.length, texts.length);
    texts.forEach((text, i) => {
      uses[i]!.forEach((index, k) => {
        const configuration = configurations[index]!;
        const want = expected[i]![k];
        if (typeof want === 'string' && configuration[0] === 'split') errors++;
        const got = answer(text, configuration);
        // Comparing as text first: a deep comparison of each of them would take most of the time.
        if (JSON.stringify(got) === JSON.stringify(want)) return;
        assert.deepEqual(got, want, `${JSON.stringify(configuration)} of ${JSON.stringify(text)}`);
      });
    });
  }
  // The inputs would prove little if hardly any, or nearly all of them, were errors.
  assert.ok(errors > count / 20 && errors < (count * each) / 6, `${errors} of ${count} texts did not split`);
});
