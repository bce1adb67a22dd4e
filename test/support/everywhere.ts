/** Runs a list of rows in the four places: the main thread and a worker thread, each by the fast start and the fallback. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { bundleForDist } from './bundle.ts';
import { blocking, type Row, waiting } from './rows.ts';
import { root, runNode } from './run.ts';

/** @param file The module that exports `rows`, and `waiting` and `blocking` of rows.ts. */
export function runEverywhere(file: string, rows: readonly Row[]): void {
  describe('in the main thread', () => {
    for (const { name, check, once } of rows) {
      if (once) test(name, () => check(waiting));
      else for (const kit of [waiting, blocking]) test(`${name} (${kit.form})`, () => check(kit));
    }
  });

  let bundle = '';
  before(async () => {
    bundle = await bundleForDist(file);
  });
  after(() => rmSync(path.dirname(bundle), { recursive: true }));

  for (const [title, flags] of [
    ['in a worker thread', ['worker']],
    ['through the fallback', ['fallback']],
    ['through the fallback, in a worker thread', ['worker', 'fallback']],
  ] as const) {
    describe(title, () => {
      const results = new Map<string, string | undefined>();
      let ended: { code: number | null; signal: string | null; stderr: string };
      before(async () => {
        const report = path.join(path.dirname(bundle), flags.join('-'));
        const runner = path.join(root, 'test', 'support', 'row-runner.mjs');
        ended = await runNode([runner, bundle, report, ...flags], { timeout: 240_000 });
        const lines = existsSync(report) ? readFileSync(report, 'utf8').trim().split('\n') : [];
        for (const line of lines) {
          const { name, error } = JSON.parse(line) as { name: string; error?: string };
          results.set(name, error);
        }
      });
      const expectRow = (name: string): void => {
        test(name, () => {
          assert.ok(results.has(name), `not run; the program ended with ${JSON.stringify(ended)}`);
          const error = results.get(name);
          if (error !== undefined) assert.fail(error);
        });
      };
      for (const { name, once } of rows) {
        if (!once) for (const kit of [waiting, blocking]) expectRow(`${name} (${kit.form})`);
        else if (!flags.includes('worker' as never)) expectRow(name);
      }
      expectRow('done');
    });
  }
}
