import assert from 'node:assert/strict';
import { EventEmitter, getEventListeners, once } from 'node:events';
import { after, describe, test } from 'node:test';
import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import {
  AsyncResult,
  activeChildren,
  Event,
  MaybeEncodingError,
  Pool,
  SerializationError,
  TimeoutError,
  taskSignal,
  ValueError,
  WorkerLostError,
} from '../../src/index.ts';
import { nothingStaysOpen, openFds } from '../support/fds.ts';
import { alive, startProgram, until } from '../support/run.ts';

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
const square = (x: number): number => x * x;
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Takes the program's uncaught errors; `uncaught(n)` waits for the nth. */
function catchUncaught(take: (error: unknown) => void): {
  uncaught(count: number): Promise<void>;
  restore(): void;
} {
  const before = process.listeners('uncaughtException');
  const events = new EventEmitter();
  let count = 0;
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => {
    take(error);
    events.emit('one', ++count);
  });
  return {
    uncaught: async (wanted) => {
      while (count < wanted) await once(events, 'one');
    },
    restore: () => {
      process.removeAllListeners('uncaughtException');
      for (const listener of before) process.on('uncaughtException', listener);
    },
  };
}

describe('a pool of two', () => {
  const pool = new Pool(2);
  after(async () => {
    pool.terminate();
    await pool.join();
  });

  test('map keeps the order of the items, with any chunksize and any kind of iterable', async () => {
    const expected = range(100).map(square);
    assert.deepEqual(await pool.map(square, range(100)), expected);
    assert.deepEqual(await pool.map(square, range(100), { chunksize: 1 }), expected);
    assert.deepEqual(await pool.map(square, range(100), 20), expected);
    assert.deepEqual(await pool.map(square, new Set(range(100))), expected);
    async function* slowly(): AsyncGenerator<number> {
      for (const x of range(100)) yield x;
    }
    assert.deepEqual(await pool.map(square, slowly()), expected);
    assert.deepEqual(await pool.map(square, []), []);
  });

  test('a task that an idle worker takes runs while its caller blocks', async () => {
    const started = new Event();
    await pool.apply(square, [1]);
    const result = pool.applyAsync((event: Event) => event.set(), [started]);
    assert.ok(started.waitSync({ timeout: 10_000 }));
    await result;
  });

  test('starmap spreads, apply passes arguments and kwargs', async () => {
    assert.deepEqual(
      await pool.starmap(
        (a: number, b: number) => a * b,
        [
          [1, 2],
          [3, 4],
        ],
      ),
      [2, 12],
    );
    assert.equal(await pool.apply((a: number, b: number) => a - b, [5, 3]), 2);
    assert.equal(
      await pool.apply((a: number, { b }: { b: number }) => a - b, [5] as never, { kwargs: { b: 3 } }),
      2,
    );
    assert.equal(await pool.apply(async () => 'async'), 'async');
    assert.equal(await pool.apply(Math.sqrt, [16]), 4);
  });

  test('an item of starmap that is no list of arguments fails its call', async () => {
    const results = pool.starmapAsync(square, [[2], 3] as never, { chunksize: 2 });
    await assert.rejects(results.get(), {
      name: 'TypeError',
      code: 'ERR_MULTIPROC_INVALID_ARG_TYPE',
      message: /starmap needs an array of arguments for each item, got 3/,
    });
    assert.deepEqual(await pool.starmap(square, [new Set([4])] as never), [16]);
  });

  test('a function is sent anew when what it captured has changed', async () => {
    let factor = 2;
    const times = (x: number): number => x * factor;
    assert.deepEqual(await pool.map(times, [1, 2]), [2, 4]);
    factor = 3;
    assert.deepEqual(await pool.map(times, [1, 2]), [3, 6]);
  });

  test('one task that throws does not disturb the others, and its error keeps class and fields', async () => {
    class OddError extends Error {
      constructor(readonly_: number) {
        super(`odd: ${readonly_}`);
        this.item = readonly_;
      }
      item: number;
    }
    const even = (x: number): number => {
      if (x % 2 === 1) throw new OddError(x);
      return x;
    };
    const outcomes = await Promise.allSettled(range(6).map((x) => pool.apply(even, [x])));
    assert.deepEqual(
      outcomes.map((o) => o.status),
      ['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled', 'rejected'],
    );
    const error = (outcomes[1] as PromiseRejectedResult).reason as OddError;
    assert.ok(error instanceof OddError);
    assert.equal(error.item, 1);
    await assert.rejects(pool.map(even, range(6)), (e) => e instanceof OddError && e.item === 1);
  });

  test('a map with an error fails only once every task is done', async () => {
    let last: unknown;
    const failing = pool.map(
      async (x: number) => {
        if (x === 0) throw new Error('at once');
        await sleep(200);
        return x;
      },
      [0, 1],
      {
        chunksize: 1,
        onProgress: (p) => {
          last = p;
        },
      },
    );
    await assert.rejects(failing, /at once/);
    assert.deepEqual(last, { done: 2, total: 2 });
  });

  test('callbacks are called once, with the result or the error', async () => {
    const calls: unknown[] = [];
    const callback = (value: unknown): unknown => calls.push(value);
    await pool.mapAsync(Number, ['1'], { callback, errorCallback: callback }).wait();
    assert.deepEqual(calls, [[1]]);
    const result = pool.applyAsync(
      () => {
        throw new RangeError('no');
      },
      [],
      { callback, errorCallback: callback },
    );
    await result.wait();
    assert.equal(calls.length, 2);
    assert.ok(calls[1] instanceof RangeError);
    assert.equal(result.successful(), false);
  });

  test('a callback that throws is an uncaught error of the program; result and pool are as without it', async () => {
    const thrown: unknown[] = [];
    const { uncaught, restore } = catchUncaught((error) => thrown.push(error));
    try {
      const fails = (): never => {
        throw new Error(`callback ${thrown.length}`);
      };
      assert.deepEqual(await pool.mapAsync(square, [1, 2], { callback: fails }), [1, 4]);
      assert.deepEqual(await pool.mapAsync(square, [], { callback: fails }), []);
      const bad = (): never => {
        throw new RangeError('task');
      };
      await assert.rejects(pool.applyAsync(bad, [], { errorCallback: fails }).get(), RangeError);
      assert.deepEqual(await pool.map(square, [2], { onProgress: fails }), [4]);
      for await (const y of pool.imap(square, [3], { onProgress: fails })) assert.equal(y, 9);
      assert.deepEqual(pool.applyAsync(square, [5], { callback: fails }).getSync(), 25);
      await uncaught(6);
    } finally {
      restore();
    }
    assert.ok(thrown.every((error) => /^Error: callback/.test(String(error))));
    assert.deepEqual(await pool.map(square, range(10)), range(10).map(square));
  });

  test('AsyncResult: ready, successful, get with a timeout, awaitable', async () => {
    const result = pool.applyAsync(sleep, [300]);
    assert.ok(result instanceof AsyncResult);
    assert.equal(result.ready(), false);
    assert.throws(() => result.successful(), ValueError);
    await assert.rejects(result.get({ timeout: 10 }), TimeoutError);
    await result.wait({ timeout: 0 });
    assert.equal(await result, undefined);
    assert.equal(result.successful(), true);
  });

  test('a result that cannot travel is a MaybeEncodingError, and the worker goes on', async () => {
    const bad = pool.apply(() => new WeakMap());
    await assert.rejects(
      bad,
      (e) => e instanceof MaybeEncodingError && /WeakMap/.test(e.exc) && e.value.length > 0,
    );
    const odd = pool.apply(() => {
      const getter = {
        get message(): string {
          throw new Error('in a getter');
        },
      };
      throw Object.defineProperty(
        new Error(),
        'message',
        Object.getOwnPropertyDescriptor(getter, 'message')!,
      );
    });
    await assert.rejects(odd, (e) => e instanceof MaybeEncodingError && /in a getter/.test(e.exc));
    const mixed = await Promise.allSettled([
      pool.map((x: number) => (x === 1 ? Symbol('s') : x), [0, 1, 2], 3),
    ]);
    assert.ok((mixed[0] as PromiseRejectedResult).reason instanceof MaybeEncodingError);
    assert.equal(await pool.apply(square, [3]), 9);
  });

  test('what cannot travel to a worker fails at once in the caller', () => {
    const captured = new WeakMap();
    assert.throws(
      () => pool.applyAsync(() => captured),
      (e) => e instanceof SerializationError && /captured/.test(e.message),
    );
    assert.throws(
      () => pool.applyAsync((_: number, x: unknown) => x, [1, { deep: new WeakMap() }]),
      (e) =>
        e instanceof SerializationError &&
        assert.deepEqual(e.path, ['args', '[1]', 'property "deep"', 'WeakMap']) === undefined,
    );
  });

  test('imap yields in order and pulls lazily from an endless input', async () => {
    let pulled = 0;
    function* endless(): Generator<number> {
      for (;;) yield pulled++;
    }
    const seen: number[] = [];
    for await (const y of pool.imap(square, endless())) {
      seen.push(y);
      if (seen.length === 50) break;
    }
    assert.deepEqual(seen, range(50).map(square));
    assert.ok(pulled < 50 + 40, `pulled ${pulled}`);
  });

  test('next() of imap waits no longer than it is told, and the result comes with a later one', async () => {
    const results = pool.imap((ms: number) => sleep(ms).then(() => ms), [600, 1]);
    await assert.rejects(results.next({ timeout: 0 }), TimeoutError);
    await assert.rejects(results.next({ signal: AbortSignal.timeout(1) }), { name: 'TimeoutError' });
    assert.deepEqual(await results.next({ timeout: 60_000 }), { done: false, value: 600 });
    assert.deepEqual(await results.next({ timeout: 60_000 }), { done: false, value: 1 });
    assert.deepEqual(await results.next({ timeout: 60_000 }), { done: true, value: undefined });
  });

  test('imap does not run ahead of a slow consumer', async () => {
    let pulled = 0;
    async function* input(): AsyncGenerator<number> {
      for (; pulled < 1000; pulled++) yield pulled;
    }
    const results = pool.imap(square, input());
    await results.next();
    await sleep(200);
    assert.ok(pulled < 50, `pulled ${pulled}`);
    await results.return?.();
  });

  test('imap goes on after an error when asked on; imapUnordered gives everything', async () => {
    const results = pool.imap(
      (x: number) => {
        if (x === 1) throw new Error('one');
        return x;
      },
      [0, 1, 2],
    );
    assert.deepEqual(await results.next(), { done: false, value: 0 });
    await assert.rejects(results.next(), /one/);
    assert.deepEqual(await results.next(), { done: false, value: 2 });
    assert.deepEqual(await results.next(), { done: true, value: undefined });
    const all: number[] = [];
    for await (const y of pool.imapUnordered(square, range(100), { chunksize: 7 })) all.push(y);
    assert.deepEqual(
      all.sort((a, b) => a - b),
      range(100).map(square),
    );
    assert.deepEqual(await pool.imap(square, []).next(), { done: true, value: undefined });
  });

  test('an error of the input replaces the chunk that is being read', async () => {
    function* input(): Generator<number> {
      for (const x of range(20)) {
        if (x === 7) throw new RangeError('seven');
        yield x;
      }
    }
    for (const [chunksize, expected] of [
      [2, [0, 1, 4, 9, 16, 25]],
      [4, [0, 1, 4, 9]],
    ] as const) {
      const seen: number[] = [];
      await assert.rejects(async () => {
        for await (const y of pool.imap(square, input(), chunksize)) seen.push(y);
      }, /seven/);
      assert.deepEqual(seen, expected);
    }
    assert.throws(() => pool.mapAsync(square, input()), /seven/);
  });

  test('an aborted task sees it as taskSignal(), and its worker lives on', async () => {
    const pids = await pool.map(() => process.pid, range(20), 1);
    const controller = new AbortController();
    const waiting = pool.apply(
      () => new Promise((done) => taskSignal().addEventListener('abort', () => done('seen'))),
      [],
      { signal: controller.signal },
    );
    setTimeout(() => controller.abort(new Error('enough')), 50);
    await assert.rejects(waiting, /enough/);
    await sleep(100);
    const later = await pool.map(() => process.pid, range(20), 1);
    assert.ok(later.every((pid) => pids.includes(pid)));
  });

  test('a task that ignores its abort is ended with its worker; tasks behind it are not touched', async () => {
    const controller = new AbortController();
    const spinning = pool.apply(
      () => {
        for (;;);
      },
      [],
      { signal: controller.signal },
    );
    const others = pool.map(square, range(40), 1);
    setTimeout(() => controller.abort(), 50);
    await assert.rejects(spinning, { name: 'AbortError' });
    assert.deepEqual(await others, range(40).map(square));
    assert.deepEqual(await pool.map(square, range(40), 1), range(40).map(square));
  });

  test('a timeout gives up the task alone', async () => {
    const spin = (x: number): number => {
      while (x === 1);
      return x;
    };
    const outcomes = await Promise.allSettled(range(4).map((x) => pool.apply(spin, [x], { timeout: 300 })));
    assert.deepEqual(
      outcomes.map((o) => o.status),
      ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
    );
    assert.ok((outcomes[1] as PromiseRejectedResult).reason instanceof TimeoutError);
  });

  for (const [how, exitcode, end] of [
    [
      'SIGKILL',
      -9,
      () => {
        process.kill(process.pid, 'SIGKILL');
        for (;;);
      },
    ],
    ['process.exit()', 3, () => process.exit(3)],
  ] as const) {
    test(`a worker lost by ${how} fails its task alone and is replaced`, async () => {
      const lost = pool.apply(end);
      const others = pool.map(square, range(50), 1);
      await assert.rejects(lost, (e) => e instanceof WorkerLostError && e.exitcode === exitcode && e.pid > 0);
      assert.deepEqual(await others, range(50).map(square));
    });
  }

  test('retries run a lost task again', async () => {
    const { mkdtempSync, existsSync, writeFileSync, rmSync } = await import('node:fs');
    const { tmpdir } = await import('node:os');
    const dir = mkdtempSync(`${tmpdir()}/multiproc-test-`);
    const once = (mark: string): string => {
      if (existsSync(mark)) return 'second time';
      writeFileSync(mark, '');
      process.kill(process.pid, 'SIGKILL');
      for (;;);
    };
    assert.equal(await pool.apply(once, [`${dir}/mark`], { retries: 1 }), 'second time');
    rmSync(dir, { recursive: true });
  });

  test('the loss of a worker is told with what may still be done', async () => {
    const end = (): void => process.exit(3);
    await assert.rejects(pool.apply(end), /the task was not run again: give \{ retries \} if it may be$/);
    await assert.rejects(
      pool.apply(end, [], { retries: 1 }),
      /the task was run 2 times and lost its worker each time: no retries are left$/,
    );
  });

  test('imap gives every result when its last chunk is not full, however soon it is asked', async () => {
    for (const method of ['imap', 'imapUnordered'] as const) {
      for (const count of [0, 1, 3, 8, 9, 10, 31]) {
        for (const chunksize of [1, 3, 9, 100]) {
          for (const asked of [1, 4]) {
            const results = pool[method](square, range(count), chunksize);
            const got: number[] = [];
            for (;;) {
              const next = await Promise.all(Array.from({ length: asked }, () => results.next()));
              got.push(...next.flatMap(({ done, value }) => (done === true ? [] : [value as number])));
              if (next.some(({ done }) => done === true)) break;
            }
            const wanted = range(count).map(square);
            const what = `${method} of ${count} in chunks of ${chunksize}, asked for ${asked} at once`;
            assert.deepEqual(
              got.sort((a, b) => a - b),
              wanted,
              what,
            );
          }
        }
      }
    }
  });

  test('the path to an item that cannot travel counts from the first item, whatever the chunks', async () => {
    const items = (n: number): unknown[] => [...range(n), { deep: new WeakMap() }];
    const finds = (n: number) => (error: unknown) => {
      assert.ok(error instanceof SerializationError);
      assert.deepEqual(error.path, ['items', `[${n}]`, 'property "deep"', 'WeakMap']);
      return true;
    };
    const all = async (results: AsyncIterable<unknown>): Promise<void> => {
      for await (const _ of results);
    };
    const typeOf = (x: unknown): string => typeof x;
    for (const chunksize of [1, 3, 100]) {
      await assert.rejects(all(pool.imap(typeOf, items(7), chunksize)), finds(7));
      await assert.rejects(all(pool.imapUnordered(typeOf, items(8), chunksize)), finds(8));
      await assert.rejects(async () => pool.map(typeOf, items(9), chunksize), finds(9));
    }
  });

  test('options in the place of the number of processes are refused with what to write', () => {
    assert.throws(
      // @ts-expect-error wrong on purpose
      () => new Pool({ initializer: () => {} }),
      {
        name: 'TypeError',
        code: 'ERR_MULTIPROC_INVALID_ARG_TYPE',
        message: /write new Pool\(undefined, \{ … \}\)/,
      },
    );
  });

  test('unknown options and wrong arguments are refused', () => {
    // @ts-expect-error wrong on purpose
    assert.throws(() => pool.applyAsync(square, [1], { x: 1 }), /there is no option "x"/);
    // @ts-expect-error wrong on purpose
    assert.throws(() => pool.mapAsync('f', []), TypeError);
    // @ts-expect-error wrong on purpose
    assert.throws(() => pool.mapAsync(square, 5), TypeError);
    assert.throws(() => pool.mapAsync(square, [], { chunksize: 0 }), ValueError);
    for (const name of ['callback', 'errorCallback', 'onProgress']) {
      assert.throws(() => pool.mapAsync(square, [1], { [name]: 3 }), {
        name: 'TypeError',
        message: `Cannot run tasks: ${name} must be a function, got 3`,
      });
    }
    assert.throws(
      () => pool.applyAsync(square, [1], { kwargs: 3 as never }),
      /kwargs must be an object, got 3/,
    );
    assert.throws(
      () => pool.applyAsync(square, [1], { kwargs: [3] as never }),
      /kwargs must be an object, got an instance of Array/,
    );
    class Called {}
    assert.throws(
      () => pool.mapAsync(Called as never, [1]),
      /the function is a class, which needs new: give \(\.\.\.args\) => new Called/,
    );
    assert.throws(() => pool.mapAsync(square, [1], { timeout: -1 }), {
      name: 'ValueError',
      message: 'Cannot run tasks: timeout must not be negative, got -1',
    });
    assert.throws(
      () => pool.mapAsync(square, [1], { timeout: '5' as never }),
      /Cannot run tasks: timeout must be a number of milliseconds, got "5"/,
    );
  });

  test('a result is caught and followed as a promise is', async () => {
    const failing = (x: number): never => {
      throw new Error(`no ${x}`);
    };
    assert.equal(await pool.applyAsync(failing, [1]).catch((e) => (e as Error).message), 'no 1');
    let over = 0;
    assert.equal(await pool.applyAsync(square, [2]).finally(() => over++), 4);
    await assert.rejects(pool.applyAsync(failing, [1]).finally(() => over++));
    assert.equal(over, 2);
  });

  test('the pool prints its state', () => {
    assert.equal(inspect(pool), '<multiproc.Pool state=RUN pool_size=2>');
  });
});

