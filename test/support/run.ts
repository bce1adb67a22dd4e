/** Runs programs for tests and tells what came of them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
/** What a program imports to use the sources under test. */
export const library = path.join(root, 'src', 'index.ts');

export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running program whose output is collected. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves once standard output holds what matches. */
  seen(pattern: RegExp): Promise<RegExpExecArray>;
}

/** Starts Node with the loader that the tests themselves run under. */
export function start(
  args: readonly string[],
  options: { cwd?: string; input?: string; env?: NodeJS.ProcessEnv } = {},
): Running {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), ...args], {
    cwd: options.cwd ?? root,
    env: { ...env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const watchers = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const look of [...watchers]) look();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {}).end(options.input);
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => resolve({ stdout, stderr, code, signal }));
  });
  const seen = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(stdout);
        if (match === null) return;
        watchers.delete(look);
        resolve(match);
      };
      watchers.add(look);
      look();
      void ended.then((end) => reject(new Error(`ended before ${pattern} was seen: ${JSON.stringify(end)}`)));
    });
  return { child, ended, seen };
}

/** A directory that goes with the test. */
export function temporaryDirectory(t: TestContext): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'multiproc-test-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Writes a program into a directory of its own and starts it; `LIBRARY` in its text becomes an import of the sources. */
export function startProgram(
  t: TestContext,
  name: string,
  text: string,
  args: readonly string[] = [],
  execArgv: readonly string[] = [],
): Running {
  const file = path.join(temporaryDirectory(t), name);
  writeFileSync(file, text.replaceAll('LIBRARY', JSON.stringify(library)));
  return start([...execArgv, file, ...args]);
}

/** Whether a process lives; a zombie does not. */
export function alive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat[stat.lastIndexOf(')') + 2] !== 'Z';
  } catch {
    return false;
  }
}

/** Waits until `condition` holds, looking every few milliseconds; fails after `timeout` milliseconds. */
export async function until(condition: () => boolean, what: string, timeout = 20_000): Promise<void> {
  const deadline = performance.now() + timeout;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`gave up waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Runs plain Node, without a loader, to its end; SIGKILL after `timeout` milliseconds. */
export function runNode(args: readonly string[], { timeout }: { timeout: number }): Promise<Ended> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeout);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ stdout, stderr, code, signal });
    });
  });
}
