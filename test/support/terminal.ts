/** Runs programs on a terminal, with keys typed as its output comes; `terminal.py` beside this file does it. */
import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './run.ts';

const script = path.join(path.dirname(fileURLToPath(import.meta.url)), 'terminal.py');
/** What Ctrl-C and Ctrl-D send. */
export const ctrlC = '\x03';
export const ctrlD = '\x04';
/** A terminal needs python3 to be made. */
export const noTerminal =
  spawnSync('python3', ['-c', 'import pty']).status === 0 ? false : 'python3 is not here';

export interface OnTerminal {
  readonly screen: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** From the last keys to the program's end. */
  readonly milliseconds: number;
  /** Processes of its group that lived on for five seconds. */
  readonly left: number;
  /** Steps that were never reached. */
  readonly unused: number;
}

/** Runs Node on a terminal; each step waits for its pattern (Python's syntax), then types its keys. */
export async function onTerminal(
  args: readonly string[],
  steps: readonly (readonly [pattern: string, keys: string])[],
  env: NodeJS.ProcessEnv = {},
): Promise<OnTerminal> {
  const { NODE_TEST_CONTEXT: _, ...rest } = process.env;
  const child = spawn('python3', [script, JSON.stringify(steps), process.execPath, ...args], {
    cwd: root,
    env: { ...rest, TERM: 'xterm', NODE_DISABLE_COLORS: '1', NODE_REPL_HISTORY: '', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const part of child.stdout.setEncoding('utf8')) text += part;
  return JSON.parse(text) as OnTerminal;
}
