/** Lists of keys by numbers: two tables over one memory stand for two processes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';
import { createExtents } from '../../src/channel/extents.ts';
import { KeyTable } from '../../src/channel/key-table.ts';
import { place, queueBytes } from '../../src/channel/layout.ts';
import { Ring } from '../../src/channel/ring.ts';
import { finish, takeValue } from '../../src/channel/values.ts';
import { Process, Queue } from '../../src/index.ts';
import { allocate } from '../../src/memory/arena.ts';

const firstWord = place.keys >> 2;

/** Two sides of a table, and its memory from the first word on. */
function table(bytes = queueBytes) {
  const { arena, offset } = allocate(queueBytes);
  const at = (offset + place.keys) >> 2;
  const ring = new Ring(arena, offset >> 2, createExtents(), false);
  const side = () => new KeyTable(ring, at, (offset + bytes) >> 2);
  return { side, words: arena.i32.subarray(at, at + (queueBytes >> 2) - firstWord) };
}

/** A list of keys as a sender has it; see KEYED in `tags.ts`. */
function list(...keys: string[]): Int32Array {
  const text = keys.flatMap((key) => [7, key.length, ...Buffer.from(key, 'latin1')]);
  const words = new Int32Array(1 + Math.ceil(text.length / 4));
  new Uint8Array(words.buffer).set([words.length, 0, keys.length, 0, ...text]);
  return words;
}

test('a list has one number, whoever gives it, and reads the same everywhere', () => {
  const { side } = table();
  const [a, b] = [side(), side()];
  assert.equal(a.numberOf(list('id', 'name')), 0);
  assert.equal(b.numberOf(list('x')), 1, 'it sees what the other has added');
  assert.equal(b.numberOf(list('id', 'name')), 0);
  assert.equal(a.numberOf(list('x')), 1);
  assert.equal(a.numberOf(list('x', 'y')), 2, 'that one begins like another is no matter');
  for (const reader of [a, b, side()]) {
    assert.deepEqual(reader.listOf(2)?.keys, ['x', 'y']);
    assert.deepEqual(reader.listOf(0)?.keys, ['id', 'name']);
    assert.equal(reader.listOf(3), undefined);
  }
});

test('a reader that has looked already learns of what comes later', () => {
  const { side } = table();
  const [writer, reader] = [side(), side()];
  assert.equal(reader.listOf(0), undefined);
  writer.numberOf(list('a'));
  assert.deepEqual(reader.listOf(0)?.keys, ['a']);
  writer.numberOf(list('b'));
  assert.deepEqual(reader.listOf(1)?.keys, ['b']);
});

test('what a killed sender left behind does not count, and is written over', () => {
  const { side, words } = table();
  side().numberOf(list('whole'));
  const next = 1 + list('whole').length;
  words.set(list('torn').subarray(0, 1), next);
  assert.equal(side().listOf(1), undefined);
  assert.equal(side().numberOf(list('of', 'the', 'next', 'one')), 1);
  assert.deepEqual(side().listOf(1)?.keys, ['of', 'the', 'next', 'one']);
});

test('a full table gives no more numbers, and goes on with those that it gave', () => {
  const small = list('a key that is rather long, so that few fit');
  const { side, words } = table(place.keys + 4 + small.byteLength + 8);
  const sender = side();
  assert.equal(sender.numberOf(small), 0);
  assert.equal(sender.numberOf(list('one that does not fit, since there is no room')), -1);
  assert.equal(sender.numberOf(list('s')), 1, 'a shorter one does');
  assert.equal(sender.numberOf(list('t')), -1);
  assert.equal(side().numberOf(small), 0);
  assert.ok(
    words.subarray(1 + small.length + 2).every((w) => w === 0),
    'nothing is written behind its end',
  );
});

