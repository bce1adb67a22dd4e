/** What the workers of `word-count.mjs` use to read a file. An ordinary module: workers import it themselves. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Size, lines, words and SHA-256 of a file, and how often each of its words occurs. */
export function statistics(file) {
  const bytes = readFileSync(file);
  const counts = new Map();
  let words = 0;
  for (const [word] of bytes.toString('latin1').matchAll(/[A-Za-z]{2,}/g)) {
    words += 1;
    const key = word.toLowerCase();
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  let lines = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines += 1;
  return {
    size: bytes.length,
    lines,
    words,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    counts,
  };
}
