import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../support/run.ts';

const library = path.join(root, 'dist', 'modules', 'platform', 'descriptors.js');

for (const closed of [[2], [1], [1, 2], [0, 1, 2]]) {
  for (const [how, end] of [
    ['by itself', ''],
    ['by process.exit', 'process.exit(3);'],
  ] as const) {
    test(`a program that has closed ${closed} ends ${how}, and says nothing`, async () => {
      const program = `
        const { isOpen } = require(${JSON.stringify(library)});
        if (!isOpen(2)) process.exit(9);
        for (const fd of ${JSON.stringify(closed)}) require('node:fs').closeSync(fd);
        ${end}`;
      const child = spawn(process.execPath, ['-e', program], {
        stdio: ['pipe', 'pipe', 'pipe'],
        timeout: 20_000,
        killSignal: 'SIGKILL',
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
      const ended = await once(child, 'close');
      assert.deepEqual([ended, said], [[end === '' ? 0 : 3, null], '']);
    });
  }
}
