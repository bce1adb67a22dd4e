import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Feed, Feeder } from '../../src/pool/feeder.ts';

const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

/** An input of so many tasks; `made` counts them. */
function input(total: number): Feed & { made: number; error: unknown } {
  return {
    made: 0,
    error: undefined,
    make(enough) {
      while (this.made < total && !enough()) this.made++;
      return this.made < total;
    },
    giveUp(error) {
      this.error = error;
    },
  };
}

test('inputs are made into tasks in their order, on later turns of the event loop', async () => {
  const feeder = new Feeder(() => true);
  const first = input(10);
  const second = input(5);
  feeder.add(first);
  feeder.add(second);
  assert.equal(first.made, 0);
  while (second.made < 5) {
    if (second.made > 0) assert.equal(first.made, 10);
    await turn();
  }
});

test('no more tasks are made than there is room for, until there is room again', async () => {
  let room = 3;
  const feed = input(10);
  const feeder = new Feeder(() => feed.made < room);
  feeder.add(feed);
  while (feed.made < 3) await turn();
  for (let n = 0; n < 5; n++) await turn();
  assert.equal(feed.made, 3);
  room = 7;
  feeder.resume();
  while (feed.made < 7) await turn();
  for (let n = 0; n < 5; n++) await turn();
  assert.equal(feed.made, 7);
  room = 100;
  while (feeder.feed());
  assert.equal(feed.made, 10);
});

test('an endless input does not stop the event loop', async () => {
  const feeder = new Feeder(() => true);
  const feed = input(Number.POSITIVE_INFINITY);
  feeder.add(feed);
  for (let n = 0; n < 3; n++) await turn();
  assert.ok(feed.made > 0);
  feeder.giveUp(new Error('enough'));
  assert.match(String(feed.error), /enough/);
  const { made } = feed;
  for (let n = 0; n < 3; n++) await turn();
  assert.equal(feed.made, made);
});
