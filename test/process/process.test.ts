import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { inspect, promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import {
  AssertionError,
  activeChildren,
  cpuCount,
  currentProcess,
  Process,
  parentProcess,
  SerializationError,
  SystemExit,
  ValueError,
} from '../../src/index.ts';
import { nothingStaysOpen, openFds } from '../support/fds.ts';
import { alive, library, root, start, startProgram, temporaryDirectory, until } from '../support/run.ts';

const nothing = (): void => {};
const forEver = (): void => {
  for (;;);
};

test('a process runs a closure with arguments and exits with 0', async () => {
  const expected = { hello: [1, 2n, new Map([['a', 1]])] };
  const p = new Process({
    target: (value: object, extra: string) => {
      if (JSON.stringify(Object.keys(value)) !== JSON.stringify(Object.keys(expected)) || extra !== 'x')
        process.exit(7);
    },
    args: [expected, 'x'],
  });
  p.start();
  assert.equal(typeof p.pid, 'number');
  assert.equal(p.exitcode, null);
  await p.join();
  assert.equal(p.exitcode, 0);
});

test('kwargs reach the target as one last object', async () => {
  const p = new Process({
    target: (a: number, { b }: { b: number }) => process.exit(a * 10 + b),
    args: [4],
    kwargs: { b: 2 },
  });
  p.start();
  await p.join();
  assert.equal(p.exitcode, 42);
});

test('a process object prints as in Python, through its life', async () => {
  const p = new Process({ target: nothing, name: 'Worker' });
  assert.equal(inspect(p), `<Process name='Worker' parent=${process.pid} initial>`);
  p.start();
  assert.equal(inspect(p), `<Process name='Worker' pid=${p.pid} parent=${process.pid} started>`);
  await p.join();
  assert.equal(inspect(p), `<Process name='Worker' pid=${p.pid} parent=${process.pid} stopped exitcode=0>`);
  p.close();
  assert.equal(inspect(p), `<Process name='Worker' parent=${process.pid} closed>`);
  assert.equal(inspect(currentProcess()), "<_MainProcess name='MainProcess' parent=None started>");
});

test('starting twice is refused', async () => {
  const p = new Process({ target: nothing });
  p.start();
  assert.throws(() => p.start(), { name: 'AssertionError', message: 'cannot start a process twice' });
  await p.join();
});

test('wrong arguments are refused at once', () => {
  // @ts-expect-error wrong on purpose
  assert.throws(() => new Process({ target: 5 }), TypeError);
  // @ts-expect-error wrong on purpose
  assert.throws(() => new Process({ target: nothing, args: 5 }), TypeError);
  assert.throws(
    // @ts-expect-error wrong on purpose
    () => new Process({ target: nothing, kwargs: [1] }),
    /kwargs must be an object, got an instance of Array/,
  );
  class Called {}
  assert.throws(
    // @ts-expect-error wrong on purpose
    () => new Process({ target: Called }),
    /target is a class, which needs new: give \(\.\.\.args\) => new Called\(\.\.\.args\)/,
  );
  // @ts-expect-error wrong on purpose
  assert.throws(() => new Process({ target: nothing, daemon: 'yes' }), TypeError);
  // @ts-expect-error wrong on purpose
  assert.throws(() => new Process({ group: 1 }), AssertionError);
  // @ts-expect-error wrong on purpose
  assert.throws(() => new Process({ targe: nothing }), /there is no option "targe"; known are group, target/);
  // @ts-expect-error there is but one way to start so far
  assert.throws(() => new Process({ target: nothing, startMethod: 'fork' }), TypeError);
  assert.throws(() => new Process({ target: { module: './no-such-module.js', name: 'x' } }), ValueError);
});

test('options that there are none of are refused, so that nobody waits for ever', async () => {
  const p = new Process({ target: nothing });
  p.start();
  await assert.rejects(
    p.join({ timeOut: 1 } as never),
    /there is no option "timeOut"; known are timeout, signal/,
  );
  assert.throws(() => p.joinSync({ signal: AbortSignal.timeout(1) } as never), TypeError);
  assert.throws(() => p.terminate({ trees: true } as never), /there is no option "trees"; known are tree/);
  assert.throws(() => p.terminate({ tree: 'x' } as never), /tree must be a boolean, got "x"/);
  await p.join();
});

test('what cannot travel fails in start(), naming the path, and starts nothing', () => {
  const socket = new WeakMap();
  const p = new Process({ target: () => socket });
  const before = activeChildren().length;
  assert.throws(
    () => p.start(),
    (error) =>
      error instanceof SerializationError && /socket/.test(error.message) && /WeakMap/.test(error.message),
  );
  assert.equal(p.pid, null);
  assert.equal(activeChildren().length, before);
});

test('terminate, kill and interrupt end a busy child; exitcode is the negative signal', async () => {
  for (const [method, code] of [
    ['terminate', -15],
    ['kill', -9],
    ['interrupt', -2],
  ] as const) {
    const p = new Process({ target: forEver });
    p.start();
    p[method]();
    await p.join();
    assert.equal(p.exitcode, code);
    p[method]();
  }
});

test('terminate({ tree: true }) ends grandchildren too, also in a session of their own', async (t) => {
  const running = startProgram(
    t,
    'main.mts',
    `
    import { spawn } from 'node:child_process';
    import { Process } from LIBRARY;
    const p = new Process({ target: () => {
      const sleeper = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
      console.log('sleeper', sleeper.pid);
      setInterval(() => {}, 1000);
    } });
    p.start();
    process.on('SIGUSR2', async () => { p.terminate({ tree: true }); await p.join(); console.log('ended', p.exitcode); });
    setInterval(() => {}, 1000).unref();
  `,
  );
  const [, pid] = await running.seen(/sleeper (\d+)/);
  running.child.kill('SIGUSR2');
  await running.seen(/ended -15/);
  await until(() => !alive(Number(pid)), 'the grandchild is gone');
  assert.equal((await running.ended).code, 0);
});

test('the process of this program is nobody to wait for, nor to send signals to', async () => {
  const me = currentProcess();
  const notAChild = { name: 'AssertionError', message: 'can only join a child process' };
  await assert.rejects(me.join(), notAChild);
  assert.throws(() => me.joinSync(), notAChild);
  assert.throws(() => me.terminate(), { name: 'AttributeError' });
});

test('join gives up when time is up, joinSync blocks, close refuses a living child', async () => {
  const p = new Process({ target: forEver, daemon: true });
  assert.throws(() => p.joinSync(), { message: 'can only join a started process' });
  p.start();
  await p.join({ timeout: 0 });
  await p.join({ timeout: -1 });
  p.joinSync({ timeout: 20 });
  assert.equal(p.isAlive(), true);
  assert.throws(() => p.close(), ValueError);
  await assert.rejects(p.join({ signal: AbortSignal.abort(new Error('enough')) }), /enough/);
  p.kill();
  p.joinSync();
  assert.equal(p.exitcode, -9);
  p.close();
  p.close();
  assert.throws(() => p.isAlive(), { name: 'ValueError', message: 'process object is closed' });
  await assert.rejects(async () => p.join(), ValueError);
  assert.throws(() => p.terminate(), ValueError);
});

test('activeChildren lists a child from start to its end', async () => {
  const p = new Process({ target: nothing });
  assert.ok(!activeChildren().includes(p));
  p.start();
  assert.ok(activeChildren().includes(p));
  await p.join();
  assert.ok(!activeChildren().includes(p));
});

test('an uncaught error is printed with the name of the process and gives exit code 1', async (t) => {
  const { ended } = startProgram(
    t,
    'main.mts',
    `
    import { Process } from LIBRARY;
    const fail = (how: string) => {
      if (how === 'sync') throw new TypeError('thrown at once');
      if (how === 'async') return Promise.reject(new RangeError('rejected'));
      setTimeout(() => { throw new Error('thrown later'); }, 1);
    };
    for (const how of ['sync', 'async', 'later']) {
      const p = new Process({ target: fail, args: [how] });
      p.start();
      await p.join();
      console.log(p.exitcode);
    }
  `,
  );
  const { stdout, stderr } = await ended;
  assert.equal(stdout, '1\n1\n1\n');
  assert.match(stderr, /^Process Process-1:\nTypeError: thrown at once\n {4}at .*main\.mts:4:/);
  assert.match(stderr, /Process Process-2:\nRangeError: rejected/);
  assert.match(stderr, /Process Process-3:\nError: thrown later/);
});

test('SystemExit ends a child with its code, or prints what it holds', async (t) => {
  const { ended } = startProgram(
    t,
    'main.mts',
    `
    import { Process, SystemExit } from LIBRARY;
    for (const code of [undefined, null, false, true, 8, 'ignore this', [1, 2, 3]]) {
      const p = new Process({ target: (c: unknown) => { throw new SystemExit(c); }, args: [code] });
      p.start();
      await p.join();
      console.log(p.exitcode);
    }
  `,
  );
  const { stdout, stderr } = await ended;
  assert.equal(stdout, '0\n0\n0\n1\n8\n1\n1\n');
  assert.equal(stderr, 'ignore this\n[ 1, 2, 3 ]\n');
  assert.equal(new SystemExit(3).code, 3);
});

test('a child that ends by an error waits for its children, but not for daemons', async (t) => {
  for (const [end, code] of [
    ['throw new SystemExit(6)', 6],
    ["throw new Error('boom')", 1],
    ["setTimeout(() => { throw new Error('later'); }, 50)", 1],
    ['void Promise.reject(new SystemExit(7)); await sleep(5000)', 7],
  ] as const) {
    const { ended } = startProgram(
      t,
      'main.mts',
      `
      import { parentProcess, Process, SystemExit } from LIBRARY;
      const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
      const p = new Process({
        target: async () => {
          const daemon = new Process({ target: () => { for (;;); }, daemon: true });
          daemon.start();
          const other = new Process({
            target: async (pid: number) => {
              await sleep(500);
              console.log('finished', parentProcess()!.isAlive());
              try { process.kill(pid, 0); console.log('the daemon lives'); } catch {}
            },
            args: [daemon.pid!],
          });
          other.start();
          ${end};
        },
      });
      p.start();
      await p.join();
      console.log('exit', p.exitcode);
    `,
    );
    const { stdout } = await ended;
    assert.equal(stdout, `finished true\nexit ${code}\n`);
  }
});

test('what a worker thread has started ends when that is terminated, also while it starts', async (t) => {
  const file = path.join(temporaryDirectory(t), 'thread.mjs');
  writeFileSync(
    file,
    `
    import { parentPort, workerData } from 'node:worker_threads';
    import { Pool, Process } from ${JSON.stringify(path.join(root, 'dist', 'index.js'))};
    const p = new Process({ target: () => { for (;;); }, daemon: true });
    p.start();
    const pool = new Pool(2);
    const work = pool.map(() => process.pid, [1, 2, 3, 4], { chunksize: 1 });
    const pids = workerData ? await work : [];
    work.catch(() => {});
    parentPort.postMessage([p.pid, ...pids]);
    pool.map(() => { for (;;); }, [1, 2]).catch(() => {});
    setInterval(() => {}, 1000);
  `,
  );
  const before = openFds();
  for (const isWaiting of [true, false, false]) {
    const worker = new Worker(file, { workerData: isWaiting });
    const [pids] = (await once(worker, 'message')) as [number[]];
    await worker.terminate();
    await until(() => !pids.some(alive), 'the end of what it started');
  }
  await nothingStaysOpen(before, /socket|memfd/);
});

test('without native addons it is said what to do', (t) => {
  const file = path.join(temporaryDirectory(t), 'main.mjs');
  writeFileSync(
    file,
    `
    import { Process } from ${JSON.stringify(path.join(root, 'dist', 'index.js'))};
    try {
      new Process({ target: () => {} }).start();
    } catch (error) {
      console.log(error.name, error.message);
    }
  `,
  );
  const { stdout } = spawnSync(process.execPath, ['--no-addons', file], { encoding: 'utf8' });
  assert.match(stdout, /^NotSupportedError .*start Node without --no-addons\n$/);
});

test('fields of a subclass may refer to the process itself', async () => {
  class Owner extends Process {
    code = 7;
    readonly leave = (): void =>
      process.exit(this === this.self.owner && this.on.get('x') === this ? this.code : 1);
    readonly self = { owner: this };
    readonly on = new Map([['x', this]]);
    override run(): void {
      this.leave();
    }
  }
  const p = new Owner();
  p.start();
  await p.join();
  assert.equal(p.exitcode, 7);
});

test('a subclass overrides run() and its fields travel', async (t) => {
  const { ended } = startProgram(
    t,
    'main.mts',
    `
    import { currentProcess, Process } from LIBRARY;
    class Greeter extends Process {
      constructor(readonly whom: string) { super({ name: 'greeter' }); }
      override run() { console.log('hello', this.whom, this === currentProcess(), this.name, this.constructor.name); }
    }
    const p = new Greeter('bob');
    p.start();
    await p.join();
    console.log(p.exitcode, p);
  `.replace('readonly whom: string) {', 'public whom: string) {'),
  );
  const { stdout, stderr } = await ended;
  assert.equal(stderr, '');
  assert.match(
    stdout,
    /^hello bob true greeter Greeter\n0 <Greeter name='greeter' pid=\d+ parent=\d+ stopped exitcode=0>\n$/,
  );
});

test('a subclass with private members is refused before anything starts, unless it says how it travels', async (t) => {
  const { ended } = startProgram(
    t,
    'main.mts',
    `
    import { deserialize, Process, serialize } from LIBRARY;
    class Secret extends Process { #key = 1; override run() { console.log(this.#key); } }
    class Below extends Secret {}
    class Method extends Process { #go() {} override run() { this.#go(); } }
    for (const p of [new Secret(), new Below(), new Method()]) {
      try { p.start(); } catch (error) { console.log(error.name, error.message, p.pid); }
    }
    class Open extends Process {
      #onlyHere = 1;
      seen() { return this.#onlyHere; }
      override run() { console.log('runs'); }
      static override [serialize](p) { return super[serialize](p); }
    }
    const p = new Open();
    p.start();
    await p.join();
    console.log(p.seen(), p.exitcode);
  `,
  );
  const { stdout, stderr } = await ended;
  assert.equal(stderr, '');
  const lines = stdout.trim().split('\n');
  const kinds = [
    ['Secret', 'Secret', '#key'],
    ['Below', 'Secret', '#key'],
    ['Method', 'Method', '#go'],
  ];
  for (const [i, [cls, owner, member]] of kinds.entries()) {
    assert.equal(
      lines[i],
      `SerializationError Cannot send process → ${cls}: class ${owner} keeps private state (${member}), which would be lost; ` +
        `give ${owner} static [serialize] and [deserialize] methods null`,
    );
  }
  assert.deepEqual(lines.slice(kinds.length), ['runs', '1 0']);
});

test('an uncaught error that cannot be shown still says so and gives exit code 1', async (t) => {
  const { ended } = startProgram(
    t,
    'main.mts',
    `
    import { Process } from LIBRARY;
    const targets = [
      () => { throw Object.defineProperty(new Error('the message'), 'stack', { get() { throw new Error('no stack'); } }); },
      () => { throw { get [Symbol.toStringTag]() { throw 1; }, toString() { throw 2; }, [Symbol.for('nodejs.util.inspect.custom')]() { throw 3; } }; },
    ];
    for (const target of targets) {
      const p = new Process({ target });
      p.start();
      await p.join();
      console.log(p.exitcode);
    }
  `,
  );
  const { stdout, stderr } = await ended;
  assert.equal(stdout, '1\n1\n');
  assert.match(
    stderr,
    /^Process Process-1:\n.*the message.*\nProcess Process-2:\nAn error that cannot be shown\n$/s,
  );
});

test('a child knows itself and its parent, and its own children are named after it', async (t) => {
  const { child, ended } = startProgram(
    t,
    'main.mts',
    `
    import { currentProcess, parentProcess, Process } from LIBRARY;
    const tell = (depth: number): unknown => {
      const me = currentProcess();
      console.log(me.name, me.pid === process.pid, parentProcess()!.pid === process.ppid, parentProcess()!.name, parentProcess()!.isAlive());
      if (depth === 0) return undefined;
      const p = new Process({ target: tell, args: [depth - 1] });
      p.start();
      return p.join();
    };
    const p = new Process({ target: tell, args: [1] });
    p.start();
    await p.join();
    console.log(parentProcess());
    const q = new Process({ target: () => console.log(parentProcess(), currentProcess()), daemon: true });
    q.start();
    await q.join();
  `,
  );
  const { stdout, stderr } = await ended;
  assert.equal(stderr, '');
  assert.equal(
    stdout,
    'Process-1 true true MainProcess true\nProcess-1:1 true true Process-1 true\nnull\n' +
      `<_ParentProcess name='MainProcess' parent=None unknown> <Process name='Process-2' parent=${child.pid} started daemon>\n`,
  );
  assert.equal(child.exitCode, 0);
  assert.equal(parentProcess(), null);
});

test('a daemon may not have children; daemon is inherited and fixed at start', async (t) => {
  assert.equal(new Process({ target: nothing }).daemon, false);
  const p = new Process({ target: nothing, daemon: true });
  p.daemon = false;
  p.start();
  assert.throws(
    () => {
      p.daemon = true;
    },
    { message: 'process has already started' },
  );
  await p.join();
  const { ended } = startProgram(
    t,
    'main.mts',
    `
    import { currentProcess, Process } from LIBRARY;
    const p = new Process({ daemon: true, target: () => {
      console.log(currentProcess().daemon, new Process({ target: () => {} }).daemon);
      new Process({ target: () => {} }).start();
    } });
    p.start();
    await p.join();
    console.log(p.exitcode);
  `,
  );
  const { stdout, stderr } = await ended;
  assert.equal(stdout, 'true true\n1\n');
  assert.match(stderr, /AssertionError: daemonic processes are not allowed to have children/);
});

test('a program waits for its children at its end, but not for daemons, nor after process.exit()', async (t) => {
  const program = (how: string): string => `
    import { Process } from LIBRARY;
    const wait = (text: string) => new Promise<void>((done) => setTimeout(() => { console.log(text); done(); }, 300));
    new Process({ target: wait, args: ['child'] }).start();
    new Process({ daemon: true, target: () => { for (;;); } }).start();
    ${how}
  `;
  const natural = await startProgram(t, 'natural.mts', program('')).ended;
  assert.deepEqual([natural.stdout, natural.stderr, natural.code], ['child\n', '', 0]);
  const explicit = startProgram(t, 'explicit.mts', program("console.log('leaving'); process.exit(3);"));
  explicit.child.stdout?.setEncoding('utf8');
  const end = await explicit.ended;
  assert.equal(end.code, 3);
});

for (const [how, statement] of [
  ['process.exit()', 'process.exit(0)'],
  ['an uncaught error', "throw new Error('on purpose')"],
  ['a rejected promise', "void Promise.reject(new Error('on purpose'))"],
  ['SIGKILL', "process.kill(process.pid, 'SIGKILL')"],
  ['SIGTERM', "process.kill(process.pid, 'SIGTERM')"],
] as const) {
  test(`a parent's end by ${how} leaves no daemon behind, not even a busy one`, async (t) => {
    const running = startProgram(
      t,
      'main.mts',
      `
      import { Process } from LIBRARY;
      const p = new Process({ daemon: true, target: () => { console.log('busy', process.pid); for (;;); } });
      p.start();
      process.on('SIGUSR2', () => { ${statement}; });
      setInterval(() => {}, 1000);
    `,
    );
    const [, pid] = await running.seen(/busy (\d+)/);
    running.child.kill('SIGUSR2');
    await running.ended.catch(() => {});
    await until(() => !alive(Number(pid)), 'the daemon is gone');
  });
}

test('a child that is no daemon outlives its killed parent and learns of its death', async (t) => {
  const running = startProgram(
    t,
    'main.mts',
    `
    import { parentProcess, Process } from LIBRARY;
    new Process({ target: async () => {
      console.log('alive', parentProcess()!.isAlive());
      await parentProcess()!.join({ timeout: 30_000 });
      console.log('then', parentProcess()!.isAlive());
    } }).start();
  `,
  );
  await running.seen(/alive true/);
  running.child.kill('SIGKILL');
  const { stdout } = await running.ended;
  assert.equal(stdout, 'alive true\nthen false\n');
});

test('a child may block until its parent has ended, and wait for that with a descriptor', async (t) => {
  const running = startProgram(
    t,
    'main.mts',
    `
    import { parentProcess, Process } from LIBRARY;
    import { wait } from ${JSON.stringify(path.join(root, 'src', 'connection.ts'))};
    for (const how of ['blocks', 'waits']) {
      new Process({ args: [how], target: async (how: string) => {
        const parent = parentProcess()!;
        parent.joinSync({ timeout: 1 });
        console.log(how, parent.isAlive(), (await wait([parent.sentinel], { timeout: 1 })).length);
        if (how === 'blocks') parent.joinSync();
        else await wait([parent.sentinel]);
        console.log(how, parent.isAlive());
      } }).start();
    }
    setInterval(() => {}, 1000);
  `,
  );
  await running.seen(/blocks true 0/);
  await running.seen(/waits true 0/);
  running.child.kill('SIGKILL');
  const { stdout } = await running.ended;
  assert.deepEqual(stdout.trim().split('\n').slice(2).sort(), ['blocks false', 'waits false']);
});

test('an orphan that awaits what cannot come any more ends; while the parent lives it stays', async (t) => {
  const running = startProgram(
    t,
    'main.mts',
    `
    import { Process, Queue } from LIBRARY;
    const waits = async (queue: Queue<number>) => {
      console.log('pid', process.pid);
      await queue.get();
    };
    const p = new Process({ target: waits, args: [new Queue<number>()] });
    p.start();
    await p.join({ timeout: 6000 });
    console.log('there', p.isAlive());
    await p.join();
  `,
  );
  const [, pid] = await running.seen(/pid (\d+)/);
  await running.seen(/there true/);
  running.child.kill('SIGKILL');
  await until(() => !alive(Number(pid)), 'the orphan has ended');
});

test('children inherit execArgv, environment, working directory and arguments', async (t) => {
  const running = startProgram(
    t,
    'main.mts',
    `
    import { Process } from LIBRARY;
    process.env.FOR_THE_CHILD = 'yes';
    process.chdir('/');
    const p = new Process({ target: (a: string[]) => {
      console.log(process.execArgv.length >= 2, process.env.FOR_THE_CHILD, process.cwd(), JSON.stringify(process.argv) === JSON.stringify(a));
    }, args: [process.argv] });
    p.start();
    await p.join();
  `,
    ['one', 'two'],
  );
  const { stdout, stderr } = await running.ended;
  assert.equal(stderr, '');
  assert.equal(stdout, 'true yes / true\n');
});

test('a child is prepared as its parent was, wherever that has gone', async (t) => {
  const folder = temporaryDirectory(t);
  writeFileSync(path.join(folder, 'before.mjs'), 'globalThis.before = process.cwd();');
  writeFileSync(
    path.join(folder, 'main.mts'),
    `import { Process } from ${JSON.stringify(library)};
     const tell = () => console.log(globalThis.before, process.cwd());
     const run = async (target) => { const p = new Process({ target }); p.start(); await p.join(); };
     process.chdir('/');
     await run(tell);
     await run(async () => { process.chdir('/tmp'); await run(tell); });`,
  );
  const { ended } = start(['--import', './before.mjs', 'main.mts'], { cwd: folder });
  const { stdout, stderr } = await ended;
  assert.equal(stdout, `${folder} /\n${folder} /tmp\n`, stderr);
});

test('children start also where the working directory is gone', async (t) => {
  const folder = temporaryDirectory(t);
  const text = `
    import { rmdirSync } from 'node:fs';
    import { Pool, Process } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
    process.chdir(${JSON.stringify(folder)});
    rmdirSync(${JSON.stringify(folder)});
    const tell = () => { try { return process.cwd(); } catch (e) { return e.code; } };
    const p = new Process({ target: () => console.log(tell()) });
    p.start();
    await p.join();
    const pool = new Pool(1);
    console.log(await pool.apply(tell));
    pool.terminate();`;
  // A loader would look for its files there.
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', text]);
  assert.equal(stdout, 'ENOENT\nENOENT\n');
});

test('standard input of a child is empty', async (t) => {
  const { ended } = startProgram(
    t,
    'main.mts',
    `
    import { Process } from LIBRARY;
    const p = new Process({ target: async () => { for await (const _ of process.stdin) throw new Error('not empty'); } });
    p.start();
    await p.join();
    console.log(p.exitcode);
  `,
  );
  assert.equal((await ended).stdout, '0\n');
});

test('{ module, name } names an exported function', async () => {
  const p = new Process({ target: { module: 'node:process', name: 'exit' }, args: [5] as never });
  p.start();
  await p.join();
  assert.equal(p.exitcode, 5);
});

test('children leave no descriptor behind', async () => {
  const one = async (): Promise<void> => {
    const p = new Process({ target: nothing });
    p.start();
    await p.join();
    p.close();
  };
  await one();
  const before = openFds();
  for (let i = 0; i < 3; i++) await one();
  await nothingStaysOpen(before);
});

test('cpuCount is a whole number of at least 1', () => {
  assert.ok(Number.isInteger(cpuCount()) && cpuCount() >= 1);
  assert.ok(library.length > 0);
});
