/**
 * CPython's rows for Process, with real child processes (`spawn`), and those for the main script and a child's inheritance.
 *
 * Where a row joins, it is run in the waiting and in the blocking form.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import {
  activeChildren,
  type Connection,
  cpuCount,
  currentProcess,
  Event,
  Pipe,
  Pool,
  Process,
  parentProcess,
  Queue,
  SystemExit,
} from '../../src/index.ts';
import { library, start, startProgram, temporaryDirectory } from '../support/run.ts';

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** The two forms of join. */
const forms: readonly (readonly [string, (p: Process<never>, timeout?: number) => Promise<void>])[] = [
  ['waiting', (p, timeout) => p.join({ timeout })],
  ['blocking', async (p, timeout) => p.joinSync({ timeout })],
];

test('_TestProcess.test_current', () => {
  const current = currentProcess();
  assert.equal(current.isAlive(), true);
  assert.equal(current.daemon, false);
  assert.ok(Buffer.isBuffer(current.authkey));
  assert.equal(current.authkey.length, 32);
  assert.equal(current.ident, process.pid);
  assert.equal(current.exitcode, null);
});

test('_TestProcess.test_args_argument', async () => {
  for (const v of [1, 'str', [1], { 0: 1 }]) {
    const queue = new Queue<unknown>(1);
    const p = new Process({
      target: (q: Queue<unknown>, value: unknown) => q.put(value),
      args: [queue, v],
      daemon: true,
    });
    p.start();
    assert.deepEqual(await queue.get(), v);
    await p.join();
    assert.equal(p.exitcode, 0);
    queue.close();
  }
});

test('_TestProcess.test_daemon_argument', () => {
  const target = (): void => {};
  assert.equal(new Process({ target }).daemon, currentProcess().daemon);
  assert.equal(new Process({ target, daemon: true }).daemon, true);
  assert.equal(new Process({ target, daemon: false }).daemon, false);
});

test('_TestProcess.test_parent_process_attributes', async () => {
  assert.equal(parentProcess(), null);
  const [reader, writer] = Pipe(false);
  const p = new Process({
    target: (w: Connection) => w.send([parentProcess()?.pid, parentProcess()?.name]),
    args: [writer],
  });
  p.start();
  await p.join();
  assert.deepEqual(await reader.recv(), [currentProcess().pid, currentProcess().name]);
  assert.equal(currentProcess().pid, process.pid);
  assert.equal(currentProcess().name, 'MainProcess');
  reader.close();
  writer.close();
});

test('_TestProcess.test_parent_process', async () => {
  const [reader, writer] = Pipe(false);
  const child = new Process({
    target: async (w: Connection) => {
      new Process({
        target: async (out: Connection) => {
          const said = (): string => (parentProcess()?.isAlive() ? 'alive' : 'not alive');
          await out.send(said());
          await parentProcess()?.join({ timeout: 30_000 });
          await out.send(said());
        },
        args: [w],
      }).start();
      await new Promise((done) => setTimeout(done, 300_000));
    },
    args: [writer],
  });
  child.start();
  assert.equal(await reader.recv(), 'alive');
  child.terminate();
  await child.join();
  assert.equal(await reader.recv(), 'not alive');
  reader.close();
  writer.close();
});

