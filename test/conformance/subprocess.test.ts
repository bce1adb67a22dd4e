import { describe, test } from 'node:test';
import { blocking, rows, waiting } from './subprocess-rows.ts';

/** Rows that are not met or cannot run inside of the test runner: README.md beside this file says why. */
const unmet = /closed in the parent|with [012]+.* closed|test_pass_fds_redirected|test_broken_pipe_cleanup/;

describe('in the main thread', () => {
  for (const { name, check, once } of rows) {
    if (unmet.test(name)) continue;
    if (once) {
      test(name, () => check(waiting));
      continue;
    }
    for (const kit of [waiting, blocking]) test(`${name} (${kit.form})`, () => check(kit));
  }
});
