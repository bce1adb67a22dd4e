/**
 * Short ASCII texts out of bytes. A native call costs more than a dozen characters, and appending one character after the
 * other makes a string for each; all at once costs a quarter of that.
 */
const text = String.fromCharCode;

type Bytes = Readonly<Uint8Array>;

/** One for each length. */
// biome-ignore format: a table.
const readers: readonly ((b: Bytes, i: number) => string)[] = [
  () => '',
  (b, i) => text(b[i]!),
  (b, i) => text(b[i]!, b[i + 1]!),
  (b, i) => text(b[i]!, b[i + 1]!, b[i + 2]!),
  (b, i) => text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!),
  (b, i) => text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!),
  (b, i) => text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!),
  (b, i) => text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!),
  (b, i) => text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!),
  (b, i) => text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!, b[i + 8]!),
  (b, i) => text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!, b[i + 8]!, b[i + 9]!),
  (b, i) => text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!, b[i + 8]!, b[i + 9]!, b[i + 10]!),
  (b, i) => text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!, b[i + 8]!, b[i + 9]!, b[i + 10]!, b[i + 11]!),
  (b, i) => text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!, b[i + 8]!, b[i + 9]!, b[i + 10]!, b[i + 11]!, b[i + 12]!),
  (b, i) => text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!, b[i + 8]!, b[i + 9]!, b[i + 10]!, b[i + 11]!, b[i + 12]!, b[i + 13]!),
  (b, i) => text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!, b[i + 8]!, b[i + 9]!, b[i + 10]!, b[i + 11]!, b[i + 12]!, b[i + 13]!, b[i + 14]!),
  (b, i) => text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!, b[i + 8]!, b[i + 9]!, b[i + 10]!, b[i + 11]!, b[i + 12]!, b[i + 13]!, b[i + 14]!, b[i + 15]!),
];

/** Up to this length {@link shortText} is the quicker way. */
export const shortLength = readers.length - 1;

/** The `n` characters from `at` on; all are there, and below 128. */
export function shortText(bytes: Bytes, at: number, n: number): string {
  return readers[n]!(bytes, at);
}
