/** Generated inputs for the lexer's tests: short strings in which everything special is frequent. */

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

// Repeated entries are the frequent ones. A lone surrogate is one code point in Python as well.
const pieces = [
  ...'\'\'\'\'\'"""""\\\\\\\\\\####     \t\r\n\n\n',
  ...'();<>|&&|',
  ...'~-./*?=@%+:,!$`{}[]^_',
  ...'aaaabcxxxxXYZ0189',
  ...'éßÿÞ÷×\u00a0\u000b\f\0\u0085\u2028\u3000\ufeffжℙ漢',
  '😀',
  '😁',
  '\ud83d',
  '\ude00',
  "''",
  '""',
  '\\"',
  "\\'",
  '\\\n',
  ' # c\n',
  'foo',
  '&&',
  '||',
];

/** One string of up to `longest` pieces, shorter ones more often. */
export function shellText(next: () => number, longest = 22): string {
  const length = Math.floor(next() * next() * (longest + 1));
  let text = '';
  for (let i = 0; i < length; i++) text += pieces[Math.floor(next() * pieces.length)];
  return text;
}
