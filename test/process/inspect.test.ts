import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { debug, portNamed, stopAtExceptions } from '../support/devtools.ts';
import { library, start, startProgram, temporaryDirectory } from '../support/run.ts';

const program = `
import inspector from 'node:inspector';
import { Pool, Process, Queue } from ${JSON.stringify(library)};
const answers = async (url: string) => {
  const { port } = new URL(url);
  const list = await (await fetch('http://127.0.0.1:' + port + '/json/list')).json();
  return list.length === 1 && url.endsWith(list[0].id);
};
const q = new Queue<string | undefined>();
const children = [0, 1].map(() => new Process({ target: async (queue: typeof q) => {
  const own = (await import('node:inspector')).url();
  await queue.put(own);
  await new Promise((done) => setTimeout(done, 60_000));
}, args: [q], daemon: true }));
for (const p of children) p.start();
const urls = [inspector.url(), await q.get(), await q.get()];
console.log(new Set(urls.map((u) => new URL(u!).port)).size, ...(await Promise.all(urls.map((u) => answers(u!)))));
for (const p of children) p.kill();
const pool = new Pool(2);
console.log((await pool.map((x: number) => x * 2, [1, 2])).join());
pool.terminate();
process.exit();
`;

for (const [how, args, env] of [
  ['--inspect', ['--inspect=127.0.0.1:0'], {}],
  ['NODE_OPTIONS', [], { NODE_OPTIONS: '--inspect=127.0.0.1:0' }],
] as const) {
  test(`under a debugger, by ${how}, each child listens on a free port of its own`, async (t) => {
    const file = path.join(temporaryDirectory(t), 'main.mts');
    writeFileSync(file, program);
    const { stdout, stderr } = await start([...args, file], { env }).ended;
    assert.equal(stdout, '3 true true true\n2,4\n', stderr);
    assert.doesNotMatch(stderr, /address already in use|Error/);
    assert.equal([...stderr.matchAll(/Debugger listening on/g)].length, 5);
  });
}

const debugged = `
import { Pool, Process } from LIBRARY;
let top = 1;
const local = ((n: number) => { n++; return (x: number) => x + n + top; })(1);
const holder = { by: 3, reader() { return () => this.by; } };
const p = new Process({ target: (f: typeof local) => console.log('child', f(1)), args: [local] });
p.start();
await p.join();
const pool = new Pool(2);
console.log(p.exitcode, ...(await pool.map(local, [1, 2])), await pool.apply(holder.reader()));
top = 10;
console.log(...(await pool.map(local, [1, 2])));
pool.terminate();
await pool.join();
`;

for (const [what, commands] of [
  ['lets it go on', []],
  ['stops at exceptions, also at those that are caught', [stopAtExceptions]],
] as const) {
  test(`a program that waits for a debugger, which ${what}, runs to its end, and its children wait for none`, async (t) => {
    const { child, ended } = startProgram(t, 'main.mts', debugged, [], ['--inspect-brk=127.0.0.1:0']);
    const stops = await debug(await portNamed(child.stderr!), commands);
    const { code, stdout, stderr } = await ended;
    assert.deepEqual([code, stdout], [0, 'child 4\n0 4 5 3\n13 14\n'], stderr);
    assert.ok(stops.includes('Break on start'));
    assert.equal(stops.includes('exception'), commands.length > 0);
    assert.equal([...stderr.matchAll(/Debugger listening on/g)].length, 4);
  });
}

test('two programs under a debugger at the same port: the first has it, and children of the other still start', async (t) => {
  const file = path.join(temporaryDirectory(t), 'main.mts');
  writeFileSync(
    file,
    `import { Process } from ${JSON.stringify(library)};
    const p = new Process({ target: () => console.log('child') });
    p.start();
    await p.join();`,
  );
  const port = 20_000 + (process.pid % 20_000);
  const ends = await Promise.all([0, 1].map(() => start([`--inspect=${port}`, file]).ended));
  for (const { stdout } of ends) assert.equal(stdout, 'child\n');
});
