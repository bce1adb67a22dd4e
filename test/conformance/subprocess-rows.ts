/**
 * CPython's test_subprocess, row by row, each for the waiting and the blocking form of every call.
 *
 * Only a list: subprocess.test.ts runs it in the main thread, where SIGCHLD tells of ended programs, in a worker
 * thread, where pidfds do, and through the fallback, where `node:child_process` starts programs.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import * as sp from '../../src/subprocess.ts';
import { CalledProcessError, DEVNULL, PIPE, STDOUT, TimeoutExpired } from '../../src/subprocess.ts';
import { nothingStaysOpen, openedSince, openFds } from '../support/fds.ts';
import { closeFd, duplicate, F_GETFD, F_SETFD, fcntl, openPipe, pipeSize, steal } from '../support/ffi.ts';
import {
  blocking,
  fallback,
  inNode,
  nodeArgs,
  rowList,
  sh,
  start,
  turn,
  waiting,
  withFile,
} from '../support/rows.ts';

export { blocking, waiting };

export const { rows, row, rowOnce, rowFast } = rowList();

const TRUE = 'true';
const MISSING = 'nonexisting_i_hope';
const BIG = 4_194_305;

row('ProcessTestCase.test_call_timeout: call kills what runs too long and says so', async (kit) => {
  await assert.rejects(kit.call(sh('while :; do :; done'), { timeout: 100 }), TimeoutExpired);
});
row('ProcessTestCase.test_check_call_zero: checkCall gives 0', async (kit) => {
  assert.equal(await kit.checkCall(TRUE), 0);
});
row(
  'ProcessTestCase.test_check_output: checkOutput gives what was printed and refuses stdout and check',
  async (kit) => {
    assert.match(String(await kit.checkOutput(['echo', 'BDFL'])), /BDFL/);
    const refused = async (options: object, name: string): Promise<void> => {
      await assert.rejects(async () => kit.checkOutput([], options), {
        name: 'ValueError',
        message: `${name} argument not allowed, it will be overridden.`,
      });
    };
    await refused({ stdout: null }, 'stdout');
    await refused({ check: false }, 'check');
  },
);
row('ProcessTestCase.test_check_output_nonzero: checkOutput throws on an exit code', async (kit) => {
  await assert.rejects(
    kit.checkOutput(sh('exit 5')),
    (e) => e instanceof CalledProcessError && e.returncode === 5,
  );
});
row('ProcessTestCase.test_check_output_stderr: stderr may be part of the output', async (kit) => {
  assert.match(String(await kit.checkOutput(sh('echo BDFL >&2'), { stderr: STDOUT })), /BDFL/);
});
row('ProcessTestCase.test_check_output_stdin_arg: a file as standard input', (kit) =>
  withFile('pear', async (fd) => {
    assert.match(String(await kit.checkOutput(['tr', 'a-z', 'A-Z'], { stdin: fd })), /PEAR/);
  }),
);
row('ProcessTestCase.test_check_output_input_arg: input from memory', async (kit) => {
  assert.match(String(await kit.checkOutput(['tr', 'a-z', 'A-Z'], { input: Buffer.from('pear') })), /PEAR/);
});
rowOnce('ProcessTestCase.test_check_output_input_none: null is empty input', async () => {
  const out = inNode(
    `console.log(String(sp.checkOutputSync('cat', { input: null })), String(await sp.checkOutput('cat', { input: null })))`,
    { input: 'XX' },
  );
  assert.doesNotMatch(out, /XX/);
});
for (const option of ['text', 'universalNewlines'] as const) {
  rowOnce(
    `ProcessTestCase.test_check_output_input_none_${option === 'text' ? 'text' : 'universal_newlines'}: null is empty text`,
    async () => {
      const out = inNode(
        `console.log(JSON.stringify(sp.checkOutputSync('cat', { input: null, ${option}: true })))`,
        { input: 'XX' },
      );
      assert.equal(out, '""\n');
    },
  );
}
row(
  'ProcessTestCase.test_check_output_input_none_encoding_errors: encoding and errors with null input',
  async (kit) => {
    const out = await kit.checkOutput(['echo', 'foo'], { input: null, encoding: 'utf-8', errors: 'ignore' });
    assert.equal(out, 'foo\n');
  },
);
row('ProcessTestCase.test_check_output_stdout_arg: stdout is refused', async (kit) => {
  await assert.rejects(async () => kit.checkOutput(['echo', 'no'], { stdout: process.stdout } as object), {
    name: 'ValueError',
    message: /stdout/,
  });
});
row('ProcessTestCase.test_check_output_timeout: TimeoutExpired carries the output', async (kit) => {
  await assert.rejects(kit.checkOutput(sh('printf BDFL; exec sleep 3600'), { timeout: 400 }), (e) => {
    assert.ok(e instanceof TimeoutExpired);
    assert.deepEqual(e.output, Buffer.from('BDFL'));
    return true;
  });
});
rowOnce('ProcessTestCase.test_stdout_none: a stream not given is the parent’s', async () => {
  const out = inNode(
    `const p = new sp.Popen(['echo', 'test_stdout_none'], { stdin: sp.PIPE, stderr: sp.PIPE });
     if (p.stdout !== null) throw new Error('stdout'); await p.wait();`,
  );
  assert.equal(out, 'test_stdout_none\n');
});
row('ProcessTestCase.test_stderr_none: no stderr stream without PIPE', async (kit) => {
  const p = start(TRUE, { stdin: PIPE, stdout: PIPE });
  assert.equal(await kit.wait(p), 0);
  assert.equal(p.stderr, null);
  await kit.leave(p);
});
row('ProcessTestCase.test_executable: executable runs under the name in args[0]', async (kit) => {
  const p = start(['/no/such/file', '-c', 'exit 47'], { executable: '/bin/sh' });
  assert.equal(await kit.wait(p), 47);
});
row('ProcessTestCase.test_bytes_executable: executable as bytes', async (kit) => {
  const p = start(['/no/such/file', '-c', 'exit 47'], { executable: Buffer.from('/bin/sh') });
  assert.equal(await kit.wait(p), 47);
});
row('ProcessTestCase.test_executable_takes_precedence: args[0] is no fallback', async (kit) => {
  assert.equal(await kit.wait(start(sh('exit 47'))), 47);
  assert.throws(() => start(sh('exit 47'), { executable: MISSING }), { name: 'FileNotFoundError' });
});
row('ProcessTestCase.test_executable_replaces_shell: executable is the shell', async (kit) => {
  const p = start('[ -n "$BASH_VERSION" ] && exit 47', { executable: '/bin/bash', shell: true });
  assert.equal(await kit.wait(p), 47);
});
row('ProcessTestCase.test_pathlike_executable_replaces_shell: executable as a URL', async (kit) => {
  const p = start('[ -n "$BASH_VERSION" ] && exit 47', {
    executable: new URL('file:///bin/bash'),
    shell: true,
  });
  assert.equal(await kit.wait(p), 47);
});
row('ProcessTestCase.test_cwd: the child’s directory, not ours', async (kit) => {
  const before = process.cwd();
  const directory = fs.realpathSync(os.tmpdir());
  const p = start(sh('pwd; exit 47'), { cwd: directory, stdout: PIPE, text: true });
  assert.deepEqual(await kit.communicate(p), [`${directory}\n`, null]);
  assert.equal(p.returncode, 47);
  assert.equal(process.cwd(), before);
});
row('ProcessTestCase.test_cwd_with_bytes: cwd as bytes', async (kit) => {
  const directory = fs.realpathSync(os.tmpdir());
  const p = start('pwd', { cwd: Buffer.from(directory), stdout: PIPE, text: true });
  assert.deepEqual(await kit.communicate(p), [`${directory}\n`, null]);
});
for (const viaExecutable of [false, true]) {
  row(
    `ProcessTestCase.test_cwd_with_relative_${viaExecutable ? 'executable' : 'arg'}: a relative program is the child’s`,
    async (kit) => {
      const full = fs.mkdtempSync(path.join(os.tmpdir(), 'multiproc-full-'));
      const empty = fs.mkdtempSync(path.join(os.tmpdir(), 'multiproc-empty-'));
      fs.writeFileSync(path.join(full, 'prog'), '#!/bin/sh\npwd\nexit 47\n', { mode: 0o755 });
      const args = [viaExecutable ? 'somethingyoudonthave' : './prog'];
      const options = viaExecutable ? { executable: './prog' } : {};
      try {
        assert.throws(() => start(args, options), { name: 'FileNotFoundError' });
        assert.throws(() => start(args, { ...options, cwd: empty }), { name: 'FileNotFoundError' });
        const p = start(args, { ...options, cwd: full, stdout: PIPE, text: true });
        assert.deepEqual(await kit.communicate(p), [`${fs.realpathSync(full)}\n`, null]);
        assert.equal(p.returncode, 47);
      } finally {
        for (const d of [full, empty]) fs.rmSync(d, { recursive: true });
      }
    },
  );
}
for (const [id, cwd] of [
  ['with', '/bin'],
  ['without', undefined],
] as const) {
  row(`ProcessTestCase.test_executable_${id}_cwd: an absolute executable ${id} cwd`, async (kit) => {
    const p = start(['somethingyoudonthave', '-c', 'pwd -P; exit 47'], {
      executable: '/bin/sh',
      cwd,
      stdout: PIPE,
      text: true,
    });
    const [out] = await kit.communicate(p);
    assert.equal(out, `${cwd === undefined ? process.cwd() : fs.realpathSync(cwd)}\n`);
    assert.equal(p.returncode, 47);
  });
}
row('ProcessTestCase.test_stdin_filedes: a descriptor as stdin', (kit) =>
  withFile('pear', async (fd) => {
    assert.equal(await kit.wait(start(sh('[ "$(cat)" = pear ] && exit 1'), { stdin: fd })), 1);
  }),
);
for (const [id, name, redirect] of [
  ['stdout', 'stdout', ''],
  ['stderr', 'stderr', ' >&2'],
] as const) {
  row(`ProcessTestCase.test_${id}_filedes: a descriptor as ${name}`, (kit) =>
    withFile('', async (fd, file) => {
      await kit.wait(start(sh(`printf orange${redirect}`), { [name]: fd }));
      assert.equal(fs.readFileSync(file, 'utf8'), 'orange');
    }),
  );
  row(`ProcessTestCase.test_${id}_fileobj: a file object as ${name}`, (kit) =>
    withFile('', async (_fd, file) => {
      const handle = await fs.promises.open(file, 'r+');
      await kit.wait(start(sh(`printf orange${redirect}`), { [name]: handle }));
      await handle.close();
      assert.equal(fs.readFileSync(file, 'utf8'), 'orange');
    }),
  );
}
row('ProcessTestCase.test_stderr_pipe: stderr as a stream', async (kit) => {
  const p = start(sh('printf strawberry >&2'), { stderr: PIPE });
  assert.deepEqual(await kit.readAll(p.stderr!), Buffer.from('strawberry'));
  await kit.leave(p);
});
rowOnce(
  'ProcessTestCase.test_stderr_redirect_with_no_stdout_redirect: STDOUT is then the parent’s stdout',
  async () => {
    const out = inNode(
      `process.exitCode = sp.callSync(['sh', '-c', 'printf 42 >&2'], { stderr: sp.STDOUT });`,
    );
    assert.equal(out, '42');
  },
);
row('ProcessTestCase.test_stdout_stderr_pipe: one pipe keeps the order', async (kit) => {
  const p = start(sh('printf apple; printf orange >&2'), { stdout: PIPE, stderr: STDOUT });
  assert.equal(String(await kit.readAll(p.stdout!)), 'appleorange');
  await kit.leave(p);
});
row('ProcessTestCase.test_stdout_stderr_file: one file, one offset', (kit) =>
  withFile('', async (fd, file) => {
    await kit.wait(start(sh('printf apple; printf orange >&2'), { stdout: fd, stderr: fd }));
    assert.equal(fs.readFileSync(file, 'utf8'), 'appleorange');
  }),
);
row('ProcessTestCase.test_stdout_devnull: discarded output', async (kit) => {
  const p = start(sh('head -c 10000000 /dev/zero'), { stdout: DEVNULL });
  assert.equal(p.stdout, null);
  assert.equal(await kit.wait(p), 0);
});
row('ProcessTestCase.test_stdin_devnull: empty input', async (kit) => {
  const p = start('cat', { stdin: DEVNULL });
  assert.equal(p.stdin, null);
  assert.equal(await kit.wait(p), 0);
});
for (const [id, pipesize] of [
  ['test_pipesizes', 32_768],
  ['test_pipesize_default', -1],
] as const) {
  (pipesize === -1 ? row : rowFast)(`ProcessTestCase.${id}: pipes of ${pipesize} bytes`, async (kit) => {
    const fresh = openPipe();
    const usual = pipeSize(fresh.read);
    closeFd(fresh.read);
    closeFd(fresh.write);
    const p = start('cat', { stdin: PIPE, stdout: PIPE, stderr: PIPE, pipesize });
    // The fallback in a worker thread has sockets, whose room is not counted this way.
    for (const s of fallback && !isMainThread ? [] : [p.stdin!, p.stdout!, p.stderr!]) {
      assert.equal(pipeSize(s.fileno()), pipesize === -1 ? usual : pipesize);
    }
    await kit.communicate(p);
  });
}
row('ProcessTestCase.test_env: an environment of one’s own', async (kit) => {
  const p = start(sh('printf "$FRUIT"'), { env: { ...process.env, FRUIT: 'orange' }, stdout: PIPE });
  assert.equal(String((await kit.communicate(p))[0]), 'orange');
});
row('ProcessTestCase.test_invalid_cmd: a NUL is refused', async () => {
  for (const args of [['true\0'], ['true', 'a\0b']]) {
    assert.throws(() => start(args), { name: 'ValueError', message: /embedded null byte/ });
  }
});
row('ProcessTestCase.test_invalid_env: names and values that C cannot hold', async (kit) => {
  const bad = { 'FRUIT\0VEGETABLE': 'cabbage' };
  assert.throws(() => start(TRUE, { env: bad }), { name: 'ValueError', message: /embedded null byte/ });
  assert.throws(() => start(TRUE, { env: { FRUIT: 'orange\0VEGETABLE=cabbage' } }), /embedded null byte/);
  assert.throws(() => start(TRUE, { env: { 'FRUIT=ORANGE': 'lemon' } }), /illegal environment variable name/);
  const p = start(sh('printf "$FRUIT"'), { env: { ...process.env, FRUIT: 'orange=lemon' }, stdout: PIPE });
  assert.equal(String((await kit.communicate(p))[0]), 'orange=lemon');
});
row('ProcessTestCase.test_communicate_stdin: input alone', async (kit) => {
  const p = start(sh('[ "$(cat)" = pear ] && exit 1'), { stdin: PIPE });
  await kit.communicate(p, Buffer.from('pear'));
  assert.equal(p.returncode, 1);
});
row('ProcessTestCase.test_communicate_stdout: output alone', async (kit) => {
  assert.deepEqual(await kit.communicate(start(sh('printf pineapple'), { stdout: PIPE })), [
    Buffer.from('pineapple'),
    null,
  ]);
});
row('ProcessTestCase.test_communicate_stderr: errors alone', async (kit) => {
  const p = start(sh('printf pineapple >&2'), { stderr: PIPE });
  assert.deepEqual(await kit.communicate(p), [null, Buffer.from('pineapple')]);
});
row('ProcessTestCase.test_communicate: all three', async (kit) => {
  const p = start(sh('printf pineapple >&2; cat'), { stdin: PIPE, stdout: PIPE, stderr: PIPE });
  assert.deepEqual(await kit.communicate(p, Buffer.from('banana')), [
    Buffer.from('banana'),
    Buffer.from('pineapple'),
  ]);
});
row('ProcessTestCase.test_communicate_timeout: a second call loses nothing', async (kit) => {
  const p = start(sh('echo pineapple >&2; sleep 0.6; echo pear >&2; cat'), {
    stdin: PIPE,
    stdout: PIPE,
    stderr: PIPE,
    text: true,
  });
  await assert.rejects(kit.communicate(p, 'banana', { timeout: 200 }), TimeoutExpired);
  assert.equal(p.returncode, null);
  assert.deepEqual(await kit.communicate(p), ['banana', 'pineapple\npear\n']);
});
row('ProcessTestCase.test_communicate_pipe_fd_leak: every stream is closed afterwards', async (kit) => {
  for (let choice = 1; choice < 8; choice++) {
    const p = start(TRUE, {
      stdin: choice & 1 ? PIPE : null,
      stdout: choice & 2 ? PIPE : null,
      stderr: choice & 4 ? PIPE : null,
    });
    await kit.communicate(p);
    for (const s of [p.stdin, p.stdout, p.stderr]) {
      if (s !== null) assert.deepEqual([s.destroyed, s.fd], [true, null]);
    }
  }
});
row('ProcessTestCase.test_communicate_returns: nothing redirected', async (kit) => {
  const p = start(sh('exit 47'));
  assert.deepEqual(await kit.communicate(p), [null, null]);
  assert.equal(p.returncode, 47);
});
row('ProcessTestCase.test_communicate_pipe_buf: no deadlock, whoever fills what', async (kit) => {
  const p = start(sh(`head -c 47; head -c ${BIG} /dev/zero >&2; cat`), {
    stdin: PIPE,
    stdout: PIPE,
    stderr: PIPE,
  });
  const input = Buffer.alloc(BIG, 'a');
  const [out, err] = await kit.communicate(p, input);
  assert.ok(input.equals(out as Buffer));
  assert.equal(err!.length, BIG);
});
row(
  'ProcessTestCase.test_universal_newlines_and_text: interactive lines, newlines translated',
  async (kit) => {
    const script =
      "read l; echo \"$l\"; printf 'line2\\n'; cat; for s in 'line4\\n' 'line5\\r\\n' 'line6\\r' '\\nline7' '\\nline8'; do printf \"$s\"; sleep 0.01; done";
    for (const option of [{ text: true }, { universalNewlines: true }]) {
      const p = start(sh(script), { ...option, stdin: PIPE, stdout: PIPE });
      p.stdin!.write('line1\n');
      assert.equal(await kit.readline(p.stdout!), 'line1\n');
      p.stdin!.write('line3\n');
      p.stdin!.end();
      await turn();
      assert.equal(await kit.readline(p.stdout!), 'line2\n');
      assert.equal(await kit.readAll(p.stdout!), 'line3\nline4\nline5\nline6\nline7\nline8');
      await kit.leave(p);
    }
  },
);
row('ProcessTestCase.test_universal_newlines_communicate: newlines across writes', async (kit) => {
  const script =
    "for s in 'line2\\n' 'line4\\n' 'line5\\r\\n' 'line6\\r' '\\nline7' '\\nline8'; do printf \"$s\"; sleep 0.01; done";
  const p = start(sh(script), { text: true, stdout: PIPE, stderr: PIPE });
  assert.deepEqual(await kit.communicate(p), ['line2\nline4\nline5\nline6\nline7\nline8', '']);
});
row('ProcessTestCase.test_universal_newlines_communicate_stdin: input is not translated', async (kit) => {
  const p = start(sh('read a; read b; [ "$a" = line1 ] && [ "$b" = line3 ]'), { text: true, stdin: PIPE });
  await kit.communicate(p, 'line1\nline3\n');
  assert.equal(p.returncode, 0);
});
row('ProcessTestCase.test_universal_newlines_communicate_input_none: no input in text mode', async (kit) => {
  const p = start(TRUE, { text: true, stdin: PIPE, stdout: PIPE });
  await kit.communicate(p);
  assert.equal(p.returncode, 0);
});
row(
  'ProcessTestCase.test_universal_newlines_communicate_stdin_stdout_stderr: text on all three',
  async (kit) => {
    const script =
      "read l; echo \"$l\"; printf 'line2\\r'; printf 'eline2\\n' >&2; cat; printf 'line4\\nline5\\r\\n'; printf 'eline6\\reline7\\r\\nz' >&2";
    const p = start(sh(script), { text: true, stdin: PIPE, stdout: PIPE, stderr: PIPE });
    assert.deepEqual(await kit.communicate(p, 'line1\nline3\n'), [
      'line1\nline2\nline3\nline4\nline5\n',
      'eline2\neline6\neline7\nz',
    ]);
  },
);
row('ProcessTestCase.test_universal_newlines_communicate_encodings: UTF-16 and UTF-32', async (kit) => {
  for (const encoding of ['utf-16', 'utf-32-be']) {
    const units = Array.from('1\r\n2\r3\n4', (c) => c.charCodeAt(0));
    const octal = (b: number): string => `\\${b.toString(8).padStart(3, '0')}`;
    const bytes =
      encoding === 'utf-16'
        ? [0xff, 0xfe, ...units.flatMap((u) => [u, 0])]
        : units.flatMap((u) => [0, 0, 0, u]);
    const p = start(sh(`printf '${bytes.map(octal).join('')}'`), { stdin: PIPE, stdout: PIPE, encoding });
    assert.deepEqual(await kit.communicate(p, ''), ['1\n2\n3\n4', null]);
  }
});
row('ProcessTestCase.test_communicate_errors: what to do about bytes that are no text', async (kit) => {
  const expected = {
    ignore: '[]',
    replace: '[\ufffd\ufffd]',
    surrogateescape: '[\udc80\udc80]',
    backslashreplace: '[\\x80\\x80]',
  };
  for (const [errors, text] of Object.entries(expected)) {
    const p = start(sh("printf '[\\200\\200]'"), { stdin: PIPE, stdout: PIPE, encoding: 'utf-8', errors });
    assert.deepEqual(await kit.communicate(p, ''), [text, null]);
  }
});
row('ProcessTestCase.test_no_leaking: as many descriptors after as before', async (kit) => {
  const once = async (): Promise<void> => {
    const p = start('cat', { stdin: PIPE, stdout: PIPE, stderr: PIPE });
    assert.equal(String((await kit.communicate(p, 'lime'))[0]), 'lime');
  };
  await once();
  const before = openFds();
  for (let i = 0; i < 15; i++) await once();
  await nothingStaysOpen(before);
});
row('ProcessTestCase.test_poll: null while it runs', async (kit) => {
  const p = start(sh('read x'), { stdin: PIPE });
  assert.equal(p.poll(), null);
  p.stdin!.write('x\n');
  await kit.wait(p);
  assert.deepEqual([p.poll(), p.poll()], [0, 0]);
  await kit.leave(p);
});
row('ProcessTestCase.test_wait: as often as one likes', async (kit) => {
  const p = start(TRUE);
  assert.deepEqual([await kit.wait(p), await kit.wait(p)], [0, 0]);
});
row('ProcessTestCase.test_wait_timeout: too short a wait, then a long one', async (kit) => {
  const p = start(['sleep', '0.3']);
  await assert.rejects(
    kit.wait(p, { timeout: 0.1 }),
    (e) => e instanceof TimeoutExpired && /0\.1/.test(e.message),
  );
  assert.equal(await kit.wait(p, { timeout: 30_000 }), 0);
});
row('ProcessTestCase.test_invalid_bufsize: bufsize is a number', async () => {
  assert.throws(() => start(TRUE, { bufsize: 'orange' as never }), {
    name: 'TypeError',
    message: /bufsize must be an integer/,
  });
});
row('ProcessTestCase.test_bufsize_is_none: null is the default', async (kit) => {
  assert.equal(await kit.wait(start(TRUE, { bufsize: null })), 0);
});
row('ProcessTestCase.test_bufsize_equal_one_text_mode: a line goes out at once', async (kit) => {
  const p = start(sh('read l; echo "$l"'), {
    text: true,
    bufsize: 1,
    stdin: PIPE,
    stdout: PIPE,
    stderr: DEVNULL,
  });
  p.stdin!.write('line\n');
  assert.equal(await kit.readline(p.stdout!), 'line\n');
  await kit.leave(p);
  assert.equal(p.returncode, 0);
});
row('ProcessTestCase.test_double_close_on_error: a failed start closes only its own', async () => {
  const others = Array.from({ length: 20 }, () => openPipe());
  for (let i = 0; i < 20; i++) {
    assert.throws(() => start(MISSING, { stdin: PIPE, stdout: PIPE, stderr: PIPE }), { code: 'ENOENT' });
  }
  for (const { read, write } of others) {
    assert.equal(closeFd(read), 0);
    assert.equal(closeFd(write), 0);
  }
});
row('ProcessTestCase.test_threadsafe_wait: two waits, one killed program', async (kit) => {
  const p = start(['sleep', '12']);
  const first = p.wait({ timeout: 30_000 });
  assert.equal(p.poll(), null);
  p.kill();
  assert.equal(await kit.wait(p), -9);
  assert.equal(await kit.wait(p), -9);
  assert.equal(await first, -9);
});
row('ProcessTestCase.test_handles_closed_on_exception: the caller’s descriptors stay', (kit) =>
  withFile('', async (fd) => {
    const [a, b] = [duplicate(fd), duplicate(fd)];
    assert.throws(() => start(['*'], { stdin: fd, stdout: a, stderr: b }), { name: 'FileNotFoundError' });
    assert.deepEqual([closeFd(a), closeFd(b)], [0, 0]);
    assert.ok(kit);
  }),
);
row('ProcessTestCase.test_communicate_epipe: a program that does not read', async (kit) => {
  const p = start(TRUE, { stdin: PIPE, stdout: PIPE, stderr: PIPE });
  await kit.communicate(p, Buffer.alloc(1 << 20, 'x'));
  assert.equal(p.returncode, 0);
});
row('ProcessTestCase.test_repr: printed as in Python', async (kit) => {
  const p = start(['sh', '-c', 'exit 123']);
  await kit.wait(p);
  assert.equal(inspect(p), "<Popen: returncode: 123 args: ['sh', '-c', 'exit 123']>");
  const running = start(['sleep', '9']);
  assert.equal(inspect(running), "<Popen: returncode: None args: ['sleep', '9']>");
  running.kill();
  await kit.wait(running);
  const long = start(sh('sleep 9', 'a'.repeat(100)));
  assert.equal(
    inspect(long),
    `<Popen: returncode: None args: ['sh', '-c', 'sleep 9', '${'a'.repeat(20)}...>`,
  );
  assert.equal(inspect(long).length, 80);
  long.kill();
  await kit.wait(long);
});
row('ProcessTestCase.test_communicate_epipe_only_stdin: after the end', async (kit) => {
  const p = start(TRUE, { stdin: PIPE });
  await kit.wait(p);
  await kit.communicate(p, Buffer.alloc(1 << 20, 'x'));
});
rowOnce('ProcessTestCase.test_communicate_eintr: a signal in the middle', async () => {
  const out = inNode(`
    process.on('SIGUSR2', () => {});
    for (const s of ['stdout', 'stderr']) {
      new sp.Popen(['sh', '-c', 'kill -USR2 $PPID; sleep 0.05'], { [s]: sp.PIPE }).communicateSync();
      await new sp.Popen(['sh', '-c', 'kill -USR2 $PPID; sleep 0.05'], { [s]: sp.PIPE }).communicate();
    }
    console.log('ok');`);
  assert.equal(out, 'ok\n');
});
row('ProcessTestCase.test_failed_child_execute_fd_leak: a failed start leaves nothing', async () => {
  const before = openFds();
  assert.throws(() => start(MISSING, { stdin: PIPE, stdout: PIPE, stderr: PIPE }));
  assert.deepEqual(openedSince(before), []);
});
row('ProcessTestCase.test_file_not_found_with_bad_cwd: the directory is named', async () => {
  const cwd = '/some/nonexistent/directory';
  assert.throws(() => start(['exit', '0'], { cwd }), { name: 'FileNotFoundError', path: cwd });
});

row('RunFuncTestCase.test_returncode: run gives the exit code', async (kit) => {
  const result = await kit.run(sh('exit 47'));
  assert.equal(result.returncode, 47);
  assert.throws(() => result.checkReturncode(), CalledProcessError);
});
row('RunFuncTestCase.test_check: run with check throws', async (kit) => {
  await assert.rejects(kit.run(sh('exit 47'), { check: true }), {
    name: 'CalledProcessError',
    returncode: 47,
  });
});
row('RunFuncTestCase.test_timeout: run kills', async (kit) => {
  await assert.rejects(kit.run(sh('while :; do :; done'), { timeout: 0.1 }), TimeoutExpired);
});
row('RunFuncTestCase.test_capture_stdout: run with PIPE', async (kit) => {
  assert.match(String((await kit.run(['echo', 'BDFL'], { stdout: PIPE })).stdout), /BDFL/);
});
row('RunFuncTestCase.test_check_output_stdin_arg: run with a file', (kit) =>
  withFile('pear', async (fd) => {
    assert.match(String((await kit.run(['tr', 'a-z', 'A-Z'], { stdin: fd, stdout: PIPE })).stdout), /PEAR/);
  }),
);
row('RunFuncTestCase.test_check_output_input_arg: run with input', async (kit) => {
  const result = await kit.run(['tr', 'a-z', 'A-Z'], { input: Buffer.from('pear'), stdout: PIPE });
  assert.match(String(result.stdout), /PEAR/);
});
row('RunFuncTestCase.test_check_output_timeout: output and its alias', async (kit) => {
  await assert.rejects(kit.run(sh('printf BDFL; exec sleep 3600'), { stdout: PIPE, timeout: 400 }), (e) => {
    assert.ok(e instanceof TimeoutExpired);
    assert.deepEqual([e.output, e.stdout], [Buffer.from('BDFL'), Buffer.from('BDFL')]);
    return true;
  });
});
row('RunFuncTestCase.test_run_kwargs: run passes options on', async (kit) => {
  const env = { ...process.env, FRUIT: 'banana' };
  assert.equal((await kit.run(sh('[ "$FRUIT" = banana ] && exit 33; exit 31'), { env })).returncode, 33);
});
const ls = fs.existsSync('/bin/ls') ? '/bin/ls' : '/usr/bin/ls';
row('RunFuncTestCase.test_run_with_pathlike_path: a URL as program', async (kit) => {
  assert.equal((await kit.run(pathToFileURL(ls), { stdout: DEVNULL })).returncode, 0);
  await assert.rejects(async () => kit.run(pathToFileURL(ls), { stdout: DEVNULL, shell: true }), {
    name: 'TypeError',
  });
});
row('RunFuncTestCase.test_run_with_pathlike_path_and_arguments: a URL and arguments', async (kit) => {
  assert.equal((await kit.run([new URL('file:///bin/sh'), '-c', 'exit 57'])).returncode, 57);
});
row('RunFuncTestCase.test_capture_output: both captured', async (kit) => {
  const result = await kit.run(sh('echo BDFL; echo FLUFL >&2'), { captureOutput: true });
  assert.match(String(result.stdout), /BDFL/);
  assert.match(String(result.stderr), /FLUFL/);
});
row('RunFuncTestCase.test_stdout_stdout: STDOUT is for stderr', async (kit) => {
  await assert.rejects(async () => kit.run(TRUE, { stdout: STDOUT }), {
    name: 'ValueError',
    message: 'STDOUT can only be used for stderr',
  });
});
row('RunFuncTestCase.test_stdout_with_capture_output_arg: one or the other', (kit) =>
  withFile('', async (fd) => {
    for (const name of ['stdout', 'stderr']) {
      await assert.rejects(async () => kit.run(TRUE, { captureOutput: true, [name]: fd }), {
        name: 'ValueError',
        message: /stdout.*captureOutput/,
      });
    }
  }),
);
row(
  'RunFuncTestCase.test_run_with_shell_timeout_and_capture_output: a grandchild does not delay the error',
  async (kit) => {
    const begin = performance.now();
    await assert.rejects(
      kit.run('sleep 3; true', { shell: true, captureOutput: true, timeout: 100 }),
      TimeoutExpired,
    );
    assert.ok(performance.now() - begin < 2_500);
  },
);

row('POSIXProcessTestCase.test_exception_cwd: as changing there would fail', async () => {
  const cwd = '/_this/pa.th/does/not/exist';
  assert.throws(() => start(TRUE, { cwd }), {
    code: 'ENOENT',
    errno: -2,
    path: cwd,
    message: /No such file or directory/,
  });
});
row('POSIXProcessTestCase.test_start_new_session: a session of its own', async (kit) => {
  const out = await kit.checkOutput(sh('cut -d" " -f6 /proc/$$/stat'), { startNewSession: true, text: true });
  const own = fs.readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ')[3]!;
  assert.notEqual(String(out).trim(), own);
});
const root = process.getuid!() === 0;
row('POSIXProcessTestCase.test_user: another user', async (kit) => {
  for (const closeFds of [false, true]) {
    for (const user of [65_534, process.geteuid!(), 'nobody']) {
      const expected =
        user === 'nobody' ? execFileSync('id', ['-u', 'nobody'], { encoding: 'utf8' }).trim() : `${user}`;
      try {
        const out = await kit.checkOutput(['id', '-u'], { user, closeFds, text: true });
        assert.equal(String(out).trim(), expected);
      } catch (e) {
        assert.ok(!root);
        assert.equal((e as Error).name, 'PermissionError');
      }
    }
  }
  assert.throws(() => start(TRUE, { user: -1 }), {
    name: 'ValueError',
    message: 'User ID cannot be negative, got -1',
  });
  assert.throws(() => start(TRUE, { user: 2 ** 64 }), { name: 'OverflowError' });
  assert.throws(() => start(TRUE, { user: 'no_such_user_i_hope' }), { name: 'KeyError' });
  assert.equal(process.geteuid!(), root ? 0 : process.geteuid!());
});
row('POSIXProcessTestCase.test_group: another group', async (kit) => {
  for (const closeFds of [false, true]) {
    for (const group of [65_534, process.getegid!(), 'nogroup']) {
      const expected = group === 'nogroup' ? '65534' : `${group}`;
      try {
        const out = await kit.checkOutput(['id', '-g'], { group, closeFds, text: true });
        assert.equal(String(out).trim(), expected);
      } catch (e) {
        assert.ok(!root);
        assert.equal((e as Error).name, 'PermissionError');
      }
    }
  }
  assert.throws(() => start(TRUE, { group: -1 }), {
    name: 'ValueError',
    message: 'Group ID cannot be negative, got -1',
  });
  assert.throws(() => start(TRUE, { group: 2 ** 64 }), { name: 'OverflowError' });
});
for (const [id, extraGroups] of [
  ['test_extra_groups', [65_534, 'staff']],
  ['test_extra_groups_empty_list', ['staff']],
] as const) {
  rowFast(`POSIXProcessTestCase.${id}: supplementary groups ${extraGroups.join(', ')}`, async (kit) => {
    try {
      const out = String(
        await kit.checkOutput(sh('grep ^Groups: /proc/self/status'), { extraGroups, text: true }),
      );
      const staff = Number(
        execFileSync('sh', ['-c', 'getent group staff | cut -d: -f3'], { encoding: 'utf8' }),
      );
      const got = new Set(out.split(/\s+/).slice(1).filter(Boolean).map(Number));
      assert.deepEqual(got, new Set(extraGroups.map((g) => (g === 'staff' ? staff : Number(g)))));
    } catch (e) {
      if (root) throw e;
      assert.equal((e as Error).name, 'PermissionError');
    }
  });
}
row('POSIXProcessTestCase.test_extra_groups_invalid_gid_t_values: refused before the start', async () => {
  assert.throws(() => start(TRUE, { extraGroups: [-1] }), { message: 'Group ID cannot be negative, got -1' });
  assert.throws(() => start(TRUE, { extraGroups: [2 ** 64] }), {
    name: 'ValueError',
    message: /invalid group id/,
  });
});
(isMainThread ? row : rowFast)('POSIXProcessTestCase.test_umask: the child’s mask, not ours', async (kit) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'multiproc-'));
  const before = process.umask();
  try {
    await kit.wait(start(sh(': > "$0"', path.join(directory, 'f')), { umask: 0o053 }));
    assert.equal(fs.statSync(path.join(directory, 'f')).mode & 0o666, 0o624);
    assert.equal(process.umask(), before);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
});
row('POSIXProcessTestCase.test_run_abort: -6 after SIGABRT', async (kit) => {
  assert.equal(await kit.wait(start(sh('kill -ABRT $$'))), -6);
});
row('POSIXProcessTestCase.test_CalledProcessError_str_signal: the signal is named', async () => {
  assert.equal(
    new CalledProcessError(-6, 'fake cmd').message,
    "Command 'fake cmd' died with <Signals.SIGABRT: 6>.",
  );
});
row('POSIXProcessTestCase.test_CalledProcessError_str_non_zero: the status is named', async () => {
  assert.equal(
    new CalledProcessError(2, 'fake cmd').message,
    "Command 'fake cmd' returned non-zero exit status 2.",
  );
  assert.match(new CalledProcessError(2, ['ls', '-l']).message, /Command '\['ls', '-l'\]' returned/);
});
row('POSIXProcessTestCase.test_args_string: a string is a program, never split', async (kit) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'multi proc-'));
  const script = path.join(directory, 'a script');
  fs.writeFileSync(script, '#!/bin/sh\nexec sh -c "exit 47"\n', { mode: 0o700 });
  assert.equal(await kit.wait(start(script)), 47);
  fs.rmSync(directory, { recursive: true });
  assert.throws(() => start('ls -l'), { name: 'FileNotFoundError', path: 'ls -l' });
});
row(
  'POSIXProcessTestCase.test_shell_sequence: the first is the command, others its parameters',
  async (kit) => {
    const env = { ...process.env, FRUIT: 'apple' };
    const out = await kit.checkOutput(['echo $FRUIT $0 $1', 'a', 'b'], { shell: true, env, text: true });
    assert.equal(out, 'apple a b\n');
  },
);
row('POSIXProcessTestCase.test_send_signal: a handler of the child’s sees it', async (kit) => {
  const p = start(sh('trap "echo caught >&2; exit 1" INT; echo x; while :; do sleep 0.02; done'), {
    stdin: PIPE,
    stdout: PIPE,
    stderr: PIPE,
    text: true,
  });
  assert.equal(await kit.readline(p.stdout!), 'x\n');
  p.sendSignal('SIGINT');
  const [, err] = await kit.communicate(p);
  assert.match(String(err), /caught/);
  assert.equal(p.returncode, 1);
  const plain = start(['sleep', '30']);
  plain.sendSignal(2);
  assert.equal(await kit.wait(plain), -2);
});
row('POSIXProcessTestCase.test_terminate: -15', async (kit) => {
  const p = start(sh('echo x; exec sleep 30'), { stdin: PIPE, stdout: PIPE, stderr: PIPE });
  await kit.readline(p.stdout!);
  p.terminate();
  const [, err] = await kit.communicate(p);
  assert.equal(err!.length, 0);
  assert.equal(await kit.wait(p), -15);
});
for (const method of ['sendSignal', 'terminate'] as const) {
  row(
    `POSIXProcessTestCase.test_${method === 'sendSignal' ? 'send_signal' : 'terminate'}_dead: no error`,
    async (kit) => {
      const p = start(sh('echo x'), { stdin: PIPE, stdout: PIPE, stderr: PIPE });
      await kit.readAll(p.stdout!);
      while (fs.existsSync(`/proc/${p.pid}/exe`) && !/\) [ZX] /.test(readStat(p.pid))) {}
      if (method === 'sendSignal') p.sendSignal('SIGINT');
      else p.terminate();
      await kit.communicate(p);
      assert.equal(p.returncode, 0);
    },
  );
}
function readStat(pid: number): string {
  try {
    return fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return ') X ';
  }
}

/**
 * koffi's exit handler syncs standard output and error and hangs when the one is closed and the other is not. What was
 * watched is closed a turn later, hence the wait.
 */
