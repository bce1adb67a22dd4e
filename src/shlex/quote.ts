/** Making a command line out of arguments: the way back from `split()`. */
import { show, typeError } from '../base/validate.ts';

// `\w` without the flag `u` is ASCII only, which is what Python asks for with re.ASCII.
const unsafe = /[^\w@%+=:,./-]/;

/**
 * `text` as one argument of a POSIX shell's command line: unchanged where it holds nothing special, else between single
 * quotes. Safe for POSIX shells only, not for `cmd.exe` or PowerShell.
 *
 * @throws {TypeError} When `text` is not a string.
 * @example
 * quote('a b'); // 'a b' between single quotes
 * await run(`ls -l ${quote(file)}`, { shell: true });
 * @see https://docs.python.org/3/library/shlex.html#shlex.quote
 */
export function quote(text: string): string {
  if (typeof text !== 'string') throw typeError(`Cannot quote ${show(text)}: it must be a string`);
  if (text === '') return "''";
  if (!unsafe.test(text)) return text;
  return text.includes("'") ? `'${text.replaceAll("'", `'"'"'`)}'` : `'${text}'`;
}

/**
 * The command line that `split()` turns back into `args`: each quoted, with blanks between them.
 *
 * @throws {TypeError} When `args` is not iterable or holds anything but strings.
 * @example
 * join(['echo', '-n', 'a b']); // "echo -n 'a b'"
 * @see https://docs.python.org/3/library/shlex.html#shlex.join
 */
export function join(args: Iterable<string>): string {
  if (typeof (args as Partial<Iterable<string>> | null | undefined)?.[Symbol.iterator] !== 'function') {
    throw typeError(`Cannot join ${show(args)}: it must be an array or another iterable of strings`);
  }
  let line = '';
  let first = true;
  for (const arg of args) {
    line += first ? quote(arg) : ` ${quote(arg)}`;
    first = false;
  }
  return line;
}
