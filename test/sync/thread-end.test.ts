/** Worker threads that end leave nothing to their process, and warn of nothing. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { Process } from '../../src/index.ts';
import { root } from '../support/run.ts';

const program = `
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { readdirSync, readFileSync } from 'node:fs';
const mp = await import(process.env.LIBRARY);
const work = async ({ lock, event, how }) => {
  lock = mp.fromHandle(lock);
  event = mp.fromHandle(event);
  await lock.acquire();
  const own = new mp.Value('i', 5);
  const large = mp.RawArray('d', 50_000);
  large[0] = 1;
  await own.getLock().runExclusive(() => {});
  const named = new mp.SharedMemory({ create: true, size: 100 });
  named.unlink();
  await event.wait({ timeout: 20 });
  event.waitSync({ timeout: 5 });
  const text = String(lock);
  lock.release();
  const { parentPort } = require('node:worker_threads');
  parentPort.postMessage(text);
  if (how === 'terminated') setInterval(() => {}, 1000);
  else parentPort.close();
};
const lock = new mp.Lock();
const event = new mp.Event();
new mp.SharedMemory({ create: true, size: 1 }).unlink(); // the tracker runs
const descriptors = () => readdirSync('/proc/self/fd').length;
const mapped = () => readFileSync('/proc/self/maps', 'utf8').split('\\n').filter((line) => /memfd:multiproc|dev.shm/.test(line)).length;
const text = "const mp = require(require('node:url').fileURLToPath(process.env.LIBRARY.replace('/dist/', '/dist/cjs/'))); (" + work + ")(require('node:worker_threads').workerData)";
const run = async (how, times) => {
  for (let i = 0; i < times; i++) {
    const worker = new Worker(text, { eval: true, execArgv: [], workerData: { lock: mp.shareHandle(lock), event: mp.shareHandle(event), how } });
    worker.on('error', (error) => { console.error(error); process.exit(1); });
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    const [said] = await new Promise((resolve) => worker.once('message', (...args) => resolve(args)));
    if (!/^<Lock\\(owner=MainProcess.Thread-\\d+\\)>$/.test(said)) throw new Error(said);
    if (how === 'terminated') await worker.terminate();
    else await exited;
  }
};
const result = {};
for (const how of ['ended', 'terminated']) {
  await run(how, 2);
  const before = [descriptors(), mapped()];
  await run(how, 10);
  result[how] = [descriptors() - before[0], mapped() - before[1]];
}
console.log(JSON.stringify(result));
process.exit();
`;

test('a worker thread leaves no descriptor however it ends, and no mapping when it ends by itself', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: root,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, LIBRARY: new URL('../../dist/index.js', import.meta.url).href },
  });
  assert.deepEqual([status, stderr], [0, '']);
  const { ended, terminated } = JSON.parse(stdout) as Record<'ended' | 'terminated', [number, number]>;
  // Ten threads ran; something else may come or go meanwhile.
  assert.ok(
    ended.every((n) => n <= 1),
    String(ended),
  );
  assert.ok(terminated[0] <= 1, String(terminated));
});

test('the text of a lock names the process that holds it, as Python does', async () => {
  const p = new Process({
    target: async () => {
      const { Lock } = await import('../../src/index.ts');
      const lock = new Lock();
      lock.acquireSync();
      if (String(lock) !== '<Lock(owner=Holder)>') throw new Error(String(lock));
    },
    name: 'Holder',
  });
  p.start();
  await p.join();
  assert.equal(p.exitcode, 0);
});