for (const [form, join] of forms) {
  test(`_TestProcess.test_process (${form})`, async () => {
    const queue = new Queue<unknown>(1);
    const current = currentProcess();
    const p = new Process({
      target: (q: Queue<unknown>, one: number, two: number, kwargs: object) =>
        q.put([
          [one, two],
          kwargs,
          currentProcess().name,
          currentProcess().authkey,
          currentProcess().pid,
          process.pid,
        ]),
      args: [queue, 1, 2],
      kwargs: { hello: 23, bye: 2.54 },
      name: 'SomeProcess',
    });
    p.daemon = true;
    assert.deepEqual(p.authkey, current.authkey);
    assert.equal(p.isAlive(), false);
    assert.equal(p.daemon, true);
    assert.ok(Array.isArray(activeChildren()));
    assert.ok(!activeChildren().includes(p as never));
    assert.equal(p.exitcode, null);
    p.start();
    assert.equal(p.exitcode, null);
    assert.equal(p.isAlive(), true);
    assert.ok(activeChildren().includes(p as never));
    assert.deepEqual(await queue.get(), [
      [1, 2],
      { hello: 23, bye: 2.54 },
      'SomeProcess',
      current.authkey,
      p.pid,
      p.pid,
    ]);
    await join(p as never);
    assert.equal(p.exitcode, 0);
    assert.equal(p.isAlive(), false);
    assert.ok(!activeChildren().includes(p as never));
    queue.close();
  });

  for (const [row, method, exitcode] of [
    ['test_terminate', 'terminate', -15],
    ['test_kill', 'kill', -9],
  ] as const) {
    test(`_TestProcess.${row} (${form})`, async () => {
      const p = new Process({
        target: () => new Promise((done) => setTimeout(done, 100_000)),
        daemon: true,
      });
      p.start();
      assert.equal(p.isAlive(), true);
      assert.ok(activeChildren().includes(p));
      assert.equal(p.exitcode, null);
      assert.equal(await join(p as never, 0), undefined);
      assert.equal(p.isAlive(), true);
      assert.equal(await join(p as never, -1), undefined);
      assert.equal(p.isAlive(), true);
      await sleep(200);
      p[method]();
      assert.equal(await join(p as never), undefined);
      assert.equal(p.isAlive(), false);
      assert.ok(!activeChildren().includes(p));
      await join(p as never);
      assert.equal(p.exitcode, exitcode);
    });
  }

  test(`_TestProcess.test_active_children (${form})`, async () => {
    const p = new Process({ target: () => new Promise((done) => setTimeout(done, 100)) });
    p.daemon = true;
    assert.ok(Array.isArray(activeChildren()));
    assert.ok(!activeChildren().includes(p));
    p.start();
    assert.ok(activeChildren().includes(p));
    await join(p as never);
    assert.ok(!activeChildren().includes(p));
  });

  test(`_TestProcess.test_close (${form})`, async () => {
    const queue = new Queue<string>();
    const p = new Process({ target: (q: Queue<string>) => q.get(), args: [queue] });
    p.daemon = true;
    p.start();
    assert.equal(p.isAlive(), true);
    assert.throws(() => p.close(), { name: 'ValueError' });
    await queue.put('bye');
    await join(p as never);
    assert.equal(p.isAlive(), false);
    assert.equal(p.exitcode, 0);
    p.close();
    const closed = { name: 'ValueError', message: 'process object is closed' };
    assert.throws(() => p.isAlive(), closed);
    await assert.rejects(async () => join(p as never), closed);
    assert.throws(() => p.terminate(), closed);
    p.close();
    queue.close();
  });

  test(`_TestProcess.test_many_processes (${form})`, async () => {
    const many = (ms: number): Process[] =>
      Array.from(
        { length: 5 },
        () =>
          new Process({
            target: (t: number) => new Promise((done) => setTimeout(done, t)),
            args: [ms],
          }) as never,
      );
    const short = many(10);
    for (const p of short) p.start();
    for (const p of short) await join(p as never);
    for (const p of short) assert.equal(p.exitcode, 0);
    const long = many(100_000);
    for (const p of long) p.start();
    await sleep(1);
    for (const p of long) p.terminate();
    for (const p of long) await join(p as never);
    for (const p of long) assert.equal(p.exitcode, -15);
  });
}

test('_TestProcess.test_cpu_count', () => {
  assert.ok(Number.isInteger(cpuCount()));
  assert.ok(cpuCount() >= 1);
});

test('_TestProcess.test_recursion', async () => {
  const [reader, writer] = Pipe(false);
  const recurse = async (w: Connection, id: number[]): Promise<void> => {
    await w.send(id);
    if (id.length >= 2) return;
    for (let i = 0; i < 2; i++) {
      const p = new Process({ target: recurse, args: [w, [...id, i]] });
      p.start();
      await p.join();
    }
  };
  await recurse(writer, []);
  await sleep(100);
  const result: unknown[] = [];
  while (await reader.poll()) result.push(await reader.recv());
  assert.deepEqual(result, [[], [0], [0, 0], [0, 1], [1], [1, 0], [1, 1]]);
  reader.close();
  writer.close();
});

