/** Every shared object arrives as the same object, by whatever way it travels. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import {
  Barrier,
  BoundedSemaphore,
  Condition,
  Event,
  Lock,
  Pool,
  Process,
  Queue,
  RawArray,
  RawValue,
  RLock,
  Semaphore,
  ShareableList,
  SharedArray,
  SharedMemory,
  shareHandle,
  struct,
  Value,
} from '../../src/index.ts';

const Point = struct({ x: 'i', y: 'd' });

/** One of each kind. */
function everything() {
  return {
    lock: new Lock(),
    rlock: new RLock(),
    semaphore: new Semaphore(3),
    bounded: new BoundedSemaphore(1),
    condition: new Condition(),
    event: new Event(),
    barrier: new Barrier(1),
    value: new Value('i', 1),
    record: new Value(Point, [1, 2]),
    array: new SharedArray('d', [1, 2]),
    large: new SharedArray('d', 100_000),
    points: new SharedArray(Point, 2),
    rawValue: new RawValue('q', 1n),
    rawArray: RawArray('h', [1, 2, 3]),
    part: RawArray('i', 100).subarray(50),
    rawPoints: RawArray(Point, 2),
    memory: new SharedMemory({ create: true, size: 64 }),
    list: new ShareableList(['a', 1]),
  };
}

type Everything = ReturnType<typeof everything>;

/** Leaves a mark on each; written so that it may travel as source. */
function mark(all: Everything): void {
  all.lock.acquireSync();
  all.rlock.acquireSync();
  all.rlock.release();
  all.semaphore.acquireSync();
  all.bounded.acquireSync();
  all.condition.acquireSync();
  all.condition.notifyAll();
  all.condition.release();
  all.event.set();
  all.barrier.abort();
  all.value.value = 2;
  all.record.value.x = 3;
  all.array.array[1] = 4;
  all.large.array[99_999] = 5;
  all.points.array[1]!.y = 6;
  all.rawValue.value = 7n;
  all.rawArray[2] = 8;
  all.part[0] = 9;
  all.rawPoints[1]!.x = 10;
  all.memory.buf[63] = 11;
  all.list.set(1, 12);
}

function check(all: Everything): void {
  // Its holder has ended: who held it is known, that it is held too.
  assert.equal(all.lock.locked(), true);
  assert.equal(all.rlock.locked(), false);
  assert.equal(all.semaphore.getValue(), 2);
  assert.equal(String(all.bounded), '<BoundedSemaphore(value=0, maxvalue=1)>');
  assert.equal(all.condition.locked(), false);
  assert.equal(all.event.isSet(), true);
  assert.equal(all.barrier.broken, true);
  assert.equal(all.value.value, 2);
  assert.equal(all.record.value.x, 3);
  assert.equal(all.array.array[1], 4);
  assert.equal(all.large.array[99_999], 5);
  assert.equal(all.points.array[1]!.y, 6);
  assert.equal(all.rawValue.value, 7n);
  assert.equal(all.rawArray[2], 8);
  assert.equal(all.part[0], 9);
  assert.equal(all.rawPoints[1]!.x, 10);
  assert.equal(all.memory.buf[63], 11);
  assert.equal(all.list.at(1), 12);
  for (const shm of [all.memory, all.list.shm]) {
    shm.close();
    shm.unlink();
  }
}

async function join(p: Process<never>): Promise<void> {
  p.start();
  await p.join();
  assert.equal(p.exitcode, 0);
}

test('as arguments of a Process', async () => {
  const all = everything();
  await join(new Process({ target: mark, args: [all] }) as never);
  check(all);
});

test('captured by a function, each by itself', async () => {
  const all = everything();
  const { lock, rlock, semaphore, bounded, condition, event, barrier, value, record, array, large } = all;
  const { points, rawValue, rawArray, part, rawPoints, memory, list } = all;
  const target = () =>
    mark({
      lock,
      rlock,
      semaphore,
      bounded,
      condition,
      event,
      barrier,
      value,
      record,
      array,
      large,
      points,
      rawValue,
      rawArray,
      part,
      rawPoints,
      memory,
      list,
    });
  await join(new Process({ target }) as never);
  check(all);
});

test('inside data: in a Map, a Set, an instance of a class; sent twice it is one object there', async () => {
  const all = everything();
  class Holder {
    readonly inside: Map<string, unknown>;
    constructor(inside: Map<string, unknown>) {
      this.inside = inside;
    }
  }
  const lock = new Lock();
  const data = {
    holder: new Holder(new Map(Object.entries(all))),
    twice: [all.value, new Set([all.value]), all.rawArray, { again: all.rawArray }],
    lock,
    condition: new Condition(lock),
    guarded: new Value('i', 0, { lock }),
  };
  await join(
    new Process({
      target: ({ holder, twice, lock, condition, guarded }: typeof data) => {
        if (!(twice[1] as Set<unknown>).has(twice[0])) throw new Error('two values');
        if ((twice[3] as { again: unknown }).again !== twice[2]) throw new Error('two arrays');
        if (condition.lock !== lock || guarded.getLock() !== lock) throw new Error('two locks');
        mark(Object.fromEntries(holder.inside) as Everything);
      },
      args: [data],
    }) as never,
  );
  check(all);
});

