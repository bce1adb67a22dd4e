import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { openSocketPair } from '../../src/platform/descriptors.ts';
import { OwnLink, openLink } from '../../src/pool/link.ts';

const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

describe('both sides of a link', () => {
  const own = new OwnLink();
  const [a, b] = openSocketPair();
  const parent = own.open(a).transport;
  const worker = openLink(own.handle(), b).transport;
  after(() => {
    parent.close();
    worker.close();
    own.close();
  });

  test('messages of any size arrive whole and in order, in both directions', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200_000 }), { maxLength: 20 }), (messages) => {
        for (const m of messages) {
          parent.send(m);
          worker.send(m);
        }
        for (const m of messages) {
          assert.ok(worker.take()?.equals(m));
          assert.ok(parent.take()?.equals(m));
        }
        assert.equal(worker.take(), undefined);
        assert.equal(parent.take(), undefined);
      }),
      { numRuns: 40 },
    );
  });

  test('the bell is rung for a side that sleeps, once', async () => {
    let rang = 0;
    worker.ref();
    worker.onBell = () => rang++;
    parent.send(Buffer.from('awake'));
    await turn();
    await turn();
    assert.equal(rang, 0);
    assert.equal(worker.sleep(), false, 'there is a message already');
    worker.take();
    assert.equal(worker.sleep(), true);
    parent.send(Buffer.from('one'));
    parent.send(Buffer.from('two'));
    for (let n = 0; n < 50 && rang === 0; n++) await turn();
    await turn();
    assert.equal(rang, 1);
    assert.equal(String(worker.take()), 'one');
    assert.equal(String(worker.take()), 'two');
    worker.unref();
  });

  test('after close nothing is sent or taken', () => {
    const second = new OwnLink();
    const [c, d] = openSocketPair();
    const here = second.open(c).transport;
    const there = openLink(second.handle(), d).transport;
    here.send(Buffer.from('x'));
    there.close();
    assert.equal(there.take(), undefined);
    here.close();
    here.close();
    here.send(Buffer.from('y'));
    second.close();
  });
});
