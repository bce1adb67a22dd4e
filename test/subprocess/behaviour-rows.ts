/**
 * What programs and their starter owe each other whatever happens: errors at once, arguments untouched, no deadlock, no
 * lost exit code, nothing left behind.
 *
 * `MULTIPROC_STRESS=1` runs the full counts.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isMainThread } from 'node:worker_threads';
import fc from 'fast-check';
import { join } from '../../src/shlex.ts';
import * as sp from '../../src/subprocess.ts';
import { DEVNULL, PIPE, STDOUT, TimeoutExpired } from '../../src/subprocess.ts';
import { nothingStaysOpen, openFds } from '../support/fds.ts';
import { steal } from '../support/ffi.ts';
import {
  blocking,
  fallback,
  inNode,
  type P,
  rowList,
  sh,
  start,
  turn,
  waiting,
  withFile,
} from '../support/rows.ts';

export { blocking, waiting };
export const { rows, row, rowOnce, rowFast } = rowList();

/** SIGPIPE, as under a shell. A fallback in a worker thread has sockets, on which `yes` may see an error first. */
const brokenPipe = fallback && !isMainThread ? [-13, 1] : [-13];

const stress = process.env.MULTIPROC_STRESS === '1';

/** Children of this process that ended and were not collected. */
function zombies(): number[] {
  const found: number[] = [];
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = fs.readFileSync(`/proc/${name}/stat`, 'latin1');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (state === 'Z' && Number(parent) === process.pid) found.push(Number(name));
    } catch {
      // gone meanwhile
    }
  }
  return found;
}

const running = (pid: number): boolean => {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !['Z', 'X'].includes(stat[stat.lastIndexOf(')') + 2]!);
  } catch {
    return false;
  }
};

