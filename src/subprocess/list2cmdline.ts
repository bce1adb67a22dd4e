/** Python's `list2cmdline`. */
import { fileURLToPath } from 'node:url';
import type { Arg } from './args.ts';
import { createDecoder } from './decode.ts';

/**
 * One command line out of arguments, by the rules of Microsoft's C runtime.
 *
 * Never used to start anything here (a list of arguments stays one); Python exports it, and it is handy for showing
 * or for building a line for another machine.
 *
 * @example list2cmdline(['ab"c', ' \\', 'd']) // 'ab\\"c " \\\\" d'
 */
export function list2cmdline(args: readonly Arg[]): string {
  return args.map((arg) => quote(asText(arg))).join(' ');
}

function asText(arg: Arg): string {
  if (typeof arg === 'string') return arg;
  return arg instanceof URL
    ? fileURLToPath(arg)
    : createDecoder('utf-8', 'surrogateescape').decode(arg, true);
}

function quote(arg: string): string {
  const quotes = arg === '' || /[ \t]/.test(arg);
  // Backslashes are literal unless a quote follows: then they are doubled and the quote gets one of its own.
  const escaped = arg.replace(/(\\*)"/g, '$1$1\\"');
  return quotes ? `"${escaped.replace(/(\\+)$/, '$1$1')}"` : escaped;
}
