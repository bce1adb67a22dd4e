/**
 * Splitting, quoting and joining of command lines: ours, CPython's shlex and packages from npm, in one run.
 *
 * `npm run build && (cd bench && npm install) && node bench/shlex.bench.mjs`. Each number is the median of several rounds, in
 * nanoseconds a call; CPython measures itself the same way. A peer that is not installed is left out and named.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { join, quote, Shlex, split } from '../dist/shlex.js';

export const name = 'shlex';

const typical =
  `ffmpeg -y -i "My Movie (2024).mkv" -c:v libx264 -preset slow -crf 22 -metadata title='It is "done"' ` +
  '-vf scale=1280:-2 --out=/tmp/some\\ where/out.mp4 -loglevel error';
const plain = 'git log --oneline --graph --decorate --all --since=2.weeks -- src test';
const windows = 'robocopy "C:\\My Files" D:\\backup *.docx /E /R:3 /LOG:"D:\\copy log.txt"';
const words = split(typical);
const compound = 'make -j8 && ./run --fast | tee "log file" > out.txt; (echo done)';
const rounds = 7;
const roundMs = 60;

/** Median of nanoseconds a call. */
function measure(work) {
  for (const until = performance.now() + roundMs; performance.now() < until; ) work();
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    let calls = 0;
    let now = start;
    do {
      for (let i = 0; i < 50; i++) work();
      calls += 50;
      now = performance.now();
    } while (now - start < roundMs);
    times.push(((now - start) * 1e6) / calls);
  }
  return times.sort((a, b) => a - b)[rounds >> 1];
}

const python = `
import json, shlex, sys, time
typical, plain, windows, words, compound, rounds, round_ms = json.load(sys.stdin)
def compound_tokens():
    return list(shlex.shlex(compound, posix=True, punctuation_chars=True))
def measure(work):
    times = []
    for _ in range(rounds):
        start = now = time.perf_counter_ns()
        calls = 0
        while now - start < round_ms * 1e6:
            for _ in range(50): work()
            calls += 50
            now = time.perf_counter_ns()
        times.append((now - start) / calls)
    return sorted(times)[rounds >> 1]
print(json.dumps([sys.version.split()[0]] + [measure(w) for w in (
    lambda: shlex.split(typical), lambda: shlex.split(plain), lambda: shlex.split(windows, posix=False),
    compound_tokens, lambda: shlex.quote("It's a file (1).txt"), lambda: shlex.join(words))]))
`;

/** Peers by the work that they can do; the rules that they follow are not Python's. */
async function peers() {
  const found = {};
  const missing = [];
  for (const [peer, works] of [
    ['shell-quote', (m) => ({ split: m.default.parse, join: m.default.quote })],
    ['string-argv', (m) => ({ split: m.default.default ?? m.default })],
    ['shlex', (m) => ({ split: m.split ?? m.default.split, quote: m.quote, join: m.join })],
  ]) {
    try {
      found[peer] = works(await import(peer));
    } catch (error) {
      if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
      missing.push(peer);
    }
  }
  if (missing.length > 0) console.error(`Not installed in bench/, left out: ${missing.join(', ')}`);
  return found;
}

/** Measures everything once. */
export async function run() {
  const { stdout, stderr, error, status } = spawnSync('python3', ['-c', python], {
    input: JSON.stringify([typical, plain, windows, words, compound, rounds, roundMs]),
    encoding: 'utf8',
  });
  if (error) console.error(`No python3 to compare with: ${error.message}`);
  else if (status !== 0) throw new Error(`The CPython half failed: ${stderr}`);
  const [version, ...cpython] = error ? [] : JSON.parse(stdout);
  const others = await peers();

  const file = "It's a file (1).txt";
  const works = [
    ['split, typical command line', () => split(typical), 'split', typical],
    ['split, nothing quoted', () => split(plain), 'split', plain],
    ['split, non-POSIX', () => split(windows, { posix: false })],
    ['class, punctuationChars', () => [...new Shlex(compound, { posix: true, punctuationChars: true })]],
    ['quote', () => quote(file), 'quote', file],
    ['join', () => join(words), 'join', words],
  ];
  const rows = works.map(([work, ours, method, argument], i) => {
    const row = { work, ours: measure(ours) };
    if (cpython[i] !== undefined) {
      row.python = cpython[i];
      row.ratio = cpython[i] / row.ours;
    }
    for (const [peer, api] of Object.entries(others)) {
      const theirs = method && api[method];
      if (theirs) row[peer] = measure(() => theirs(argument));
    }
    return row;
  });
  return { title: `shlex: ns a call, Node ${process.version}, CPython ${version ?? 'absent'}`, rows };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { title, rows } = await run();
  console.log(title);
  console.table(
    rows.map(({ ratio, ...row }) => ({
      ...Object.fromEntries(
        Object.entries(row).map(([k, v]) => [k, typeof v === 'number' ? Math.round(v) : v]),
      ),
      ...(ratio === undefined ? {} : { 'times CPython': Number(ratio.toFixed(1)) }),
    })),
  );
}
