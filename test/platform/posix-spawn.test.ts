import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { SpawnedChild } from '../../src/platform/child.ts';
import { closeFd, openPipe } from '../../src/platform/descriptors.ts';
import {
  hasCloseFrom,
  prepareSpawn,
  type SpawnRequest,
  spawnByName,
  spawnPrepared,
} from '../../src/platform/posix-spawn.ts';
import { temporaryDirectory } from '../support/run.ts';

const SH = '/bin/sh';

/** Runs a line of the shell, with its output caught. */
function says(line: string, more: Partial<SpawnRequest> = {}, ...args: SpawnRequest['argv']): string {
  const { read, write } = openPipe();
  const prepared = prepareSpawn({
    argv: ['sh', '-c', line, 'sh', ...args],
    env: undefined,
    cwd: undefined,
    closeFds: true,
    setsid: false,
    pgroup: undefined,
    restoreSignals: true,
    ...more,
    fds: new Map([...(more.fds ?? []), [1, write]]),
  });
  const pid = spawnPrepared(prepared, SH);
  closeFd(write);
  assert.ok(pid > 0, `refused with ${pid}`);
  assert.equal(new SpawnedChild(pid).waitSync(), 0);
  const text = readFileSync(`/proc/self/fd/${read}`, 'latin1');
  closeFd(read);
  return text.trim();
}

const nothing: SpawnRequest = {
  argv: ['true'],
  env: undefined,
  cwd: undefined,
  fds: new Map(),
  closeFds: true,
  setsid: false,
  pgroup: undefined,
  restoreSignals: true,
};

test('arguments and environment arrive as they are, bytes too, and nothing else', () => {
  const odd = Buffer.from([0x61, 0xff, 0x20]);
  assert.equal(says('printf %s "$1|$2"', {}, odd, 'é "\''), 'a\xff |é "\''.replace('é', '\xc3\xa9'));
  assert.equal(says('echo $A $HOME', { env: ['A=only this'] }), 'only this');
  const long = 'x'.repeat(60_000);
  assert.equal(says('printf %s "$1"', {}, long), long);
  assert.equal(says('printf %s "$1"', {}, 'short again'), 'short again');
});

test('a prepared start may be tried with several paths: refusals are negated error numbers', () => {
  const { ENOENT, EACCES, ENOTDIR } = { ENOENT: 2, EACCES: 13, ENOTDIR: 20 };
  const prepared = prepareSpawn(nothing);
  assert.equal(spawnPrepared(prepared, '/nonexisting_i_hope'), -ENOENT);
  assert.equal(spawnPrepared(prepared, Buffer.from('/etc')), -EACCES);
  assert.equal(spawnPrepared(prepared, '/etc/passwd/x'), -ENOTDIR);
  assert.equal(spawnByName(prepared, 'nonexisting_i_hope'), -ENOENT);
  for (const pid of [spawnPrepared(prepared, '/bin/true'), spawnByName(prepared, 'true')]) {
    assert.ok(pid > 0);
    assert.equal(new SpawnedChild(pid).waitSync(), 0);
  }
});

test('descriptors: only those that are wanted, or all that are inheritable', () => {
  const fd = openSync('/dev/null', 'r'); // close-on-exec, as all of Node's
  const listed = (more: Partial<SpawnRequest>): string[] =>
    says('for f in /proc/$$/fd/*; do basename $f; done', more)
      .split('\n')
      .filter((n) => n !== '3' && n !== '10'); // the shell's own
  const wanted = (...numbers: number[]): { fds: Map<number, number> } => ({
    fds: new Map(numbers.map((n) => [n, fd])),
  });
  assert.deepEqual(listed(wanted(0, 2, 7)), ['0', '1', '2', '7']);
  assert.deepEqual(listed(wanted(0, 2)), ['0', '1', '2']);
  assert.ok(!listed({ ...wanted(0, 2), closeFds: false }).includes(String(fd)));
  closeSync(fd);
});

test('directory, session, group: each start its own, however they follow one another', (t) => {
  const root = temporaryDirectory(t);
  const own = says('cut -d" " -f5,6 /proc/$$/stat').split(' ');
  const status = readFileSync('/proc/self/stat', 'latin1').split(') ')[1]!.split(' ');
  assert.deepEqual(own, [status[2], status[3]], 'those of this process');
  for (let i = 0; i < 20; i++) {
    const cwd = path.join(root, `d${i}`);
    mkdirSync(cwd);
    assert.equal(says('pwd', { cwd }), cwd);
    assert.equal(
      says('set -- $(cut -d" " -f5,6 /proc/$$/stat); [ $1 = $$ ] && [ $2 = $$ ] && echo own', {
        setsid: true,
      }),
      'own',
    );
    const [group, session] = says('echo $(cut -d" " -f1,5,6 /proc/$$/stat)', { pgroup: 0 })
      .split(' ')
      .slice(1);
    assert.notEqual(group, own[0]);
    assert.equal(session, own[1]);
  }
});

test('signals that Node ignores are given back, or not, as wanted', () => {
  const ignored = (restoreSignals: boolean): bigint =>
    BigInt(`0x${says('sed -n "s/^SigIgn:\\t*//p" /proc/$$/status', { restoreSignals })}`);
  const both = (1n << 12n) | (1n << 24n); // SIGPIPE, SIGXFSZ
  assert.equal(ignored(true) & both, 0n);
  assert.equal(ignored(false) & both, both);
});

test('whether everything from a number on can be closed is asked of the C library', () => {
  const { glibcVersionRuntime } = (process.report.getReport() as { header: { glibcVersionRuntime?: string } })
    .header;
  const [major = 0, minor = 0] = (glibcVersionRuntime ?? '').split('.').map(Number);
  assert.equal(hasCloseFrom(), major > 2 || (major === 2 && minor >= 34));
});
