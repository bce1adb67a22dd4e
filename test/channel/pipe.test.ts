/** Pipe and Connection: order, bytes, ends and errors, with processes and worker threads, in waiting and blocking calls. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import {
  BrokenPipeError,
  BufferTooShort,
  Connection,
  EOFError,
  Lock,
  Pipe,
  Process,
  SerializationError,
} from '../../src/index.ts';
import { Peer } from '../fixtures/peer.ts';
import { startProgram } from '../support/run.ts';

let peer: Peer;
let thread: Peer;
before(async () => {
  [peer, thread] = await Promise.all([Peer.start(), Peer.startThread()]);
});
after(async () => {
  await peer.kill();
  await thread.kill();
});

/** Sends back what comes until the end. */
const echo = async (
  mp: typeof import('../../src/index.ts'),
  { c, sync }: { c: Connection; sync: boolean },
): Promise<string> => {
  try {
    for (;;) {
      if (sync) c.sendSync(c.recvSync());
      else await c.send(await c.recv());
    }
  } catch (error) {
    if (!(error instanceof mp.EOFError)) throw error;
    return 'end';
  } finally {
    c.close();
  }
};

for (const where of ['a process', 'a worker thread']) {
  for (const sync of [false, true]) {
    test(`there and back through ${where}, ${sync ? 'blocking' : 'waiting'}`, async () => {
      const [left, right] = Pipe();
      const other = (where === 'a process' ? peer : thread).run(echo, { c: right, sync });
      right.close();
      for (let n = 0; n < 300; n++) {
        const value = [n, -0, { a: 'é'.repeat(n) }, new Uint8Array(n), 1.5, null, undefined][n % 7];
        if (n % 2 === 0) left.sendSync(value);
        else await left.send(value);
        assert.deepEqual(n % 3 === 0 ? left.recvSync() : await left.recv(), value);
      }
      left.close();
      assert.equal(await other, 'end');
    });
  }
}

/** Unlike `AbortSignal.timeout`, keeps the program alive until then. */
function abortedAfter(milliseconds: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('enough')), milliseconds);
  return controller.signal;
}

test('many messages of all sizes keep their order, however far behind the receiver is', async () => {
  const [reader, writer] = Pipe(false);
  const run = peer.run(async (_mp, writer) => {
    for (let n = 0; n < 3000; n++) {
      const bytes = Buffer.alloc((n * 7919) % 20_000, n);
      if (n % 2) await writer.sendBytes(bytes);
      else writer.sendBytesSync(bytes);
    }
    writer.close();
  }, writer);
  writer.close();
  for (let n = 0; n < 3000; n++) {
    const bytes = n % 5 ? await reader.recvBytes() : reader.recvBytesSync();
    assert.ok(bytes.equals(Buffer.alloc((n * 7919) % 20_000, n)), `message ${n}`);
    if (n % 500 === 0) await delay(5);
  }
  await run;
  await assert.rejects(reader.recv(), EOFError);
});

test('small messages are sent at once; a large backlog holds the sender back until somebody reads', async () => {
  const [reader, writer] = Pipe(false);
  let sent = 0;
  for (; sent < 100; sent++) writer.sendSync(sent);
  const large = Buffer.alloc(300_000, 7);
  assert.throws(
    () => {
      for (;;) writer.sendSync(large, { timeout: 20 });
    },
    { name: 'TimeoutError', message: /nothing was sent/ },
  );
  const later = writer.send('later');
  const controller = new AbortController();
  const aborted = writer.send(large, { signal: controller.signal });
  controller.abort(new Error('enough'));
  await assert.rejects(aborted, { message: 'enough' });
  for (let n = 0; n < 100; n++) assert.equal(reader.recvSync(), n);
  await later;
  let value: unknown;
  do {
    value = await reader.recv();
    assert.ok(value === 'later' || large.equals(value as Buffer));
  } while (value !== 'later');
  assert.equal(reader.pollSync(), false);
});