test('_TestProcess.test_sentinel', async () => {
  const event = new Event();
  const p = new Process({ target: (e: Event) => e.wait({ timeout: 10_000 }), args: [event] });
  assert.throws(() => p.sentinel, { name: 'ValueError', message: 'process not started' });
  p.start();
  assert.ok(Number.isInteger(p.sentinel));
  // What the number is good for: a poll(2) of it, here by another program that inherits it.
  const { spawnSync } = await import('node:child_process');
  const ready = (timeout: number): boolean =>
    spawnSync(
      'python3',
      ['-c', `import select\np = select.poll()\np.register(3, 1)\nprint(len(p.poll(${timeout})))`],
      {
        stdio: ['ignore', 'pipe', 'inherit', p.sentinel],
        encoding: 'utf8',
      },
    ).stdout.trim() === '1';
  assert.equal(ready(0), false);
  event.set();
  await p.join();
  assert.equal(ready(1000), true);
  p.close();
});

test('_TestProcess.test_child_fd_inflation', async () => {
  const event = new Event();
  const queue = new Queue<number>();
  const children = Array.from(
    { length: 5 },
    () =>
      new Process({
        target: async (e: Event, q: Queue<number>) => {
          const { readdirSync } = await import('node:fs');
          await q.put(readdirSync('/proc/self/fd').length);
          await e.wait();
        },
        args: [event, queue],
      }),
  );
  for (const p of children) p.start();
  const counts: number[] = [];
  for (const _ of children) counts.push(await queue.get());
  event.set();
  for (const p of children) await p.join();
  assert.equal(new Set(counts).size, 1, `${counts}`);
  queue.close();
});

test('_TestProcess.test_wait_for_threads', async () => {
  const event = new Event();
  const p = new Process({
    target: (e: Event) => {
      setTimeout(() => e.set(), 300);
      setTimeout(() => e.clear(), 20_000).unref();
    },
    args: [event],
  });
  p.start();
  await p.join();
  assert.equal(event.isSet(), true);
  assert.equal(p.exitcode, 0);
});

for (const stream of ['stdout', 'stderr'] as const) {
  for (const [how, replacement] of [
    ['closed', 'closed'],
    ['missing', 'undefined'],
  ] as const) {
    const broken = `
      const closed = new Writable(); closed.destroy();
      Object.defineProperty(process, '${stream}', { value: ${replacement}, configurable: true });`;
    test(`_TestProcess.test_error_on_stdio_flush_1: the parent's ${stream} is ${how}`, async (t) => {
      const { ended } = startProgram(
        t,
        'main.mts',
        `
        import { Writable } from 'node:stream';
        import { Event, Process } from LIBRARY;
        ${broken}
        const event = new Event();
        const p = new Process({ target: (e: Event) => { e.set(); }, args: [event] });
        p.start();
        await p.join();
        process.exitCode = p.exitcode === 0 && event.isSet() ? 42 : 1;
      `,
      );
      assert.equal((await ended).code, 42);
    });
    test(`_TestProcess.test_error_on_stdio_flush_2: the child's ${stream} is ${how}`, async (t) => {
      const { ended } = startProgram(
        t,
        'main.mts',
        `
        import { Writable } from 'node:stream';
        import { Event, Process } from LIBRARY;
        const event = new Event();
        const p = new Process({ target: (e: Event) => { ${broken} e.set(); }, args: [event] });
        p.start();
        await p.join();
        process.exitCode = p.exitcode === 0 && event.isSet() ? 42 : 1;
      `,
      );
      assert.equal((await ended).code, 42);
    });
  }
}