test('numbers fit into a byte', () => {
  const { side } = table();
  const sender = side();
  const numbers = Array.from({ length: 300 }, (_, i) => sender.numberOf(list(`k${i}`)));
  assert.deepEqual(
    numbers.slice(0, 256),
    Array.from({ length: 256 }, (_, i) => i),
  );
  assert.ok(numbers.slice(256).every((n) => n === -1));
  assert.deepEqual(side().listOf(255)?.keys, ['k255']);
});

/** From here on a sender looks for numbers: it has met the keys often enough. */
const often = 40;
const records = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    id: i,
    name: `number ${i}`,
    at: { x: i, y: -i },
    tags: [{ id: i, tag: 'a' }],
  }));

test('objects go through queues as they were: two queues in turns, a reader that comes late, several senders', async () => {
  const [one, two] = [new Queue(), new Queue()];
  for (const record of records(often)) {
    one.putSync(record);
    two.putSync(record);
  }
  const producer = new Process({
    target: (q: Queue, count: number) => {
      for (let i = 0; i < count; i++) q.putSync({ at: { x: i, y: -i }, id: i });
    },
    args: [one, often],
  });
  producer.start();
  await producer.join();
  const answers = new Queue<object>();
  const reader = new Process({
    target: (q: Queue, count: number, to: Queue) => {
      for (let i = 0; i < count; i++) to.putSync(q.getSync());
    },
    args: [one, 2 * often, answers],
  });
  reader.start();
  const got = Array.from({ length: 2 * often }, () => answers.getSync({ timeout: 20_000 }));
  await reader.join();
  assert.deepEqual(got.slice(0, often), records(often));
  assert.deepEqual(
    got.slice(often),
    records(often).map(({ at, id }) => ({ at, id })),
  );
  assert.deepEqual(Object.keys(got[often]!), ['at', 'id']);
  assert.deepEqual(
    Array.from({ length: often }, () => two.getSync()),
    records(often),
  );
});

test('…also in messages that are decoded after they were taken: long ones, functions, and what waited for room', async () => {
  const q = new Queue<unknown>(1);
  const free = new Queue<unknown>();
  for (const record of records(often)) {
    free.putSync(record);
    free.getSync();
  }
  const long = records(500);
  free.putSync(long);
  assert.deepEqual(free.getSync(), long);
  free.putSync({ id: 1, name: 'f', at: () => 42, tags: [] });
  const { at } = free.getSync() as { at: () => number };
  assert.equal(at(), 42);
  free.putSync(new Map([[1, { x: 1, y: 2 }]]));
  assert.deepEqual(await free.get(), new Map([[1, { x: 1, y: 2 }]]));
  const shared = { x: 1, y: 2 };
  free.putSync([shared, shared, { x: 1, y: 2 }]);
  const [first, second, third] = free.getSync() as object[];
  assert.ok(first === second && first !== third);
  assert.deepEqual(first, shared);
  q.putSync(0);
  const puts = records(often).map((record) => q.put(record));
  assert.equal(q.getSync(), 0);
  const got: unknown[] = [];
  for (let i = 0; i < often; i++) got.push(await q.get());
  await Promise.all(puts);
  assert.deepEqual(got, records(often));
});

test('a message that was taken is decoded with its own lists, though its queue is gone and the memory wanted by others', async () => {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  v8.setFlagsFromString('--no-expose-gc');
  const long = records(500);
  const before = new Queue<unknown>();
  for (const record of records(often)) before.putSync(record);
  const taken = (() => {
    const q = new Queue<unknown>();
    q.putSync(long);
    return (q as unknown as { readonly ring: Ring }).ring.read(takeValue);
  })();
  for (let i = 0; i < 5; i++) {
    collect();
    await sleep(5);
  }
  const others: Queue<unknown>[] = [];
  for (let i = 0; i < 4; i++) {
    const q = new Queue<unknown>();
    for (let n = 0; n < often; n++)
      q.putSync({ [`other${i}`]: n, another: { keys: n, here: { too: n } }, and: [{ four: n }] });
    others.push(q);
  }
  assert.deepEqual(finish(taken), long);
  assert.equal(others.length, 4);
});