test('a blocked sender goes on when another process reads', async () => {
  const [reader, writer] = Pipe(false);
  const run = peer.run(async (_mp, reader) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    let bytes = 0;
    for (let n = 0; n < 40; n++) bytes += (n % 2 ? reader.recvBytesSync() : await reader.recvBytes()).length;
    return bytes;
  }, reader);
  for (let n = 0; n < 40; n++) writer.sendBytesSync(Buffer.alloc(500_000));
  assert.equal(await run, 20_000_000);
});

test('EOFError when the other side has closed, ended or was killed; what it had sent comes first', async () => {
  for (const end of ['close', 'end', 'exit', 'kill']) {
    const [left, right] = Pipe();
    const p = new Process({
      target: async (c: Connection, end: string) => {
        c.sendSync('first');
        await c.send('second');
        await c.recv();
        if (end === 'exit') process.exit();
        if (end === 'kill') process.kill(process.pid, 'SIGKILL');
        if (end === 'close') {
          c.close();
          await new Promise((resolve) => setTimeout(resolve, 1e6));
        }
      },
      args: [right, end],
    });
    p.start();
    right.close();
    assert.equal(await left.recv(), 'first');
    assert.equal(left.recvSync(), 'second');
    const waiting = left.recv();
    left.sendSync('go');
    await assert.rejects(waiting, EOFError, end);
    assert.throws(() => left.recvSync(), EOFError);
    await assert.rejects(left.recvBytes(), EOFError);
    assert.equal(left.pollSync(), true);
    assert.equal(await left.poll(), true);
    if (end !== 'close') await p.join();
    else p.kill();
    assert.throws(
      () => {
        for (let n = 0; n < 100; n++) left.sendSync(n);
      },
      (e) => e instanceof BrokenPipeError && e.code === 'EPIPE',
      end,
    );
    await p.join();
  }
});

test('a thread blocked in recvSync gets EOFError when the other side is killed', async () => {
  const [left, right] = Pipe();
  const victim = await Peer.start();
  await victim.run((_mp, c, state) => void Object.assign(state, { c }), right);
  const blocked = thread.run((_mp, c) => c.recvSync(), left);
  const awaiting = peer.run((_mp, c) => c.recv(), left);
  const failures = [blocked, awaiting].map((p) => assert.rejects(p, { name: 'EOFError' }));
  right.close();
  await delay(50);
  await victim.kill();
  await Promise.all(failures);
});

test('BrokenPipeError for a sender that waits for room when the reader is killed or closes', async () => {
  for (const how of ['kill', 'close']) {
    const [reader, writer] = Pipe(false);
    const victim = await Peer.start();
    await victim.run((_mp, c, state) => void Object.assign(state, { c }), reader);
    reader.close();
    const fill = async (_mp: unknown, { writer, sync }: { writer: Connection; sync: boolean }) => {
      for (;;) {
        if (sync) writer.sendSync(Buffer.alloc(200_000));
        else await writer.send(Buffer.alloc(200_000));
      }
    };
    const failures = [
      thread.run(fill, { writer, sync: true }),
      peer.run(fill, { writer, sync: false }),
      fill(undefined, { writer, sync: false }),
    ].map((p) => assert.rejects(p, { name: 'BrokenPipeError', code: 'EPIPE' }));
    await delay(50);
    if (how === 'close') await victim.run((_mp, _a, state) => (state.c as Connection).close());
    else await victim.kill();
    await Promise.all(failures);
    await victim.kill();
  }
});

test('messages outlive their sender, also those of a pipe that it made', async () => {
  const [left, right] = Pipe();
  const p = new Process({
    target: async (make: typeof Pipe, c: Connection) => {
      const [mine, yours] = make();
      c.sendSync({ yours });
      await c.recv();
      mine.sendSync('through the inner pipe');
      c.sendSync('last');
      process.kill(process.pid, 'SIGKILL');
    },
    args: [Pipe, right],
  });
  p.start();
  right.close();
  const { yours } = (await left.recv()) as { yours: Connection };
  assert.ok(yours instanceof Connection);
  left.sendSync('I have it');
  await p.join();
  assert.equal(await left.recv(), 'last');
  await assert.rejects(left.recv(), EOFError);
  assert.equal(yours.recvSync(), 'through the inner pipe');
  await assert.rejects(yours.recv(), EOFError);
});

