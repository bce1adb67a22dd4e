import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startThread } from '../support/thread.ts';

test('the handle by which a thread is told is free while it expects that, and used again afterwards', async () => {
  const { worker, made } = await startThread(`
    const { expectTermination, stopExpecting } = await load('platform/termination.ts');
    const { Session } = require('node:inspector');
    await new Promise((resolve) => setTimeout(resolve, 200)); // what the loop has to do at first
    const sure = [expectTermination().sure];
    new Session().connect(); // uses it
    sure.push(expectTermination().sure, expectTermination().sure);
    stopExpecting();
    sure.push(expectTermination().sure);
    stopExpecting();
    ready(sure);`);
  assert.deepEqual(made, [true, false, true, false]);
  await worker.terminate();
});
