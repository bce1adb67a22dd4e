/** An idle consumer sleeps without waking up, however it waits, and yet learns of what it would have seen. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { Socket } from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { waitSync } from '../../src/connection.ts';
import { fromHandle, JoinableQueue, Pipe, Queue, shareHandle } from '../../src/index.ts';
import type { ParkingLot } from '../../src/sync/parking.ts';
import { longestRest } from '../../src/sync/rest.ts';
import { type Library, Peer } from '../fixtures/peer.ts';
import { beginArena, soon, threadOf, untilResting } from '../support/resting.ts';
import { root } from '../support/run.ts';

const library = pathToFileURL(path.join(root, 'dist/index.js')).href;
const connection = pathToFileURL(path.join(root, 'dist/connection.js')).href;

interface Form {
  readonly name: string;
  get(mp: Library, queue: Queue): unknown;
  recv(mp: Library, connection: ReturnType<typeof Pipe>[0]): unknown;
}

/** How to wait for a message: in the peers, where nothing of this file can be seen. */
const forms: Form[] = [
  { name: 'Sync', get: (_mp, queue) => queue.getSync(), recv: (_mp, connection) => connection.recvSync() },
  { name: 'await', get: (_mp, queue) => queue.get(), recv: (_mp, connection) => connection.recv() },
  {
    name: 'for await',
    get: async (_mp, queue) => {
      for await (const message of queue) return message;
      return 'the end';
    },
    recv: async (_mp, connection) => {
      await connection.poll(null);
      return connection.recv();
    },
  },
  {
    name: 'wait',
    get: async (_mp, queue) => {
      const { wait } = (globalThis as unknown as { connection: typeof import('../../src/connection.ts') })
        .connection;
      await wait([queue]);
      return queue.getSync();
    },
    recv: async (_mp, connection) => {
      const { wait } = (globalThis as unknown as { connection: typeof import('../../src/connection.ts') })
        .connection;
      await wait([connection]);
      return connection.recvSync();
    },
  },
  {
    name: 'waitSync',
    get: (_mp, queue) => {
      const { waitSync } = (globalThis as unknown as { connection: typeof import('../../src/connection.ts') })
        .connection;
      waitSync([queue]);
      return queue.getSync();
    },
    recv: (_mp, connection) => {
      const { waitSync } = (globalThis as unknown as { connection: typeof import('../../src/connection.ts') })
        .connection;
      waitSync([connection]);
      return connection.recvSync();
    },
  },
];

/** A peer that has `multiproc/connection`, too. */
async function start(kind: 'process' | 'thread' = 'process'): Promise<Peer> {
  const peer = await (kind === 'process' ? Peer.start() : Peer.startThread());
  await peer.run(async (_mp, file) => {
    Object.assign(globalThis, { connection: await import(file) });
  }, connection);
  return peer;
}

