import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type PopenOptions, resolveOptions } from '../../src/subprocess/options.ts';

test('defaults: no gaps, and Python’s', () => {
  const { request, highWaterMark, textMode, signal } = resolveOptions('ls', {});
  assert.ok(highWaterMark > 0);
  assert.deepEqual([textMode, signal], [undefined, undefined]);
  assert.deepEqual(request, {
    file: 'ls',
    args: ['ls'],
    verbatim: false,
    cwd: undefined,
    env: undefined,
    stdio: [{ kind: 'inherit' }, { kind: 'inherit' }, { kind: 'inherit' }],
    passFds: [],
    closeFds: true,
    setsid: false,
    pgroup: undefined,
    restoreSignals: true,
    user: undefined,
    group: undefined,
    extraGroups: undefined,
    umask: undefined,
    pipesize: undefined,
  });
});

test('args and executable: what is run, and what it sees as its own name', () => {
  const cases: [Parameters<typeof resolveOptions>[0], PopenOptions, unknown, unknown[]][] = [
    [['a', 'b'], {}, 'a', ['a', 'b']],
    [['a', 'b'], { executable: '/x' }, '/x', ['a', 'b']],
    ['a b', { shell: true }, '/bin/sh', ['/bin/sh', '-c', 'a b']],
    [['a b', 'c'], { shell: true }, '/bin/sh', ['/bin/sh', '-c', 'a b', 'c']],
    ['a', { shell: true, executable: '/bin/bash' }, '/bin/bash', ['/bin/bash', '-c', 'a']],
    [pathToFileURL('/a%20b'), {}, '/a%20b', ['/a%20b']],
  ];
  for (const [args, options, file, argv] of cases) {
    const { request } = resolveOptions(args, options);
    assert.deepEqual([request.file, request.args], [file, argv]);
  }
});

test('text mode: any of four options turns it on', () => {
  const mode = (options: PopenOptions): unknown => resolveOptions('a', options).textMode;
  assert.equal(mode({ text: false, universalNewlines: false }), undefined);
  assert.deepEqual(mode({ text: true }), { encoding: 'utf-8', errors: 'strict' });
  assert.deepEqual(mode({ universalNewlines: true }), { encoding: 'utf-8', errors: 'strict' });
  assert.deepEqual(mode({ encoding: 'latin-1' }), { encoding: 'latin-1', errors: 'strict' });
  assert.deepEqual(mode({ errors: 'replace' }), { encoding: 'utf-8', errors: 'replace' });
});

test('-1 and null mean what Python’s defaults mean', () => {
  const resolve = (options: PopenOptions) => resolveOptions('a', options).request;
  const { umask, pipesize, pgroup } = resolve({ umask: -1, pipesize: -1, processGroup: null });
  assert.deepEqual([umask, pipesize, pgroup], [undefined, undefined, undefined]);
  assert.equal(resolve({ umask: 0 }).umask, 0);
  assert.equal(resolve({ processGroup: 0 }).pgroup, 0);
});

test('ids: numbers, bigints and names; what fits no id is refused', () => {
  assert.deepEqual(
    resolveOptions('a', { user: 'root', group: 0n, extraGroups: ['root', 7] }).request.extraGroups,
    [0, 7],
  );
  assert.throws(() => resolveOptions('a', { user: 1.5 }), { name: 'TypeError' });
  assert.throws(() => resolveOptions('a', { group: 2n ** 64n }), { name: 'OverflowError' });
});

test('what Python has and this has not is refused, not passed over', () => {
  const resolve = (options: object) => () => resolveOptions('true', options);
  for (const options of [{ startupinfo: {} }, { creationflags: 1 }]) {
    assert.throws(resolve(options), { name: 'ValueError', message: /only supported on Windows/ });
  }
  for (const name of ['preexecFn', 'preexec_fn']) {
    assert.throws(resolve({ [name]: () => {} }), { name: 'NotSupportedError', message: /use cwd/ });
  }
  assert.throws(resolve({ capture_output: true }), { name: 'TypeError', message: /spelled captureOutput/ });
  assert.throws(resolve({ timeout: 5 }), { name: 'TypeError', message: /no option "timeout" of Popen/ });
  assert.throws(resolve({ workdir: '/' }), { name: 'TypeError', message: /no option "workdir".*cwd/ });
  assert.throws(resolve({ start_new_session: true }), { name: 'TypeError', message: /startNewSession/ });
  for (const options of [{ startupinfo: null, creationflags: 0 }, { preexec_fn: undefined }])
    resolve(options)();
});
