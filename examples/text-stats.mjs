/** What the workers of `word-count.mjs` use to read a file. An ordinary module: workers import it themselves. */
import { isAscii, isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';

const block = Buffer.allocUnsafe(1 << 20);

/** Size, lines, words and SHA-256 of a file, and how often each of its words occurs. It may be of any size. */
export function statistics(file) {
  const hash = createHash('sha256');
  const counts = new Map();
  let [size, lines, words] = [0, 0, 0];
  for (const bytes of blocks(file)) {
    size += bytes.length;
    hash.update(bytes);
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines += 1;
    for (const word of wordsOf(bytes)) {
      words += 1;
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return { size, lines, words, sha256: hash.digest('hex'), counts };
}

/** What a file holds, in blocks that end between words; between characters, where a block holds nothing but letters. */
function* blocks(file) {
  const fd = openSync(file);
  try {
    let held = 0;
    for (let n = readSync(fd, block); n > 0; n = readSync(fd, block, held, block.length - held)) {
      const read = block.subarray(0, held + n);
      const isFull = read.length === block.length;
      const end = read.findLastIndex(isNoLetter) + 1 || (isFull ? lastCharacter(read) : 0);
      yield read.subarray(0, end);
      block.copyWithin(0, end, read.length);
      held = read.length - end;
    }
    if (held > 0) yield block.subarray(0, held);
  } finally {
    closeSync(fd);
  }
}

const isNoLetter = (byte) => byte < 65;

function lastCharacter(bytes) {
  const at = bytes.findLastIndex((byte) => byte < 128 || byte >= 192);
  return at > 0 ? at : bytes.length;
}

function* wordsOf(bytes) {
  const isText = !isAscii(bytes) && isUtf8(bytes);
  const text = bytes.toString(isText ? 'utf8' : 'latin1');
  for (const [word] of text.matchAll(isText ? /\p{L}{2,}/gu : /[A-Za-z]{2,}/g)) yield word.toLowerCase();
}
