/** Workers of a busy pool are killed at random instants. Every task settles, none runs twice, nothing hangs or is left behind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { activeChildren, Pool, SharedArray, WorkerLostError } from '../../src/index.ts';
import { openedSince, openFds } from '../support/fds.ts';

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
