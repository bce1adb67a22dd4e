/**
 * Runs a bundle's rows and reports one line of JSON for each:
 * `node row-runner.mjs <bundle> <report file> [worker] [fallback]`.
 *
 * `worker`: in a worker thread. `fallback`: as on a platform without the fast start; the library looks at
 * `process.platform` when it is loaded, so that is what is changed before.
 */
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isMainThread, Worker } from 'node:worker_threads';

const [bundle, report, ...flags] = process.argv.slice(2);

async function runRows() {
  await import('koffi'); // for the tests' own system calls, while it can still tell where it is
  if (flags.includes('fallback')) Object.defineProperty(process, 'platform', { value: 'darwin' });
  const { rows, waiting, blocking } = await import(pathToFileURL(bundle).href);
  for (const row of rows) {
    if (row.once && flags.includes('worker')) continue;
    for (const kit of row.once ? [waiting] : [waiting, blocking]) {
      const name = row.once ? row.name : `${row.name} (${kit.form})`;
      const line = { name, error: undefined };
      const begin = performance.now();
      try {
        const { check } = row;
        const limit = process.env.MULTIPROC_STRESS === '1' ? 240_000 : 30_000;
        const late = new Promise((_, reject) => {
          setTimeout(() => reject(new Error(`gave up after ${limit} ms`)), limit).unref();
        });
        await Promise.race([check(kit), late]);
      } catch (error) {
        line.error = error?.stack ?? String(error);
      }
      appendFileSync(report, `${JSON.stringify({ ...line, ms: Math.round(performance.now() - begin) })}\n`);
    }
  }
  appendFileSync(report, '{"name":"done"}\n');
}

if (flags.includes('worker') && isMainThread) {
  const worker = new Worker(fileURLToPath(import.meta.url), { argv: process.argv.slice(2) });
  await once(worker, 'exit');
} else {
  await runRows();
}
