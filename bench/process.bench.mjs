/** Start and join of a process, against `child_process.fork` of an empty script and CPython's spawn. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Process } from '../dist/index.js';
import { median, python, table, temporaryFile, timed } from './measure.mjs';

const empty = temporaryFile('empty.mjs', '');

const nothing = () => {};
const ours = () =>
  timed(async () => {
    const p = new Process({ target: nothing });
    p.start();
    await p.join();
  });
const forked = () => timed(() => once(fork(empty), 'exit'));

// Alternating, so that both see the same machine.
const pairs = { ours: [], forked: [] };
await ours();
await forked();
for (let i = 0; i < 25; i++) {
  pairs.ours.push(await ours());
  pairs.forked.push(await forked());
}
const mid = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const startOnly = await median(() => {
  const p = new Process({ target: nothing });
  const begin = performance.now();
  p.start();
  const ms = performance.now() - begin;
  p.joinSync();
  return ms;
});
const cpython = python(`
import json, multiprocessing, time
def nothing(): pass
result = []
context = multiprocessing.get_context('spawn')
import os
for i in range(10):
    t = time.perf_counter()
    p = context.Process(target=os.getpid)
    p.start(); p.join()
    result.append((time.perf_counter() - t) * 1000)
print(json.dumps(sorted(result)[5]))
`);
process.stdout.write(
  table('start + join of a process', 'ms', 'less', [
    ['multiproc Process', mid(pairs.ours)],
    ['child_process.fork of an empty module', mid(pairs.forked)],
    ['CPython, spawn', cpython],
  ]),
);
process.stdout.write(table('start() alone', 'ms', 'less', [['multiproc Process', startOnly]]));