async function untilTrue(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    assert.ok(performance.now() < deadline, `never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function inDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'multiproc-'));
  try {
    await use(directory);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

// --- errors at once -------------------------------------------------------------------------------------------------

row('errors.start: the class, code, syscall and path of every failed start; nothing is left', (kit) =>
  inDirectory(async (directory) => {
    const file = (name: string, text: string, mode: number): string => {
      const full = path.join(directory, name);
      fs.writeFileSync(full, text, { mode });
      return full;
    };
    const plain = file('plain', '#!/bin/sh\n', 0o644);
    const badInterpreter = file('bad', '#!/no/such/interpreter\n', 0o755);
    const unmarked = file('unmarked', 'echo hi\n', 0o755);
    const good = file('good', '#!/bin/sh\nexit 0\n', 0o755);
    const cases: [sp.Args, sp.PopenOptions, string, string, string, string][] = [
      ['nonexisting_i_hope', {}, 'FileNotFoundError', 'ENOENT', 'spawn', 'nonexisting_i_hope'],
      [
        path.join(directory, 'none'),
        {},
        'FileNotFoundError',
        'ENOENT',
        'spawn',
        path.join(directory, 'none'),
      ],
      [[''], {}, 'FileNotFoundError', 'ENOENT', 'spawn', ''],
      [plain, {}, 'PermissionError', 'EACCES', 'spawn', plain],
      [['plain'], { env: { PATH: directory } }, 'PermissionError', 'EACCES', 'spawn', 'plain'],
      [directory, {}, 'PermissionError', 'EACCES', 'spawn', directory],
      [badInterpreter, {}, 'FileNotFoundError', 'ENOENT', 'spawn', badInterpreter],
      [unmarked, {}, 'OSError', 'ENOEXEC', 'spawn', unmarked],
      ['unmarked', { env: { PATH: `/none:${directory}` } }, 'OSError', 'ENOEXEC', 'spawn', 'unmarked'],
      ['./unmarked', { cwd: directory }, 'OSError', 'ENOEXEC', 'spawn', './unmarked'],
      [`${good}/x`, {}, 'NotADirectoryError', 'ENOTDIR', 'spawn', `${good}/x`],
      [good, { cwd: '/no/such' }, 'FileNotFoundError', 'ENOENT', 'chdir', '/no/such'],
      [good, { cwd: '' }, 'FileNotFoundError', 'ENOENT', 'chdir', ''],
      [good, { stdin: 987 }, 'OSError', 'EBADF', 'spawn', good],
      [good, { passFds: [987] }, 'OSError', 'EBADF', 'spawn', good],
      [good, { cwd: plain }, 'NotADirectoryError', 'ENOTDIR', 'chdir', plain],
      [[good, 'x'.repeat(4_000_000)], {}, 'OSError', 'E2BIG', 'spawn', good],
      [good, { env: { A: 'x'.repeat(4_000_000) } }, 'OSError', 'E2BIG', 'spawn', good],
    ];
    await kit.run('true', { captureOutput: true }); // what is opened once and for good is open then
    const before = openFds();
    for (const [args, options, name, code, syscall, at] of cases) {
      const expected = { name, code, syscall, path: at };
      const pipes = { stdin: PIPE, ...options, stdout: PIPE, stderr: PIPE };
      assert.throws(() => start(args, pipes), expected);
      await assert.rejects(async () => kit.run(args, options), expected);
    }
    await nothingStaysOpen(before);
    assert.deepEqual(zombies(), []);
  }),
);
row('errors.options: what makes no sense is refused before anything is started', async () => {
  const cases: [sp.Args, object, string, RegExp][] = [
    [[], {}, 'ValueError', /args is empty/],
    [[7 as never], {}, 'TypeError', /argument 0/],
    [['true', 'a\0b'], {}, 'ValueError', /embedded null byte/],
    [['true', 'a\ud800b'], {}, 'ValueError', /half of a surrogate pair/],
    ['true', { cwd: 'a\0b' }, 'ValueError', /embedded null byte/],
    ['true', { encoding: 'no-such-encoding' }, 'ValueError', /unknown encoding/],
    ['true', { errors: 'no-such-way' }, 'ValueError', /no-such-way/],
    ['true', { user: 'no_such_user_i_hope' }, 'KeyError', /no_such_user_i_hope/],
    ['true', { group: 'no_such_group_i_hope' }, 'KeyError', /no_such_group_i_hope/],
    ['true', { stdin: -7 }, 'ValueError', /-7/],
    ['true', { stdout: STDOUT }, 'ValueError', /STDOUT can only be used for stderr/],
    ['true', { stdout: 'nowhere' }, 'TypeError', /nowhere/],
    ['true', { stdout: {} }, 'ValueError', /no descriptor/],
    ['true', { passFds: [-1] }, 'RangeError', /passFds/],
    ['true', { killSignal: 'SIGNONE' }, 'ValueError', /SIGNONE/],
    ['true', { umask: 'x' }, 'TypeError', /umask/],
    ['true', { env: { A: 1 } }, 'TypeError', /environment variable A/],
    ['true', { stdin: 987 }, 'OSError', /EBADF/],
  ];
  for (const [args, options, name, message] of cases) {
    assert.throws(() => start(args, options as sp.PopenOptions), { name, message });
  }
});
rowOnce('errors.EMFILE: without descriptors left, and all is well again afterwards', async () => {
  const script = `
    const open = [];
    const before = fs.readdirSync('/proc/self/fd').length;
    sp.runSync('true'); // whatever is opened for good is open now
    try { for (;;) open.push(fs.openSync('/dev/null')); } catch {}
    const said = [];
    for (let spare = 0; spare < 4; spare++) {
      try { sp.runSync('cat', { input: 'x', captureOutput: true }); said.push('started'); }
      catch (e) { said.push([e.name, e.code, e.syscall, e.path].join(' ')); }
      fs.closeSync(open.pop());
    }
    for (const fd of open) fs.closeSync(fd);
    const { stdout } = sp.runSync('cat', { input: 'x', captureOutput: true });
    console.log(JSON.stringify([said, String(stdout)]));`;
  const out = inNode(script, { limit: 'ulimit -n 96' });
  assert.deepEqual(JSON.parse(out), [Array(4).fill('OSError EMFILE spawn cat'), 'x']);
});

rowOnce('errors.EAGAIN: with as many processes as this user may have', async () => {
  if (process.getuid!() !== 0) {
    console.log(
      'errors.EAGAIN skipped: needs root, which alone may become a user whose processes nobody else counts',
    );
    return;
  }
  const script = `
    sp.runSync('true'); // threads of our own, where there are any, count too: they run now
    process.setuid(54321);
    const said = [];
    for (const options of [{}, { stdin: sp.PIPE, stdout: sp.PIPE, stderr: sp.PIPE }]) {
      const before = fs.readdirSync('/proc/self/fd').length;
      try { new sp.Popen(['true'], options); said.push('started'); }
      catch (e) {
        said.push([e instanceof sp.BlockingIOError, e instanceof sp.OSError, e.name, e.code, e.syscall, e.path]);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
      said.push(fs.readdirSync('/proc/self/fd').length - before);
    }
    console.log(JSON.stringify(said));`;
  const expected = [true, true, 'BlockingIOError', 'EAGAIN', 'spawn', 'true'];
  assert.deepEqual(JSON.parse(inNode(script, { limit: 'ulimit -u 1 2>/dev/null || ulimit -p 1' })), [
    expected,
    0,
    expected,
    0,
  ]);
});

// --- arguments ------------------------------------------------------------------------------------------------------

/** Prints each argument, ended by a NUL. */
const echo = ['sh', '-c', 'printf "%s\\0" "$@"', 'sh'];
const word = fc
  .oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.string({ unit: 'grapheme', maxLength: 6 }),
    fc.string({
      unit: fc.constantFrom(...'\'"\\$`()*?[]{}~#&|;<>!%^ \t\n\r\u2028=-é😀', '$(', '${', '\\\n'),
      maxLength: 10,
    }),
  )
  .map((text) => text.replaceAll('\0', ''));
