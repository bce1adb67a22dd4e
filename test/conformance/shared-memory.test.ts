/** CPython's rows for values, arrays, shared memory, lists in it, and its tracker. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { after, describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { decode } from '../../src/codec/decode.ts';
import { encode } from '../../src/codec/encode.ts';
import {
  Lock,
  Array as MpArray,
  RawArray,
  RawValue,
  ShareableList,
  SharedArray,
  SharedMemory,
  struct,
  Value,
} from '../../src/index.ts';
import { Peer } from '../fixtures/peer.ts';
import { root } from '../support/run.ts';
import { exists, freshName, trackersOf } from '../support/shm.ts';
import { allCrews, type Crew, until } from './crew.ts';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Runs a program with the built library as `mp`. */
function program(text: string, ...args: string[]): { status: number | null; stderr: string; stdout: string } {
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', `import * as mp from './dist/index.js';\n${text}`, ...args],
    { cwd: root, encoding: 'utf8', env: { PATH: process.env.PATH } },
  );
  return { status, stderr, stdout };
}

// Values and arrays

const codesAndValues = [
  ['i', 4343, 24234],
  ['d', 3.625, -4.25],
  ['h', -232, 234],
  ['q', 2n ** 33n, 2n ** 34n],
  ['c', 'x'.charCodeAt(0), 'y'.charCodeAt(0)],
] as const;

const content = [680, 626, 934, 821, 150, 233, 548, 982, 714, 831];
const sums = [680, 1306, 2240, 3061, 3062, 3064, 3067, 3071, 3785, 4616];

const Foo = { x: 'i', y: 'd', z: 'q' } as const;

type Row = readonly [id: string, check: (crew: Crew) => Promise<void>];

