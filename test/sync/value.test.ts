/** Value and Array: the lock beside the cells. What the cells hold: test/memory/values.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lock, Array as MpArray, RawValue, RLock, SharedArray, struct, Value } from '../../src/index.ts';
import { Peer } from '../fixtures/peer.ts';

test('the lock is a new RLock, the one that was given, or none', () => {
  for (const options of [undefined, {}, { lock: true }, true, null, { lock: null }] as const) {
    assert.ok(new Value('i', 0, options).getLock() instanceof RLock);
    assert.ok(new SharedArray('i', 3, options).getLock() instanceof RLock);
  }
  const lock = new Lock();
  for (const options of [lock, { lock }]) {
    assert.equal(new Value('i', 0, options).getLock(), lock);
    assert.equal(new SharedArray('i', 3, options).getLock(), lock);
  }
  assert.ok((new Value('i', 0, { lock: false }) as unknown) instanceof RawValue);
  assert.ok((new SharedArray('i', 3, { lock: false }) as unknown) instanceof Int32Array);
  for (const wrong of ['x', 7, { lock: {} }, { lock: 'x' }])
    assert.throws(() => new Value('i', 0, wrong as never), { name: 'AttributeError' });
  assert.equal(MpArray, SharedArray);
});

test('increments under the lock and atomic ones lose none, by threads and tasks of three processes', async () => {
  const under = new Value('i', 0);
  const atomic = new Value('q', 0n);
  const rounds = 3000;
  const job = async (
    _mp: unknown,
    { under, atomic, rounds, sync }: { under: Value<'i'>; atomic: Value<'q'>; rounds: number; sync: boolean },
  ) => {
    const task = async () => {
      for (let i = 0; i < rounds; i++) {
        const lock = under.getLock();
        if (sync) lock.acquireSync();
        else await lock.acquire();
        under.value++;
        lock.release();
        atomic.add(1n);
      }
    };
    await Promise.all(sync ? [task()] : [task(), task()]);
  };
  const peers = await Peer.startMany(2);
  try {
    await Promise.all([
      ...peers.map((p, i) => p.run(job, { under, atomic, rounds, sync: i === 0 })),
      job(undefined, { under, atomic, rounds, sync: false }),
    ]);
  } finally {
    for (const p of peers) await p.kill();
  }
  assert.equal(under.value, 5 * rounds);
  assert.equal(atomic.value, BigInt(5 * rounds));
});

test('two tasks of one process exclude one another under the lock of a Value', async () => {
  const v = new Value('i', 0);
  const task = async () => {
    for (let i = 0; i < 50; i++) {
      using _held = await v.getLock().guard();
      const seen = v.value;
      await new Promise((resolve) => setImmediate(resolve));
      v.value = seen + 1;
    }
  };
  await Promise.all([task(), task(), task()]);
  assert.equal(v.value, 150);
});

test('Value and Array print as in Python', () => {
  assert.equal(String(new Value('i', 0)), '<Synchronized wrapper for c_int(0)>');
  assert.match(
    String(new SharedArray('i', 10)),
    /^<SynchronizedArray wrapper for <multiprocessing\.sharedctypes\.c_int_Array_10 object at 0x[0-9a-f]+>>$/,
  );
  assert.match(String(new SharedArray('c', 3)), /^<SynchronizedString wrapper for .*c_char_Array_3/);
});

test('an array reads, sets, slices and iterates, with negative indexes', () => {
  const a = new SharedArray('h', [10, 20, 30]);
  assert.deepEqual([a.at(0), a.at(-1), a.at(3), a.at(-4)], [10, 30, undefined, undefined]);
  a.set(-1, 7);
  a.set(0, 5);
  assert.deepEqual([...a], [5, 20, 7]);
  assert.deepEqual(a.slice(1), [20, 7]);
  assert.equal(a.getObj(), a.array);
  for (const i of [3, -4, 0.5])
    assert.throws(() => a.set(i, 1), { name: 'IndexError', message: /^invalid index/ });
  assert.throws(() => a.set(0, 40_000), RangeError);
  assert.throws(() => a.set(0, 'x' as never), TypeError);
  assert.deepEqual([...new SharedArray('?', [true, 0 as never])], [true, false]);
  assert.deepEqual([...new SharedArray('u', 'hé')], ['h', 'é']);
});

test("the text of an array of 'c' and 'u' ends at the first zero; what is too long is refused", () => {
  const c = new SharedArray('c', 8);
  c.value = 'hello';
  assert.equal(c.value.toString(), 'hello');
  c.value = Buffer.from('hi');
  assert.equal(c.value.toString(), 'hi');
  assert.equal(c.raw.toString('latin1'), 'hi\0lo\0\0\0', 'as in ctypes, what follows is left alone');
  c.value = '12345678';
  assert.equal(c.value.toString(), '12345678');
  assert.throws(
    () => {
      c.value = '123456789';
    },
    { name: 'ValueError', message: /byte string too long/ },
  );
  const u = new SharedArray('u', 4);
  u.value = 'hé';
  assert.equal(u.value, 'hé');
  assert.throws(() => {
    c.value = 7 as never;
  }, TypeError);
  assert.throws(() => new SharedArray('i', 3).value, { name: 'ValueError' });
  assert.throws(() => new SharedArray('u', 3).raw, { name: 'ValueError' });
});

test('an array of records sets them by name and in order', () => {
  const a = new SharedArray(struct({ x: 'i', y: 'd' }), [{ x: 1 }, [2, 3]]);
  assert.deepEqual([a.at(-1)?.x, a.at(-1)?.y], [2, 3]);
  a.set(0, { y: 9 });
  a.array[0]!.x++;
  assert.deepEqual([a.at(0)?.x, a.at(0)?.y], [2, 9]);
});
