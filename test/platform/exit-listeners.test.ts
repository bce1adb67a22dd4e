import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExitListeners } from '../../src/platform/exit-listeners.ts';

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
  assert.equal(heard.length, 0, 'not at once');
  await turn();
  assert.deepEqual(heard, ['first 7', 'same 7', 'same 7']);
  exit.add((code) => heard.push(`late ${code}`), true);
  await turn();
  assert.equal(heard.at(-1), 'late 7');
  assert.equal(exit.returncode, 7);
});

test('a listener that throws does not take the end from the others', async () => {
  const exit = new ExitListeners();
  const heard: number[] = [];
  const thrown = new Promise<unknown>((resolve) => {
    process.once('uncaughtException', (e: Error) => resolve(e));
  });
  exit.add(() => {
    throw new Error('from a listener');
  }, true);
  exit.add((code) => heard.push(code), true);
  exit.end(1);
  assert.match(String(await thrown), /from a listener/);
  await turn();
  assert.deepEqual(heard, [1]);
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