test('wrong sizes are refused', () => {
  for (const n of [0, -1])
    assert.throws(() => new Pool(n), {
      name: 'ValueError',
      message: 'Number of processes must be at least 1',
    });
  // @ts-expect-error wrong on purpose
  assert.throws(() => new Pool(1, { initializer: 1 }), TypeError);
  const initializer = (a: number): number => a;
  // @ts-expect-error wrong on purpose
  assert.throws(() => new Pool(1, { initializer, initargs: 1 }), /initargs must be an array, got 1/);
  // @ts-expect-error there is but one way to start so far
  assert.throws(() => new Pool(1, { context: 'fork' }), /there is no option "context"/);
  assert.throws(() => new Pool(1, { maxTasksPerChild: 0 }), ValueError);
});

test('a number of processes that is none is refused with what it is', () => {
  assert.throws(() => new Pool(1e9), { name: 'ValueError', message: /must be at most 4194304/ });
  assert.throws(() => new Pool('2' as never), { name: 'TypeError', message: /must be a number, got "2"/ });
  assert.throws(() => new Pool(1.5), { name: 'ValueError', message: /must be whole, got 1.5/ });
});

test('a result that is not there in time says so', async () => {
  await using pool = new Pool(1);
  const slow = pool.applyAsync(() => new Promise<void>((done) => setTimeout(done, 300)));
  await assert.rejects(slow.get({ timeout: 1 }), { name: 'TimeoutError', message: /not there after 1 ms/ });
  assert.throws(() => slow.getSync({ timeout: 1 }), {
    name: 'TimeoutError',
    message: /not there after 1 ms/,
  });
  const results = pool.imap(() => new Promise<void>((done) => setTimeout(done, 300)), [1]);
  await assert.rejects(results.next({ timeout: 1 }), {
    name: 'TimeoutError',
    message: /not there after 1 ms/,
  });
});