test("to children's children", async () => {
  const all = everything();
  await join(
    new Process({
      target: async (all: Everything) => {
        const p = new Process({ target: mark, args: [all] });
        p.start();
        await p.join();
        process.exitCode = p.exitcode ?? 1;
      },
      args: [all],
    }) as never,
  );
  check(all);
});

test("through a Pool's initializer, and as arguments and results of its tasks", async () => {
  const all = everything();
  const total = new Value('i', 0);
  const pool = new Pool(2, {
    initializer: (all: Everything, total: Value<'i'>) => {
      Object.assign(globalThis, { all, total });
    },
    initargs: [all, total],
  } as never);
  const shared = globalThis as unknown as { all: Everything; total: Value<'i'> };
  await pool.map(() => shared.total.add(1), [1, 2, 3, 4, 5]);
  assert.equal(total.value, 5);
  const back = await pool.apply(
    (v: Value<'i'>) => {
      v.add(10);
      return v;
    },
    [total],
  );
  assert.equal(total.value, 15);
  back.add(1);
  assert.equal(total.value, 16);
  await pool.apply(() => mark(shared.all), []);
  pool.close();
  await pool.join();
  check(all);
});

test('through a Queue, from a child that made them to its parent', async () => {
  const queue = new Queue<Everything>();
  const done = new Event();
  const target = async () => {
    const all = everything();
    await queue.put(all);
    await done.wait();
    check(all);
  };
  const p = new Process({ target });
  p.start();
  const all = await queue.get();
  mark(all);
  done.set();
  await p.join();
  assert.equal(p.exitcode, 0);
});

test('an action travels with its barrier', async () => {
  const runs = new Value('i', 0);
  const barrier = new Barrier(3, () => void runs.add(1));
  const target = async (b: Barrier) => {
    await b.wait();
    if (runs.value !== 1) throw new Error(`the action ran ${runs.value} times`);
  };
  const children = [0, 1].map(() => new Process({ target, args: [barrier] }));
  for (const p of children) p.start();
  await barrier.wait();
  assert.equal(runs.value, 1);
  for (const p of children) {
    await p.join();
    assert.equal(p.exitcode, 0);
  }
});

test('as handles through workerData and postMessage, to a worker thread and on to another', async () => {
  const all = everything();
  const handles = Object.fromEntries(Object.entries(all).map(([k, v]) => [k, shareHandle(v)]));
  const program = `
    const { workerData, parentPort, Worker } = require('node:worker_threads');
    parentPort.once('message', async ({ handles, mark, library, deep }) => {
      if (deep > 0) {
        const worker = new Worker(workerData.program, { eval: true, execArgv: [], workerData });
        worker.postMessage({ handles, mark, library, deep: deep - 1 });
        worker.on('exit', () => process.exit());
        return;
      }
      const mp = await import(library);
      globalThis.__name = (fn) => fn;
      const all = Object.fromEntries(Object.entries(handles).map(([k, h]) => [k, mp.fromHandle(h)]));
      const event = mp.fromHandle(workerData.event);
      eval('(' + mark + ')')(all);
      event.set();
      process.exit();
    });`;
  const event = new Event();
  const worker = new Worker(program, {
    eval: true,
    execArgv: [],
    workerData: { program, event: shareHandle(event) },
  });
  worker.postMessage({
    handles,
    mark: mark.toString(),
    library: new URL('../../dist/index.js', import.meta.url).href,
    deep: 1,
  });
  const [code] = await new Promise<[number]>((resolve, reject) => {
    worker.on('error', reject);
    worker.on('exit', (c) => resolve([c]));
  });
  assert.equal(code, 0);
  assert.equal(event.isSet(), true);
  check(all);
});

test('a child goes on with what its parent gave it when the parent is gone', async () => {
  const value = new Value('i', 0);
  const lock = new Lock();
  const parent = new Process({
    target: (value: Value<'i'>, lock: Lock) => {
      const mine = new Value('i', 5); // in the arena of a process that will be gone
      const child = new Process({
        target: async (value: Value<'i'>, lock: Lock, mine: Value<'i'>, parent: number) => {
          const { existsSync } = await import('node:fs');
          while (existsSync(`/proc/${parent}`)) await new Promise((resolve) => setTimeout(resolve, 5));
          await lock.acquire();
          value.value = mine.add(1);
          lock.release();
        },
        args: [value, lock, mine, process.pid],
      });
      child.start();
      process.exit();
    },
    args: [value, lock],
  });
  parent.start();
  await parent.join();
  const deadline = performance.now() + 10_000;
  while (value.value === 0) {
    assert.ok(performance.now() < deadline, 'the grandchild did nothing');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal(value.value, 5);
});
