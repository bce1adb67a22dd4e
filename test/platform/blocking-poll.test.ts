import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { pollFds } from '../../src/platform/blocking-poll.ts';
import { closeFd, openPipe, POLLHUP, POLLIN, POLLOUT } from '../../src/platform/descriptors.ts';
import { nothingStaysOpen, openFds } from '../support/fds.ts';
import { untilResting } from '../support/resting.ts';
import { startThread } from '../support/thread.ts';

test('poll tells which is ready, and keeps to its timeout', () => {
  const a = openPipe();
  const b = openPipe();
  const items = [
    { fd: a.read, events: POLLIN },
    { fd: b.read, events: POLLIN },
    { fd: b.write, events: POLLOUT },
  ];
  assert.deepEqual(pollFds(items.slice(0, 2), 5), [0, 0]);
  writeSync(b.write, 'x');
  assert.deepEqual(pollFds(items), [0, POLLIN, POLLOUT]);
  closeFd(a.write);
  assert.deepEqual(pollFds(items), [POLLHUP, POLLIN, POLLOUT]);
  for (const fd of [a.read, b.read, b.write]) closeFd(fd);
});

/** A worker thread that has blocked for ever, whose event loop may have things to do. */
const blocks = `
  const { pollFds } = await load('platform/blocking-poll.ts');
  const { openPipe } = await load('platform/descriptors.ts');
  const { read } = openPipe();
  await new Promise((resolve) => setTimeout(resolve, 200)); // what the loop has to do at first
  parentPort.on('message', () => {});
  ready();`;
const forEver = 'pollFds([{ fd: read, events: 1 }]);';

// Without this the test waits for ever, and fails for that.
describe('a worker thread that blocks for ever', { concurrency: true, timeout: 60_000 }, () => {
  test('does not wake up, and is terminated all the same', async () => {
    const { worker, tid } = await startThread(blocks + forEver);
    await untilResting(tid);
    await worker.terminate();
  });

  test('is terminated when its event loop had things to do before', async () => {
    const { worker, tid } = await startThread(`${blocks}
      const { port1, port2 } = new MessageChannel();
      port2.onmessage = () => {};
      port1.postMessage(1);
      process.stdout.write('');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
      ${forEver}`);
    for (let n = 0; n < 3; n++) {
      await delay(100);
      worker.postMessage(n);
    }
    await untilResting(tid);
    await worker.terminate();
  });

  test('does not wake up when Node has told its event loop something before', async () => {
    const { worker, tid } = await startThread(`${blocks}
      const { Session } = require('node:inspector');
      new Session().connect();
      ${forEver}`);
    await untilResting(tid);
    await worker.terminate();
  });

  test('is terminated when Node had something else to tell it before', async () => {
    const { worker, tid } = await startThread(blocks + forEver);
    for (let n = 0; n < 2; n++) {
      await untilResting(tid);
      const snapshot = await worker.getHeapSnapshot();
      snapshot.resume();
      await once(snapshot, 'end');
    }
    await untilResting(tid);
    await worker.terminate();
  });

  test('does not keep the program from ending', async () => {
    const program = `
      import { startThread } from ${JSON.stringify(import.meta.resolve('../support/thread.ts'))};
      await startThread(${JSON.stringify(blocks + forEver)});
      setTimeout(() => process.exit(7), 500);`;
    const child = spawn(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', program],
      { stdio: 'inherit' },
    );
    assert.deepEqual(await once(child, 'exit'), [7, null]);
  });
});

test('a worker thread that was terminated while it blocked leaves no descriptor of its own', async () => {
  const before = openFds();
  const { worker, tid, made } = await startThread(
    `const { launch } = await load('platform/launch.ts');
     const child = launch({ file: 'sleep', args: ['sleep', '100'], fds: new Map() });
     parentPort.on('message', () => {});
     await new Promise((resolve) => setTimeout(resolve, 200));
     ready(child.pid);
     child.waitSync();`,
  );
  await untilResting(tid);
  await worker.terminate();
  process.kill(made as number);
  await nothingStaysOpen(before);
});
