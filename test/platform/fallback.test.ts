/** Where the fast start is not. The program pretends before it loads the library; what it does there the rows tell. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { root, runNode } from '../support/run.ts';

async function elsewhere(script: string): Promise<unknown> {
  const dist = JSON.stringify(pathToFileURL(path.join(root, 'dist', 'subprocess.js')).href);
  const head = `Object.defineProperty(process, 'platform', { value: 'darwin' }); const sp = await import(${dist});`;
  const { stdout, stderr, code } = await runNode(['--input-type=module', '-e', `${head}\n${script}`], {
    timeout: 30_000,
  });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

test('runs programs without loading the native library', async () => {
  const said = await elsewhere(`
    import { createRequire } from 'node:module';
    const out = sp.runSync(['sh', '-c', 'cat; echo err >&2; exit 3'], { input: 'in', captureOutput: true, text: true });
    const later = await sp.run('cat', { input: 'again', stdout: sp.PIPE, text: true });
    const loaded = Object.keys(createRequire(import.meta.url).cache).filter((f) => f.includes('koffi'));
    console.log(JSON.stringify([out.returncode, out.stdout, out.stderr, later.stdout, loaded]));`);
  assert.deepEqual(said, [3, 'in', 'err\n', 'again', []]);
});

test('what node:child_process has no means for is refused, saying what to do', async () => {
  const said = await elsewhere(`
    const said = [];
    for (const options of [{ processGroup: 0 }, { extraGroups: [1] }, { pipesize: 4096 }, { restoreSignals: false }]) {
      try { new sp.Popen('true', options); said.push('started'); }
      catch (e) { said.push([e.name, /has no means for it; \\w/.test(e.message)]); }
    }
    try { new sp.Popen(['true', Buffer.from([0xff])]); said.push('started'); }
    catch (e) { said.push([e.name, /no UTF-8/.test(e.message)]); }
    console.log(JSON.stringify(said));`);
  assert.deepEqual(said, Array(5).fill(['NotSupportedError', true]));
});

test('leaves no file behind', async () => {
  const said = await elsewhere(`
    import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
    process.env.TMPDIR = mkdtempSync('/tmp/multiproc-fallback-');
    for (let i = 0; i < 5; i++) sp.runSync('cat', { input: 'x', captureOutput: true });
    try { sp.runSync('nonexisting_i_hope', { captureOutput: true }); } catch {}
    console.log(JSON.stringify(readdirSync(process.env.TMPDIR)));
    rmdirSync(process.env.TMPDIR);`);
  assert.deepEqual(said, []);
});

test('input that is a part of much memory travels without the rest of it', async () => {
  const said = await elsewhere(`
    const memory = Buffer.alloc(300 << 20);
    const p = new sp.Popen(['wc', '-c'], { stdin: sp.PIPE, stdout: sp.PIPE, text: true });
    for (let i = 0; i < 500; i++) p.stdin.write(memory.subarray(i * 10, i * 10 + 10));
    const [out] = await p.communicate();
    console.log(JSON.stringify([Number(out), memory.length]));`);
  assert.deepEqual(said, [5000, 300 << 20]);
});