const runs = stress ? 1_000 : 40;

row('arguments.untouched: whatever is passed arrives, with and without a shell in between', async (kit) => {
  await fc.assert(
    fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 6 }), async (args) => {
      const expected = args.map((arg) => `${arg}\0`).join('');
      assert.equal(String(await kit.checkOutput([...echo, ...args])), expected);
      const line = join(['printf', '%s\\0', ...args]);
      assert.equal(String(await kit.checkOutput(line, { shell: true })), expected);
    }),
    { numRuns: runs },
  );
});
row('arguments.surrogates: half a pair is refused, wherever it stands', async () => {
  const half = fc.integer({ min: 0xd800, max: 0xdfff }).map((c) => String.fromCharCode(c));
  const plain = fc.string({ maxLength: 5 }).map((text) => text.replaceAll('\0', ''));
  fc.assert(
    fc.property(plain, half, plain, (a, b, c) => {
      assert.throws(() => start(['true', `${a}${b}${c}`]), { name: 'ValueError', message: /surrogate/ });
    }),
    { numRuns: runs },
  );
});
row('arguments.environment: any value arrives, and nothing else', async (kit) => {
  await fc.assert(
    fc.asyncProperty(word, async (value) => {
      const out = await kit.checkOutput(['env', '-0'], { env: { PATH: process.env.PATH, 'A b': value } });
      assert.deepEqual(String(out).split('\0').sort(), ['', `A b=${value}`, `PATH=${process.env.PATH}`]);
    }),
    { numRuns: runs },
  );
});

// --- communicate ----------------------------------------------------------------------------------------------------

const MB = 1 << 20;