const fillStandardStreams = `await new Promise((resolve) => setTimeout(resolve, 20));
        for (let fd = 0; fd <= 2;) fd = fs.openSync('/dev/null', 'r+');`;

for (const closed of [[0], [1], [2], [0, 1], [1, 2], [0, 1, 2]]) {
  const id = closed.length === 1 ? `test_close_fd_${closed[0]}` : `test_close_fds_${closed.join('_')}`;
  rowOnce(`POSIXProcessTestCase.${id}: started with ${closed.join(' and ')} closed in the parent`, () =>
    withFile('', async (_fd, file) => {
      const script = `const stdin = fs.openSync('/dev/null'); const report = fs.openSync(process.argv[1], 'w');
        for (const fd of ${JSON.stringify(closed)}) fs.closeSync(fd);
        const args = ['sh', '-c', 'printf apple; printf orange >&2'];
        const options = { stdin, stdout: sp.PIPE, stderr: sp.PIPE, text: true };
        const a = new sp.Popen(args, options).communicateSync();
        const b = await new sp.Popen(args, options).communicate();
        fs.writeSync(report, JSON.stringify([a, b]));
        ${fillStandardStreams}`;
      execFileSync(process.execPath, nodeArgs(script, file), { stdio: 'pipe' });
      const expected = ['apple', 'orange'];
      assert.deepEqual(JSON.parse(fs.readFileSync(file, 'utf8')), [expected, expected]);
    }),
  );
}
rowOnce('POSIXProcessTestCase.test_small_errpipe_write_fd: started with 0 and 1 closed', async () => {
  const script = `fs.closeSync(0); fs.closeSync(1); await new sp.Popen(['echo', 'x']).wait();`;
  execFileSync(process.execPath, nodeArgs(script), { stdio: ['pipe', 'pipe', 'ignore'] });
});
rowOnce('POSIXProcessTestCase.test_remapping_std_fds: crossing descriptors', () =>
  withFile('', async (f0, name0) => {
    await withFile('STDIN', async (f1) => {
      await withFile('', async (f2, name2) => {
        const script = `const [a, b, c] = process.argv.slice(1).map(Number);
          await new sp.Popen(['sh', '-c', 'printf "got %s" "$(cat)"; printf err >&2'], { stdin: a, stdout: b, stderr: c }).wait();`;
        execFileSync(process.execPath, nodeArgs(script, '1', '2', '0'), { stdio: [f0, f1, f2] });
        assert.equal(fs.readFileSync(name2, 'utf8'), 'got STDIN');
        assert.equal(fs.readFileSync(name0, 'utf8'), 'err');
      });
    });
  }),
);
for (const order of [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
]) {
  rowOnce(`POSIXProcessTestCase.test_swap_fds: the parent’s numbers as ${order.join(', ')}`, async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'multiproc-'));
    const fds = [0, 1, 2].map((n) => {
      fs.writeFileSync(path.join(directory, `${n}`), n === order[0] ? 'STDIN' : '');
      return fs.openSync(path.join(directory, `${n}`), 'r+');
    });
    const script = `const [a, b, c] = process.argv.slice(1).map(Number);
      await new sp.Popen(['sh', '-c', 'printf "got %s" "$(cat)"; printf err >&2'], { stdin: a, stdout: b, stderr: c }).wait();`;
    try {
      execFileSync(process.execPath, nodeArgs(script, ...order.map(String)), { stdio: fds });
      assert.equal(fs.readFileSync(path.join(directory, `${order[1]}`), 'utf8'), 'got STDIN');
      assert.equal(fs.readFileSync(path.join(directory, `${order[2]}`), 'utf8'), 'err');
    } finally {
      fds.forEach((fd) => {
        fs.closeSync(fd);
      });
      fs.rmSync(directory, { recursive: true });
    }
  });
}
row('POSIXProcessTestCase.test_bytes_program: programs and lines as bytes', async (kit) => {
  const full = String(await kit.checkOutput(sh('command -v true || echo /bin/true'))).trim();
  const absolute = full.startsWith('/') ? full : fs.existsSync('/bin/true') ? '/bin/true' : '/usr/bin/true';
  assert.equal(await kit.call([Buffer.from(absolute)]), 0);
  assert.equal(await kit.call(Buffer.from('true; exit 0'), { shell: true }), 0);
  assert.equal(await kit.call([Buffer.from('true')], { env: { PATH: path.dirname(absolute) } }), 0);
});
row(
  'POSIXProcessTestCase.test_pipe_cloexec_real_tools: no end of a pipe is held by a stranger',
  async (kit) => {
    const p1 = start('cat', { stdin: PIPE, stdout: PIPE, closeFds: false });
    const p2 = start(['grep', 'zxcvbn'], { stdin: p1.stdout, stdout: PIPE, closeFds: false, text: true });
    p1.stdin!.write(`${'zxcvbn'.repeat(4)}\n`);
    p1.stdin!.end();
    await turn();
    assert.equal(await kit.readAll(p2.stdout!), `${'zxcvbn'.repeat(4)}\n`);
    assert.equal(await kit.wait(p2), 0);
    assert.equal(await kit.wait(p1), 0);
  },
);

