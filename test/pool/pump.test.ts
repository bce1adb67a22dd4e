import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Inlet, Pump } from '../../src/pool/pump.ts';

/** A worker with `waiting` messages; `receive` is told of each. */
function inlet(receive: () => void): Inlet & { waiting: number; awake: boolean; onBell(): void } {
  const self = {
    waiting: 0,
    awake: true,
    onBell: () => {},
    receive,
    settleNow: () => {},
    exited: () => {},
    child: { onExit: () => () => {}, poll: () => null },
    transport: {
      get ready() {
        return self.waiting > 0;
      },
      take: () => (self.waiting > 0 && self.waiting-- > 0 ? Buffer.alloc(1) : undefined),
      sleep: () => {
        self.awake = self.waiting > 0;
        return !self.awake;
      },
      wake: () => {
        self.awake = true;
      },
      unref: () => {},
      set onBell(listener: () => void) {
        self.onBell = listener;
      },
    },
  };
  return self as unknown as ReturnType<typeof inlet>;
}

test('a worker whose answers are always there at once lets the event loop turn', async () => {
  let answers = 0;
  let turned = false;
  const pump = new Pump(() => {});
  const worker = inlet(() => {
    if (turned || ++answers === 1_000_000) return;
    Promise.resolve().then(ask);
  });
  const ask = (): void => {
    worker.waiting++;
    pump.expectSoon();
  };
  pump.add(worker);
  ask();
  await new Promise((done) => setTimeout(done, 1));
  turned = true;
  assert.ok(answers < 1_000_000);
});

test('whose answer is expected need not ring; who is not looked for any more must', async () => {
  const pump = new Pump(() => {});
  const worker = inlet(() => {});
  pump.add(worker);
  assert.equal(worker.awake, false);
  pump.expect();
  assert.equal(worker.awake, true);
  while (worker.awake) await new Promise((done) => setTimeout(done, 1));
});

test('an answer that comes while it is no longer looked for is taken when the bell rings', async () => {
  let answered = (): void => {};
  const answer = new Promise<void>((resolve) => {
    answered = resolve;
  });
  const pump = new Pump(() => {});
  const worker = inlet(() => answered());
  pump.add(worker);
  pump.expectSoon();
  while (worker.awake) await new Promise((done) => setTimeout(done, 1));
  worker.waiting++;
  worker.onBell();
  await answer;
});