row('communicate.stderr_first: a program that fills stderr before it reads', async (kit) => {
  const p = start(sh(`head -c ${4 * MB} /dev/zero >&2; cat; head -c ${4 * MB} /dev/zero >&2`), {
    stdin: PIPE,
    stdout: PIPE,
    stderr: PIPE,
  });
  const input = Buffer.alloc(3 * MB, 'in');
  const [out, err] = await kit.communicate(p, input);
  assert.ok(input.equals(out as Buffer));
  assert.equal(err!.length, 8 * MB);
  assert.equal(p.returncode, 0);
});
row('communicate.stdin_closed: a program that closes its stdin early', async (kit) => {
  const p = start(sh(`head -c 10; exec <&-; head -c ${2 * MB} /dev/zero`), { stdin: PIPE, stdout: PIPE });
  const [out] = await kit.communicate(p, Buffer.alloc(8 * MB, 'x'));
  assert.equal(out!.length, 10 + 2 * MB);
  assert.equal(p.returncode, 0);
});
row('communicate.both_ways: much to and from the program at once', async (kit) => {
  const size = stress ? 1024 * MB : 24 * MB;
  const input = Buffer.alloc(size);
  for (let i = 0; i < size; i += 4096) input.writeUInt32LE(i, i);
  const p = start('cat', { stdin: PIPE, stdout: PIPE });
  const [out] = await kit.communicate(p, input);
  assert.ok(input.equals(out as Buffer));
});
row('communicate.grandchild: the deadline holds though a grandchild keeps the pipe', async (kit) => {
  const begin = performance.now();
  const p = start(sh('echo hi; sleep 12 & sleep 12'), { stdout: PIPE, startNewSession: true });
  await assert.rejects(kit.communicate(p, undefined, { timeout: 500 }), (e) => {
    assert.ok(e instanceof TimeoutExpired);
    assert.deepEqual([e.output, e.timeout], [Buffer.from('hi\n'), 500]);
    return true;
  });
  assert.ok(performance.now() - begin < 6_000, 'waited for the grandchild');
  p.kill({ tree: true });
  assert.deepEqual(await kit.communicate(p), [Buffer.from('hi\n'), null]);
  assert.equal(p.returncode, -9);
});
row('communicate.again: nothing is lost over several timeouts', async (kit) => {
  const script =
    'i=0; while [ $i -lt 40 ]; do echo "line $i"; echo "err $i" >&2; i=$((i+1)); sleep 0.01; done; cat';
  const p = start(sh(script), { stdin: PIPE, stdout: PIPE, stderr: PIPE, text: true });
  let timeouts = 0;
  for (;;) {
    try {
      const [out, err] = await kit.communicate(p, timeouts === 0 ? 'input\n' : undefined, { timeout: 60 });
      const lines = (name: string): string => Array.from({ length: 40 }, (_, i) => `${name} ${i}\n`).join('');
      assert.equal(out, `${lines('line')}input\n`);
      assert.equal(err, lines('err'));
      break;
    } catch (e) {
      assert.ok(e instanceof TimeoutExpired, String(e));
      timeouts++;
    }
  }
  assert.ok(timeouts > 0, 'never ran out of time');
});
row('communicate.maxOutput: keeps so much of each stream and reads on', async (kit) => {
  const script = sh(`head -c ${3 * MB} /dev/zero; head -c ${2 * MB} /dev/zero >&2; exit 3`);
  const result = await kit.run(script, { captureOutput: true, maxOutput: 1000 });
  assert.deepEqual([result.returncode, result.stdout!.length, result.stderr!.length], [3, 1000, 1000]);
  const p = start(script, { stdout: PIPE, stderr: PIPE });
  if (kit.form === 'waiting') await p.communicate(undefined, { maxOutput: 5 });
  else p.communicateSync(undefined, { maxOutput: 5 });
  assert.deepEqual(p.dropped, [3 * MB - 5, 2 * MB - 5]);
});
row('communicate.text: multi-byte characters and newlines across chunks', async (kit) => {
  const text = 'äöü€😀\r\n'.repeat(100_000);
  const p = start('cat', { stdin: PIPE, stdout: PIPE, encoding: 'utf-8' });
  const [out] = await kit.communicate(p, text);
  assert.ok(out === text.replaceAll('\r\n', '\n'));
});

