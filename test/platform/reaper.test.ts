import assert from 'node:assert/strict';
import { test } from 'node:test';
import { childBorn, childGone, expectChild, type Reapable } from '../../src/platform/reaper.ts';
import { startProgram } from '../support/run.ts';

/** A child that notes when it is looked at. */
class Fake implements Reapable {
  readonly pid: number;
  looks = 0;

  constructor(pid: number) {
    this.pid = pid;
  }

  look(): void {
    this.looks++;
  }
}

test('each signal may stand for any of the living: all are looked at, the collected no more', () => {
  expectChild();
  expectChild();
  const [a, b] = [new Fake(1_000_001), new Fake(1_000_002)];
  childBorn(a);
  process.emit('SIGCHLD', 'SIGCHLD');
  assert.deepEqual([a.looks, b.looks], [1, 0], 'once, however often a start was announced');
  childBorn(b);
  process.emit('SIGCHLD', 'SIGCHLD');
  assert.deepEqual([a.looks, b.looks], [2, 1]);
  childGone(a);
  childGone(a);
  process.emit('SIGCHLD', 'SIGCHLD');
  assert.deepEqual([a.looks, b.looks], [2, 2]);
  childGone(b);
});

test('one that is collected while it is looked at takes the look from nobody', () => {
  const order: string[] = [];
  const child = (name: string): Reapable => ({
    pid: 1_000_003,
    look() {
      order.push(name);
      childGone(this);
    },
  });
  expectChild();
  for (const name of ['a', 'b', 'c']) childBorn(child(name));
  process.emit('SIGCHLD', 'SIGCHLD');
  process.emit('SIGCHLD', 'SIGCHLD');
  assert.deepEqual(order, ['a', 'b', 'c']);
});

test('who throws when told is an uncaught error, and the others have ended all the same', async (t) => {
  const file = new URL('../../src/platform/reaper.ts', import.meta.url).href;
  const program = startProgram(
    t,
    'throws.mts',
    `import { childBorn, childGone, expectChild } from ${JSON.stringify(file)};
     process.once('uncaughtException', (e) => console.log('uncaught:', e.message));
     expectChild();
     const child = (look: () => void) => ({ pid: 1_000_004, look });
     childBorn(child(() => { throw new Error('told'); }));
     childBorn(child(() => console.log('looked at')));
     process.emit('SIGCHLD', 'SIGCHLD');`,
  );
  const { stdout, code } = await program.ended;
  assert.equal(stdout, 'looked at\nuncaught: told\n');
  assert.equal(code, 0);
});
