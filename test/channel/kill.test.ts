/** Producers and consumers are killed at random instants: every committed message is read whole, by somebody, and nobody hangs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Connection, EOFError, Pipe, Process, Queue, SharedArray } from '../../src/index.ts';

/** MULTIPROC_STRESS=1 asks for 1,000 kills. */
const kills = process.env.MULTIPROC_STRESS === '1' ? 1000 : 24;
const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

interface Message {
  id: number;
  n: number;
  bytes: Buffer;
}

/** `counts[id]` says how many messages the producer has certainly put. */
const produce = (id: number, q: Queue<Message>, counts: SharedArray<'i'>): void => {
  for (let n = 0; ; n++) {
    q.putSync({ id, n, bytes: Buffer.alloc((n * 7919) % 9000, n & 0xff) });
    (counts.array as Int32Array)[id] = n + 1;
  }
};

/** Messages of a producer of which it is remembered whether they were taken; later ones are only looked at. */
const remembered = 2 ** 15;
/** Words of `out`: what was wrong, and how many were taken. */
const word = { torn: 0, twice: 1, outOfOrder: 2, taken: 3, count: 4 } as const;

const sound = { torn: 0, twice: 0, outOfOrder: 0 };

/** Looks at each message; `seen` has a bit for each that is remembered. */
const consume = async (
  sync: boolean,
  q: Queue<Message>,
  out: SharedArray<'i'>,
  seen: SharedArray<'i'>,
): Promise<void> => {
  const got = out.array as Int32Array;
  const bits = seen.array as Int32Array;
  const last = new Map<number, number>();
  for (;;) {
    const { id, n, bytes } = sync ? q.getSync() : await q.get();
    const bit = 1 << (n & 31);
    if (n < remembered && (Atomics.or(bits, (id * remembered + n) >> 5, bit) & bit) !== 0) {
      Atomics.add(got, word.twice, 1);
    }
    if (n <= (last.get(id) ?? -1)) Atomics.add(got, word.outOfOrder, 1);
    last.set(id, n);
    if (bytes.length !== (n * 7919) % 9000 || bytes.some((b) => b !== (n & 0xff))) {
      Atomics.add(got, word.torn, 1);
    }
    Atomics.add(got, word.taken, 1);
  }
};

test('producers and consumers killed at random leave whole messages and no waiter behind', async () => {
  const q = new Queue<Message>(64);
  const counts = new SharedArray('i', 2 * kills + 8);
  const read = new SharedArray('i', word.count);
  const seen = new SharedArray('i', (counts.length * remembered) / 32);
  const got = (at: number): number => Atomics.load(read.array as Int32Array, at);
  const assertSound = (): void => {
    assert.deepEqual(
      { torn: got(word.torn), twice: got(word.twice), outOfOrder: got(word.outOfOrder) },
      sound,
    );
  };
  let next = 0;
  let consumers = 0;
  const producer = (): Process => new Process({ target: produce, args: [next++, q, counts], daemon: true });
  const consumer = (): Process =>
    new Process({ target: consume, args: [consumers++ % 2 === 0, q, read, seen], daemon: true });
  const crew = [producer(), producer(), consumer(), consumer()];
  for (const p of crew) p.start();
  for (let k = 0; k < kills; k++) {
    await sleep(Math.random() * 60);
    const i = Math.floor(Math.random() * crew.length);
    crew[i]!.kill();
    await crew[i]!.join();
    crew[i] = i < 2 ? producer() : consumer();
    crew[i]!.start();
    assertSound();
    if (k % 6 !== 0) continue;
    const before = got(word.taken);
    const deadline = performance.now() + 20_000;
    while (got(word.taken) === before) {
      assert.ok(performance.now() < deadline, 'the survivors go on');
      await sleep(5);
    }
  }
  for (const p of crew.slice(0, 2)) {
    p.kill();
    await p.join();
  }
  // The consumers read what is left; then this process can put and get as ever.
  for (const deadline = performance.now() + 20_000; q.qsize() > 0; await sleep(5)) {
    assert.ok(performance.now() < deadline, 'the consumers go on');
  }
  for (const p of crew.slice(2)) {
    p.kill();
    await p.join();
  }
  assertSound();
  let lost = 0;
  for (let id = 0; id < next; id++) {
    const put = Math.min((counts.array as Int32Array)[id]!, remembered);
    for (let n = 0; n < put; n++) {
      if (((seen.array as Int32Array)[(id * remembered + n) >> 5]! & (1 << (n & 31))) === 0) lost++;
    }
  }
  // Each consumer that was killed may have taken one along.
  assert.ok(lost <= consumers, `${lost} messages were lost with ${consumers} consumers`);
  await q.put({ id: -1, n: 0, bytes: Buffer.alloc(0) });
  assert.equal((await q.get({ timeout: 5000 })).id, -1);
});

/** Sends numbers with as many bytes, until it is told to end by being killed. */
const write = (c: Connection, told: SharedArray<'i'>): void => {
  for (let n = 0; ; n++) {
    c.sendBytesSync(Buffer.alloc((n * 7919) % 40_000, n & 0xff));
    Atomics.store(told.array as Int32Array, 0, n + 1);
  }
};

test('a writer killed at random: its reader gets all that was sent, whole and in order, then the end', async () => {
  for (let round = 0; round < Math.ceil(kills / 4); round++) {
    const [reader, writer] = Pipe(false);
    const told = new SharedArray('i', 1);
    const p = new Process({ target: write, args: [writer, told], daemon: true });
    p.start();
    writer.close();
    let n = 0;
    const killAt = Math.floor(Math.random() * 400);
    try {
      for (;;) {
        const bytes = n % 3 ? await reader.recvBytes() : reader.recvBytesSync();
        assert.ok(bytes.equals(Buffer.alloc((n * 7919) % 40_000, n & 0xff)), `round ${round}: message ${n}`);
        if (++n === killAt) p.kill();
        if (n > killAt + 5000) assert.fail('it goes on though it was killed');
        if (killAt === 0 && n === 1) p.kill();
      }
    } catch (error) {
      if (!(error instanceof EOFError)) throw error;
    }
    const sent = Atomics.load(told.array as Int32Array, 0);
    assert.ok(n === sent || n === sent + 1, `round ${round}: ${sent} were sent, ${n} arrived`);
    await p.join();
    reader.close();
  }
});