// --- many programs --------------------------------------------------------------------------------------------------

row('many.in_a_row: every exit code arrives, nothing is left', async (kit) => {
  const count = stress ? 10_000 : 200;
  await kit.run('true', { captureOutput: true }); // what is opened once and for good is open then
  const before = openFds();
  for (let i = 0; i < count; i++) {
    const code = i % 200;
    const args = i % 2 === 0 ? sh(`exit ${code}`) : ['sh', '-c', `exit ${code}`];
    const got =
      i % 3 === 0 ? (await kit.run(args, { captureOutput: true })).returncode : await kit.call(args);
    assert.equal(got, code);
  }
  await nothingStaysOpen(before);
  assert.deepEqual(zombies(), []);
});
row('many.at_a_time: two hundred together', async (kit) => {
  const count = stress ? 200 : 60;
  await kit.run('true', { captureOutput: true }); // what is opened once and for good is open then
  const before = openFds();
  for (let round = 0; round < (stress ? 10 : 2); round++) {
    const all = Array.from({ length: count }, (_, i) =>
      start(sh(`read x; echo "$x"; exit ${i % 256}`), { stdin: PIPE, stdout: PIPE, text: true }),
    );
    const done = all.map((p, i) => kit.communicate(p, `${i}\n`));
    for (const [i, p] of all.entries()) {
      assert.deepEqual(await done[i], [`${i}\n`, null]);
      assert.equal(p.returncode, i % 256);
    }
  }
  await nothingStaysOpen(before);
  assert.deepEqual(zombies(), []);
});
row('many.mixed: none is collected from under node:child_process, nor the other way round', async (kit) => {
  const count = stress ? 500 : 60;
  const theirs: Promise<unknown[]>[] = [];
  const ours: [number, Promise<number>][] = [];
  for (let i = 0; i < count; i++) {
    const child: ChildProcess = spawn('sh', ['-c', `exit ${i % 256}`], { stdio: 'ignore' });
    theirs.push(once(child, 'exit'));
    const p = start(sh(`exit ${(i * 7) % 256}`), { stdin: DEVNULL, stdout: DEVNULL });
    ours.push([(i * 7) % 256, kit.wait(p)]);
    if (i % 10 === 0) await turn();
  }
  for (const [expected, code] of ours) assert.equal(await code, expected);
  for (const [i, exit] of theirs.entries()) assert.deepEqual(await exit, [i % 256, null]);
  assert.deepEqual(zombies(), []);
});
row('exit.stolen: a program that somebody else has collected has ended for us too, with 0', async (kit) => {
  for (let tries = 0; ; tries++) {
    const p = start(sh('sleep 0.02; exit 7'));
    const waiting = kit.form === 'waiting' ? p.wait() : undefined;
    const stolen = steal(p.pid);
    const code = await (waiting ?? kit.wait(p));
    if (stolen === p.pid) {
      assert.equal(code, 0);
      return;
    }
    // Another thread was first.
    assert.equal(code, 7);
    assert.ok(tries < 50);
  }
});
row('many.dropped: programs that nobody waits for are collected', async () => {
  for (let i = 0; i < 20; i++) start('true');
  await untilTrue('no zombie is left', () => zombies().length === 0);
});

/** What becomes of one write, to a program that reads no more. */
const written = (p: P): Promise<string | undefined> =>
  new Promise((resolve) => p.stdin!.write('x', (e) => resolve((e as NodeJS.ErrnoException | null)?.code)));