const sharedValues: Row[] = [
  ...([Value, RawValue] as const).map(
    (Class): Row => [
      Class === Value ? '_TestValue.test_value' : '_TestValue.test_rawvalue',
      async (crew) => {
        const values = codesAndValues.map(([code, first]) => new Class(code, first as never) as Value);
        assert.deepEqual(
          values.map((v) => v.value),
          codesAndValues.map(([, first]) => first),
        );
        await crew.run(
          0,
          (_mp, { values, next }) => {
            for (const [i, v] of values.entries()) v.value = next[i] as never;
          },
          { values, next: codesAndValues.map(([, , second]) => second) },
        );
        assert.deepEqual(
          values.map((v) => v.value),
          codesAndValues.map(([, , second]) => second),
        );
      },
    ],
  ),
  ...([SharedArray, RawArray] as const).map(
    (make): Row => [
      make === RawArray ? '_TestArray.test_rawarray' : '_TestArray.test_array',
      async (crew) => {
        const shared = make === RawArray ? RawArray('i', content) : new SharedArray('i', content);
        const cells = shared instanceof SharedArray ? shared.array : shared;
        assert.equal(shared.length, 10);
        assert.equal(shared.at(3), 821);
        assert.deepEqual([...shared.slice(2, 7)], [934, 821, 150, 233, 548]);
        cells.set([1, 2, 3, 4], 4);
        assert.deepEqual([...shared], [680, 626, 934, 821, 1, 2, 3, 4, 714, 831]);
        await crew.run(
          0,
          (_mp, a) => {
            const there = 'array' in a ? a.array : a;
            for (let i = 1; i < there.length; i++) there[i]! += there[i - 1]!;
          },
          shared,
        );
        assert.deepEqual([...shared], sums);
      },
    ],
  ),
  [
    '_TestSharedCTypes.test_sharedctypes[struct]',
    async (crew) => {
      const foo = new Value(struct(Foo), [3, 2], { lock: false });
      await crew.run(
        0,
        (_mp, foo) => {
          foo.value.x *= 2;
          foo.value.y *= 2;
        },
        foo,
      );
      assert.deepEqual({ x: foo.value.x, y: foo.value.y, z: foo.value.z }, { x: 6, y: 4, z: 0n });
    },
  ],
  [
    '_TestSharedCTypes.test_synchronize[struct]',
    async (crew) => {
      const foo = new Value(struct(Foo), [3, 2]);
      await crew.run(
        0,
        async (_mp, foo, _s, k) => {
          await k.acquire(foo.getLock() as Lock);
          foo.value.x *= 2;
          foo.value.y *= 2;
          foo.getLock().release();
        },
        foo,
      );
      assert.deepEqual({ x: foo.value.x, y: foo.value.y, z: foo.value.z }, { x: 6, y: 4, z: 0n });
    },
  ],
  [
    '_TestSharedCTypes.test_synchronize[numbers]',
    async (crew) => {
      const values = { i: new Value('i', 7), d: new Value('d', 1 / 3), q: new Value('q', 2n ** 33n) };
      await crew.run(
        0,
        (_mp, { i, d, q }) => {
          i.value *= 2;
          d.value *= 2;
          q.value *= 2n;
        },
        values,
      );
      assert.deepEqual([values.i.value, values.d.value, values.q.value], [14, 2 / 3, 17179869184n]);
    },
  ],
  ...([true, false] as const).map(
    (lock): Row => [
      lock ? '_TestSharedCTypes.test_synchronize[arrays]' : '_TestSharedCTypes.test_sharedctypes[arrays]',
      async (crew) => {
        const numbers = new MpArray('d', [...content.keys()], { lock });
        const text = new SharedArray('c', 20);
        text.value = 'hello';
        await crew.run(
          0,
          (_mp, { numbers, text }) => {
            const cells = (numbers as SharedArray<'d'>).array ?? numbers;
            for (let i = 0; i < cells.length; i++) cells[i]! *= 2;
            text.value = `${text.value}${text.value}`;
          },
          { numbers, text },
        );
        assert.deepEqual([...numbers], [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
        assert.equal(String(text.value), 'hellohello');
        assert.equal(text.length, 20);
      },
    ],
  ),
];

const crews = allCrews().filter((c) => c.kind !== 'tasks' && c.form === 'blocking');
for (const crew of crews) {
  describe(crew.name, () => {
    after(() => crew.end());
    for (const [id, check] of sharedValues) test(id, () => check(crew));
  });
}

test('_TestArray.test_array_from_size', async () => {
  for (let again = 0; again < 3; again++) {
    const a = new SharedArray('i', 10);
    assert.equal(a.length, 10);
    assert.deepEqual([...a], Array(10).fill(0));
    a.array.set([...Array(10).keys()]);
    assert.deepEqual([...a], [...Array(10).keys()]);
    gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
});

for (const [id, make] of [
  [
    '_TestArray.test_getobj_getlock_obj',
    (lock?: never) => new SharedArray('i', [0, 1], lock === undefined ? {} : { lock }),
  ],
  ['_TestValue.test_getobj_getlock', (lock?: never) => new Value('i', 5, lock === undefined ? {} : { lock })],
] as const) {
  test(id, () => {
    for (const lock of [undefined, null, true]) {
      const one = make(lock as never);
      assert.equal(typeof one.getLock().acquire, 'function');
      assert.ok(one.getObj() !== undefined);
    }
    const lock = new Lock();
    assert.equal(make(lock as never).getLock(), lock);
    const bare = make(false as never);
    assert.ok(!('getLock' in bare) && !('getObj' in bare));
    assert.throws(() => make('notalock' as never), {
      name: 'AttributeError',
      message: /'notalock' has no method 'acquire'/,
    });
  });
}

// SharedMemory

test('_TestSharedMemory.test_shared_memory_basics[attributes]', () => {
  const name = freshName();
  using memory = new SharedMemory({ name, create: true, size: 512 });
  assert.equal(memory.name, name);
  assert.equal(memory.size, 512);
  assert.equal(memory.buf.length, 512);
  assert.equal(String(memory), `SharedMemory('${name}', size=512)`);
  memory.buf[0] = 42;
  assert.equal(memory.buf[0], 42);
  memory.unlink();
});

test('_TestSharedMemory.test_shared_memory_basics[attach]', () => {
  using memory = new SharedMemory({ create: true, size: 512 });
  memory.buf[0] = 42;
  for (const options of [memory.name, { name: memory.name }, { name: memory.name, size: 20 * 512 }]) {
    using twin = new SharedMemory(options);
    assert.equal(twin.buf[0], 42);
    assert.equal(twin.size, 512);
  }
  memory.unlink();
});

/** Makes the generator of names give these, in turn, for every creation. */
function withNames(hex: readonly string[], run: () => void): void {
  const original = crypto.randomUUID;
  let n = 0;
  crypto.randomUUID = () => `${hex[n++ % hex.length]!}-0000-4000-8000-000000000000`;
  syncBuiltinESMExports();
  try {
    run();
  } finally {
    crypto.randomUUID = original;
    syncBuiltinESMExports();
  }
}

for (const id of [
  '_TestSharedMemory.test_shared_memory_basics[name collision retry]',
  '_TestSharedMemory.test_shared_memory_recreate',
]) {
  test(id, () => {
    const unique = process.pid.toString(16).padStart(6, '0');
    withNames([`${unique}01`, `${unique}02`], () => {
      const first = new SharedMemory({ create: true, size: 1 });
      withNames([`${unique}01`, `${unique}02`], () => {
        const second = new SharedMemory({ create: true, size: 1 });
        assert.deepEqual([first.name, second.name], [`psm_${unique}01`, `psm_${unique}02`]);
        second.close();
        second.unlink();
      });
      first.close();
      first.unlink();
    });
  });
}

test('_TestSharedMemory.test_shared_memory_basics[create existing]', () => {
  using memory = new SharedMemory({ create: true, size: 16 });
  assert.throws(() => new SharedMemory({ name: memory.name, create: true, size: 16 }), {
    name: 'FileExistsError',
    code: 'EEXIST',
  });
  memory.unlink();
});

test('_TestSharedMemory.test_shared_memory_basics[attach missing]', () => {
  assert.throws(() => new SharedMemory('test01_notthere'), { name: 'FileNotFoundError', code: 'ENOENT' });
});

test('_TestSharedMemory.test_shared_memory_pickle_unpickle', () => {
  using memory = new SharedMemory({ create: true, size: 512 });
  memory.buf.write('pickle');
  using twin = decode(encode(memory)) as SharedMemory;
  assert.notEqual(twin, memory);
  assert.equal(twin.name, memory.name);
  assert.equal(twin.buf.toString('latin1', 0, 6), 'pickle');
  memory.buf.write('newval');
  assert.equal(twin.buf.toString('latin1', 0, 6), 'newval');
  twin.buf.write('oldval');
  assert.equal(memory.buf.toString('latin1', 0, 6), 'oldval');
  memory.unlink();
});

test('_TestSharedMemory.test_shared_memory_pickle_unpickle_dead_object', () => {
  const memory = new SharedMemory({ create: true, size: 512 });
  const pickled = encode(memory);
  memory.close();
  memory.unlink();
  assert.throws(() => decode(pickled), { name: 'FileNotFoundError' });
});

test('_TestSharedMemory.test_shared_memory_across_processes', async () => {
  using memory = new SharedMemory({ create: true, size: 512 });
  await using peer = await Peer.start();
  await peer.run((mp, name: string) => {
    const there = new mp.SharedMemory(name);
    there.buf.write('howdy');
    there.close();
  }, memory.name);
  assert.equal(memory.buf.toString('latin1', 0, 5), 'howdy');
  await peer.run((_mp, there: SharedMemory) => {
    there.buf.write('HELLO');
  }, memory);
  assert.equal(memory.buf.toString('latin1', 0, 5), 'HELLO');
  memory.unlink();
});

// ShareableList

const seven = (): (string | Buffer | number | boolean | null)[] => [
  'howdy',
  Buffer.from('HoWdY'),
  -273.154,
  100,
  null,
  true,
  42,
];

function withList(run: (list: ShareableList) => void, items: Iterable<never> = seven() as never): void {
  const list = new ShareableList(items);
  try {
    run(list);
  } finally {
    list.shm.close();
    list.shm.unlink();
  }
}

const basics = '_TestSharedMemory.test_shared_memory_ShareableList_basics';

test(`${basics}[text form]`, () => {
  withList((list) =>
    assert.equal(
      String(list),
      `ShareableList(['howdy', b'HoWdY', -273.154, 100, None, True, 42], name='${list.shm.name}')`,
    ),
  );
});

test(`${basics}[index errors]`, () => {
  withList((list) => {
    assert.throws(() => list.at(7), { name: 'IndexError', message: /^index out of range/ });
    assert.throws(() => list.set(7, 1), { name: 'IndexError', message: /^assignment index out of range/ });
    assert.throws(() => list.at(-8), { name: 'IndexError' });
  });
});

test(`${basics}[format]`, () => {
  withList((list) => {
    assert.equal(list.format, '8s8sdqxxxxxx?xxxxxxxx?q');
    assert.equal(list.length, 7);
    list.set(0, 'howdy');
    assert.equal(list.format, '8s8sdqxxxxxx?xxxxxxxx?q');
  });
});

test(`${basics}[read]`, () => {
  withList((list) => {
    assert.equal(list.at(0), 'howdy');
    assert.equal(list.at(-2), true);
    assert.deepEqual([...list], seven());
  });
});

test(`${basics}[index and count]`, () => {
  withList((list) => {
    assert.throws(() => list.index('100'), { name: 'ValueError' });
    assert.equal(list.index(100), 3);
    list.set(3, 42);
    assert.equal(list.count(42), 2);
    assert.equal(list.count(Buffer.from('HoWdY')), 1);
    assert.equal(list.count(Buffer.from('adios')), 0);
  });
});

test(`${basics}[overflow]`, () => {
  withList((list) => {
    const tooLong = { name: 'ValueError', message: /exceeds available storage/ };
    list.set(4, 'some');
    assert.throws(() => list.set(4, 'far too many'), tooLong);
    assert.equal(list.at(4), 'some');
    list.set(0, 'encod\u00e9s');
    assert.equal(list.at(0), 'encod\u00e9s');
    assert.deepEqual(list.at(1), Buffer.from('HoWdY'));
    assert.throws(() => list.set(0, 'encod\u00e9es'), tooLong);
    assert.throws(() => list.set(1, Buffer.from('123456789')), tooLong);
    assert.deepEqual(list.at(1), Buffer.from('HoWdY'));
  });
});

test(`${basics}[copy]`, () => {
  withList((list) => {
    const name = freshName();
    const twin = new ShareableList(list, { name });
    assert.equal(twin.shm.name, name);
    assert.deepEqual([...twin], [...list]);
    assert.equal(twin.format, list.format);
    twin.set(-1, 77);
    assert.equal(list.at(-1), 42);
    twin.shm.close();
    twin.shm.unlink();
  });
});

test(`${basics}[second handle]`, () => {
  withList((list) => {
    const twin = new ShareableList(null, { name: list.shm.name });
    twin.set(-1, 880);
    assert.equal(list.at(-1), 880);
    twin.shm.close();
  });
});

test(`${basics}[empty]`, () => {
  withList((list) => {
    assert.equal(list.length, 0);
    assert.equal(list.format, '');
    assert.equal(list.count('any'), 0);
    assert.throws(() => list.index(null), { name: 'ValueError' });
  }, []);
});

const pickling = '_TestSharedMemory.test_shared_memory_ShareableList_pickling';
const range = (n: number) => [...Array(n).keys()] as never;

test(`${pickling}[shared]`, () => {
  withList((list) => {
    const twin = decode(encode(list)) as ShareableList;
    assert.notEqual(twin, list);
    assert.equal(twin.at(-1), 9);
    twin.set(4, 'changed');
    list.set(3, 'newvalue');
    assert.deepEqual([list.at(4), twin.at(3)], ['changed', 'newvalue']);
    twin.shm.close();
  }, range(10));
});

test(`${pickling}[size]`, () => {
  withList((ten) => {
    withList((many) => assert.equal(encode(many).length, encode(ten).length), range(400));
  }, range(10));
});

test('_TestSharedMemory.test_shared_memory_ShareableList_pickling_dead_object', () => {
  let pickled = Buffer.alloc(0) as ReturnType<typeof encode>;
  withList((list) => {
    pickled = encode(list);
  });
  assert.throws(() => decode(pickled), { name: 'FileNotFoundError' });
});

// The tracker

const attachAndLeave = (track: boolean) =>
  `const memory = new mp.SharedMemory({ name: process.argv[1], track: ${track} });
   if (memory.buf[0] !== 7) process.exit(9);
   memory.close();`;

test('_TestSharedMemory.test_shared_memory_untracking', () => {
  using memory = new SharedMemory({ create: true, size: 10, name: freshName() });
  memory.buf[0] = 7;
  const { status, stderr } = program(attachAndLeave(false), memory.name);
  assert.deepEqual([status, stderr], [0, '']);
  assert.equal(exists(memory.name), true);
  memory.unlink();
});

test('_TestSharedMemory.test_shared_memory_tracking', async () => {
  const name = freshName();
  const memory = new SharedMemory({ create: true, size: 10, name, track: false });
  memory.buf[0] = 7;
  // Unlike CPython's, the tracker leaves alone what another process has mapped.
  const kept = program(attachAndLeave(true), name);
  assert.deepEqual([kept.status, kept.stderr], [0, '']);
  assert.equal(exists(name), true);
  memory.close();
  const { status, stderr } = program(attachAndLeave(true), name);
  assert.equal(status, 0);
  await until(() => !exists(name), 'the tracker removed it');
  assert.match(
    stderr,
    /resource_tracker: There appear to be 1 leaked shared_memory objects to clean up at shutdown/,
  );
});

test('TestResourceTracker.test_resource_tracker_sigint', async () => {
  const memory = new SharedMemory({ create: true, size: 10 });
  const [tracker] = trackersOf(process.pid);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(tracker!, signal);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.deepEqual(trackersOf(process.pid), [tracker]);
  memory.close();
  memory.unlink();
});

test('TestResourceTracker.test_resource_tracker_sigkill', () => {
  const { status, stderr } = program(`
    const kept = new mp.SharedMemory({ create: true, size: 10 });
    const { execFileSync } = await import('node:child_process');
    const pids = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], { encoding: 'utf8' });
    const tracker = Number(/^ *(\\d+) .*bin\\/sh/m.exec(pids)[1]);
    process.kill(tracker, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (let n = 0; n < 2; n++) {
      const memory = new mp.SharedMemory({ create: true, size: 10 });
      memory.close();
      memory.unlink();
    }
    kept.close();
    kept.unlink();`);
  assert.equal(status, 0, stderr);
  assert.equal(stderr.match(/resource_tracker: process died/g)?.length, 1, stderr);
});

test('TestResourceTracker.test_resource_tracker_reused', () => {
  const { status, stderr, stdout } = program(`
    const memory = new mp.SharedMemory({ create: true, size: 10 });
    const p = new mp.Process({
      target: async (name) => {
        const there = new mp.SharedMemory(name);
        const { execFileSync } = await import('node:child_process');
        const mine = execFileSync('ps', ['-o', 'args=', '--ppid', String(process.pid)], { encoding: 'utf8' });
        console.log(mine.includes('/bin/sh') ? 'its own tracker' : 'shared tracker');
        there.close();
      },
      args: [memory.name],
    });
    p.start();
    await p.join();
    memory.close();
    // The child has gone, and what it attached to is there still.
    new mp.SharedMemory(memory.name).close();
    memory.unlink();`);
  assert.deepEqual([status, stderr, stdout], [0, '', 'shared tracker\n']);
});

test('TestResourceTracker.test_too_long_name_resource', () => {
  assert.throws(() => new SharedMemory({ name: 'x'.repeat(499), create: true, size: 1 }), {
    code: 'ENAMETOOLONG',
  });
});

test('TestNamedResource.test_global_named_resource_spawn', () => {
  const { status, stderr } = program(`
    const semaphore = new mp.Semaphore(2);
    const p = new mp.Process({ target: () => { semaphore.acquireSync(); } });
    p.start();
    await p.join();
    if (semaphore.getValue() !== 1) process.exit(5);`);
  assert.deepEqual([status, stderr], [0, '']);
});
