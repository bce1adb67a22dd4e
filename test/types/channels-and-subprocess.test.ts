/** What the compiler infers for queues, pipes and programs; `tsc` is the test, running it only shows that nothing throws. */
import { test } from 'node:test';
import { expectTypeOf } from 'expect-type';
import type { Connection, JoinableQueue, Lock, Queue, SimpleQueue } from '../../src/index.ts';
import {
  PIPE,
  Popen,
  type ProcessOutput,
  type RunOptions,
  run,
  runSync,
  STDOUT,
} from '../../src/subprocess.ts';

test('a queue gives what is put', () => {
  const check = (
    queue: Queue<number>,
    joinable: JoinableQueue<string>,
    simple: SimpleQueue<boolean>,
  ): void => {
    expectTypeOf(queue.get()).toEqualTypeOf<Promise<number>>();
    expectTypeOf(queue.getSync({ timeout: 1 })).toEqualTypeOf<number>();
    expectTypeOf(joinable.getNowait()).toEqualTypeOf<string>();
    expectTypeOf(simple.getSync()).toEqualTypeOf<boolean>();
    expectTypeOf(queue[Symbol.asyncIterator]().next()).resolves.toExtend<IteratorResult<number, unknown>>();
    // @ts-expect-error a string is no number
    void queue.put('x');
    // @ts-expect-error the blocking form cannot be aborted
    queue.getSync({ signal: AbortSignal.abort() });
  };
  void check;
});

test('a connection carries anything, and bytes', () => {
  const check = (connection: Connection): void => {
    expectTypeOf(connection.recv()).toEqualTypeOf<Promise<unknown>>();
    expectTypeOf(connection.recvBytesSync()).toEqualTypeOf<Buffer>();
    expectTypeOf(connection.pollSync(0)).toEqualTypeOf<boolean>();
  };
  void check;
});

test('a lock gives a boolean, and what runs under it its own result', () => {
  const check = (lock: Lock): void => {
    expectTypeOf(lock.acquire({ timeout: 1 })).toEqualTypeOf<Promise<boolean>>();
    expectTypeOf(lock.runExclusive(() => 'x')).toEqualTypeOf<Promise<string>>();
    expectTypeOf(lock.runExclusive(async () => 1)).toEqualTypeOf<Promise<number>>();
  };
  void check;
});

test('output is text where text is asked for, else bytes', () => {
  const check = async (): Promise<void> => {
    const text = await run(['x'], { captureOutput: true, text: true });
    expectTypeOf(text.stdout).toEqualTypeOf<string>();
    const bytes = runSync(['x'], { captureOutput: true });
    expectTypeOf(bytes.stdout).toEqualTypeOf<Buffer>();
    expectTypeOf((await run(['x'])).stdout).toEqualTypeOf<null>();
    const piped = await run(['x'], { stdout: PIPE, stderr: STDOUT });
    expectTypeOf(piped.stdout).toEqualTypeOf<Buffer>();
    const perhaps = await run(['x'], { text: true, captureOutput: Math.random() > 2 });
    expectTypeOf(perhaps.stdout).toEqualTypeOf<string | null>();
    const unknown = await run(['x'], {} as RunOptions);
    expectTypeOf(unknown.stdout).toEqualTypeOf<string | Buffer | null>();
    const p = new Popen(['x'], { encoding: 'utf-8', stdout: PIPE });
    expectTypeOf(await p.communicate()).toEqualTypeOf<[string, null]>();
    expectTypeOf(p.stdout).toEqualTypeOf<ProcessOutput>();
    expectTypeOf(p.stderr).toEqualTypeOf<null>();
    expectTypeOf(p.returncode).toEqualTypeOf<number | null>();
    // @ts-expect-error arguments are text or bytes
    new Popen(['x', 1]);
  };
  void check;
});
