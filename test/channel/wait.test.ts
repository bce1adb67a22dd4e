import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import net from 'node:net';
import { describe, test } from 'node:test';
import { wait, waitSync } from '../../src/connection.ts';
import {
  type Connection,
  DeadlockError,
  JoinableQueue,
  OSError,
  Pipe,
  Process,
  Queue,
  SimpleQueue,
  ValueError,
} from '../../src/index.ts';
import { nothingStaysOpen, openFds } from '../support/fds.ts';

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** The other ends of pipes: one that is collected is an end of the connection. */
const kept: Connection[] = [];

/** Both forms, as one. */
const forms = {
  async: wait,
  sync: async (...args: Parameters<typeof waitSync>) => waitSync(...args),
} as const;

for (const [form, waitFor] of Object.entries(forms)) {
  describe(`wait, ${form}`, () => {
    test('gives those that are ready, in the order of the list', async () => {
      const [a, b] = Pipe();
      const [c, d] = Pipe();
      const q = new Queue<number>();
      assert.deepEqual(await waitFor([a, c, q], 0), []);
      await d.send(1);
      assert.deepEqual(await waitFor([a, c, q], 1000), [c]);
      q.putNowait(1);
      await b.send(2);
      assert.deepEqual(await waitFor([q, c, a], { timeout: 1000 }), [q, c, a]);
      assert.equal(await c.recv(), 1, 'nothing was taken');
      assert.deepEqual(await waitFor([a, c, q]), [a, q]);
    });

    test('gives an empty list when time is up, also for an empty list', async () => {
      const [a, other] = Pipe();
      kept.push(other);
      assert.deepEqual(await waitFor([a], 30), []);
      assert.deepEqual(await waitFor([a], -1), []);
      assert.deepEqual(await waitFor([], 10), []);
    });

    test('wakes for a message of another process, for its end, and for its sentinel', async () => {
      const [a, b] = Pipe();
      const p = new Process({
        target: async (connection: Connection) => {
          await connection.send('hello');
          await connection.recv();
        },
        args: [b],
      });
      p.start();
      b.close();
      assert.deepEqual(await waitFor([a, p.sentinel], 20_000), [a]);
      assert.equal(await a.recv(), 'hello');
      await a.send('go');
      const first = await waitFor([a, p.sentinel], 20_000);
      assert.ok(first.length > 0);
      await p.join();
      assert.deepEqual(await waitFor([a, p.sentinel], 20_000), [a, p.sentinel]);
      await assert.rejects(a.recv(), { name: 'EOFError' });
    });

    test('wakes when the other side is killed', async () => {
      const [a, b] = Pipe();
      const p = new Process({
        target: (c: Connection) => {
          c.sendSync('up');
          c.recvSync();
        },
        args: [b],
      });
      p.start();
      b.close();
      assert.equal(await a.recv(), 'up');
      p.kill();
      assert.deepEqual(await waitFor([a], 20_000), [a]);
      await p.join();
    });

    test('works with every kind of queue, and with one that is shut down', async () => {
      const simple = new SimpleQueue<number>();
      const joinable = new JoinableQueue<number>();
      const shut = new Queue<number>();
      shut.shutdown();
      await simple.put(1);
      joinable.putNowait(1);
      assert.deepEqual(await waitFor([simple, joinable, shut], 1000), [simple, joinable, shut]);
    });

    test('refuses what cannot be waited for', async () => {
      const [a, other] = Pipe();
      kept.push(other);
      await assert.rejects(async () => waitFor([{} as never], 0), TypeError);
      await assert.rejects(async () => waitFor(7 as never, 0), TypeError);
      await assert.rejects(async () => waitFor([999_999], 0), OSError);
      await assert.rejects(async () => waitFor([a, a], 0), ValueError);
      await assert.rejects(async () => waitFor([a], { timeout: Number.NaN }), TypeError);
      a.close();
      await assert.rejects(async () => waitFor([a], 0), OSError);
    });
  });
}

test('a child that is killed before it has its end of a pipe leaves nobody waiting', async () => {
  const [a, b] = Pipe();
  const p = new Process({ target: (c: Connection) => c.recvSync(), args: [b] });
  p.start();
  b.close();
  p.kill();
  assert.deepEqual(await wait([a], 20_000), [a]);
  await assert.rejects(a.recv(), { name: 'EOFError' });
  await p.join();
});

test('a thread that would wait for nothing for ever is told so', () => {
  assert.throws(() => waitSync([]), DeadlockError);
});

test('aborting the signal ends the wait with its reason', async () => {
  const [a, other] = Pipe();
  kept.push(other);
  const controller = new AbortController();
  const waiting = wait([a], { signal: controller.signal, timeout: 60_000 });
  controller.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
  await assert.rejects(wait([a], { signal: AbortSignal.abort(new Error('before')) }), /before/);
});

test('closing what is waited for ends the wait', async () => {
  const [a, other] = Pipe();
  kept.push(other);
  const waiting = wait([a], { timeout: 60_000 });
  await sleep(50);
  a.close();
  await assert.rejects(waiting, OSError);
});

test('sockets are ready with data, and at their end', async () => {
  const server = net.createServer((socket) => {
    setTimeout(() => socket.write('data'), 50);
    setTimeout(() => socket.end(), 100);
  });
  await new Promise<void>((done) => server.listen(0, done));
  const socket = net.connect((server.address() as net.AddressInfo).port);
  const [a, other] = Pipe();
  kept.push(other);
  let text = '';
  while (!socket.readableEnded && !socket.destroyed) {
    const ready = await wait([a, socket], 20_000);
    assert.deepEqual(ready, [socket]);
    text += socket.read() ?? '';
    await sleep(1);
  }
  assert.equal(text, 'data');
  server.close();
});

test('two waits for the same sentinel', async () => {
  const p = new Process({ target: () => {} });
  p.start();
  const both = await Promise.all([wait([p.sentinel], 20_000), wait([p.sentinel], 20_000)]);
  assert.deepEqual(both, [[p.sentinel], [p.sentinel]]);
  await p.join();
});

test('waiting again and again leaves nothing behind', async () => {
  const [a, b] = Pipe();
  const p = new Process({ target: (c: Connection) => c.recvSync(), args: [b] });
  p.start();
  await wait([a, p.sentinel], 1);
  const before = openFds();
  for (let n = 0; n < 200; n++) await wait([a, p.sentinel], 1);
  await nothingStaysOpen(before);
  await a.send(1);
  await p.join();
});

test('one signal for many waits has one listener, and none afterwards', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const pipes = Array.from({ length: 12 }, () => Pipe());
  const waits = pipes.map(([end]) => wait([end], { signal }));
  assert.equal(getEventListeners(signal, 'abort').length, 1);
  controller.abort();
  await Promise.all(waits.map((w) => assert.rejects(w, { name: 'AbortError' })));
  assert.equal(getEventListeners(signal, 'abort').length, 0);
  for (const end of pipes.flat()) end.close();
});
