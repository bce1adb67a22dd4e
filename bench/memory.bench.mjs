/** Shared memory against CPython's: making, attaching, reading and writing; and what small objects take. */
import { Lock, RawArray, ShareableList, SharedMemory, Value } from '../dist/index.js';
import { median, python, table } from './measure.mjs';

/** Microseconds for one call. */
function each(rounds, work) {
  const start = performance.now();
  for (let i = 0; i < rounds; i++) work(i);
  return ((performance.now() - start) * 1e3) / rounds;
}

const size = 1 << 20;
const keeper = new SharedMemory({ create: true, size });
const make = await median(() =>
  each(200, () => {
    const memory = new SharedMemory({ create: true, size });
    memory.close();
    memory.unlink();
  }),
);
const makeAndFill = await median(() =>
  each(200, (i) => {
    const memory = new SharedMemory({ create: true, size });
    memory.buf.fill(i);
    memory.close();
    memory.unlink();
  }),
);
const attach = await median(() => each(500, () => new SharedMemory(keeper.name).close()));
const write = await median(() => each(200, (i) => keeper.buf.fill(i)));
const plain = Buffer.alloc(size);
const writePlain = await median(() => each(200, (i) => plain.fill(i)));
const list = new ShareableList(['howdy', 100, 0.5, true, null]);
const get = await median(() => each(200_000, () => list.at(1)));
const set = await median(() => each(200_000, (i) => list.set(1, i)));
const value = await median(() => each(20_000, () => new Value('i', 0)));
const array = await median(() => each(200, () => RawArray('d', 100_000)));
keeper.close();
keeper.unlink();
list.shm.close();
list.shm.unlink();

const count = 100_000;
const locks = Array.from({ length: count }, () => new Lock());
const { readFileSync } = await import('node:fs');
const resident = readFileSync('/proc/self/smaps', 'utf8')
  .split(/(?=^[0-9a-f]+-[0-9a-f]+ )/m)
  .filter((mapping) => mapping.includes('memfd:multiproc-arena'))
  .reduce((sum, mapping) => sum + Number(/^Rss: +(\d+) kB/m.exec(mapping)[1]) * 1024, 0);

const cpython = python(`
import json, multiprocessing, time
from multiprocessing import shared_memory
def each(rounds, work):
    def once():
        t = time.perf_counter()
        for i in range(rounds): work(i)
        return (time.perf_counter() - t) * 1e6 / rounds
    return sorted(once() for _ in range(5))[2]
size = ${size}
def make(i):
    m = shared_memory.SharedMemory(create=True, size=size); m.close(); m.unlink()
contents = [bytes([i % 256]) * size for i in range(4)]
def fill(i):
    m = shared_memory.SharedMemory(create=True, size=size); m.buf[:] = contents[i % 4]; m.close(); m.unlink()
keeper = shared_memory.SharedMemory(create=True, size=size)
def attach(i): shared_memory.SharedMemory(keeper.name).close()
l = shared_memory.ShareableList(['howdy', 100, 0.5, True, None])
def get(i): l[1]
def put(i): l[1] = i
def value(i): multiprocessing.Value('i', 0)
def array(i): multiprocessing.sharedctypes.RawArray('d', 100000)
import multiprocessing.sharedctypes
result = {'make': each(200, make), 'attach': each(200, attach), 'fill': each(200, fill), 'get': each(20000, get), 'set': each(20000, put),
  'value': each(1000, value), 'array': each(200, array)}
keeper.close(); keeper.unlink(); l.shm.close(); l.shm.unlink()
print(json.dumps(result))
`);

const out = (...args) => process.stdout.write(table(...args));
const pair = (title, ours, theirs) =>
  out(title, 'µs', 'less', [
    ['multiproc', ours],
    ['CPython', theirs],
  ]);
pair('SharedMemory of 1 MiB: create + close + unlink', make, cpython?.make);
pair(
  'the same, filled before close (we take its pages at once, CPython when it is written)',
  makeAndFill,
  cpython?.fill,
);
pair('SharedMemory: attach + close', attach, cpython?.attach);
pair('ShareableList: read an item', get, cpython?.get);
pair('ShareableList: write an item', set, cpython?.set);
pair("new Value('i', 0), with its lock", value, cpython?.value);
pair("RawArray('d', 100,000)", array, cpython?.array);
out('filling 1 MiB', 'µs', 'less', [
  ['SharedMemory.buf', write],
  ['a plain Buffer', writePlain],
]);
process.stdout.write(
  `shared memory that ${locks.length} locks take: ${(resident / count).toFixed(1)} bytes each\n`,
);
