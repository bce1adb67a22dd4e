import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { closeFd, openPipe, setNonBlocking } from '../../src/platform/descriptors.ts';
import { pidfdOpen } from '../../src/platform/pidfd.ts';
import type { PollHandle } from '../../src/platform/poll.ts';
import { pollInThread } from '../../src/platform/thread-poll.ts';
import { readSome, WOULD_BLOCK, writeSome } from '../../src/platform/watch.ts';
import { nothingStaysOpen, openFds } from '../support/fds.ts';
import { root, runNode, start } from '../support/run.ts';

const stress = process.env.MULTIPROC_STRESS === '1';

function pipe(t: TestContext): { read: number; write: number } {
  const ends = openPipe();
  setNonBlocking(ends.read);
  setNonBlocking(ends.write);
  t.after(() => {
    closeFd(ends.read);
    closeFd(ends.write);
  });
  return ends;
}

const turns = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

test('calls back for as long as there is something to read, leaves it unread, and takes nothing once closed', async (t) => {
  const { read, write } = pipe(t);
  const before = openFds();
  let calls = 0;
  const handle = pollInThread(read, { readable: true }, () => calls++);
  await turns();
  assert.equal(calls, 0);
  writeSome(write, Buffer.from('x'));
  while (calls < 3) await turns();
  const into = Buffer.alloc(4);
  assert.equal(readSome(read, into), 1, 'it is still there');
  const until = calls;
  await turns();
  assert.equal(calls, until);
  writeSome(write, Buffer.from('y'));
  while (calls === until) await turns();
  handle.close();
  handle.close();
  const last = calls;
  await turns();
  assert.equal(calls, last);
  await nothingStaysOpen(before);
});

test('closed by what it calls: no further call', async (t) => {
  const { read, write } = pipe(t);
  writeSome(write, Buffer.from('x'));
  let calls = 0;
  await new Promise<void>((resolve) => {
    const handle = pollInThread(read, { readable: true }, () => {
      calls++;
      handle.close();
      resolve();
    });
  });
  await turns();
  assert.equal(calls, 1);
});

test('tells when a full pipe has room', async (t) => {
  const { read, write } = pipe(t);
  while (writeSome(write, Buffer.alloc(65_536)) !== WOULD_BLOCK);
  let handle: PollHandle;
  let full = true;
  const ready = new Promise<boolean>((resolve) => {
    handle = pollInThread(write, { writable: true }, () => {
      handle.close();
      resolve(full);
    });
  });
  await turns();
  full = false;
  readSome(read, Buffer.alloc(1 << 20));
  assert.equal(await ready, false);
});

test('tells that the other end of a pipe is closed, and that a process has ended', async () => {
  const happened = (fd: number): Promise<void> =>
    new Promise((resolve) => {
      const handle = pollInThread(fd, { readable: true }, () => {
        handle.close();
        resolve();
      });
    });
  const { read, write } = openPipe();
  const hungUp = happened(read);
  closeFd(write);
  await hungUp;
  closeFd(read);
  const child: ChildProcess = spawn('cat');
  const pidfd = pidfdOpen(child.pid!);
  const ended = happened(pidfd);
  child.stdin!.end();
  await Promise.all([ended, once(child, 'close')]);
  closeFd(pidfd);
});

test('what is not open is refused, and nothing stays open', async () => {
  const before = openFds();
  assert.throws(() => pollInThread(99_999, { readable: true }, () => {}), { code: 'EBADF' });
  await nothingStaysOpen(before);
});

test('keeps the program alive until closed, unless it is let go of; what it calls may throw', async () => {
  const program = (body: string) => `
    import { openPipe } from ${JSON.stringify(path.join(root, 'src/platform/descriptors.ts'))};
    import { pollInThread } from ${JSON.stringify(path.join(root, 'src/platform/thread-poll.ts'))};
    import { writeSync } from 'node:fs';
    const { read, write } = openPipe();
    const watch = (onReady) => pollInThread(read, { readable: true }, onReady);
    ${body}`;
  const run = (body: string) => start(['--input-type=module', '-e', program(body)]).ended;
  assert.deepEqual(await run("watch(() => {}).unref(); process.on('exit', () => console.log('end'));"), {
    stdout: 'end\n',
    stderr: '',
    code: 0,
    signal: null,
  });
  const kept = `const h = watch(() => { console.log('ready'); h.close(); }); h.unref(); h.ref();
    setTimeout(() => writeSync(write, 'x'), 50).unref();`;
  assert.equal((await run(kept)).stdout, 'ready\n');
  const thrown = `const h = watch(() => { throw new Error('from the call'); });
    process.on('uncaughtException', (e) => { console.log(e.message); h.close(); });
    writeSync(write, 'x');`;
  assert.equal((await run(thrown)).stdout, 'from the call\n');
});

test('without a free descriptor it looks by itself', () => {
  const program = `
    import { openPipe } from ${JSON.stringify(path.join(root, 'src/platform/descriptors.ts'))};
    import { pollInThread } from ${JSON.stringify(path.join(root, 'src/platform/thread-poll.ts'))};
    import { closeSync, openSync, writeSync } from 'node:fs';
    const { read, write } = openPipe();
    pollInThread(read, { readable: true }, () => {}).close();
    setTimeout(() => {
      const taken = [];
      try { for (;;) taken.push(openSync('/dev/null')); } catch {}
      const h = pollInThread(read, { readable: true }, () => {
        h.close();
        for (const fd of taken) closeSync(fd);
        console.log('ready', taken.length > 1);
      });
      writeSync(write, 'x');
    }, 20);`;
  const { stdout, stderr } = spawnSync(
    'sh',
    [
      '-c',
      'ulimit -n 96; exec "$0" --import "$1" --input-type=module -e "$2"',
      process.execPath,
      import.meta.resolve('tsx'),
      program,
    ],
    { cwd: root, encoding: 'utf8' },
  );
  assert.deepEqual([stdout, stderr], ['ready true\n', '']);
});

// Through koffi's poll, which the main thread uses, the program was aborted at one of the first.
test('worker threads that watch are terminated while what they watch is ready: the program goes on, nothing stays open', async () => {
  const fixture = path.join(root, 'test', 'fixtures', 'terminated-threads.mjs');
  const { stdout, stderr, signal } = await runNode([fixture, stress ? '2000' : '40'], {
    timeout: stress ? 3_000_000 : 240_000,
  });
  assert.deepEqual({ stdout, stderr, signal }, { stdout: '0 left over\n', stderr: '', signal: null });
});
