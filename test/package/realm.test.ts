import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Ended, root, start } from '../support/run.ts';

const runner = fileURLToPath(new URL('fixtures/realm-runner.cjs', import.meta.url));
const library = JSON.stringify(path.join(root, 'dist', 'cjs', 'index.js'));

/** Runs a program so many times, each in a realm of its own; `body` is that of an async function. */
function inRealms(t: TestContext, times: number, body: string): Promise<Ended> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'multiproc-realm-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const file = path.join(dir, 'program.test.cjs');
  writeFileSync(file, `const m = require(${library});\nmodule.exports = async () => {\n${body}\n};\n`);
  writeFileSync(path.join(dir, 'helper.typed.cjs'), 'exports.twice = (x: number) => x * 2;\n');
  return start(['--expose-gc', runner, file, String(times)]).ended;
}

test('in a realm of its own with a copy of process, as under Jest, all works as elsewhere, also many times in one process', async (t) => {
  const { stdout, stderr, code } = await inRealms(
    t,
    12,
    `let local = 5;
     const raise = () => { local++; };
     const add = (x) => x + local;
     class Reader { constructor() { this.seen = local; } }
     const pool = new m.Pool(1);
     const got = [await pool.apply(add, [1]), await pool.apply(add, [1])];
     raise();
     got.push(await pool.apply(add, [1]), await pool.apply((R) => new R().seen, [Reader]));
     got.push(await pool.apply(() => { throw new RangeError('theirs'); }).catch((e) => e instanceof RangeError));
     await pool.terminate();
     const q = new m.Queue();
     const p = new m.Process({ target: (q, map) => q.put([map, new Date(0)]), args: [q, new Map([[1, 2]])] });
     p.start();
     await p.join();
     const [map, date] = await q.get();
     got.push(p.exitcode, map instanceof Map, map.get(1), date instanceof Date);
     console.log(JSON.stringify(got));`,
  );
  assert.equal(stderr, '');
  const lines = stdout.trim().split('\n');
  assert.equal(lines.pop(), 'all done');
  assert.deepEqual(lines, Array(12).fill('[6,6,7,6,true,0,true,2,true]'));
  assert.equal(code, 0);
});

test('what such a program leaves open does not keep the process, and goes with it', async (t) => {
  const { stdout, stderr, code } = await inRealms(
    t,
    1,
    `const pool = new m.Pool(2);
     const pids = await pool.map(() => process.pid, [1, 2], { chunksize: 1 });
     globalThis.left = [pool, new m.Queue(), new m.Lock()];
     console.log(JSON.stringify([...new Set(pids)]));`,
  );
  assert.equal(stderr, '');
  assert.equal(code, 0);
  for (const pid of JSON.parse(stdout.split('\n')[0]!) as number[]) {
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  }
});

test('modules that were compiled for such a program travel as they are, not as what Node would load', async (t) => {
  const { stdout, stderr } = await inRealms(
    t,
    1,
    `const helper = require('./helper.typed.cjs');
     const { twice } = require('./helper.typed.cjs');
     const fs = require('node:fs');
     const pool = new m.Pool(1);
     const got = [await pool.apply(twice, [1]), await pool.apply((x) => helper.twice(x) + twice(x), [1])];
     got.push(await pool.apply(() => fs.existsSync('/')));
     await pool.terminate();
     console.log(JSON.stringify(got));`,
  );
  assert.equal(stderr, '');
  assert.equal(stdout, '[2,4,true]\nall done\n');
});

test('what is collected after the end of such a program needs no more modules', async (t) => {
  const { stdout, stderr, code } = await inRealms(
    t,
    4,
    `const q = new m.Queue();
     q.putSync(1);
     q.close();
     new m.Lock().acquireSync();
     new m.SharedMemory({ create: true, size: 64 }).unlink();
     new m.SharedArray('d', 1000);`,
  );
  assert.deepEqual({ stdout, stderr, code }, { stdout: 'all done\n', stderr: '', code: 0 });
});
