/** Worker threads that run the sources under test. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** A worker thread that blocks, as the test sees it. */
export interface BlockedThread {
  readonly worker: Worker;
  /** Its number, as the kernel has it. */
  readonly tid: number;
  /** What it gave to `ready`. */
  readonly made: unknown;
}

/**
 * Starts a worker thread that runs `body`, an async function's: `await load('platform/pidfd.ts')` gives it a module of `src`,
 * `ready(made)` resolves what this gives. What it may block in comes after that.
 */
export async function startThread(body: string): Promise<BlockedThread> {
  const program = `
    const { readlinkSync } = require('node:fs');
    const { parentPort } = require('node:worker_threads');
    const src = ${JSON.stringify(new URL('../../src/', import.meta.url).href)};
    const load = async (file) => {
      const { tsImport } = await import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))});
      return tsImport(src + file, src);
    };
    const tid = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    const ready = (made) => parentPort.postMessage({ tid, made });
    (async () => {${body}})();`;
  const worker = new Worker(program, { eval: true, execArgv: [] });
  const [{ tid, made }] = await once(worker, 'message');
  return { worker, tid, made };
}