test('_TestSubclassingProcess.test_subclassing', async (t) => {
  const { ended } = startProgram(
    t,
    'main.mts',
    `
    import { Pipe, Process } from LIBRARY;
    class UpperCaser extends Process {
      constructor() {
        super();
        [this.childConn, this.parentConn] = Pipe();
      }
      async run() {
        this.parentConn.close();
        for (let s = await this.childConn.recv(); s !== null; s = await this.childConn.recv()) {
          await this.childConn.send(s.toUpperCase());
        }
        this.childConn.close();
      }
      async submit(s) {
        await this.parentConn.send(s);
        return this.parentConn.recv();
      }
      async stop() {
        await this.parentConn.send(null);
        this.parentConn.close();
        this.childConn.close();
      }
    }
    const u = new UpperCaser();
    u.daemon = true;
    u.start();
    console.log(await u.submit('hello'), await u.submit('world'));
    await u.stop();
    await u.join();
    console.log(u.exitcode);
  `,
  );
  const { stdout, stderr } = await ended;
  assert.equal(stderr, '');
  assert.equal(stdout, 'HELLO WORLD\n0\n');
});

test('_TestSubclassingProcess.test_stderr_flush', async (t) => {
  const file = path.join(temporaryDirectory(t), 'stderr');
  const p = new Process({
    target: async (name: string) => {
      const { openSync, writeSync } = await import('node:fs');
      const fd = openSync(name, 'w');
      process.stderr.write = (text: string | Uint8Array): boolean => writeSync(fd, String(text)) > 0;
      throw new RangeError('division by zero'); // MARKER
    },
    args: [file],
    name: 'Failing',
  });
  p.start();
  await p.join();
  const text = readFileSync(file, 'utf8');
  assert.match(text, /^Process Failing:\nRangeError: division by zero\n {4}at .*process\.test\.ts:\d+:\d+/);
  assert.equal(p.exitcode, 1);
});

test('_TestSubclassingProcess.test_sys_exit', async (t) => {
  const file = path.join(temporaryDirectory(t), 'stderr');
  for (const [value, text] of [
    [[1, 2, 3], '[ 1, 2, 3 ]'],
    ['ignore this', 'ignore this'],
  ] as const) {
    const p = new Process({
      target: async (name: string, code: unknown) => {
        const { openSync, writeSync } = await import('node:fs');
        const fd = openSync(name, 'w');
        process.stderr.write = (s: string | Uint8Array): boolean => writeSync(fd, String(s)) > 0;
        throw new SystemExit(code);
      },
      args: [file, value],
    });
    p.daemon = true;
    p.start();
    await p.join();
    assert.equal(p.exitcode, 1);
    assert.equal(readFileSync(file, 'utf8').trimEnd(), text);
  }
  for (const [args, expected] of [
    [[true], 1],
    [[false], 0],
    [[8], 8],
    [[null], 0],
    [[], 0],
  ] as const) {
    const p = new Process({
      target: (...a: readonly unknown[]) => {
        throw new SystemExit(...(a as [unknown?]));
      },
      args,
    });
    p.daemon = true;
    p.start();
    await p.join();
    assert.equal(p.exitcode, expected);
  }
});

test('TestStartMethod.test_nested_startmethod', async () => {
  const queue = new Queue<number>();
  const child = new Process({
    target: async (q: Queue<number>) => {
      await q.put(2);
      const p = new Process({ target: (inner: Queue<number>) => inner.put(1), args: [q] });
      p.start();
      await p.join();
    },
    args: [queue],
  });
  child.start();
  await child.join();
  const results = new Set<number>();
  while (!queue.empty()) results.add(await queue.get());
  assert.deepEqual(results, new Set([1, 2]));
  queue.close();
});

test('TestNoForkBomb.test_noforkbomb: the main script is not run again, so a guard is not missed', async (t) => {
  const { ended } = startProgram(
    t,
    'main.mts',
    `
    import { Process } from LIBRARY;
    const p = new Process({ target: () => console.log(123) });
    p.start();
    await p.join();
    process.exit(p.exitcode);
  `,
  );
  const { stdout, stderr, code } = await ended;
  assert.deepEqual([stdout, stderr, code], ['123\n', '', 0]);
});

