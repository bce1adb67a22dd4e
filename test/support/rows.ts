/**
 * Lists of checks that run in every place where programs are started, and in both forms of every blocking call.
 *
 * `everywhere.ts` runs them: in the main thread, where SIGCHLD tells of ended programs, in a worker thread, where pidfds
 * do, and through the fallback, where `node:child_process` starts programs.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { PopenOptions } from '../../src/subprocess/options.ts';
import * as sp from '../../src/subprocess.ts';
import { Popen } from '../../src/subprocess.ts';

export type P = Popen<PopenOptions>;
type Text = Buffer | string | null;
type Run = Promise<sp.CompletedProcess<Buffer | string>>;

/** Every blocking call in one of its two forms. */
export interface Kit {
  readonly form: 'waiting' | 'blocking';
  communicate(p: P, input?: string | Uint8Array, options?: { timeout?: number }): Promise<[Text, Text]>;
  wait(p: P, options?: { timeout?: number }): Promise<number>;
  run(args: sp.Args, options?: sp.RunOptions): Run;
  call(args: sp.Args, options?: sp.CallOptions): Promise<number>;
  checkCall(args: sp.Args, options?: sp.CallOptions): Promise<number>;
  checkOutput(args: sp.Args, options?: sp.CheckOutputOptions): Promise<Buffer | string>;
  getoutput(cmd: string): Promise<string>;
  getstatusoutput(cmd: string): Promise<[number, string]>;
  readAll(stream: sp.ProcessOutput): Promise<Buffer | string>;
  readline(stream: sp.ProcessOutput): Promise<Buffer | string>;
  leave(p: P): Promise<void>;
}

export const waiting: Kit = {
  form: 'waiting',
  communicate: (p, input, options) => p.communicate(input, options),
  wait: (p, options) => p.wait(options),
  run: (args, options) => sp.run(args, options) as Run,
  call: sp.call,
  checkCall: sp.checkCall,
  checkOutput: (args, options) => sp.checkOutput(args, options) as Promise<Buffer | string>,
  getoutput: sp.getoutput,
  getstatusoutput: sp.getstatusoutput,
  readAll: (stream) => stream.readAll(),
  readline: (stream) => stream.readline(),
  leave: (p) => p[Symbol.asyncDispose](),
};

export const blocking: Kit = {
  form: 'blocking',
  communicate: async (p, input, options) => p.communicateSync(input, options),
  wait: async (p, options) => p.waitSync(options),
  run: async (args, options) => sp.runSync(args, options) as Awaited<Run>,
  call: async (args, options) => sp.callSync(args, options),
  checkCall: async (args, options) => sp.checkCallSync(args, options),
  checkOutput: async (args, options) => sp.checkOutputSync(args, options) as Buffer | string,
  getoutput: async (cmd) => sp.getoutputSync(cmd),
  getstatusoutput: async (cmd) => sp.getstatusoutputSync(cmd),
  readAll: async (stream) => stream.readAllSync(),
  readline: async (stream) => stream.readlineSync(),
  leave: async (p) => p[Symbol.dispose](),
};

/** One row: its id and behaviour, and the check. */
export interface Row {
  readonly name: string;
  readonly check: (kit: Kit) => Promise<void>;
  /** Only once and only in the main thread: it starts a parent of its own. */
  readonly once?: boolean;
}

/** Whether programs are started through `node:child_process` here. */
export const fallback = process.platform === 'darwin';

/** A list to fill. */
export function rowList() {
  const rows: Row[] = [];
  const row = (name: string, check: Row['check']): void => void rows.push({ name, check });
  return {
    rows,
    row,
    rowOnce(name: string, check: () => Promise<void>): void {
      rows.push({ name, check, once: true });
    },
    /** A row about an option that the fallback has no means for: there it is refused. */
    rowFast(name: string, check: Row['check']): void {
      row(name, async (kit) => {
        if (!fallback) await check(kit);
        else {
          await assert.rejects(async () => check(kit), {
            name: 'NotSupportedError',
            message: /has no means/,
          });
        }
      });
    },
  };
}

export const sh = (script: string, ...more: string[]): string[] => ['sh', '-c', script, ...more];
export const dist = pathToFileURL(path.resolve(import.meta.dirname ?? '', '../../dist/subprocess.js')).href;
export const start = (args: sp.Args, options: PopenOptions = {}): P => new Popen<PopenOptions>(args, options);

/** A file that is gone again after the row. */
export async function withFile(
  content: string,
  use: (fd: number, file: string) => Promise<void>,
): Promise<void> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'multiproc-'));
  const file = path.join(directory, 'file');
  fs.writeFileSync(file, content);
  const fd = fs.openSync(file, 'r+');
  try {
    await use(fd, file);
  } finally {
    fs.closeSync(fd);
    fs.rmSync(directory, { recursive: true });
  }
}

/** Arguments for a Node program that has the built library as `sp`, started as it is here. */
export function nodeArgs(script: string, ...more: string[]): string[] {
  const platform = JSON.stringify(process.platform);
  const head = `Object.defineProperty(process, 'platform', { value: ${platform} });
    const fs = await import('node:fs');
    const sp = await import(${JSON.stringify(dist)});`;
  return ['--input-type=module', '-e', `${head}\n${script}`, ...more];
}

/** What a Node program prints. `limit` is a shell command that comes before it. */
export function inNode(
  script: string,
  { input, limit = ':' }: { readonly input?: string; readonly limit?: string } = {},
): string {
  return execFileSync('sh', ['-c', `${limit}; exec "$@"`, 'sh', process.execPath, ...nodeArgs(script)], {
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(input === undefined ? {} : { input }),
  });
}

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
