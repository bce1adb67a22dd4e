/** What belongs to the run family itself; how programs and their output behave is in behaviour-rows.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CalledProcessError,
  type CompletedProcess,
  call,
  callSync,
  checkCall,
  checkCallSync,
  checkOutput,
  checkOutputSync,
  getoutput,
  getoutputSync,
  getstatusoutput,
  getstatusoutputSync,
  PIPE,
  run,
  runSync,
  TimeoutExpired,
} from '../../src/subprocess.ts';

const sh = (script: string): string[] => ['sh', '-c', script];

/** Whether the process whose number a program wrote first has ended. */
function gone(output: unknown): boolean {
  try {
    process.kill(Number.parseInt(String(output), 10), 0);
    return false;
  } catch {
    return true;
  }
}

/** An error of either form of a call. */
async function failure(attempt: () => unknown): Promise<Error> {
  try {
    await attempt();
  } catch (error) {
    return error as Error;
  }
  assert.fail('it succeeded');
}

test('what is asked for twice, or makes no sense, is refused before anything runs', async () => {
  const touch = sh('echo ran >&2; exit 1');
  for (const [options, message] of [
    [{ input: 'x', stdin: PIPE }, /stdin and input arguments may not both be used/],
    [{ captureOutput: true, stdout: PIPE }, /captureOutput/],
    [{ captureOutput: true, stderr: PIPE }, /captureOutput/],
    [{ timeout: 'soon' as never }, /timeout/],
    [{ maxOutput: 1.5 }, /maxOutput/],
    [{ signal: {} as never }, /signal/],
  ] as const) {
    for (const form of [run, runSync]) {
      const error = await failure(() => form(touch, options));
      assert.match(error.message, message);
    }
  }
  for (const options of [{ stdout: PIPE }, { check: false }]) {
    for (const form of [checkOutput, checkOutputSync]) {
      assert.match((await failure(() => form(touch, options as never))).message, /not allowed/);
    }
  }
});

test('the result says what ran, how it ended and what it wrote; null for what was not captured', async () => {
  const script = sh('cat; echo err >&2; exit 3');
  for (const form of [run, runSync]) {
    const all = await form(script, { input: 'in', captureOutput: true, text: true });
    assert.deepEqual([all.args, all.returncode, all.stdout, all.stderr], [script, 3, 'in', 'err\n']);
    const one: CompletedProcess<Buffer, null> = await form(sh('printf x'), { stdout: PIPE });
    assert.deepEqual([one.stdout, one.stderr], [Buffer.from('x'), null]);
  }
});

test('check throws for an exit status and for a signal, with what was captured', async () => {
  for (const form of [run, runSync]) {
    for (const [script, returncode] of [
      ['printf out; exit 4', 4],
      ['printf out; kill -TERM $$', -15],
    ] as const) {
      const error = await failure(() => form(sh(script), { stdout: PIPE, check: true, text: true }));
      assert.ok(error instanceof CalledProcessError);
      assert.deepEqual([error.returncode, error.stdout, error.stderr], [returncode, 'out', null]);
    }
    assert.equal((await form(sh('exit 4'))).returncode, 4);
  }
});

test('when time is up the program is dead, and what it had written is there', async () => {
  for (const form of [run, runSync]) {
    const error = await failure(() => form(sh('echo $$; exec sleep 60'), { stdout: PIPE, timeout: 200 }));
    assert.ok(error instanceof TimeoutExpired);
    assert.equal(error.timeout, 200);
    assert.ok(gone(error.stdout), 'it lives on');
  }
});

test('a program that ignores killSignal gets SIGKILL in the end', async () => {
  const error = await failure(() =>
    run(sh('trap "" TERM; echo $$; while :; do sleep 0.2; done'), {
      stdout: PIPE,
      timeout: 300,
      killSignal: 'SIGTERM',
    }),
  );
  assert.ok(error instanceof TimeoutExpired);
  assert.ok(gone(error.stdout), 'it lives on');
});

test('an abort ends the program gently and the call with its reason; one before the start starts nothing', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const { signal } = controller;
  const call = run(['sleep', '60'], { stderr: PIPE, signal });
  setTimeout(() => controller.abort(reason), 50);
  assert.equal(await failure(() => call), reason);
  for (const form of [run, runSync])
    assert.equal(await failure(() => form('nonexisting_i_hope', { signal })), reason);
});

test('output that is no text ends the call, and leaves no program behind', async () => {
  for (const form of [run, runSync]) {
    const error = await failure(() => form(sh('printf "\\377"'), { captureOutput: true, text: true }));
    assert.equal(error.name, 'UnicodeDecodeError');
  }
});

test('call gives the exit code, checkCall throws for any but 0', async () => {
  for (const form of [call, callSync]) assert.equal(await form(sh('exit 6')), 6);
  for (const form of [checkCall, checkCallSync]) {
    assert.equal(await form('true'), 0);
    const error = await failure(() => form(sh('exit 6')));
    assert.ok(error instanceof CalledProcessError);
    assert.equal(error.returncode, 6);
  }
});

test('checkOutput: null is empty input, absent input is ours', async () => {
  for (const form of [checkOutput, checkOutputSync]) {
    assert.equal(await form('cat', { input: null, text: true }), '');
    assert.equal(await form('cat', { input: 'x', text: true }), 'x');
  }
});

test('a line in a shell: both outputs in one text, without its last newline, and the status', async () => {
  for (const form of [getstatusoutput, getstatusoutputSync]) {
    assert.deepEqual(await form('echo out; echo err >&2; echo; exit 2'), [2, 'out\nerr\n']);
    assert.deepEqual(await form('kill -TERM $$'), [-15, '']);
  }
  for (const form of [getoutput, getoutputSync]) {
    assert.equal(await form('printf "no newline"; exit 9'), 'no newline');
    assert.ok((await failure(() => form('sleep 60', { timeout: 100 }))) instanceof TimeoutExpired);
  }
});
