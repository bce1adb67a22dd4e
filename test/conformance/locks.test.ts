/** CPython's rows for locks and their like, with processes, worker threads and tasks, in both forms of every call. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BoundedSemaphore, Lock, RLock, Semaphore } from '../../src/index.ts';
import { root } from '../support/run.ts';
import { allCrews } from './crew.ts';
import { rows } from './locks-rows.ts';

for (const crew of allCrews()) {
  describe(crew.name, () => {
    after(() => crew.end());
    for (const { id, check } of rows) test(id, () => check(crew));
  });
}

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

for (const [id, Classes] of [
  ['BaseLockTests.test_acquire_destroy', [Lock, RLock]],
  ['BaseSemaphoreTests.test_acquire_destroy', [Semaphore, BoundedSemaphore]],
] as const) {
  test(`${id}: what is held may be dropped, and a program may end with it`, async () => {
    for (const Class of Classes) (() => new Class().acquireSync())();
    for (let n = 0; n < 5; n++) {
      gc();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const names = Classes.map((c) => c.name);
    const program = `import { ${names} } from './dist/index.js';
      globalThis.held = [${names.map((name) => `new ${name}()`)}];
      for (const one of held) await one.acquire();`;
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: root,
      encoding: 'utf8',
      env: { PATH: process.env.PATH },
    });
    assert.deepEqual([status, stderr], [0, '']);
  });
}
