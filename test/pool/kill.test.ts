/** Workers of a busy pool are killed at random instants. Every task settles, none runs twice, nothing hangs or is left behind. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { activeChildren, Pool, SharedArray, WorkerLostError } from '../../src/index.ts';
import { openedSince, openFds } from '../support/fds.ts';
import { root, runNode } from '../support/run.ts';

/** Kills of one run; MULTIPROC_STRESS=1 asks for 500. */
const rounds = process.env.MULTIPROC_STRESS === '1' ? 500 : 15;

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

test('workers killed at random: every task settles, and none runs twice', async () => {
  const before = openFds();
  const pool = new Pool(3);
  await pool.apply(Math.sqrt, [4]);
  const count = 1500;
  const runs = new SharedArray('i', count);
  const task = (i: number): number => {
    Atomics.add(runs.array as Int32Array, i, 1);
    for (const until = performance.now() + (i % 7) / 20; performance.now() < until; );
    return i * 2;
  };
  let killed = 0;
  let lost = 0;
  for (let _base = 0; killed < rounds; _base++) {
    (runs.array as Int32Array).fill(0);
    const results = Array.from({ length: count }, (_, i) => pool.applyAsync(task, [i]));
    for (let n = 0; n < 5; n++) {
      await sleep(Math.random() * 40);
      const pids = activeChildren().flatMap((child) => child.pid ?? []);
      // All may be dead at this moment, and not yet replaced.
      if (pids.length > 0) process.kill(pids[killed++ % pids.length]!, 'SIGKILL');
    }
    const outcomes = await Promise.allSettled(results.map((r) => r.get()));
    for (const [i, outcome] of outcomes.entries()) {
      const ran = (runs.array as Int32Array)[i]!;
      assert.ok(ran <= 1, `task ${i} ran ${ran} times`);
      if (outcome.status === 'fulfilled') {
        assert.equal(outcome.value, i * 2);
        assert.equal(ran, 1);
      } else {
        assert.ok(outcome.reason instanceof WorkerLostError, String(outcome.reason));
        lost++;
      }
    }
  }
  assert.ok(lost <= killed, `${killed} kills cost ${lost} tasks: at most the one that ran`);
  pool.close();
  await pool.join();
  await sleep(50);
  assert.ok(openedSince(before).length <= 8, `open: ${openedSince(before).join()}`);
});

test('workers that are killed while they start are replaced', async () => {
  await using pool = new Pool(2);
  const killed = new Set<number>();
  while (killed.size < 12) {
    for (const { pid } of activeChildren()) {
      if (pid === null || killed.has(pid)) continue;
      process.kill(pid, 'SIGKILL');
      killed.add(pid);
    }
    await sleep(1);
  }
  assert.equal(await pool.apply(Math.sqrt, [4]), 2);
});

test('a pool whose workers are killed again and again before they are ready breaks', async () => {
  // The built package, whose workers start in a fraction of the time.
  const built = path.join(root, 'dist', 'index.js');
  const program = `
    import { Pool } from ${JSON.stringify(built)};
    const pool = new Pool(2, { initializer: () => process.kill(process.pid, 'SIGKILL') });
    await pool.apply(Math.sqrt, [4]).catch((error) => console.log(error.name, /before it was ready/.test(error.message)));
    pool.terminate();
    await pool.join();
  `;
  const { stdout, code } = await runNode(['--input-type=module', '-e', program], { timeout: 120_000 });
  assert.equal(stdout, 'WorkerLostError true\n');
  assert.equal(code, 0);
});