/** What the child has open; another program looks. */
const list = sh('ls /proc/$$/fd; :');
const numbers = (text: unknown): number[] => String(text).trim().split('\n').map(Number);

/** By a call that Node does not know; `node:child_process` would let a program have them all, test/conformance/README.md says. */
function makeInheritable(fds: readonly number[]): void {
  if (!fallback) for (const fd of fds) fcntl(fd, F_SETFD, 0);
}

row('POSIXProcessTestCase.test_close_fds: only what is asked for survives', async (kit) => {
  const ends = openPipe();
  const null9 = Array.from({ length: 9 }, () => fs.openSync('/dev/null', 'r'));
  const fds = [ends.read, ends.write, ...null9];
  makeInheritable(fds);
  try {
    if (!fallback) {
      const open = numbers(await kit.checkOutput(list, { closeFds: false }));
      for (const fd of fds) assert.ok(open.includes(fd), `${fd} is missing`);
    }
    const closed = numbers(await kit.checkOutput(list, { closeFds: true }));
    for (const fd of fds) assert.ok(!closed.includes(fd), `${fd} is open`);
    assert.ok(closed.includes(1));
    const kept = fds.slice(0, 8);
    const some = numbers(await kit.checkOutput(list, { passFds: kept }));
    for (const fd of fds) assert.equal(some.includes(fd), kept.includes(fd), `${fd}`);
  } finally {
    closeFd(ends.read);
    closeFd(ends.write);
    for (const fd of null9) fs.closeSync(fd);
  }
});
row('POSIXProcessTestCase.test_pass_fds: one of many', async (kit) => {
  const fds = Array.from({ length: 5 }, () => openPipe()).flatMap((p) => [p.read, p.write]);
  makeInheritable(fds);
  try {
    for (const fd of fds) {
      const open = numbers(await kit.checkOutput(list, { passFds: [fd] }));
      assert.deepEqual(
        open.filter((n) => fds.includes(n)),
        [fd],
      );
    }
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    assert.equal(await kit.call(TRUE, { closeFds: false, passFds: [fds[0]!] }), 0);
    assert.deepEqual(
      [(await warned).name, (await warned).message],
      ['RuntimeWarning', 'pass_fds overriding close_fds.'],
    );
  } finally {
    for (const fd of fds) closeFd(fd);
  }
});
row('POSIXProcessTestCase.test_pass_fds_inheritable: our flags do not change', async (kit) => {
  const { read, write } = openPipe();
  fcntl(read, F_SETFD, 0);
  const open = numbers(await kit.checkOutput(list, { passFds: [read, write] }));
  assert.ok(open.includes(read) && open.includes(write));
  assert.deepEqual([fcntl(read, F_GETFD, 0), fcntl(write, F_GETFD, 0)], [0, 1]);
  closeFd(read);
  closeFd(write);
});
row('POSIXProcessTestCase.test_pass_fds_redirected: passed and standard at once', async (kit) => {
  const { read, write } = openPipe();
  const [a, b] = [fs.openSync('/dev/null', 'r+'), fs.openSync('/dev/null', 'r+')];
  const p = start(list, { stdin: a, stdout: write, stderr: b, passFds: [a, write, b] });
  closeFd(write);
  await kit.wait(p);
  const buffer = Buffer.alloc(4096);
  const open = numbers(buffer.toString('utf8', 0, fs.readSync(read, buffer)));
  // child_process leaves open what we inherited and somebody left inheritable.
  const foreign = fallback
    ? fs
        .readdirSync('/proc/self/fd')
        .map(Number)
        .filter((fd) => fd > 2 && fcntl(fd, F_GETFD, 0) === 0)
    : [];
  assert.deepEqual(new Set(open), new Set([0, 1, 2, a, b, write, ...foreign]));
  closeFd(read);
  for (const fd of [a, b]) fs.closeSync(fd);
});
for (const [id, names] of [
  ['test_stdout_stdin_are_single_inout_fd', ['stdout', 'stdin']],
  ['test_stdout_stderr_are_single_inout_fd', ['stdout', 'stderr']],
  ['test_stderr_stdin_are_single_inout_fd', ['stderr', 'stdin']],
] as const) {
  row(`POSIXProcessTestCase.${id}: one file for two streams`, async (kit) => {
    const fd = fs.openSync('/dev/null', 'r+');
    const p = start(TRUE, Object.fromEntries(names.map((n) => [n, fd])));
    assert.equal(await kit.wait(p), 0);
    fs.closeSync(fd);
  });
}
row(
  'POSIXProcessTestCase.test_communicate_BrokenPipeError_stdin_close: pending input of a dead program',
  async (kit) => {
    const p = start(TRUE, { stdin: PIPE });
    p.stdin!.write(Buffer.alloc(BIG));
    await kit.wait(p);
    assert.deepEqual(await kit.communicate(p), [null, null]);
    assert.equal(p.returncode, 0);
  },
);
row(
  'POSIXProcessTestCase.test_communicate_BrokenPipeError_stdin_flush: the same with output',
  async (kit) => {
    const p = start(TRUE, { stdin: PIPE, stdout: PIPE });
    await kit.wait(p);
    p.stdin!.write('banana');
    assert.deepEqual(await kit.communicate(p), [Buffer.alloc(0), null]);
  },
);
row('POSIXProcessTestCase.test_send_signal_race: collected by someone else', async () => {
  const p = start(sh('exit 7'));
  const stolen = steal(p.pid);
  if (!fallback) assert.equal(stolen, p.pid); // another thread may have been first there
  p.sendSignal('SIGTERM');
  assert.notEqual(p.returncode, null);
});
row('POSIXProcessTestCase.test_send_signal_race2: already gone', async (kit) => {
  const p = start(sh('exit 1'), { stdout: PIPE });
  await kit.readAll(p.stdout!);
  p.sendSignal('SIGTERM');
  p.kill();
  assert.ok([1, -15].includes(await kit.wait(p)));
});

