/** The examples for `subprocess` and `shlex` in the manual that this library grew from, one by one, as programs. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { root, startProgram } from '../support/run.ts';

type Context = Parameters<typeof startProgram>[0];

const imports = ['subprocess', 'shlex']
  .map((name) => `import * as ${name} from ${JSON.stringify(path.join(root, 'src', `${name}.ts`))};`)
  .join('\n');

async function linesOf(t: Context, text: string): Promise<string[]> {
  const { stdout, stderr, code } = await startProgram(t, 'main.mts', `${imports}\n${text}`).ended;
  assert.deepEqual([stderr, code], ['', 0]);
  return stdout.trimEnd().split('\n');
}

test('a string or a list starts a program, whose output is that of the parent', async (t) => {
  assert.deepEqual(
    await linesOf(
      t,
      `
    await new subprocess.Popen('pwd').wait();
    const p = new subprocess.Popen(['echo', 'Hello']);
    await p.wait();
    console.log(p.args, p.pid > 0, await p.communicate(), await p.wait({ timeout: 10_000 }), p.returncode);
    console.log(p.kill());
  `,
    ),
    [root, 'Hello', "[ 'echo', 'Hello' ] true [ null, null ] 0 0", 'undefined'],
  );
});

test('kill() and sendSignal() end a program; returncode is null until then', async (t) => {
  assert.deepEqual(
    await linesOf(
      t,
      `
    for (const end of [(p) => p.kill(), (p) => p.sendSignal('SIGTERM'), (p) => p.sendSignal(15), (p) => p.terminate()]) {
      const p = new subprocess.Popen(['sleep', '100']);
      const before = p.returncode;
      end(p);
      console.log(before, await p.wait());
    }
  `,
    ),
    ['null -9', 'null -15', 'null -15', 'null -15'],
  );
});

test('shlex.split cuts a command into a list, with comments and without, in POSIX style and not', async (t) => {
  const lines = await linesOf(
    t,
    String.raw`
    const show = (tokens) => console.log(JSON.stringify(tokens));
    show(shlex.split('echo "Hello World"'));
    show(shlex.split('D:/test/1.py # test'));
    show(shlex.split('D:/test/1.py # test', { comments: true }));
    show(shlex.split('D:\\test\\1.py'));
    show(shlex.split('D:\\test\\1.py', { posix: false }));
    show(shlex.split('D:\\test\\1.py', { posix: process.platform !== 'linux' }));
  `,
  );
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    [
      ['echo', 'Hello World'],
      ['D:/test/1.py', '#', 'test'],
      ['D:/test/1.py'],
      ['D:test1.py'],
      ['D:\\test\\1.py'],
      ['D:\\test\\1.py'],
    ],
  );
});

test('PIPE and STDOUT capture the output as bytes, once', async (t) => {
  assert.deepEqual(
    await linesOf(
      t,
      `
    const p = new subprocess.Popen(['echo', 'Hello'], { stdout: subprocess.PIPE, stderr: subprocess.STDOUT });
    const [stdout, stderr] = await p.communicate();
    console.log(JSON.stringify(String(stdout)), stdout instanceof Buffer, stderr);
    await p.communicate().catch((error) => console.log(String(error)));
    await new subprocess.Popen(['echo', 'never seen'], { stdout: subprocess.DEVNULL }).wait();
  `,
    ),
    [
      String.raw`"Hello\n" true null`,
      'ValueError: read of closed file: communicate() has already returned everything',
    ],
  );
});

test('input and a deadline: what comes too late is killed, and what it wrote until then is there', async (t) => {
  assert.deepEqual(
    await linesOf(
      t,
      `
    const { PIPE, STDOUT, Popen, TimeoutExpired } = subprocess;
    for (const [args, timeout] of [['cat', 10_000], [['sh', '-c', 'cat; exec sleep 100'], 300]] as const) {
      const p = new Popen(args, { stdin: PIPE, stdout: PIPE, stderr: STDOUT });
      let output: Buffer;
      try {
        [output] = await p.communicate(Buffer.from('Hello World'), { timeout });
      } catch (error) {
        if (!(error instanceof TimeoutExpired)) throw error;
        p.kill();
        [output] = await p.communicate();
      }
      console.log(String(output), p.returncode);
    }
  `,
    ),
    ['Hello World 0', 'Hello World -9'],
  );
});

test('the environment with one variable more', async (t) => {
  const lines = await linesOf(
    t,
    "await new subprocess.Popen('env', { env: { ...process.env, test_id: '1' } }).wait();",
  );
  assert.ok(lines.includes('test_id=1'));
  assert.ok(lines.some((line) => line.startsWith('PATH=')));
});

test('what only a shell understands needs shell: true, or the shell as the program', async (t) => {
  assert.deepEqual(
    await linesOf(
      t,
      `
    try { new subprocess.Popen('echo Hello'); } catch (error) { console.log(error.name, error.code); }
    console.log(await new subprocess.Popen(['sh', '-c', 'echo Hello']).communicate());
    console.log(await new subprocess.Popen('echo Hello', { shell: true }).communicate());
  `,
    ),
    ['FileNotFoundError ENOENT', 'Hello', '[ null, null ]', 'Hello', '[ null, null ]'],
  );
});
