import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { library, root, start, temporaryDirectory } from '../support/run.ts';

const built = path.join(root, 'dist', 'index.js');
const program = (load: string): string => `
${load}
const offset = 40;
const p = new Process({ target: (x) => console.log('child', x + offset), args: [2] });
p.start();
p.join().then(() => console.log('exit', p.exitcode));
`;
const expected = 'child 42\nexit 0\n';
const esm = program(`import { Process } from ${JSON.stringify(built)};`);
const cjs = program(`const { Process } = require(${JSON.stringify(built)});`);

function node(
  args: readonly string[],
  input = '',
): { stdout: string; stderr: string; status: number | null } {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    encoding: 'utf8',
    input,
    env,
  });
}

for (const [how, run] of [
  ['node -e', () => node(['-e', cjs])],
  ['node --input-type=module -e', () => node(['--input-type=module', '-e', esm])],
  ['node -p', () => node(['-p', `${cjs}; ''`])],
  ['standard input', () => node(['-'], cjs)],
  ['standard input, as a module', () => node(['--input-type=module', '-'], esm)],
] as const) {
  test(`a main script given by ${how} runs its functions in children`, () => {
    const { stdout, stderr, status } = run();
    assert.equal(stderr, '');
    // What -p prints itself, an empty line, comes before or after.
    assert.equal(stdout.trim(), expected.trim());
    assert.equal(status, 0);
  });
}

for (const [name, text] of [
  ['main.mjs', esm],
  ['main.cjs', cjs],
  ['main.js', cjs],
  ['main', cjs],
] as const) {
  test(`a main script in a file ${name} runs its functions in children`, (t) => {
    const file = path.join(temporaryDirectory(t), name);
    writeFileSync(file, text);
    const { stdout, stderr } = node([file]);
    assert.equal(stderr, '');
    assert.equal(stdout, expected);
  });
}

test('a main script in TypeScript, under a loader, runs its functions in children', async (t) => {
  const file = path.join(temporaryDirectory(t), 'main.mts');
  writeFileSync(
    file,
    `${program(`import { Process } from ${JSON.stringify(library)};`)}\nenumLike as unknown;\n`.replace(
      'enumLike as unknown;',
      '',
    ),
  );
  const { stdout, stderr } = await start([file]).ended;
  assert.equal(stderr, '');
  assert.equal(stdout, expected);
});

test('the REPL runs functions that were typed there in children', () => {
  const { stdout } = node(
    ['-i'],
    `const { Process } = require(${JSON.stringify(built)})
const offset = 40
const p = new Process({ target: (x) => console.log('child', x + offset), args: [2] })
p.start()
p.joinSync()
console.log('exit', p.exitcode)
6 * 7
new Process({ target: () => console.log('last', _) }).start()
`,
  );
  assert.match(stdout, /child 42\n/);
  assert.match(stdout, /exit 0\n/);
  assert.match(stdout, /last 42\n/);
});

test('a test file under node --test runs its functions in children', (t) => {
  const file = path.join(temporaryDirectory(t), 'some.test.mjs');
  writeFileSync(
    file,
    `
import assert from 'node:assert';
import { test } from 'node:test';
import { Pool } from ${JSON.stringify(built)};
test('inside', async () => {
  const pool = new Pool(1);
  assert.deepEqual(await pool.map((x) => x + 1, [1]), [2]);
  pool.close();
  await pool.join();
});
`,
  );
  const { stdout, status } = node(['--test', '--test-reporter=tap', file]);
  assert.match(stdout, /# pass 1\n# fail 0/);
  assert.equal(status, 0);
});

test('where Node may not use its inspector, a function that needs it is refused with the option that allows it', (t) => {
  if (!process.allowedNodeEnvironmentFlags.has('--allow-inspector')) {
    t.skip('this Node has no such permission');
    return;
  }
  const text = `
    const { Process } = require(${JSON.stringify(built)});
    for (let i = 0; i < 2; i++) {
      try { new Process({ target: () => {} }).start(); } catch (error) { console.log(error.code, error.cause?.code, error.message); }
    }
  `;
  const allowed = ['--allow-fs-read=*', '--allow-child-process', '--allow-addons'];
  const { stdout } = node(['--permission', '--no-warnings', ...allowed, '-e', text]);
  assert.match(
    stdout,
    /^(ERR_MULTIPROC_NOT_SUPPORTED ERR_ACCESS_DENIED Cannot send a function as code: .*--allow-inspector.*\n){2}$/,
  );
});