test('several receivers of one end get each message once', async () => {
  const [reader, writer] = Pipe(false);
  const receive = async (mp: { EOFError: typeof EOFError }, c: Connection): Promise<number[]> => {
    const got: number[] = [];
    try {
      for (let n = 0; ; n++) got.push((n % 2 ? c.recvSync() : await c.recv()) as number);
    } catch (error) {
      if (!(error instanceof mp.EOFError)) throw error;
    }
    return got;
  };
  const parts = [peer.run(receive, reader), thread.run(receive, reader)];
  for (let n = 0; n < 3000; n++) await writer.send(n);
  writer.close();
  const all = await Promise.all(parts);
  for (const part of all)
    assert.deepEqual(
      part,
      part.toSorted((a, b) => a - b),
    );
  assert.deepEqual(
    all.flat().sort((a, b) => a - b),
    Array.from({ length: 3000 }, (_, n) => n),
  );
});

test('one way only: the first receives, the second sends', async () => {
  for (const [reader, writer] of [Pipe(false), Pipe({ duplex: false })]) {
    assert.deepEqual(
      [reader!.readable, reader!.writable, writer!.readable, writer!.writable],
      [true, false, false, true],
    );
    assert.throws(() => reader!.sendSync(1), { name: 'OSError', message: /read-only/ });
    await assert.rejects(reader!.sendBytes(Buffer.alloc(1)), { name: 'OSError', message: /read-only/ });
    await assert.rejects(writer!.recv(), { name: 'OSError', message: /write-only/ });
    assert.throws(() => writer!.pollSync(), { name: 'OSError', message: /write-only/ });
    writer!.sendSync(1);
    assert.equal(await reader!.recv(), 1);
  }
  const [a, b] = Pipe({});
  assert.deepEqual([a.readable, a.writable, b.readable, b.writable], [true, true, true, true]);
});

test('bytes: sendBytes and recvBytes, alone and mixed with values', async () => {
  const [left, right] = Pipe();
  const data = Buffer.from('abcdefgh');
  left.sendBytesSync(data, 2, 3);
  assert.equal(String(await right.recvBytes()), 'cde');
  await left.sendBytes(new Uint16Array([1, 2]), 1);
  assert.deepEqual([...right.recvBytesSync()], [0, 2, 0]);
  await left.sendBytes(data.buffer.slice(data.byteOffset, data.byteOffset + 4));
  assert.equal(String(await right.recvBytes(4)), 'abcd');
  const shared = new SharedArrayBuffer(2);
  new Uint8Array(shared).set([5, 6]);
  left.sendBytesSync(shared);
  assert.deepEqual([...right.recvBytesSync()], [5, 6]);
  left.sendBytesSync(data, 8);
  assert.equal((await right.recvBytes()).length, 0);
  // A value's bytes are what the codec writes: sent on as bytes, the value arrives.
  left.sendSync({ a: [1] });
  right.sendBytesSync(right.recvBytesSync());
  assert.deepEqual(left.recvSync(), { a: [1] });
  left.sendSync(17);
  right.sendBytesSync(right.recvBytesSync());
  assert.equal(left.recvSync(), 17);
  left.sendBytesSync(Buffer.from('no value'));
  await assert.rejects(right.recv(), SerializationError);
  left.sendSync('next');
  assert.equal(await right.recv(), 'next');
});

test('recvBytesInto writes into any view, and BufferTooShort has the message', async () => {
  const [left, right] = Pipe();
  const target = new Int32Array(4);
  left.sendBytesSync(new Int32Array([7, 8]));
  assert.equal(await right.recvBytesInto(target, 4), 8);
  assert.deepEqual([...target], [0, 7, 8, 0]);
  left.sendBytesSync(new Int32Array([9]));
  assert.equal(right.recvBytesIntoSync(target.buffer), 4);
  assert.deepEqual([...target], [9, 7, 8, 0]);
  left.sendBytesSync(Buffer.from('too long'));
  assert.throws(
    () => right.recvBytesIntoSync(new Uint8Array(4)),
    (e) => e instanceof BufferTooShort && String(e.message).length > 0,
  );
  left.sendSync('next');
  assert.equal(right.recvSync(), 'next');
});

