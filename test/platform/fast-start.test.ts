import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { pipeSize } from '../../src/platform/descriptors.ts';
import { fastStart } from '../../src/platform/fast-start.ts';
import type { PipeReader } from '../../src/platform/pipe-end.ts';
import type { Started, StartRequest, Target } from '../../src/platform/start-request.ts';
import { openedSince, openFds } from '../support/fds.ts';
import { temporaryDirectory } from '../support/run.ts';

const PIPE: Target = { kind: 'pipe' };
const NOWHERE: Target = { kind: 'devnull' };

const request = (
  script: string,
  stdio: StartRequest['stdio'],
  more: Partial<StartRequest> = {},
): StartRequest => ({
  file: 'sh',
  args: ['sh', '-c', script],
  stdio,
  passFds: [],
  pipesize: undefined,
  ...more,
});

/** Everything up to the end. */
function all(reader: PipeReader): string {
  let text = '';
  for (const into = Buffer.alloc(65_536); ; ) {
    reader.waitAny([reader]);
    const n = reader.read(into);
    if (n === 0) {
      reader.close();
      return text;
    }
    if (n > 0) text += into.toString('utf8', 0, n);
  }
}

function done({ child, stdin, stdout, stderr }: Started): number {
  for (const end of [stdin, stdout, stderr]) end?.close();
  return child.waitSync()!;
}

test('three pipes: what goes in comes out, each by its own, and nothing stays open', () => {
  const before = openFds();
  const started = fastStart(request('cat; echo err >&2; exit 3', [PIPE, PIPE, PIPE]));
  started.stdin!.write(Buffer.from('in'));
  started.stdin!.close();
  assert.deepEqual([all(started.stdout!), all(started.stderr!)], ['in', 'err\n']);
  assert.equal(done(started), 3);
  assert.deepEqual(openedSince(before), []);
});

test('standard error that goes where standard output goes keeps the order', () => {
  const started = fastStart(request('echo 1; echo 2 >&2; echo 3', [NOWHERE, PIPE, { kind: 'stdout' }]));
  assert.equal(started.stderr, null);
  assert.equal(all(started.stdout!), '1\n2\n3\n');
  assert.equal(done(started), 0);
});

test('descriptors and another program’s output, and the size of pipes', (t) => {
  const file = path.join(temporaryDirectory(t), 'file');
  writeFileSync(file, '');
  const fd = openSync(file, 'r+');
  const first = fastStart(request('echo one', [NOWHERE, PIPE, NOWHERE], { pipesize: 8192 }));
  assert.equal(pipeSize(first.stdout!.fd!), 8192);
  const reader: Target = { kind: 'reader', reader: first.stdout! };
  const second = fastStart(request('cat; echo two', [reader, { kind: 'fd', fd }, NOWHERE]));
  assert.deepEqual([second.stdin, second.stdout, second.stderr], [null, null, null]);
  assert.deepEqual([done(second), done(first)], [0, 0]);
  closeSync(fd);
  assert.equal(readFileSync(file, 'utf8'), 'one\ntwo\n');
});

test('a start that fails leaves nothing open, whatever had been opened for it', () => {
  const before = openFds();
  const stdio = [PIPE, PIPE, NOWHERE] as const;
  const fails = (more: Partial<StartRequest>, error: object): void => {
    assert.throws(() => fastStart(request('true', stdio, more)), error);
    assert.deepEqual(openedSince(before), []);
  };
  fails({ file: 'nonexisting_i_hope' }, { name: 'FileNotFoundError', path: 'nonexisting_i_hope' });
  fails({ cwd: '/nonexisting_i_hope' }, { code: 'ENOENT', path: '/nonexisting_i_hope' });
  fails({ args: ['sh', 'a\0b'] }, { name: 'ValueError' });
  fails({ pipesize: 1 << 30 }, /EPERM|EBUSY|EINVAL|ENOMEM/);
  fails({ passFds: [999] }, { code: 'EBADF' });
});