test('the initializer runs once in each worker', async () => {
  await using pool = new Pool(2, {
    initializer: (name: string) => {
      (globalThis as Record<string, unknown>)[name] = process.pid;
    },
    initargs: ['startedAs'],
  });
  const pids = await pool.map(
    () => (globalThis as Record<string, unknown>).startedAs === process.pid,
    range(20),
    1,
  );
  assert.ok(pids.every(Boolean));
});

test('an initializer that fails breaks the pool with its error, once', async () => {
  const pool = new Pool(2, {
    initializer: () => {
      throw new RangeError('cannot begin');
    },
  });
  await assert.rejects(
    pool.map(square, range(10)),
    (e) => e instanceof RangeError && /cannot begin/.test(e.message),
  );
  await assert.rejects(pool.apply(square, [1]), /cannot begin/);
  pool.close();
  await pool.join();
  assert.equal(activeChildren().length, 0);
});

test('maxTasksPerChild replaces workers, also after close()', async () => {
  const pool = new Pool(3, { maxTasksPerChild: 1 });
  const results = range(6).map((i) => pool.applyAsync((x: number) => [x * x, process.pid] as const, [i]));
  pool.close();
  await pool.join();
  const values = await Promise.all(results);
  assert.deepEqual(
    values.map(([y]) => y),
    range(6).map(square),
  );
  assert.equal(new Set(values.map(([, pid]) => pid)).size, 6);
});

