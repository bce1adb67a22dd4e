/** A trivial function over 20,000 items, and one round trip, against the worker pools of Node and CPython's Pool. */
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Piscina } from 'piscina';
import { FixedThreadPool } from 'poolifier';
import { Tinypool } from 'tinypool';
import workerpool from 'workerpool';
import { Pool } from '../dist/index.js';
import { inTurns, median, python, table, temporaryFile, timed } from './measure.mjs';

const items = Array.from({ length: 20_000 }, (_, i) => i);
const workers = 2;
const warmUps = 10;
const rate = (ms) => (items.length / ms) * 1000;

const here = path.dirname(new URL(import.meta.url).pathname);
const exported = temporaryFile('exported.mjs', 'export default (x) => x + 1;');
const poolifierWorker = temporaryFile(
  'poolifier.mjs',
  `import { ThreadWorker } from '${path.join(here, 'node_modules/poolifier/lib/index.mjs')}'; export default new ThreadWorker((x) => x + 1);`,
);

const increment = (x) => x + 1;

/** name → how to run one item, all of them, and how to end. */
async function peers() {
  const found = {};
  const piscina = new Piscina({ filename: exported, minThreads: workers, maxThreads: workers });
  found.piscina = { one: (x) => piscina.run(x), end: () => piscina.destroy() };
  const many = new Piscina({
    filename: exported,
    minThreads: workers,
    maxThreads: workers,
    concurrentTasksPerWorker: 64,
  });
  found['piscina, 64 concurrent tasks'] = { one: (x) => many.run(x), end: () => many.destroy() };
  for (const runtime of ['worker_threads', 'child_process']) {
    const tiny = new Tinypool({ filename: exported, runtime, minThreads: workers, maxThreads: workers });
    found[`tinypool, ${runtime}`] = { one: (x) => tiny.run(x), end: () => tiny.destroy() };
  }
  for (const workerType of ['thread', 'process']) {
    const wp = workerpool.pool({ workerType, minWorkers: workers, maxWorkers: workers });
    found[`workerpool, ${workerType}`] = { one: (x) => wp.exec(increment, [x]), end: () => wp.terminate() };
  }
  const fixed = new FixedThreadPool(workers, poolifierWorker, { errorHandler: console.error });
  found['poolifier, threads'] = { one: (x) => fixed.execute(x), end: () => fixed.destroy() };
  return found;
}

const cpython = python(`
import json, multiprocessing, time
def increment(x): return x + 1
pool = multiprocessing.get_context('fork').Pool(2)
items = list(range(20000))
def median(f):
    for _ in range(${warmUps}): f()
    return sorted(f() for _ in range(5))[2]
def all(chunksize):
    t = time.perf_counter(); pool.map(increment, items, chunksize); return 20000 / (time.perf_counter() - t)
def one():
    t = time.perf_counter()
    for i in range(200): pool.apply(increment, (i,))
    return (time.perf_counter() - t) / 200 * 1e6
print(json.dumps({'chunk1': median(lambda: all(1)), 'auto': median(lambda: all(None)), 'trip': median(one)}))
pool.terminate()
`);

const pool = new Pool(workers);
const others = await peers();

const forPeers = (measure) =>
  Object.fromEntries(Object.entries(others).map(([name, { one }]) => [name, () => measure(one)]));
const all = async (one) => rate(await timed(() => Promise.all(items.map(one))));
const trips = 2000;
const trip = async (one) =>
  ((await timed(async () => {
    for (let i = 0; i < trips; i++) await one(i);
  })) /
    trips) *
  1000;

const single = await inTurns({
  'multiproc map, chunksize 1': async () => rate(await timed(() => pool.map(increment, items, 1))),
  'multiproc applyAsync': () => all((x) => pool.applyAsync(increment, [x])),
  ...forPeers(all),
});
// Few and long tasks: the engine compiles their loops after some rounds.
for (let i = 0; i < warmUps; i++) await pool.map(increment, items);
const automatic = [
  ['multiproc map', await median(async () => rate(await timed(() => pool.map(increment, items))))],
];
const roundTrips = await inTurns({
  'multiproc apply': () => trip((x) => pool.apply(increment, [x])),
  ...forPeers(trip),
  'multiproc applySync': () => trip((x) => pool.applySync(increment, [x])),
});
const delays = monitorEventLoopDelay({ resolution: 1 });
delays.enable();
const hundredThousand = Array.from({ length: 100_000 }, (_, i) => i);
await pool.map(increment, hundredThousand, 1);
delays.disable();
pool.close();
await pool.join();
for (const { end } of Object.values(others)) await end();

single.push(['CPython Pool.map, fork, chunksize 1', cpython?.chunk1]);
automatic.push(['CPython Pool.map, fork', cpython?.auto]);
roundTrips.push(['CPython Pool.apply, fork', cpython?.trip]);

process.stdout.write(table('20,000 tasks, one item each, all submitted at once', 'tasks/s', 'more', single));
process.stdout.write(table('20,000 items, automatic chunks', 'items/s', 'more', automatic));
process.stdout.write(table('one task, there and back', 'µs', 'less', roundTrips));
process.stdout.write(
  `event-loop delay of the parent while 100,000 tasks run: median ${(delays.percentile(50) / 1e6).toFixed(1)} ms, 99th percentile ${(delays.percentile(99) / 1e6).toFixed(1)} ms, most ${(delays.max / 1e6).toFixed(1)} ms\n`,
);