row('MiscTests.test_getoutput: a line in a shell', async (kit) => {
  assert.equal(await kit.getoutput('echo xyzzy'), 'xyzzy');
  assert.deepEqual(await kit.getstatusoutput('echo xyzzy'), [0, 'xyzzy']);
  const [status, output] = await kit.getstatusoutput('cat /no/such/file');
  assert.equal(status, 1);
  assert.match(output, /no.such/i);
});
row('ProcessTestCase.test_list2cmdline: Microsoft’s rules', async () => {
  const table: [string[], string][] = [
    [['ab"c', '\\', 'd'], 'ab\\"c \\ d'],
    [['ab"c', ' \\', 'd'], 'ab\\"c " \\\\" d'],
    [['a\\"b', 'c', 'd'], 'a\\\\\\"b c d'],
    [['a\\\\b c', 'd', 'e'], '"a\\\\b c" d e'],
    [['a\\\\b\\ c', 'd', 'e'], '"a\\\\b\\ c" d e'],
    [['ab', ''], 'ab ""'],
  ];
  for (const [input, expected] of table) assert.equal(sp.list2cmdline(input), expected);
});
row('ContextManagerTests.test_pipe: streams are closed after the block', async (kit) => {
  const p = start(sh('printf stdout; printf stderr >&2'), { stdout: PIPE, stderr: PIPE });
  assert.equal(String(await kit.readAll(p.stdout!)), 'stdout');
  assert.equal(String(await kit.readAll(p.stderr!)), 'stderr');
  await kit.leave(p);
  assert.ok(p.stdout!.destroyed && p.stderr!.destroyed);
});
row('ContextManagerTests.test_returncode: leaving waits and does not kill', async (kit) => {
  const p = start(sh('sleep 0.05; exit 100'));
  await kit.leave(p);
  assert.equal(p.returncode, 100);
});
row('ContextManagerTests.test_communicate_stdin: in the block', async (kit) => {
  const p = start(sh('[ "$(cat)" = context ] && exit 1'), { stdin: PIPE });
  await kit.communicate(p, Buffer.from('context'));
  assert.equal(p.returncode, 1);
  await kit.leave(p);
});
row('ContextManagerTests.test_invalid_args: the block is not entered', async () => {
  assert.throws(() => start(MISSING, { stdout: PIPE, stderr: PIPE }), { name: 'FileNotFoundError' });
});
row(
  'ContextManagerTests.test_broken_pipe_cleanup: input that was not taken is an error, after the wait',
  async (kit) => {
    const p = start(TRUE, { stdin: PIPE });
    p.stdin!.write(Buffer.alloc(BIG, 'x'));
    // The fallback hears of the end with everything else.
    if (!fallback) assert.equal(p.returncode, null);
    await assert.rejects(async () => kit.leave(p), { name: 'BrokenPipeError', code: 'EPIPE' });
    assert.equal(p.returncode, 0);
    assert.ok(p.stdin!.destroyed);
  },
);

