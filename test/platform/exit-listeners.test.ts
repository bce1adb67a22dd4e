import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExitListeners } from '../../src/platform/exit-listeners.ts';
import { startProgram } from '../support/run.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('listeners hear the end once, soon, in order, also when they come late', async () => {
  const exit = new ExitListeners();
  const heard: string[] = [];
  exit.add((code) => heard.push(`first ${code}`), true);
  const same = (code: number): void => void heard.push(`same ${code}`);
  exit.add(same, true);
  exit.add(same, true);
  exit.add(() => heard.push('never'), true)();
  exit.end(7);
  exit.end(8);
  exit.tellSoon();
  assert.equal(heard.length, 0, 'not at once');
  await turn();
  assert.deepEqual(heard, ['first 7', 'same 7', 'same 7']);
  exit.add((code) => heard.push(`late ${code}`), true);
  await turn();
  assert.equal(heard.at(-1), 'late 7');
  assert.equal(exit.returncode, 7);
});

test('told by the event loop they hear at once, the first before anyone else runs', async () => {
  const exit = new ExitListeners();
  const heard: string[] = [];
  exit.add((code) => heard.push(`first ${code}`), true);
  exit.add((code) => heard.push(`second ${code}`), true);
  exit.end(3);
  assert.deepEqual(heard, []);
  exit.tell();
  assert.deepEqual(heard, ['first 3']);
  await turn();
  assert.deepEqual(heard, ['first 3', 'second 3']);
});

test('a listener that throws does not take the end from the others', async (t) => {
  // In a program of its own: an uncaught error is the test runner's business here.
  const file = new URL('../../src/platform/exit-listeners.ts', import.meta.url).href;
  const program = startProgram(
    t,
    'throws.mts',
    `import { ExitListeners } from ${JSON.stringify(file)};
     process.once('uncaughtException', (e) => console.log('uncaught:', e.message));
     const exit = new ExitListeners();
     exit.add(() => { throw new Error('from a listener'); }, true);
     exit.add((code) => console.log('heard:', code), true);
     exit.end(1);
     exit.tellSoon();`,
  );
  const { stdout, code } = await program.ended;
  assert.equal(stdout, 'uncaught: from a listener\nheard: 1\n');
  assert.equal(code, 0);
});

test('whether the loop is kept alive follows the listeners and ref', () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((r) => r === 'Timeout').length;
  const before = timers();
  const exit = new ExitListeners();
  assert.equal(timers(), before);
  const off = exit.add(() => {}, true);
  assert.equal(timers(), before + 1);
  exit.refd = false;
  assert.equal(timers(), before);
  exit.refd = true;
  off();
  assert.equal(timers(), before);
  exit.add(() => {}, false);
  assert.equal(timers(), before);
});