row('input.ended: the first write to a program that has ended is EPIPE already', async (kit) => {
  const p = start('true', { stdin: PIPE });
  await kit.wait(p);
  assert.equal(await written(p), 'EPIPE');
});
row('input.closed: the first write to a program that has closed its input is EPIPE already', async (kit) => {
  const p = start(sh('exec <&-; echo closed; exec sleep 60'), { stdin: PIPE, stdout: PIPE });
  await kit.readline(p.stdout!);
  assert.equal(await written(p), 'EPIPE');
  p.kill();
  await kit.wait(p);
});
row('input.heir: while anybody else can read, a write to a program that has ended succeeds', async (kit) => {
  const p = start(sh('exec 3<&0; sleep 60 <&3 & echo $!'), { stdin: PIPE, stdout: PIPE, text: true });
  const heir = Number(await kit.readline(p.stdout!));
  await kit.wait(p);
  assert.equal(await written(p), undefined);
  process.kill(heir, 'SIGKILL');
  p.stdin!.destroy();
});

// --- ending -----------------------------------------------------------------------------------------------------------

row('ending.tree: children in groups and sessions of their own go too', async (kit) => {
  const p = start(
    sh('setsid sleep 77 & (sh -c "sleep 78 & sleep 79") & echo $!; ps -o pid= --ppid $$; wait'),
    {
      stdout: PIPE,
      text: true,
    },
  );
  await kit.readline(p.stdout!);
  const family = (): number[] => {
    const found: number[] = [];
    for (const name of fs.readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      try {
        const line = fs.readFileSync(`/proc/${name}/cmdline`, 'utf8');
        const env = fs.readFileSync(`/proc/${name}/environ`, 'utf8');
        if (/^sleep\0(77|78|79)\0/.test(line) && env.includes(marker)) found.push(Number(name));
      } catch {
        // gone meanwhile
      }
    }
    return found;
  };
  const marker = `PWD=`;
  await untilTrue('all three sleep', () => family().length >= 3);
  const sleepers = family();
  p.kill({ tree: true });
  assert.equal(await kit.wait(p), -9);
  await untilTrue('the whole tree is gone', () => !sleepers.some(running));
  await kit.leave(p);
});
row('ending.run_tree: run ends the tree when time is up', (kit) =>
  withFile('', async (fd, file) => {
    const script = `sleep 60 & echo $! > ${file}; wait`;
    await assert.rejects(kit.run(sh(script), { timeout: 200, tree: true, stdout: DEVNULL }), TimeoutExpired);
    const pid = Number(fs.readFileSync(file, 'utf8'));
    assert.ok(pid > 0 && fd > 0);
    await untilTrue('the grandchild is gone', () => !running(pid));
  }),
);
row('ending.signal: an AbortSignal ends the program, and the wait', async () => {
  const control = new AbortController();
  const p = start(['sleep', '60'], { signal: control.signal, killSignal: 'SIGINT' });
  control.abort();
  assert.equal(await p.wait(), -2);
  const late = AbortSignal.abort(new Error('too late'));
  assert.throws(() => start('true', { signal: late }), /too late/);
  const run = new AbortController();
  const running = sp.run(['sleep', '60'], { signal: run.signal });
  run.abort(new Error('enough'));
  await assert.rejects(running, /enough/);
  const wait = new AbortController();
  const q = start(['sleep', '60']);
  const waited = q.wait({ signal: wait.signal });
  wait.abort(new Error('no more'));
  await assert.rejects(waited, /no more/);
  assert.equal(q.poll(), null);
  q.kill();
  await q.wait();
});
row('ending.killSignal: run sends it when time is up, and SIGKILL if that is ignored', async (kit) => {
  const out = await kit
    .run(sh('trap "echo bye; exit 0" TERM; echo hi; while :; do sleep 0.01; done'), {
      stdout: PIPE,
      timeout: 200,
      killSignal: 'SIGTERM',
    })
    .catch((e: unknown) => e);
  assert.ok(out instanceof TimeoutExpired);
});

