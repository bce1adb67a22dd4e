import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from '../../src/codec/index.ts';
import { SerializationError } from '../../src/index.ts';
import type { Feed } from '../../src/pool/feeder.ts';
import { MapCall, type MapContext } from '../../src/pool/map.ts';
import type { Task } from '../../src/pool/task.ts';

/** On a slow machine even a short input is cut later. */
const makeAll = ({ feeds }: { feeds: Feed[] }): void => {
  for (const feed of feeds) while (feed.make(() => false));
};

/** A pool that keeps what it is given. */
function pool(): MapContext & { tasks: Task[]; feeds: Feed[]; dropped: Task[]; cancelled: Task[] } {
  return {
    tasks: [],
    feeds: [],
    dropped: [],
    cancelled: [],
    submit(job, index, count, body) {
      const task = { job, index, count, body, over: false } as unknown as Task;
      this.tasks.push(task);
      return task;
    },
    feed(feed) {
      this.feeds.push(feed);
    },
    drop(task) {
      this.dropped.push(task);
    },
    cancel(task) {
      this.cancelled.push(task);
    },
  };
}

interface Outcome {
  value?: unknown;
  error?: unknown;
}

const settleInto = (outcome: Outcome) => ({
  resolve: (value: unknown) => {
    outcome.value = value;
  },
  reject: (error: unknown) => {
    outcome.error = error;
  },
});

test('items are cut into chunks, and the results put together in their order', () => {
  const context = pool();
  const outcome: Outcome = {};
  new MapCall(context, [1, 2, 3, 4, 5], 2, settleInto(outcome), undefined);
  makeAll(context);
  assert.deepEqual(
    context.tasks.map((t) => decode(t.body)),
    [[1, 2], [3, 4], [5]],
  );
  for (const task of context.tasks.toReversed())
    task.job.succeeded(
      task,
      (decode(task.body) as number[]).map((x) => x * 10),
    );
  assert.deepEqual(outcome.value, [10, 20, 30, 40, 50]);
});

test('the first error in the order of the items wins, once all is done', () => {
  const context = pool();
  const outcome: Outcome = {};
  new MapCall(context, [1, 2, 3], 1, settleInto(outcome), undefined);
  makeAll(context);
  const [a, b, c] = context.tasks as [Task, Task, Task];
  c.job.failed(c, new Error('third'));
  b.job.settled(b, [[false, new Error('second')]]);
  assert.equal(outcome.error, undefined);
  a.job.succeeded(a, [1]);
  assert.match(String(outcome.error), /second/);
});

test('what cannot travel is found before anything is submitted, when it is among the first', () => {
  const context = pool();
  assert.throws(
    () => new MapCall(context, [new WeakMap(), 1], 1, settleInto({}), undefined),
    SerializationError,
  );
  assert.equal(context.tasks.length, 0);
});

test('… and fails the call when it is found later; what was submitted is dropped', () => {
  const context = pool();
  const outcome: Outcome = {};
  const items: unknown[] = Array.from({ length: 200_000 }, (_, i) => [i, 'x']);
  items[199_999] = new WeakMap();
  new MapCall(context, items, 1, settleInto(outcome), undefined);
  assert.equal(context.feeds.length, 1, 'a long input is cut later');
  makeAll(context);
  assert.ok(outcome.error instanceof SerializationError);
  assert.ok(context.dropped.length > 0);
});

test('aborting fails the call at once and gives its tasks up', () => {
  const context = pool();
  const outcome: Outcome = {};
  const call = new MapCall(context, [1, 2], 1, settleInto(outcome), undefined);
  makeAll(context);
  call.abort(new Error('enough'));
  assert.match(String(outcome.error), /enough/);
  assert.equal(context.cancelled.length, 2);
});
