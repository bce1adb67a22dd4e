import assert from 'node:assert/strict';
import { closeSync, createReadStream, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { test } from 'node:test';
import { DEVNULL, PIPE, STDOUT } from '../../src/subprocess/constants.ts';
import { type Redirection, resolveStdio } from '../../src/subprocess/stdio.ts';
import { Popen } from '../../src/subprocess.ts';

const resolved = (stdin: Redirection): unknown => resolveStdio({ stdin })[0];

test('names and constants: inherit, PIPE, DEVNULL, and STDOUT for stderr alone', () => {
  for (const none of [undefined, null, 'inherit'] as const)
    assert.deepEqual(resolved(none), { kind: 'inherit' });
  assert.deepEqual(resolved(PIPE), { kind: 'pipe' });
  assert.deepEqual(resolved(DEVNULL), { kind: 'devnull' });
  assert.deepEqual(resolveStdio({ stderr: STDOUT })[2], { kind: 'stdout' });
  for (const wrong of [{ stdin: STDOUT }, { stdout: STDOUT }])
    assert.throws(() => resolveStdio(wrong), { name: 'ValueError', message: /only be used for stderr/ });
});

test('whatever has a descriptor: a number, a FileHandle, an open stream', async () => {
  assert.deepEqual(resolved(0), { kind: 'fd', fd: 0 });
  const handle = await open('/dev/null');
  assert.deepEqual(resolved(handle), { kind: 'fd', fd: handle.fd });
  await handle.close();
  const fd = openSync('/dev/null', 'r');
  assert.deepEqual(resolved({ fd }), { kind: 'fd', fd });
  assert.deepEqual(resolved({ _handle: { fd } }), { kind: 'fd', fd }, 'a socket keeps it in its handle');
  closeSync(fd);
});

test('what no program can be given is refused with the reason', async () => {
  const cases: [unknown, string, RegExp][] = [
    [-4, 'ValueError', /-4/],
    [1.5, 'ValueError', /1\.5/],
    ['pipe', 'TypeError', /pipe/],
    [true, 'TypeError', /true/],
    [{}, 'ValueError', /no descriptor/],
    [{ fd: null }, 'ValueError', /no descriptor/],
    [{ fd: -1 }, 'ValueError', /no descriptor/],
  ];
  for (const [value, name, message] of cases)
    assert.throws(() => resolved(value as Redirection), { name, message });
  const stream = createReadStream('/dev/null');
  assert.throws(() => resolved(stream), { name: 'ValueError', message: /'open' event/ });
  await new Promise((resolve) => stream.once('open', resolve));
  assert.deepEqual(resolved(stream), { kind: 'fd', fd: (stream as unknown as { fd: number }).fd });
  stream.destroy();
});

test('another program’s output is taken as its pipe, once', async () => {
  await using p = new Popen('true', { stdout: PIPE });
  assert.equal((resolved(p.stdout) as { kind: string }).kind, 'reader');
  p.stdout.destroy();
  assert.throws(() => resolved(p.stdout), { name: 'ValueError', message: /closed/ });
});
