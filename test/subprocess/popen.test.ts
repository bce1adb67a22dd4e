/** What belongs to the class itself; how it behaves as a whole is in behaviour-rows.ts. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { Popen } from '../../src/subprocess.ts';

test('one signal for many programs, and for waiting for them, has one listener, and none when they have ended', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const programs = Array.from({ length: 12 }, () => new Popen(['sleep', '60'], { signal }));
  const waiting = programs.map((p) => p.wait({ signal }));
  assert.equal(getEventListeners(signal, 'abort').length, 1);
  controller.abort();
  await Promise.all(waiting.map((w) => assert.rejects(w, { name: 'AbortError' })));
  for (const p of programs) assert.equal(await p.wait(), -15);
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});
