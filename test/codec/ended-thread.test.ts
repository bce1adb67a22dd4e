/** A worker thread ends when that is asked for, also while one of its functions is looked into. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startThread } from '../support/thread.ts';

test('a thread that looks into one function after the other can be terminated at any moment', async () => {
  for (let round = 0; round < 15; round++) {
    const { worker } = await startThread(`
      const { encode } = await load('codec/index.ts');
      for (let k = 0; ; k++) {
        const f = new Function('n', 'const inc = () => n++; return () => n + ' + k + ' + inc.length')(1);
        // So often that it pays.
        for (let i = 0; i < 17; i++) encode(f);
        if (k === 2) ready();
      }`);
    // Else at one and the same of its moments.
    await sleep(Math.random() * 30);
    const ended = await Promise.race([worker.terminate(), sleep(10_000, 'goes on', { ref: false })]);
    assert.equal(ended, 1);
  }
});
