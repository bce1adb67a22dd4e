import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type FdStep, planCloses, planMoves } from '../../src/platform/fdplan.ts';

/** Plays the steps on a table of open numbers; each number holds the name of the file behind it. */
function play(open: ReadonlyMap<number, string>, steps: readonly FdStep[]): Map<number, string> {
  const table = new Map(open);
  for (const step of steps) {
    if (step.kind === 'dup') {
      const file = table.get(step.from);
      assert.ok(file !== undefined, `${step.from} was closed or never open`);
      table.set(step.to, file);
    } else if (step.kind === 'close') table.delete(step.fd);
    else for (const fd of table.keys()) if (fd >= step.fd) table.delete(fd);
  }
  return table;
}

const number = fc.nat(9);
const wanted = fc.uniqueArray(fc.tuple(number, number), { selector: ([to]) => to, maxLength: 10 });

test('whatever crosses whatever, every number gets its file, and the parent’s others stay unread', () => {
  fc.assert(
    fc.property(wanted, (pairs) => {
      const fds = new Map(pairs);
      const open = new Map(Array.from({ length: 10 }, (_, fd) => [fd, `file ${fd}`] as const));
      const after = play(open, planMoves(fds));
      for (const [to, from] of fds) assert.equal(after.get(to), `file ${from}`);
    }),
    { numRuns: 2000 },
  );
});

test('afterwards only the wanted numbers are open, with and without closefrom', () => {
  fc.assert(
    fc.property(
      wanted,
      fc.boolean(),
      fc.uniqueArray(fc.integer({ min: 10, max: 900 })),
      (pairs, closeFrom, more) => {
        const fds = new Map(pairs);
        const open = new Map([...Array(10).keys(), ...more].map((fd) => [fd, `file ${fd}`] as const));
        const steps = [...planMoves(fds), ...planCloses(fds.keys(), () => [...open.keys()], closeFrom)];
        const after = play(open, steps);
        assert.deepEqual([...after.keys()].sort(), [...fds.keys()].sort());
      },
    ),
    { numRuns: 500 },
  );
});

test('a number that stays is made inheritable', () => {
  assert.deepEqual(planMoves(new Map([[5, 5]])), [{ kind: 'dup', from: 5, to: 5 }]);
});
