/** The first examples of the manual that this library grew from, one by one, as programs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alive, startProgram, until } from '../support/run.ts';

type Context = Parameters<typeof startProgram>[0];

async function outputOf(t: Context, text: string): Promise<string> {
  const { stdout, stderr, code } = await startProgram(
    t,
    'main.mts',
    `import * as multiprocessing from LIBRARY;\n${text}`,
  ).ended;
  assert.deepEqual([stderr, code], ['', 0]);
  return stdout;
}

test('a process prints, may be started once, and tells what became of it', async (t) => {
  const out = await outputOf(
    t,
    `
    const p = new multiprocessing.Process({ target: console.log, args: ['hello'] });
    console.log(p);
    p.start();
    await p.join();
    try { p.start(); } catch (error) { console.log(String(error)); }
    console.log(p.name);
    console.log(p.pid > 0, p.daemon, p.exitcode, p.isAlive(), p.terminate());
  `,
  );
  assert.match(
    out,
    /^<Process name='Process-1' parent=\d+ initial>\nhello\nAssertionError: cannot start a process twice\nProcess-1\ntrue false 0 false undefined\n$/,
  );
});

test('terminating a process leaves its children alive, as orphans', async (t) => {
  const out = await outputOf(
    t,
    `
    const q = new multiprocessing.Queue<number>();
    const p = new multiprocessing.Process({ target: async (queue) => {
      const child = new multiprocessing.Process({ target: () => new Promise((done) => setTimeout(done, 100_000)) });
      child.start();
      await queue.put(child.pid!);
      await child.join();
    }, args: [q] });
    p.start();
    const pid = await q.get();
    p.terminate();
    await p.join();
    process.kill(pid, 0);
    console.log(pid);
    process.kill(pid, 'SIGKILL');
  `,
  );
  const pid = Number(out);
  assert.ok(pid > 0);
  await until(() => !alive(pid), 'the orphan is gone');
});

test('the current process and the active children', async (t) => {
  assert.equal(
    await outputOf(
      t,
      'console.log(multiprocessing.currentProcess()); console.log(multiprocessing.activeChildren());',
    ),
    "<_MainProcess name='MainProcess' parent=None started>\n[]\n",
  );
});

test('a pool of two runs five calls that print', async (t) => {
  const out = await outputOf(
    t,
    `
    const pool = new multiprocessing.Pool(2);
    for (let i = 0; i < 5; i++) pool.applyAsync(console.log, [i]);
    pool.close();
    await pool.join();
  `,
  );
  assert.deepEqual(out.trim().split('\n').sort(), ['0', '1', '2', '3', '4']);
});

test('a pool in a scope; its default size is the number of cores; it runs at most so many at once', async (t) => {
  const out = await outputOf(
    t,
    `
    import { inspect } from 'node:util';
    await using pool = new multiprocessing.Pool(2);
    const busy = new multiprocessing.Value('i', 0);
    const most = new multiprocessing.Value('i', 0);
    await pool.starmap(async (b, m) => {
      const now = b.add(1) + 1;
      if (now > m.value) m.value = now;
      await new Promise((done) => setTimeout(done, 30));
      b.sub(1);
    }, Array.from({ length: 8 }, () => [busy, most] as const), 1);
    console.log(most.value <= 2);
    const other = new multiprocessing.Pool();
    console.log(inspect(other).includes('pool_size=' + multiprocessing.cpuCount()));
    other.terminate();
    await other.join();
  `,
  );
  assert.equal(out, 'true\ntrue\n');
});

test('applyAsync with arguments, keyword arguments, a callback and an error callback', async (t) => {
  const out = await outputOf(
    t,
    `
    const pool = new multiprocessing.Pool(1);
    const options = { callback: (r: unknown) => console.log('result', r), errorCallback: (e: unknown) => console.log(String(e)) };
    await pool.applyAsync((a: number, { b }: { b: number }) => a + b, [1] as never, { kwargs: { b: 2 }, ...options }).wait();
    await pool.applyAsync(() => { throw new RangeError('no'); }, [], options).wait();
    pool.close();
    await pool.join();
  `,
  );
  assert.equal(out, 'result 3\nRangeError: no\n');
});

test('join blocks until the end, or for three seconds at most', async (t) => {
  const out = await outputOf(
    t,
    `
    const p = new multiprocessing.Process({ target: () => new Promise((done) => setTimeout(done, 100_000)), daemon: true });
    p.start();
    await p.join({ timeout: 50 });
    console.log(p.exitcode);
    p.joinSync({ timeout: 50 });
    console.log(p.isAlive());
    p.terminate();
    p.joinSync();
    console.log(p.exitcode);
  `,
  );
  assert.equal(out, 'null\ntrue\n-15\n');
});

test('global variables are not shared', async (t) => {
  const out = await outputOf(
    t,
    `
    const fun1 = (configs: { num: number }) => { configs.num += 1; console.log(configs); };
    const configs = { num: 0 };
    for (let i = 0; i < 3; i++) new multiprocessing.Process({ target: fun1, args: [configs] }).start();
  `,
  );
  assert.equal(out, '{ num: 1 }\n'.repeat(3));
});

test('a Value is shared, and locked', async (t) => {
  const out = await outputOf(
    t,
    `
    const fun1 = async (num: multiprocessing.Value<'i'>) => {
      using _ = await num.getLock().guard();
      num.value += 1;
      console.log(num.value);
    };
    const num = new multiprocessing.Value('i', 0);
    console.log(num);
    const children = [0, 1, 2].map(() => new multiprocessing.Process({ target: fun1, args: [num] }));
    for (const p of children) p.start();
    for (const p of children) await p.join();
  `,
  );
  assert.equal(out, '<Synchronized wrapper for c_int(0)>\n1\n2\n3\n');
});

test('a queue and a pipe', async (t) => {
  const out = await outputOf(
    t,
    `
    const queue = new multiprocessing.Queue<string>();
    await queue.put('hello');
    console.log(await queue.get({ timeout: 1000 }));
    const [left, right] = multiprocessing.Pipe();
    await left.send(1);
    await left.send('hello');
    console.log(await right.recv(), await right.recv());
    const p = new multiprocessing.Process({ target: async (c) => c.send(await c.recv() + ' back'), args: [right] });
    p.start();
    await left.send('there and');
    console.log(await left.recv());
    await p.join();
  `,
  );
  assert.equal(out, 'hello\n1 hello\nthere and back\n');
});

test('a Lock and an RLock between processes', async (t) => {
  const out = await outputOf(
    t,
    `
    const lock = new multiprocessing.Lock();
    const rlock = new multiprocessing.RLock();
    const work = async (l: multiprocessing.Lock, r: multiprocessing.RLock, name: string) => {
      for (let i = 0; i < 2; i++) {
        await l.acquire();
        r.acquireSync();
        r.acquireSync();
        console.log(name, 'in');
        await new Promise((done) => setTimeout(done, 20));
        console.log(name, 'out');
        r.release();
        r.release();
        l.release();
      }
    };
    const children = ['a', 'b'].map((name) => new multiprocessing.Process({ target: work, args: [lock, rlock, name] }));
    for (const p of children) p.start();
    for (const p of children) await p.join();
    console.log(children.map((p) => p.exitcode).join());
  `,
  );
  const lines = out.trim().split('\n');
  assert.equal(lines.pop(), '0,0');
  assert.equal(lines.length, 8);
  for (let i = 0; i < 8; i += 2) assert.equal(lines[i]!.replace('in', 'out'), lines[i + 1]);
});