test('maxMemoryPerWorker replaces a worker that holds too much', async () => {
  await using pool = new Pool(1, { maxMemoryPerWorker: 1 });
  const pids = [];
  for (let i = 0; i < 3; i++) pids.push(await pool.apply(() => process.pid));
  assert.equal(new Set(pids).size, 3);
});

test('close and join wait for what was submitted; afterwards calls are refused', async () => {
  const pool = new Pool(2);
  const result = pool.mapAsync(square, range(10));
  await assert.rejects(pool.join(), { name: 'ValueError', message: 'Pool is still running' });
  pool.close();
  assert.throws(() => pool.applyAsync(square, [1]), { name: 'ValueError', message: 'Pool not running' });
  await pool.join();
  assert.deepEqual(await result, range(10).map(square));
  assert.equal(activeChildren().length, 0);
});

test('close waits for a call whose input is still being read; an imap goes on, however slow', async () => {
  const pool = new Pool(2);
  async function* slowly(): AsyncGenerator<number> {
    for (const x of range(3)) {
      yield x;
      await sleep(100);
    }
  }
  const mapped = pool.mapAsync(square, slowly());
  const results = pool.imap(square, slowly());
  pool.close();
  await pool.join();
  assert.equal(mapped.ready(), true);
  assert.deepEqual(await mapped, [0, 1, 4]);
  const given: number[] = [];
  for await (const y of results) given.push(y);
  assert.deepEqual(given, [0, 1, 4]);
});