test('TestFlags.test_flags', async (t) => {
  const file = path.join(temporaryDirectory(t), 'main.mts');
  writeFileSync(
    file,
    `
    import { Process } from ${JSON.stringify(library)};
    const p = new Process({ target: () => console.log(JSON.stringify(process.execArgv)) });
    p.start();
    await p.join();
    console.log(JSON.stringify(process.execArgv));
  `,
  );
  const { stdout, stderr } = await start(['--no-warnings', '--stack-size=900', file]).ended;
  assert.equal(stderr, '');
  const [theirs, ours] = stdout.trim().split('\n');
  assert.equal(theirs, ours);
  assert.match(theirs!, /--no-warnings.*--stack-size=900/);
});

test('TestCloseFds.test_closefd', async () => {
  const server = net.createServer().listen(0);
  const queue = new Queue<string>();
  const { openSync, closeSync, readlinkSync } = await import('node:fs');
  const fds: number[] = [];
  while ((fds.at(-1) ?? 0) < 50) fds.push(openSync('/dev/null', 'r'));
  // biome-ignore lint/suspicious/noExplicitAny: the handle's descriptor is not part of Node's interface
  const socket = (server as any)._handle.fd as number;
  assert.match(readlinkSync(`/proc/self/fd/${socket}`), /socket/);
  const p = new Process({
    target: async (q: Queue<string>, numbers: number[]) => {
      const { readlinkSync: where } = await import('node:fs');
      const found = numbers.map((fd) => {
        try {
          return where(`/proc/self/fd/${fd}`);
        } catch (error) {
          return (error as NodeJS.ErrnoException).code!;
        }
      });
      await q.put(found.some((f) => f === '/dev/null') ? 'inherited' : found.at(-1)!);
    },
    args: [queue, [...fds.filter((fd) => fd > 40)]],
  });
  p.start();
  assert.equal(await queue.get(), 'ENOENT');
  await p.join();
  for (const fd of fds) closeSync(fd);
  server.close();
  queue.close();
});

test('TestStdinBadfiledescriptor.test_pool_in_process', async () => {
  const p = new Process({
    target: async () => {
      const pool = new Pool(4);
      const squares = await pool.map((x: number) => x * x, [1, 2, 3, 4, 5, 6, 7]);
      pool.close();
      await pool.join();
      if (squares.join() !== '1,4,9,16,25,36,49') throw new Error(squares.join());
    },
  });
  p.start();
  await p.join();
  assert.equal(p.exitcode, 0);
});

test('_TestPollEintr.test_poll_eintr', async () => {
  let got = false;
  const onSignal = (): void => {
    got = true;
  };
  process.on('SIGUSR2', onSignal);
  const killer = new Process({
    target: async (pid: number) => {
      await new Promise((done) => setTimeout(done, 100));
      process.kill(pid, 'SIGUSR2');
    },
    args: [process.pid],
  });
  killer.start();
  const p = new Process({ target: () => new Promise((done) => setTimeout(done, 1000)) });
  p.start();
  await p.join();
  assert.equal(got, true);
  assert.equal(p.exitcode, 0);
  await killer.join();
  // Blocking: the wait is not cut short either; the handler runs afterwards.
  got = false;
  const again = new Process({
    target: async (pid: number) => {
      process.kill(pid, 'SIGUSR2');
      await new Promise((done) => setTimeout(done, 300));
    },
    args: [process.pid],
  });
  again.start();
  again.joinSync();
  assert.equal(again.exitcode, 0);
  await sleep(50);
  assert.equal(got, true);
  process.off('SIGUSR2', onSignal);
});

test('_TestAtExit.test_atexit', async (t) => {
  const file = path.join(temporaryDirectory(t), 'out');
  const p = new Process({
    target: async (name: string) => {
      const { writeFileSync: write } = await import('node:fs');
      process.on('exit', () => write(name, 'deadbeef'));
    },
    args: [file],
  });
  p.start();
  await p.join();
  assert.equal(readFileSync(file, 'utf8'), 'deadbeef');
});
