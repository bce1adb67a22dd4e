import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startProgram } from '../support/run.ts';

const file = new URL('../../src/base/uncaught.ts', import.meta.url).href;

test('what is thrown is an uncaught error; its caller goes on, and so does what waits behind it in the same turn', async (t) => {
  const program = startProgram(
    t,
    'throws.mts',
    `import { throwUncaught } from ${JSON.stringify(file)};
     process.on('uncaughtException', (e) => console.log('uncaught:', e));
     setImmediate(() => {
       setImmediate(() => console.log('next turn'));
       throwUncaught('first');
       queueMicrotask(() => console.log('microtask'));
       throwUncaught('second');
       process.nextTick(() => process.nextTick(() => console.log('tick')));
       console.log('caller');
     });`,
  );
  const { stdout, code } = await program.ended;
  const lines = ['caller', 'uncaught: first', 'microtask', 'uncaught: second', 'tick', 'next turn'];
  assert.deepEqual(stdout.trim().split('\n').sort(), lines.toSorted());
  assert.equal(stdout.trim().split('\n').at(-1), 'next turn');
  assert.equal(code, 0);
});

test('with nobody who listens it ends the program, which says where it was made', async (t) => {
  const program = startProgram(
    t,
    'ends.mts',
    `import { throwUncaught } from ${JSON.stringify(file)};
     throwUncaught(new RangeError('made here'));
     setTimeout(() => console.log('not reached'), 1000);`,
  );
  const { stdout, stderr, code } = await program.ended;
  assert.equal(stdout, '');
  assert.match(stderr, /RangeError: made here\n +at .*ends\.mts:2/);
  assert.equal(code, 1);
});
