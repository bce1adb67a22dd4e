import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { groupId, userId } from '../../src/platform/accounts.ts';
import { asUser, changesUser } from '../../src/platform/credentials.ts';

const root = process.getuid!() === 0;

/** Ids of this thread as the kernel has them: real, effective, saved, and the groups. */
function ids(): string[] {
  const status = readFileSync('/proc/thread-self/status', 'utf8');
  return ['Uid', 'Gid', 'Groups'].map((name) => new RegExp(`^${name}:\\s*(.*?)\\s*$`, 'm').exec(status)![1]!);
}

test('whether there is anything to change', () => {
  assert.equal(changesUser({}), false);
  for (const identity of [{ user: 0 }, { group: 0 }, { extraGroups: [] }])
    assert.equal(changesUser(identity), true);
});

test('this thread is that user for the length of the call, and has all of its own back', {
  skip: !root && 'only root may become somebody else',
}, () => {
  const before = ids();
  const inside = asUser({ user: 1234, group: 2345, extraGroups: [7, 8] }, ids);
  const [uid, gid, groups] = inside;
  assert.match(uid!, /^1234\s+1234\s/);
  assert.match(gid!, /^2345\s+2345\s/);
  assert.equal(groups, '7 8');
  assert.deepEqual(ids(), before);
});

test('what the call throws comes out, and the ids are put back', { skip: !root && 'needs root' }, () => {
  const before = ids();
  const failing = (): never => {
    throw new Error('from inside');
  };
  assert.throws(() => asUser({ user: 1234, extraGroups: [] }, failing), /from inside/);
  assert.deepEqual(ids(), before);
});

test('who may not become that user hears so, and stays who it is', { skip: !root && 'needs root' }, () => {
  const before = ids();
  asUser({ user: 1234 }, () => {
    const mine = ids();
    assert.throws(() => asUser({ group: 4321 }, () => assert.fail('never called')), {
      name: 'PermissionError',
      code: 'EPERM',
    });
    assert.deepEqual(ids(), mine);
  });
  assert.deepEqual(ids(), before);
});

test('names of accounts become ids; unknown ones are undefined, a NUL is refused', () => {
  assert.equal(userId('root'), 0);
  assert.equal(groupId('root'), 0);
  assert.equal(userId('no_such_user_i_hope'), undefined);
  assert.equal(groupId('no_such_group_i_hope'), undefined);
  assert.throws(() => userId('ro\0ot'), { name: 'ValueError', message: /null byte/ });
});
