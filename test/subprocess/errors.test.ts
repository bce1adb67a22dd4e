import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { CompletedProcess } from '../../src/subprocess/completed.ts';
import { CalledProcessError, SubprocessError, TimeoutExpired } from '../../src/subprocess/errors.ts';

test('an exit code or a signal is told as Python tells it', () => {
  const status = new CalledProcessError(3, ['ls', "it's"], Buffer.from('out'), 'err');
  assert.equal(status.message, `Command '['ls', "it's"]' returned non-zero exit status 3.`);
  assert.deepEqual(
    [status.returncode, status.output, status.stdout, status.stderr],
    [3, Buffer.from('out'), Buffer.from('out'), 'err'],
  );
  assert.match(new CalledProcessError(-15, 'x').message, /died with <Signals\.SIGTERM: 15>\.$/);
  assert.match(new CalledProcessError(-63, 'x').message, /died with unknown signal 63\.$/);
});

test('names, codes and ancestry', () => {
  const errors: [Error & { code: string }, string, string][] = [
    [new SubprocessError('x'), 'SubprocessError', 'ERR_MULTIPROC_SUBPROCESS'],
    [new CalledProcessError(1, 'x'), 'CalledProcessError', 'ERR_MULTIPROC_CALLED_PROCESS'],
    [new TimeoutExpired('x', 5), 'TimeoutExpired', 'ERR_MULTIPROC_TIMEOUT_EXPIRED'],
  ];
  for (const [error, name, code] of errors) {
    assert.ok(error instanceof SubprocessError);
    assert.deepEqual([error.name, error.code], [name, code]);
  }
});

test('a timeout carries what was read by then', () => {
  const error = new TimeoutExpired(['sleep', '9'], 250, Buffer.from('so far'));
  assert.match(error.message, /\['sleep', '9'\].* timed out after 250 milliseconds/);
  assert.deepEqual([error.timeout, error.stdout, error.stderr], [250, Buffer.from('so far'), null]);
});

test('a completed process prints as in Python and checks its exit code', () => {
  assert.equal(inspect(new CompletedProcess(['true'], 0)), "CompletedProcess(args=['true'], returncode=0)");
  const failed = new CompletedProcess('x', 2, Buffer.from('o\n'), Buffer.from(''));
  assert.equal(inspect(failed), "CompletedProcess(args='x', returncode=2, stdout=b'o\\n', stderr=b'')");
  new CompletedProcess('x', 0).checkReturncode();
  assert.throws(() => failed.checkReturncode(), { name: 'CalledProcessError', returncode: 2, cmd: 'x' });
});
