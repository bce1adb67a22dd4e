/** Programs that a bundler has put into one file, with this library or without it. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Ended, root, start } from '../support/run.ts';

interface Bundler {
  buildSync(options: object): unknown;
}
// tsx has one.
const { buildSync } = createRequire(createRequire(import.meta.url).resolve('tsx'))('esbuild') as Bundler;

const program = `
import { createServer, connect } from 'node:net';
import { once } from 'node:events';
import { Pipe, Pool, Process } from 'multiproc';
import { twice } from './helper.js';
const main = async () => {
  let factor = 2;
  const pool = new Pool(1);
  const scaled = (x) => twice(x) * factor;
  const got = [await pool.apply(scaled, [1])];
  factor = 3;
  got.push(await pool.apply(scaled, [1]));
  const { stack } = await pool.apply(() => { throw new RangeError('theirs'); }).catch((e) => e);
  got.push(/called from\\]\\n +at .*program\\.cjs/.test(stack));
  await pool.terminate();
  const server = createServer((s) => s.end('through a socket')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect(server.address().port, '127.0.0.1');
  await once(socket, 'connect');
  const [here, there] = Pipe();
  const read = async (c) => { let text = ''; for await (const chunk of await c.recv()) text += chunk; await c.send(text); };
  const p = new Process({ target: read, args: [there] });
  p.start();
  await here.send(socket);
  got.push(await here.recv());
  await p.join();
  got.push(p.exitcode);
  socket.destroy();
  server.close();
  console.log(JSON.stringify(got));
};
main();
`;

/** Bundles the program and runs it from a folder below, where the package may be installed. */
function bundled(t: TestContext, isInstalled: boolean, options: object): Promise<Ended> {
  const project = mkdtempSync(path.join(os.tmpdir(), 'multiproc-bundle-'));
  t.after(() => rmSync(project, { recursive: true, force: true }));
  writeFileSync(path.join(project, 'main.js'), program);
  writeFileSync(path.join(project, 'helper.js'), 'export const twice = (x) => x * 2;');
  // What the children's main script would be called if it lay where the bundle thinks that it is.
  for (const name of ['bootstrap.cjs', 'bootstrap.js']) {
    writeFileSync(path.join(project, name), 'console.log("not to be run");');
  }
  mkdirSync(path.join(project, 'node_modules'));
  const installed = path.join(project, 'node_modules', 'multiproc');
  symlinkSync(root, installed);
  const outfile = path.join(project, 'out', 'program.cjs');
  buildSync({
    entryPoints: [path.join(project, 'main.js')],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'error',
    outfile,
    ...options,
  });
  if (!isInstalled) rmSync(installed);
  return start([outfile], { cwd: project }).ended;
}

const expected = '[4,6,true,"through a socket",0]\n';

for (const minify of [false, true]) {
  const how = minify ? ', minified' : '';
  test(`a bundle without this library works${how}`, async (t) => {
    const { stdout, stderr } = await bundled(t, true, { external: ['multiproc'], minify });
    assert.deepEqual({ stdout, stderr }, { stdout: expected, stderr: '' });
  });

  test(`a bundle that holds this library works where its package is installed${how}`, async (t) => {
    const { stdout, stderr } = await bundled(t, true, { external: ['koffi'], minify });
    assert.deepEqual({ stdout, stderr }, { stdout: expected, stderr: '' });
  });
}

test('a bundle that holds this library says what it lacks where its package is not installed', async (t) => {
  const { stdout, stderr, code } = await bundled(t, false, { external: ['koffi'] });
  assert.equal(stdout, '');
  assert.match(stderr, /NotSupportedError\d*: .*install multiproc where that file could import it from/);
  assert.equal(code, 1);
});