test('a message longer than maxLength ends receiving', async () => {
  const [left, right] = Pipe();
  left.sendBytesSync(Buffer.alloc(10));
  await assert.rejects(right.recvBytes(9), { name: 'OSError', message: /bad message length/ });
  assert.equal(right.readable, false);
  await assert.rejects(right.recv(), { name: 'OSError' });
  right.sendSync('still sends');
  assert.equal(left.recvSync(), 'still sends');
  const [reader, writer] = Pipe(false);
  writer.sendBytesSync(Buffer.alloc(10));
  assert.throws(() => reader.recvBytesSync(9), { name: 'OSError' });
  assert.equal(reader.closed, true);
});

test('poll takes nothing, and waits as long as it may', async () => {
  const [left, right] = Pipe();
  assert.equal(right.pollSync(), false);
  assert.equal(await right.poll(), false);
  assert.equal(right.pollSync(-1), false);
  const begun = performance.now();
  assert.equal(right.pollSync(30), false);
  assert.equal(await right.poll(30), false);
  assert.ok(performance.now() - begun >= 58);
  const polling = [right.poll(null), right.poll({ timeout: 20_000 })];
  const receiving = right.recv();
  left.sendSync('a');
  assert.equal(await receiving, 'a');
  left.sendSync('b');
  assert.deepEqual(await Promise.all(polling), [true, true]);
  assert.equal(right.pollSync(null), true);
  assert.equal(right.recvSync(), 'b');
  await assert.rejects(right.poll({ timeout: null, signal: AbortSignal.abort(new Error('no')) } as never), {
    message: 'no',
  });
});

test('close: calls that wait are ended, later ones refused', async () => {
  const [left, right] = Pipe();
  const closed = { name: 'OSError', message: 'handle is closed' };
  const waiting = [right.recv(), right.poll(null), right.recvBytes()].map((p) => assert.rejects(p, closed));
  await delay(5);
  right.close();
  right.close();
  await Promise.all(waiting);
  assert.equal(right.closed, true);
  for (const call of [
    () => right.sendSync(1),
    () => right.recvSync(),
    () => right.pollSync(),
    () => right.fileno(),
    () => right.recvBytesSync(),
    () => right.sendBytesSync(Buffer.alloc(1)),
  ]) {
    assert.throws(call, closed);
  }
  await assert.rejects(right.send(1), closed);
  await assert.rejects(left.send(1), BrokenPipeError);
  await assert.rejects(left.recv(), EOFError);
  {
    using a = Pipe()[0];
    assert.equal(a.closed, false);
  }
});

test('times and signals end a recv, and nothing is taken', async () => {
  const [left, right] = Pipe();
  await assert.rejects(right.recv({ timeout: 10 }), { name: 'TimeoutError', message: /no message came/ });
  assert.throws(() => right.recvSync({ timeout: 10 }), { name: 'TimeoutError' });
  await assert.rejects(right.recvBytes(undefined, { timeout: 0 }), { name: 'TimeoutError' });
  const waiting = right.recv({ signal: abortedAfter(10) });
  await assert.rejects(waiting, { message: 'enough' });
  left.sendSync(1);
  await assert.rejects(right.recv({ signal: AbortSignal.abort(new Error('no')) }), { message: 'no' });
  await assert.rejects(left.send(2, { signal: AbortSignal.abort(new Error('no')) }), { message: 'no' });
  assert.equal(right.recvSync(), 1);
  assert.equal(right.pollSync(), false);
});