test('an imap that is read keeps the workers of a closed pool between its tasks', async () => {
  async function* slowly(): AsyncGenerator<number> {
    for (const x of range(5)) {
      yield x;
      await sleep(100);
    }
  }
  for (const items of [range(300), slowly()]) {
    for (const name of ['imap', 'imapUnordered'] as const) {
      const pool = new Pool(2);
      await pool.map(square, [1, 2]);
      const pids = new Set<number>();
      const results = pool[name](() => process.pid, Array.isArray(items) ? items : slowly());
      pool.close();
      const joined = pool.join();
      for await (const pid of results) pids.add(pid);
      await joined;
      assert.ok(pids.size <= 2, `${name} had ${pids.size} workers`);
      assert.equal(activeChildren().length, 0);
    }
  }
});

test('an imap that nobody reads does not keep a closed pool, and goes on when somebody does', async () => {
  const pool = new Pool(1);
  const results = pool.imap(square, range(100));
  assert.deepEqual(await results.next(), { done: false, value: 0 });
  pool.close();
  await pool.join();
  let sum = 0;
  for await (const y of results) sum += y;
  assert.equal(
    sum,
    range(100).reduce((a, b) => a + square(b), 0),
  );
});

test('terminate fails a call whose input is still being read, and leaves the input; so does an abort, once', async () => {
  const pool = new Pool(1);
  let left = 0;
  async function* endless(): AsyncGenerator<number> {
    try {
      for (;;) {
        yield 1;
        await sleep(1);
      }
    } finally {
      left += 1;
    }
  }
  const errors: unknown[] = [];
  const errorCallback = (error: unknown): unknown => errors.push(error);
  const reason = new RangeError('enough');
  const controller = new AbortController();
  const aborted = pool.mapAsync(square, endless(), { signal: controller.signal, errorCallback });
  controller.abort(reason);
  await assert.rejects(aborted.get(), (e) => e === reason);
  await until(() => left === 1, 'the aborted input is left');
  assert.deepEqual(errors, [reason]);
  const terminated = pool.mapAsync(square, endless(), { errorCallback });
  pool.terminate();
  await assert.rejects(terminated.get(), /the pool was terminated/);
  await pool.join();
  await until(() => left === 2, 'the other one is left');
  assert.equal(errors.length, 2);
});

