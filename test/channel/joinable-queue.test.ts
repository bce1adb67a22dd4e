/** JoinableQueue: what its tasks add to a queue, with processes and worker threads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { JoinableQueue, Process } from '../../src/index.ts';
import { Peer } from '../fixtures/peer.ts';
import { startProgram } from '../support/run.ts';

/** Unlike `AbortSignal.timeout`, keeps the program alive until then. */
function abortedAfter(milliseconds: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('enough')), milliseconds);
  return controller.signal;
}

test('join waits until every message that was put is done, by whomever', async () => {
  const q = new JoinableQueue<number>();
  const done = new JoinableQueue<number>();
  const peers = await Promise.all([Peer.start(), Peer.start(), Peer.startThread()]);
  try {
    const consuming: Promise<void>[] = [];
    for (const [i, peer] of peers.entries()) {
      const sync = i % 2 === 0;
      const run = peer.run(
        async (_mp, { q, done, sync }) => {
          for (;;) {
            const n = sync ? q.getSync() : await q.get();
            if (n < 0) return;
            done.putSync(n);
            q.taskDone();
          }
        },
        { q, done, sync },
      );
      consuming.push(run);
    }
    const waiting = await Peer.start();
    peers.push(waiting);
    for (let round = 0; round < 20; round++) {
      for (let n = 0; n < 50; n++) await q.put(n);
      const elsewhere = waiting.run((_mp, q) => q.joinSync(), q);
      if (round % 2) assert.equal(q.joinSync(), true);
      else assert.equal(await q.join(), true);
      assert.equal(await elsewhere, true);
      assert.equal(done.qsize(), 50);
      const got = Array.from({ length: 50 }, () => done.getNowait()).sort((a, b) => a - b);
      assert.deepEqual(
        got,
        Array.from({ length: 50 }, (_, n) => n),
      );
    }
    for (let n = 0; n < 3; n++) q.putSync(-1);
    await Promise.all(consuming);
  } finally {
    for (const peer of peers) await peer.kill();
  }
});

test('join: at once with nothing put, false when time is up, the reason of a signal', async () => {
  const q = new JoinableQueue();
  assert.equal(await q.join(), true);
  assert.equal(q.joinSync(), true);
  q.putSync(1);
  assert.equal(await q.join({ timeout: 10 }), false);
  assert.equal(q.joinSync({ timeout: 10 }), false);
  q.getSync();
  assert.equal(q.joinSync({ timeout: 0 }), false);
  await assert.rejects(q.join({ signal: abortedAfter(10) }), { message: 'enough' });
  const waiting = q.join();
  q.taskDone();
  assert.equal(await waiting, true);
  for (const bad of ['x', 5, { timeout: 'x' }]) {
    await assert.rejects(q.join(bad as never), { name: 'TypeError' });
    assert.throws(() => q.joinSync(bad as never), { name: 'TypeError' });
  }
});

test('taskDone more often than was put is a ValueError', () => {
  const q = new JoinableQueue();
  assert.throws(() => q.taskDone(), { name: 'ValueError', message: 'task_done() called too many times' });
  q.putSync(1);
  q.taskDone();
  assert.throws(() => q.taskDone(), { name: 'ValueError' });
  assert.equal(q.getSync(), 1);
});

test('shutdown(true) makes dropped messages done', async () => {
  const q = new JoinableQueue();
  for (let n = 0; n < 5; n++) q.putSync(n);
  q.getSync();
  const joining = q.join();
  q.shutdown(true);
  assert.equal(await Promise.race([joining, delay(20, 'waits')]), 'waits');
  q.taskDone();
  assert.equal(await joining, true);
});

test('what a producer that was killed had put is to be done, and nothing else', async () => {
  const q = new JoinableQueue<number>(4);
  const p = new Process({
    target: (q: JoinableQueue<number>) => {
      for (let n = 0; n < 4; n++) q.putSync(n);
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), 20);
      void q.put(4);
    },
    args: [q],
  });
  p.start();
  await p.join();
  for (let n = 0; n < 4; n++) {
    assert.equal(await q.join({ timeout: 1 }), false);
    assert.equal(q.getSync(), n);
    q.taskDone();
  }
  assert.equal(q.joinSync(), true);
});

test('it travels as a JoinableQueue, and a program that joins what nobody can finish, ends', async (t) => {
  const program = startProgram(
    t,
    'join.mts',
    `import { JoinableQueue, Process } from LIBRARY;
    const q = new JoinableQueue();
    await q.put('job');
    const target = async (q: JoinableQueue) => {
      console.log(q instanceof JoinableQueue, String(q).includes('queues.JoinableQueue object'), await q.get());
      q.taskDone();
    };
    const p = new Process({ target, args: [q] });
    p.start();
    console.log(await q.join());
    await p.join();
    await q.put('another');
    q.join().then(() => console.log('joined'));
    globalThis.q = q;`,
  );
  assert.deepEqual(await program.ended, {
    stdout: 'true true job\ntrue\n',
    stderr: '',
    code: 0,
    signal: null,
  });
});
