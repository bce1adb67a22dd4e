/** Who has an end of a channel: above all those who were to get it and were killed before they had it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Holders } from '../../src/channel/holders.ts';
import { pipeBytes, place } from '../../src/channel/layout.ts';
import { BrokenPipeError, type Connection, EOFError, Pipe, Process, Queue } from '../../src/index.ts';
import { allocate } from '../../src/memory/arena.ts';
import { alive, until } from '../support/run.ts';

/** A child that was started with `args` and has done nothing yet: Node itself takes longer to start than this. */
function stopped(...args: readonly (Connection | Queue)[]): Process {
  const child = new Process({ target: (..._: readonly unknown[]) => {}, args: [...args], daemon: true });
  child.start();
  process.kill(child.pid!, 'SIGSTOP');
  return child;
}

/** Kills it without letting this thread's event loop notice. */
async function killUnseen(child: Process): Promise<void> {
  process.kill(child.pid!, 'SIGKILL');
  const deadline = performance.now() + 20_000;
  while (alive(child.pid!)) assert.ok(performance.now() < deadline, 'it dies');
}

test('a child killed before it had its end: a thread that blocks in recvSync gets EOFError', async () => {
  const [reader, writer] = Pipe(false);
  const child = stopped(writer);
  writer.close();
  await killUnseen(child);
  assert.throws(() => reader.recvSync({ timeout: 20_000 }), EOFError);
  await child.join();
});

test('…and one that blocks in sendSync gets BrokenPipeError', async () => {
  const [reader, writer] = Pipe(false);
  const child = stopped(reader);
  reader.close();
  writer.sendSync('it may come to read this');
  await killUnseen(child);
  assert.throws(() => {
    for (;;) writer.sendSync(Buffer.alloc(100_000), { timeout: 20_000 });
  }, BrokenPipeError);
  await child.join();
});

test('…and tasks that await get these errors, in other processes too', async () => {
  const [left, right] = Pipe();
  const [mine, theirs] = Pipe();
  const witness = new Process({
    target: async (c: Connection, results: Connection) => {
      results.sendSync('waiting');
      await results.send(await c.recv().catch((error: Error) => error.name));
    },
    args: [left, theirs],
  });
  witness.start();
  assert.equal(await mine.recv(), 'waiting');
  const child = stopped(right);
  right.close();
  const here = assert.rejects(left.recv({ timeout: 20_000 }), EOFError);
  child.kill();
  await here;
  assert.equal(await mine.recv({ timeout: 20_000 }), 'EOFError');
  await child.join();
  await witness.join();
});

test('…and an iteration over a queue that it might have put into ends', async () => {
  const q = new Queue<number>();
  const producer = new Process({
    target: async (queue: Queue<number>) => {
      await queue.put(1);
    },
    args: [q],
  });
  producer.start();
  await producer.join();
  const child = stopped(q as Queue);
  await killUnseen(child);
  assert.deepEqual([...q], [1]);
  await child.join();
});

test('a child that is slow to start is waited for', async () => {
  const [reader, writer] = Pipe(false);
  const child = new Process({
    target: (c: Connection) => c.sendSync('late'),
    args: [writer],
  });
  child.start();
  process.kill(child.pid!, 'SIGSTOP');
  writer.close();
  assert.equal(reader.pollSync(600), false);
  process.kill(child.pid!, 'SIGCONT');
  assert.equal(reader.recvSync({ timeout: 20_000 }), 'late');
  assert.throws(() => reader.recvSync({ timeout: 20_000 }), EOFError);
  await child.join();
});

test('a handle is taken over by who opens it, before it is bound to a process and after', () => {
  const block = allocate(pipeBytes);
  const table = (): Holders =>
    new Holders(block.arena, block.offset + place.holders, block.offset + place.end);
  const mine = table();
  const plain = mine.depart();
  assert.equal(mine.arrive(plain), plain.entry);
  assert.notEqual(mine.arrive(plain), plain.entry, 'a second one gets an entry of its own');
  const bound = mine.depart();
  mine.bind(bound, process.pid);
  assert.equal(mine.arrive(bound), bound.entry);
  const late = mine.depart();
  assert.equal(mine.arrive(late), late.entry);
  mine.bind(late, 1);
  mine.cancel(late, 1);
  mine.prune();
  mine.leave(late.entry);
  const foreign = mine.depart();
  mine.bind(foreign, 1);
  assert.notEqual(mine.arrive(foreign), foreign.entry, 'it is for another process');
  mine.cancel(foreign, 2);
  assert.equal(mine.anyElsewhere(), true);
  mine.cancel(foreign, 1);
  assert.equal(mine.anyElsewhere(), false);
});

test('a handle that is bound to a process counts exactly as long as that lives', async () => {
  const block = allocate(pipeBytes);
  const holders = new Holders(block.arena, block.offset + place.holders, block.offset + place.end);
  const child = new Process({ target: () => {}, daemon: true });
  child.start();
  process.kill(child.pid!, 'SIGSTOP');
  holders.bind(holders.depart(), child.pid!);
  assert.equal(holders.prune(), false);
  assert.equal(holders.any(), true);
  child.kill();
  await until(() => !alive(child.pid!), 'it dies');
  assert.equal(holders.prune(), true);
  assert.equal(holders.any(), false);
  await child.join();
});

test('a producer is killed: all that iterate come to their end, though one of them looks for all', async () => {
  const queue = new Queue<string>();
  const [mine, theirs] = Pipe();
  const consumers = Array.from({ length: 3 }, () => {
    const consumer = new Process({
      target: async (q: Queue<string>, results: Connection) => {
        for await (const got of q) await results.send(got);
        await results.send('end');
      },
      args: [queue, theirs],
    });
    consumer.start();
    return consumer;
  });
  const producer = new Process({
    target: async (q: Queue<string>) => {
      await q.put('one');
      setInterval(() => {}, 60_000);
    },
    args: [queue],
  });
  producer.start();
  queue.close();
  assert.equal(mine.recvSync({ timeout: 20_000 }), 'one');
  await killUnseen(producer);
  // Blocking, so that this process does not notice, and tell them.
  for (const _ of consumers) assert.equal(mine.recvSync({ timeout: 20_000 }), 'end');
  await Promise.all([producer, ...consumers].map((each) => each.join()));
});