test('one signal for many calls is one listener', async () => {
  await using pool = new Pool(1);
  const { signal } = new AbortController();
  const calls = range(20).map((x) => pool.apply(square, [x], { signal }));
  assert.equal(getEventListeners(signal, 'abort').length, 1);
  await Promise.all(calls);
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('terminate ends busy workers promptly; what was not done fails', async () => {
  const pool = new Pool(2);
  await pool.map(square, range(4), 1);
  const forEver = (): void => {
    for (;;);
  };
  const result = pool.mapAsync(forEver, range(10), 1);
  pool.terminate();
  await pool.join();
  await assert.rejects(result.get(), /terminated/);
});

test('pools nest, with a share of the cores', async () => {
  await using pool = new Pool(2);
  const sums = await pool.map(
    async (n: number) => {
      const inner = new Pool();
      const squares = await inner.map(
        (x: number) => x * x,
        Array.from({ length: n }, (_, i) => i),
      );
      inner.close();
      await inner.join();
      return squares.reduce((a, b) => a + b, 0);
    },
    [3, 4],
    1,
  );
  assert.deepEqual(sums, [5, 14]);
});

test('an idle pool does not keep the program alive and leaves nothing behind', async (t) => {
  const { ended } = startProgram(
    t,
    'main.mts',
    `
    import { Pool } from LIBRARY;
    const pool = new Pool(2);
    console.log((await pool.map(() => process.pid, [1, 2], 1)).join(' '), await pool.map((x: number) => x + 1, [1]));
  `,
  );
  const { stdout, stderr, code } = await ended;
  assert.equal(stderr, '');
  assert.equal(code, 0);
  assert.match(stdout, /\[ 2 \]/);
  for (const pid of stdout.match(/\d{2,}/g) ?? []) assert.ok(!alive(Number(pid)));
});

test('workers of a killed parent end, also busy ones', async (t) => {
  const running = startProgram(
    t,
    'main.mts',
    `
    import { Pool } from LIBRARY;
    const pool = new Pool(2);
    const [a, b] = await Promise.all([pool.apply(() => process.pid), pool.apply(() => process.pid)]);
    void pool.apply(() => { console.log('busy', process.pid); for (;;); });
  `,
  );
  const [, pid] = await running.seen(/busy (\d+)/);
  running.child.kill('SIGKILL');
  await running.ended;
  await until(() => !alive(Number(pid)), 'the busy worker is gone');
});

test('pools leave no descriptor behind', async () => {
  const one = async (): Promise<void> => {
    const pool = new Pool(2);
    await pool.map(square, range(10));
    pool.close();
    await pool.join();
  };
  await one();
  const before = openFds();
  for (let i = 0; i < 3; i++) await one();
  await nothingStaysOpen(before);
});

test('what workers made and home has changed is what it is at home, in each worker', async () => {
  await using pool = new Pool(1);
  await using other = new Pool(1);
  const counter = await pool.apply(() => {
    let n = 0;
    return { add: () => ++n, read: () => n };
  });
  counter.add();
  counter.add();
  const marked = await pool.apply(() => Object.assign(() => 1, { mark: 'made' }));
  marked.mark = 'changed';
  const Made = await pool.apply(
    () =>
      class Made {
        static n = 0;
        get seen(): number {
          return Made.n;
        }
      },
  );
  Made.n = 5;
  Object.assign(Made.prototype, { late: () => 6 });
  type Late = { late(): number; seen: number };
  const look = (f: () => number, cls: typeof Made, o: object): unknown[] => [
    f(),
    marked.mark,
    (o as Late).late(),
    (o as Late).seen,
    o instanceof cls,
    counter.read(),
  ];
  for (const each of [pool, other]) {
    const there = await each.apply(look, [counter.read, Made, new Made()]);
    assert.deepEqual(there, [2, 'changed', 6, 5, true, 2]);
  }
  const mine = (): number => 1;
  assert.equal(await pool.apply((f: () => number) => f, [mine]), mine);
});

test('an imap reads promises of any realm and library, and refuses what is no result', async () => {
  await using pool = new Pool(1);
  const outer = runInNewContext('(async function* () { yield 1; yield 2; })()') as AsyncIterable<number>;
  let n = 0;
  const thenables = {
    [Symbol.asyncIterator]: () => ({
      next: () => ({
        // biome-ignore lint/suspicious/noThenProperty: what is tested
        then: (resolve: (result: object) => void) => resolve({ done: n === 2, value: n++ }),
      }),
    }),
  } as unknown as AsyncIterable<number>;
  for (const [input, expected] of [
    [outer, [1, 2]],
    [thenables, [0, 1]],
  ] as const) {
    const seen: number[] = [];
    for await (const x of pool.imap((i: number) => i, input)) seen.push(x);
    assert.deepEqual(seen, expected);
  }
  const wrong = { [Symbol.iterator]: () => ({ next: () => 5 }) } as unknown as Iterable<number>;
  await assert.rejects(pool.imap((x: number) => x, wrong).next(), /its next\(\) must give an object, got 5/);
});
