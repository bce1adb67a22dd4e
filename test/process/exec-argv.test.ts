import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inheritedEnv, inheritedExecArgv } from '../../src/process/exec-argv.ts';

for (const [given, inherited] of [
  [[], []],
  [
    ['--import', 'tsx', '--no-warnings'],
    ['--import', 'tsx', '--no-warnings'],
  ],
  [['-e', 'console.log(1)', '--no-warnings'], ['--no-warnings']],
  [['--eval=1'], []],
  [['-p', '1 + 1'], []],
  [['-i'], []],
  [
    ['--test', '--test-concurrency=2', '--import', 'x'],
    ['--import', 'x'],
  ],
  [['--test-name-pattern', 'a b', '--stack-size=2000'], ['--stack-size=2000']],
  [['--input-type=module', '-e', '1'], []],
  [['--inspect'], ['--inspect=0']],
  [['--inspect=9229'], ['--inspect=0']],
  [['--inspect-brk=0.0.0.0:9229'], ['--inspect=0.0.0.0:0']],
  [['--inspect-wait'], ['--inspect=0']],
  [['--inspect-port', '9230', '--inspect-port=9230'], []],
] as const) {
  test(`a child of node ${given.join(' ') || '(no options)'} gets ${inherited.join(' ') || 'none'}`, () => {
    assert.deepEqual(inheritedExecArgv(given), inherited);
  });
}

test('the environment is inherited, but for what speaks of this process alone', () => {
  assert.deepEqual(
    inheritedEnv({ A: '1', NODE_TEST_CONTEXT: 'child-v8', NODE_OPTIONS: '--no-warnings --inspect=9229' }),
    {
      A: '1',
      NODE_OPTIONS: '--no-warnings --inspect=0',
    },
  );
});
