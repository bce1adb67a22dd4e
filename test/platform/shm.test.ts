import assert from 'node:assert/strict';
import { closeSync, fstatSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { createShm, unlinkShm } from '../../src/platform/shm.ts';
import { exists, freshName } from '../support/shm.ts';

test('named memory is announced before anybody can see it, whole', () => {
  const name = freshName();
  let announced = 0;
  const { fd, ino } = createShm(name, 5000, (inode) => {
    announced = inode;
    assert.equal(exists(name), false);
  });
  const status = statSync(`/dev/shm/${name}`);
  assert.deepEqual(
    [ino, status.ino, status.size, fstatSync(fd).ino],
    [announced, announced, 5000, announced],
  );
  closeSync(fd);
  unlinkShm(name);
});

test('named memory that cannot be had, or announced, leaves nothing', () => {
  const name = freshName();
  assert.throws(() => createShm(name, 2 ** 50, () => {}), { code: /^(ENOSPC|EFBIG|ENOMEM)$/ });
  const trouble = new Error('no tracker');
  assert.throws(
    () =>
      createShm(name, 100, () => {
        throw trouble;
      }),
    trouble,
  );
  assert.equal(exists(name), false);
});

test('a name that is taken is refused before anything is announced', () => {
  const name = freshName();
  closeSync(createShm(name, 100, () => {}).fd);
  const announced: number[] = [];
  assert.throws(() => createShm(name, 2 ** 50, (inode) => announced.push(inode)), {
    name: 'FileExistsError',
    code: 'EEXIST',
  });
  assert.deepEqual(announced, []);
  unlinkShm(name);
});