test('bad arguments are typed errors, and nothing is sent or taken', async () => {
  const [left, right] = Pipe();
  assert.throws(() => new Connection(3), { name: 'ValueError', message: /invalid handle/ });
  for (const bad of ['text', 7, null, undefined, [1]]) {
    await assert.rejects(left.sendBytes(bad as never), { name: 'TypeError' });
    assert.throws(() => left.sendBytesSync(bad as never), { name: 'TypeError' });
    await assert.rejects(right.recvBytesInto(bad as never), { name: 'TypeError' });
  }
  const data = Buffer.alloc(26);
  for (const [offset, size] of [[27], [22, 5], [26, 1], [-1], [4, -1]] as const) {
    assert.throws(() => left.sendBytesSync(data, offset, size), { name: 'ValueError' });
  }
  for (const bad of [1.5, Number.NaN, '3', {}]) {
    assert.throws(() => left.sendBytesSync(data, bad as never), { name: 'TypeError', message: /offset/ });
    assert.throws(() => left.sendBytesSync(data, 0, bad as never), { name: 'TypeError', message: /size/ });
    await assert.rejects(right.recvBytes(bad as never), { name: 'TypeError', message: /maxLength/ });
  }
  await assert.rejects(right.recvBytes(-1), { name: 'ValueError', message: 'negative maxlength' });
  assert.equal(right.pollSync(), false);
  left.sendSync(1);
  for (const bad of ['x', 5, { timeout: 'x' }, { signal: {} }]) {
    await assert.rejects(right.recv(bad as never), { name: 'TypeError' });
    await assert.rejects(left.send(2, bad as never), { name: 'TypeError' });
  }
  await assert.rejects(right.poll('x' as never), { name: 'TypeError' });
  assert.equal(right.recvSync(), 1);
  assert.equal(right.pollSync(), false);
  assert.throws(() => left.fileno(), { name: 'NotSupportedError', message: /wait\(\[connection\]\)/ });
  assert.match(inspect(left), /^<multiprocessing\.connection\.Connection object at 0x[0-9a-f]+>$/);
  await assert.rejects(left.send({ a: [Promise.resolve()] }), {
    name: 'SerializationError',
    message: /a.*Promise/,
  });
  assert.equal(right.pollSync(), false);
});

test('messages of 64 MiB, both ways at the same time', async () => {
  const [left, right] = Pipe();
  const run = peer.run(async (_mp, c) => {
    const sending = c.sendBytes(Buffer.alloc(64 * 2 ** 20, 'right'));
    await c.sendBytes(await c.recvBytes());
    await sending;
  }, right);
  const mine = Buffer.alloc(64 * 2 ** 20, 'left');
  await left.sendBytes(mine);
  const digest = (data: Uint8Array): string => createHash('sha1').update(data).digest('hex');
  assert.equal(digest(await left.recvBytes()), digest(Buffer.alloc(64 * 2 ** 20, 'right')));
  assert.equal(digest(left.recvBytesSync()), digest(mine));
  await run;
});

test('a message of 1 GiB', async () => {
  const [left, right] = Pipe();
  const size = 2 ** 30;
  const run = peer.run((_mp, c) => {
    const bytes = c.recvBytesSync();
    // Each page says where it is.
    for (let at = 0; at < bytes.length; at += 4096) {
      if (bytes.readUInt32LE(at) !== at) throw new Error(`${bytes.readUInt32LE(at)} at ${at}`);
    }
    c.sendSync({ length: bytes.length, last: bytes.at(-1) });
    c.sendBytesSync(bytes);
  }, right);
  const bytes = Buffer.alloc(size, 7);
  for (let at = 0; at < size; at += 4096) bytes.writeUInt32LE(at, at);
  await left.sendBytes(bytes);
  assert.deepEqual(await left.recv(), { length: size, last: 7 });
  assert.ok((await left.recvBytes()).equals(bytes));
  await run;
});

test('a lock in a message stays the same lock', async () => {
  const [left, right] = Pipe();
  const lock = new Lock();
  lock.acquireSync();
  left.sendSync({ lock });
  assert.equal(
    await peer.run(
      async (_mp, c) => ((await c.recv()) as { lock: Lock }).lock.acquire({ timeout: 10 }),
      right,
    ),
    false,
  );
});

test('a program that awaits what nobody can send, ends', async (t) => {
  const program = startProgram(
    t,
    'alone.mts',
    `import { Pipe, Process } from LIBRARY;
    globalThis.pipe = Pipe();
    pipe[0].recv().then(() => console.log('got'));
    const [a, b] = Pipe();
    const p = new Process({ target: async (b) => { await b.send(await b.recv()); }, args: [b] });
    p.start();
    b.close();
    await a.send('echo');
    console.log(await a.recv());
    await a.recv().catch((e) => console.log(e.name));`,
  );
  assert.deepEqual(await program.ended, { stdout: 'echo\nEOFError\n', stderr: '', code: 0, signal: null });
});