// Seen in CPython's source, asserted by no test there.
row(
  'seen.timeout_bytes: TimeoutExpired carries bytes in text mode, null when there was nothing',
  async (kit) => {
    await assert.rejects(
      kit.run(sh('printf x; exec sleep 9'), { captureOutput: true, text: true, timeout: 300 }),
      (e) => {
        assert.ok(e instanceof TimeoutExpired);
        assert.deepEqual([e.output, e.stderr], [Buffer.from('x'), null]);
        return true;
      },
    );
  },
);
row('seen.input_after_start: no input for a later communicate', async (kit) => {
  const p = start('cat', { stdin: PIPE, stdout: PIPE });
  p.stdin!.cork?.();
  await assert.rejects(
    kit.communicate(start(['sleep', '0.2'], { stdout: PIPE }), undefined, { timeout: 1 }),
    TimeoutExpired,
  );
  const q = start(sh('sleep 0.2; cat'), { stdin: PIPE, stdout: PIPE });
  await assert.rejects(kit.communicate(q, 'a', { timeout: 1 }), TimeoutExpired);
  await assert.rejects(async () => kit.communicate(q, 'b'), {
    name: 'ValueError',
    message: 'Cannot send input after starting communication',
  });
  assert.equal(String((await kit.communicate(q))[0]), 'a');
  p.kill();
  await kit.communicate(p);
});
row('seen.text_conflict: text and universalNewlines must agree', async () => {
  assert.throws(() => start(TRUE, { text: true, universalNewlines: false }), { name: 'SubprocessError' });
});
row('seen.null_does_not_conflict: captureOutput with stdout null, input with stdin null', async (kit) => {
  const result = await kit.run('cat', { captureOutput: true, stdout: null, input: 'x', stdin: null });
  assert.equal(String(result.stdout), 'x');
  await assert.rejects(async () => kit.run('cat', { input: '', stdin: DEVNULL }), { name: 'ValueError' });
});
row('seen.completed_repr: printed as in Python', async (kit) => {
  const result = await kit.run(sh('echo hi'), { stdout: PIPE });
  assert.equal(
    inspect(result),
    "CompletedProcess(args=['sh', '-c', 'echo hi'], returncode=0, stdout=b'hi\\n')",
  );
});
row('seen.not_executable: PermissionError and NotADirectoryError name the program', async () => {
  assert.throws(() => start('/etc/passwd'), { name: 'PermissionError', code: 'EACCES', path: '/etc/passwd' });
  assert.throws(() => start('/tmp'), { name: 'PermissionError', path: '/tmp' });
  assert.throws(() => start('/etc/passwd/x'), { name: 'NotADirectoryError', path: '/etc/passwd/x' });
});
row('seen.undecodable: strict by default', async (kit) => {
  await assert.rejects(kit.run(sh("printf '\\200'"), { captureOutput: true, text: true }), {
    name: 'UnicodeDecodeError',
  });
});
row('seen.read_of_closed_file: communicate() does not repeat itself', async (kit) => {
  const p = start(['echo', 'Hello'], { stdout: PIPE });
  await kit.communicate(p);
  await assert.rejects(async () => kit.communicate(p), {
    name: 'ValueError',
    message: /read of closed file/,
  });
});
