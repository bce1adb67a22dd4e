/**
 * Short ASCII texts out of bytes. A native call costs more than a dozen characters, and appending one character after the
 * other makes a string for each; all at once costs a quarter of that.
 */
const text = String.fromCharCode;

type Bytes = Readonly<Uint8Array>;

/** One for each length. */
const readers: readonly ((b: Bytes, i: number) => string)[] = [
  () => '',
  (b, i) => text(b[i]!),
  (b, i) => text(b[i]!, b[i + 1]!),
  (b, i) => text(b[i]!, b[i + 1]!, b[i + 2]!),
  (b, i) => text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!),
  (b, i) => text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!),
  (b, i) => text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!),
  (b, i) => text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!),
  eight,
];

function eight(b: Bytes, i: number): string {
  return text(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!);
}

/** Up to this length {@link shortText} is the quicker way. */
export const shortLength = 12;

/** The `n` characters from `at` on; all are there, and below 128. */
export function shortText(bytes: Bytes, at: number, n: number): string {
  return n <= 8 ? readers[n]!(bytes, at) : eight(bytes, at) + readers[n - 8]!(bytes, at + 8);
}
