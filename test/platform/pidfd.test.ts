import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pollFds } from '../../src/platform/blocking-poll.ts';
import { isOpen, POLLIN } from '../../src/platform/descriptors.ts';
import { launch } from '../../src/platform/launch.ts';
import { closePidfd, pidfdOpen, tryPidfd } from '../../src/platform/pidfd.ts';

const readable = (fd: number, timeout: number): boolean =>
  pollFds([{ fd, events: POLLIN }], timeout)[0] !== 0;

test('it is readable from the end of the process on, and not before, nor when that is stopped', () => {
  const child = launch({ file: 'sleep', args: ['sleep', '60'], fds: new Map() });
  const fd = pidfdOpen(child.pid);
  assert.equal(readable(fd, 0), false);
  child.kill('SIGSTOP');
  assert.equal(readable(fd, 20), false);
  child.kill('SIGKILL');
  assert.equal(readable(fd, 60_000), true);
  assert.equal(child.waitSync(), -9);
  closePidfd(fd);
  assert.ok(!isOpen(fd));
});

test('a process that is gone has none', () => {
  const child = launch({ file: 'true', args: ['true'], fds: new Map() });
  child.waitSync();
  assert.equal(tryPidfd(child.pid), -1);
  assert.throws(() => pidfdOpen(child.pid), { name: 'ProcessLookupError', code: 'ESRCH' });
});
