/** The link to the helper thread, with the built library: the thread is started without a loader. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import type * as Link from '../../src/platform/fallback-link.ts';
import type { FromHelper, StartMessage } from '../../src/platform/fallback-protocol.ts';

const built = createRequire(import.meta.url);
const { enroll, hearNow, strike, tell, waitUntil } = built(
  '../../dist/modules/platform/fallback-link.js',
) as typeof Link;

/** A program that the helper runs, and everything that was heard of it. */
function start(file: string, ...args: string[]): { id: number; heard: FromHelper[] } {
  const heard: FromHelper[] = [];
  const id = enroll({ hear: (message) => void heard.push(message) });
  const message: StartMessage = {
    op: 'start',
    id,
    file,
    args: [file, ...args],
    verbatim: false,
    env: { PATH: process.env.PATH! },
    cwd: undefined,
    stdio: [{ kind: 'ignore' }, { kind: 'ignore' }, { kind: 'ignore' }],
    detached: false,
    uid: undefined,
    gid: undefined,
    pipes: 'fifo',
    addresses: [],
  };
  tell(message);
  return { id, heard };
}

const ops = (heard: readonly FromHelper[]): string[] => heard.map(({ op }) => op);

test('before anything was said there is nothing to hear, and waiting ends when time is up', () => {
  hearNow();
  assert.equal(
    waitUntil(() => false, 20),
    false,
  );
  assert.equal(
    waitUntil(() => true, 0),
    true,
  );
});

test('while this thread blocks, what is said arrives in order', () => {
  const { heard } = start('sh', '-c', 'exit 7');
  assert.equal(
    waitUntil(() => ops(heard).includes('gone')),
    true,
  );
  assert.deepEqual(ops(heard), ['started', 'exit', 'gone']);
  assert.equal((heard[1] as { returncode: number }).returncode, 7);
});

test('the event loop hears too, each of its own program', async () => {
  const programs = [3, 4, 5].map((code) => ({ code, ...start('sh', '-c', `exit ${code}`) }));
  const keep = setInterval(() => {}, 1000); // the link itself keeps nothing alive
  while (!programs.every(({ heard }) => ops(heard).includes('gone'))) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  clearInterval(keep);
  for (const { code, id, heard } of programs) {
    assert.equal((heard[1] as { returncode: number }).returncode, code);
    assert.ok(heard.every((message) => message.id === id));
  }
});

test('a failed start is all that is heard of it', () => {
  const { heard } = start('nonexisting_i_hope');
  assert.equal(
    waitUntil(() => heard.length > 0),
    true,
  );
  assert.deepEqual(ops(heard), ['failed']);
  assert.equal((heard[0] as { error: { code: string } }).error.code, 'ENOENT');
});

test('who was struck off hears nothing more, and the others do', () => {
  const [gone, other] = [start('true'), start('true')];
  strike(gone.id);
  assert.equal(
    waitUntil(() => ops(other.heard).includes('gone')),
    true,
  );
  assert.deepEqual(gone.heard, []);
});