// --- streams ----------------------------------------------------------------------------------------------------------

row('streams.pipeline: three programs, kernel to kernel', async (kit) => {
  const size = 64 * MB;
  const yes = start('yes', { stdout: PIPE });
  const head = start(['head', '-c', `${size}`], { stdin: yes.stdout, stdout: PIPE });
  const wc = start(['wc', '-c'], { stdin: head.stdout, stdout: PIPE, text: true });
  assert.deepEqual([yes.stdout!.fd, head.stdout!.fd], [null, null]);
  assert.equal(Number((await kit.communicate(wc))[0]), size);
  assert.equal(await kit.wait(head), 0);
  assert.ok(brokenPipe.includes(await kit.wait(yes)));
});
row('streams.begun: a stream that has been read from cannot be given away', async (kit) => {
  const p = start(['echo', 'x'], { stdout: PIPE });
  await kit.readline(p.stdout!);
  assert.throws(() => start('cat', { stdin: p.stdout }), {
    name: 'ValueError',
    message: /reading has begun|closed/,
  });
  await kit.leave(p);
});
row('streams.node: pipe() in and out, and pipeline()', async () => {
  await withFile('', async (_fd, file) => {
    const source = start(sh(`head -c ${2 * MB} /dev/zero | tr '\\0' x`), { stdout: PIPE });
    const cat = start('cat', { stdin: PIPE, stdout: PIPE });
    await Promise.all([
      pipeline(source.stdout!, cat.stdin!),
      pipeline(cat.stdout!, fs.createWriteStream(file)),
    ]);
    assert.deepEqual([await source.wait(), await cat.wait()], [0, 0]);
    assert.ok(fs.readFileSync(file).equals(Buffer.alloc(2 * MB, 'x')));
  });
});
row('streams.iterate: by line in text mode, by piece in binary; leaving early closes', async () => {
  const script = sh('i=0; while [ $i -lt 1000 ]; do echo "line $i"; i=$((i+1)); done; printf end');
  const text = start(script, { stdout: PIPE, text: true });
  const lines: string[] = [];
  for await (const line of text.stdout!) lines.push(line);
  assert.deepEqual(lines, [...Array.from({ length: 1000 }, (_, i) => `line ${i}\n`), 'end']);
  const binary = start(script, { stdout: PIPE });
  const pieces: Buffer[] = [];
  for await (const piece of binary.stdout!) pieces.push(piece);
  assert.equal(String(Buffer.concat(pieces)), lines.join(''));
  const yes = start('yes', { stdout: PIPE, text: true });
  for await (const line of yes.stdout!) {
    assert.equal(line, 'y\n');
    break;
  }
  assert.ok(brokenPipe.includes(await yes.wait()));
  assert.deepEqual([await text.wait(), await binary.wait()], [0, 0]);
});
row('streams.backpressure: a program that is not read does not fill our memory', async () => {
  const p = start('yes', { stdout: PIPE });
  let got = 0;
  p.stdout!.on('data', (piece: Buffer) => {
    got += piece.length;
    p.stdout!.pause();
  });
  await untilTrue('some came', () => got > 0);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(got < 4 * MB, `${got} bytes although paused`);
  p.kill();
  await p.wait();
  p.stdout!.destroy();
});
row('streams.drain: writing more than the pipe holds waits for the program', async () => {
  const p = start(sh('sleep 0.05; wc -c'), { stdin: PIPE, stdout: PIPE, text: true });
  assert.equal(p.stdin!.write(Buffer.alloc(8 * MB)), false);
  await once(p.stdin!, 'drain');
  p.stdin!.end(Buffer.alloc(5));
  assert.equal(Number(await p.stdout!.readAll()), 8 * MB + 5);
  assert.equal(await p.wait(), 0);
});
row('streams.bufsize: 0, 1, -1 and n all deliver everything', async (kit) => {
  for (const bufsize of [0, 1, -1, 7, 100_000]) {
    for (const text of [false, true]) {
      const p = start('cat', { stdin: PIPE, stdout: PIPE, bufsize, text });
      p.stdin!.write('one\ntwo\n');
      assert.equal(String(await kit.readline(p.stdout!)), 'one\n');
      p.stdin!.end();
      await turn();
      await turn();
      assert.equal(String(await kit.readAll(p.stdout!)), 'two\n');
      assert.equal(await kit.wait(p), 0);
    }
  }
});
row('streams.files: a FileHandle, a file stream, a number, one for both outputs', (kit) =>
  withFile('', async (fd, file) => {
    const handle = await fs.promises.open(file, 'a');
    await kit.call(['echo', 'handle'], { stdout: handle });
    await handle.close();
    const stream = fs.createWriteStream(file, { flags: 'a' });
    await once(stream, 'open');
    await kit.call(['echo', 'stream'], { stdout: stream });
    stream.end();
    await once(stream, 'close');
    const end = fs.openSync(file, 'a');
    await kit.call(sh('echo number; echo both >&2'), { stdout: end, stderr: STDOUT });
    fs.closeSync(end);
    assert.equal(fs.readFileSync(file, 'utf8'), 'handle\nstream\nnumber\nboth\n');
    assert.ok(fd > 0);
  }),
);
row('streams.order: stdout and stderr through one pipe keep the order of the bytes', async (kit) => {
  const script = 'i=0; while [ $i -lt 300 ]; do echo "o$i"; echo "e$i" >&2; i=$((i+1)); done';
  const out = await kit.checkOutput(sh(script), { stderr: STDOUT, text: true });
  assert.equal(out, Array.from({ length: 300 }, (_, i) => `o${i}\ne${i}\n`).join(''));
});
rowOnce('streams.exit: what was written before our end arrives although we end at once', async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'multiproc-'));
  const file = path.join(directory, 'out');
  inNode(`
    const p = new sp.Popen(['sh', '-c', 'sleep 0.1; cat > ' + ${JSON.stringify(file)}], { stdin: sp.PIPE });
    p.stdin.end('from a program that has ended');`);
  await untilTrue('it was written', () => fs.existsSync(file) && fs.readFileSync(file, 'utf8') !== '');
  assert.equal(fs.readFileSync(file, 'utf8'), 'from a program that has ended');
  fs.rmSync(directory, { recursive: true });
});
rowOnce('loop.alive: our program ends while a program that nobody waits for runs on', async () => {
  const begin = performance.now();
  const out = inNode(`
    const p = new sp.Popen(['sleep', '20'], { stdout: sp.DEVNULL, stderr: sp.DEVNULL });
    console.log(p.pid);`);
  assert.ok(performance.now() - begin < 10_000);
  const pid = Number(out);
  assert.ok(running(pid));
  process.kill(pid, 'SIGKILL');
});
rowOnce('loop.waited: our program stays until what it waits for has ended', async () => {
  const out = inNode(`
    new sp.Popen(['sh', '-c', 'sleep 0.3; exit 5']).wait().then((code) => console.log('code', code));`);
  assert.equal(out, 'code 5\n');
});
row('loop.free: the event loop goes on while a program runs', async () => {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  await sp.run(sh('sleep 0.3'), { captureOutput: true });
  clearInterval(timer);
  assert.ok(ticks > 10, `${ticks} ticks in 300 ms`);
});
row('other.exec: node:child_process works as ever beside us', async (kit) => {
  const theirs = new Promise<string>((resolve, reject) => {
    execFile('sh', ['-c', 'sleep 0.05; echo theirs'], (error, stdout) =>
      error ? reject(error) : resolve(stdout),
    );
  });
  assert.equal(String(await kit.checkOutput(['echo', 'ours'])), 'ours\n');
  assert.equal(await theirs, 'theirs\n');
});
