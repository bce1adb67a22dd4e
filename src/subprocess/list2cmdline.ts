/**
 * One command line out of arguments, by the rules of Microsoft's C runtime.
 *
 * Never used to start anything here (a list of arguments stays one); Python exports it, and it is handy for showing
 * or for building a line for another machine.
 *
 * @example list2cmdline(['ab"c', ' \\', 'd']) // 'ab\\"c " \\\\" d'
 */
export function list2cmdline(args: readonly string[]): string {
  return args.map(quote).join(' ');
}

function quote(arg: string): string {
  const quotes = arg === '' || /[ \t]/.test(arg);
  // Backslashes are literal unless a quote follows: then they are doubled and the quote gets one of its own.
  const escaped = arg.replace(/(\\*)"/g, '$1$1\\"');
  return quotes ? `"${escaped.replace(/(\\+)$/, '$1$1')}"` : escaped;
}
