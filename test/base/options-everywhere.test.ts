/** Options that are no object: a number of milliseconds would be overlooked, and the call wait for ever. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  Barrier,
  Condition,
  Event,
  JoinableQueue,
  Lock,
  Pipe,
  Pool,
  Process,
  Queue,
} from '../../src/index.ts';
import { call, checkOutput, getoutput, PIPE, Popen, run, runSync } from '../../src/subprocess.ts';

const wrong = 10 as never;
const idle = (): Promise<never> => new Promise(() => setInterval(() => {}, 1000));
const child = new Process({ target: idle, daemon: true });
const pool = new Pool(1);
const result = pool.applyAsync(idle);
const results = pool.imap(idle, [1]);
const program = new Popen(['sleep', '60'], { stdout: PIPE });
const [left, right] = Pipe();
const condition = new Condition();
after(() => {
  pool.terminate();
  program.kill();
  left.close();
  right.close();
});
child.start();

const calls: Readonly<Record<string, () => unknown>> = {
  'Process.join': () => child.join(wrong),
  'Process.joinSync': () => child.joinSync(wrong),
  'Process.terminate': () => child.terminate(wrong),
  'Process.kill': () => child.kill(wrong),
  'AsyncResult.get': () => result.get(wrong),
  'AsyncResult.getSync': () => result.getSync(wrong),
  'AsyncResult.wait': () => result.wait(wrong),
  'AsyncResult.waitSync': () => result.waitSync(wrong),
  'Imap.next': () => results.next(wrong),
  'Pool.apply': () => pool.apply(idle, [], wrong),
  'Lock.acquire': () => new Lock().acquire(wrong),
  'Lock.acquireSync': () => new Lock().acquireSync(wrong),
  'Condition.wait': () => condition.runExclusive(() => condition.wait(wrong)),
  'Condition.waitFor': () => condition.runExclusive(() => condition.waitFor(() => false, wrong)),
  'Event.wait': () => new Event().wait(wrong),
  'Event.waitSync': () => new Event().waitSync(wrong),
  'Barrier.wait': () => new Barrier(2).wait(wrong),
  'Barrier.waitSync': () => new Barrier(2).waitSync(wrong),
  'Connection.recv': () => left.recv(wrong),
  'Connection.recvSync': () => left.recvSync(wrong),
  'Queue.get': () => new Queue().get(wrong),
  'Queue.getSync': () => new Queue().getSync(wrong),
  'JoinableQueue.join': () => new JoinableQueue().join(wrong),
  Popen: () => new Popen(['true'], wrong),
  'Popen.wait': () => program.wait(wrong),
  'Popen.waitSync': () => program.waitSync(wrong),
  'Popen.communicate': () => program.communicate(undefined, wrong),
  'Popen.communicateSync': () => program.communicateSync(undefined, wrong),
  'Popen.terminate': () => program.terminate(wrong),
  run: () => run(['true'], wrong),
  runSync: () => runSync(['true'], wrong),
  call: () => call(['true'], wrong),
  checkOutput: () => checkOutput(['true'], wrong),
  getoutput: () => getoutput('true', wrong),
};

for (const [name, given] of Object.entries(calls)) {
  test(`${name} refuses a number where options belong, and says what to write`, async () => {
    await assert.rejects(
      async () => given(),
      (error: Error & { code?: string }) => {
        assert.ok(error instanceof TypeError, String(error));
        assert.equal(error.code, 'ERR_MULTIPROC_INVALID_ARG_TYPE');
        assert.match(error.message, /options must be an object.*got 10$/);
        return true;
      },
    );
  });
}

test('none of these calls did anything, and null stands for no options', async () => {
  assert.equal(child.isAlive(), true);
  assert.equal(program.poll(), null);
  child.kill(null as never);
  await child.join(null as never);
  assert.equal(child.exitcode, -9);
});
