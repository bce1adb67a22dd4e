import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createContext, runInContext } from 'node:vm';
import { at, inMainRealm, nodeProcess, notAt } from '../../src/base/node-process.ts';

test('all that is to be done at an event is done by one listener: once each, until it is taken back', (t) => {
  const listeners = nodeProcess.listenerCount('SIGCHLD');
  const done: string[] = [];
  const first = (): void => void done.push('first');
  const second = (): void => void done.push('second');
  t.after(() => {
    notAt('SIGCHLD: children', first);
    notAt('SIGCHLD: children', second);
  });
  for (const act of [first, second, first]) at('SIGCHLD: children', act);
  assert.ok(nodeProcess.listenerCount('SIGCHLD') <= listeners + 1);
  process.emit('SIGCHLD', 'SIGCHLD');
  assert.deepEqual(done.splice(0), ['first', 'second']);
  notAt('SIGCHLD: children', first);
  process.emit('SIGCHLD', 'SIGCHLD');
  assert.deepEqual(done, ['second']);
});

test('who takes himself back while it happens, and who throws, leave the others their turn; the error is seen', (t) => {
  const done: string[] = [];
  const leaves = (): void => {
    notAt('SIGCHLD: children', leaves);
    done.push('leaves');
  };
  const throws = (): void => {
    throw new RangeError('theirs');
  };
  const last = (): void => void done.push('last');
  t.after(() => {
    for (const act of [leaves, throws, last]) notAt('SIGCHLD: children', act);
  });
  for (const act of [leaves, throws, last]) at('SIGCHLD: children', act);
  assert.throws(() => process.emit('SIGCHLD', 'SIGCHLD'), RangeError);
  assert.deepEqual(done, ['leaves', 'last']);
});

test('the main realm is known, and its process; also where a copy is given out', () => {
  assert.equal(inMainRealm, true);
  assert.equal(nodeProcess, process);
  const copy = Object.create(Object.getPrototypeOf(process));
  assert.equal(runInContext('process instanceof Object', createContext({ process: copy })), false);
});