// Side by side: what they do is to wait.
describe('an idle consumer', { concurrency: 20 }, () => {
  for (const { name, get, recv } of forms) {
    for (const kind of ['process', 'thread'] as const) {
      test(`gets the message for which it has waited for long (${name}, in a ${kind})`, async () => {
        beginArena();
        const queue = new Queue();
        await using peer = await start(kind);
        const thread = await threadOf(peer);
        const got = peer.run(get, queue);
        await untilResting(thread);
        queue.put('late');
        assert.equal(await soon(Promise.resolve(got)), 'late');
      });
    }

    test(`does not hinder who terminates its thread (${name})`, async () => {
      beginArena();
      const queue = new Queue();
      const peer = await start('thread');
      const thread = await threadOf(peer);
      Promise.resolve(peer.run(get, queue)).catch(() => {});
      await untilResting(thread);
      await soon(peer.kill());
    });

    test(`learns that the other end was killed (${name})`, async () => {
      beginArena();
      const [ours, theirs] = Pipe();
      const [reader, writer] = [await start(), await start()];
      await using _ = reader;
      await using __ = writer;
      await writer.run((_mp, connection, state) => {
        state.kept = connection;
      }, theirs);
      const got = reader.run(recv, ours);
      got.catch(() => {});
      ours.close();
      theirs.close();
      await untilResting(reader.pid);
      await writer.kill();
      await assert.rejects(soon(Promise.resolve(got)), { name: 'EOFError' });
    });
  }

  test('that iterates ends when the last producer is killed', async () => {
    beginArena();
    const queue = new Queue();
    const [reader, writer] = [await start(), await start()];
    await using _ = reader;
    await using __ = writer;
    await writer.run((_mp, queue, state) => {
      state.kept = queue;
      queue.putSync(1);
    }, queue);
    const got = reader.run(async (_mp, queue) => {
      const all: unknown[] = [];
      for await (const message of queue) all.push(message);
      return all;
    }, queue);
    queue.close();
    await untilResting(reader.pid);
    await writer.kill();
    assert.deepEqual(await soon(got), [1]);
  });

  test('does not wait for another that was told first and does not look', async () => {
    beginArena();
    const queue = new Queue();
    const [first, second] = [await start(), await start()];
    await using _ = first;
    await using __ = second;
    first.run((_mp, queue) => queue.get(), queue).catch(() => {});
    await untilResting(first.pid);
    const got = second.run((_mp, queue) => queue.getSync(), queue);
    await untilResting(first.pid, second.pid);
    process.kill(first.pid, 'SIGSTOP');
    queue.put('for anybody');
    assert.equal(await soon(got), 'for anybody');
  });

  test('of which there are many: each message wakes one, and all go on', async () => {
    beginArena();
    const queue = new JoinableQueue<number>();
    const peers = await Promise.all(Array.from({ length: 4 }, start));
    try {
      const all = peers.map((peer, i) =>
        peer.run(
          async (_mp, { queue, sync }) => {
            const got: number[] = [];
            for (;;) {
              const message = sync ? queue.getSync() : await queue.get();
              queue.taskDone();
              if (message < 0) return got;
              got.push(message);
            }
          },
          { queue, sync: i % 2 === 0 },
        ),
      );
      await untilResting(...peers.map(({ pid }) => pid));
      for (let n = 0; n < 3; n++) {
        queue.put(n);
        await soon(queue.join());
      }
      await untilResting(...peers.map(({ pid }) => pid));
      for (const _ of peers) queue.put(-1);
      assert.deepEqual((await soon(Promise.all(all))).flat().sort(), [0, 1, 2]);
    } finally {
      for (const peer of peers) await peer.kill();
    }
  });
});

test('while a handle is under way its end is waited for: nobody rests until it has come', async () => {
  beginArena();
  const queue = new Queue();
  const controller = new AbortController();
  const got = queue.get({ signal: controller.signal });
  got.catch(() => {});
  await delay(50); // it has got in line
  const { lot } = (queue as unknown as { ring: { lot: { onTick(): number } } }).ring;
  assert.equal(lot.onTick(), longestRest);
  const handle = shareHandle(queue);
  assert.ok(lot.onTick() < 2000);
  const other = fromHandle(handle) as Queue;
  assert.equal(lot.onTick(), longestRest);
  controller.abort();
  await assert.rejects(got, { name: 'AbortError' });
  other.close();
});

test('a message that was taken by another one while this one was looking is not the last that it hears of', async () => {
  beginArena();
  const queue = new Queue();
  const { ring } = queue as unknown as { ring: { lot: ParkingLot; messageKey: number } };
  const inLine: number[] = [];
  // Looked at between the place in line and the queue itself: takes the message away.
  const thief = Object.defineProperty(new Socket(), 'readableLength', {
    get: () => {
      inLine.push(ring.lot.slots.count(ring.messageKey));
      if (!queue.empty()) queue.getNowait();
      return 0;
    },
  });
  await using peer = await start();
  const put = peer.run((_mp, queue) => {
    for (const [text, ms] of [
      ['first', 300],
      ['second', 2500],
    ] as const) {
      setTimeout(() => queue.putSync(text), ms);
    }
  }, queue);
  await put;
  // The second message is stolen, too: it is the last look that counts.
  assert.deepEqual(waitSync<Socket | Queue>([thief, queue], 4000), []);
  assert.equal(inLine.at(-1), 1, `in line at each look: ${inLine}`);
  thief.destroy();
});

test('a program that gives its queue away while it waits stays to get what comes of it', () => {
  const program = `
    const { Pipe, Process, Queue } = await import(${JSON.stringify(library)});
    const [ours, theirs] = Pipe();
    const target = async (connection) => {
      const queue = await connection.recv();
      await new Promise((resolve) => setTimeout(resolve, 1500));
      queue.putSync('late');
    };
    new Process({ target, args: [theirs], daemon: true }).start();
    const queue = new Queue();
    queue.get().then((message) => { console.log(message); process.exit(); });
    await new Promise((resolve) => setTimeout(resolve, 1800)); // it rests
    await ours.send(queue);
  `;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  assert.equal(stdout, 'late\n', stderr);
});
