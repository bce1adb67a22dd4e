import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Task, TaskQueue } from '../../src/pool/task.ts';

const task = (index: number): Task => ({ index, over: false }) as Task;

test('tasks leave in their order; what was put back goes first', () => {
  const queue = new TaskQueue();
  for (let n = 0; n < 5000; n++) queue.push(task(n));
  assert.equal(queue.length, 5000);
  for (let n = 0; n < 3000; n++) assert.equal(queue.shift()?.index, n);
  queue.unshift([task(-2), task(-1)]);
  assert.deepEqual([queue.shift()?.index, queue.shift()?.index, queue.shift()?.index], [-2, -1, 3000]);
  assert.equal(queue.drain().length, 1999);
  assert.equal(queue.empty, true);
  assert.equal(queue.shift(), undefined);
});

test('tasks that are over are passed by', () => {
  const queue = new TaskQueue();
  const all = [task(0), task(1), task(2)];
  for (const each of all) queue.push(each);
  all[0]!.over = true;
  all[2]!.over = true;
  assert.equal(queue.shift()?.index, 1);
  assert.equal(queue.empty, true);
});
