/** CPython's rows for Pipe and Connection, with a process that echoes; each call in its waiting and its blocking form. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  BufferTooShort,
  Connection,
  EOFError,
  Pipe,
  Process,
  ProcessError,
  ValueError,
} from '../../src/index.ts';

const forms = {
  waiting: {
    send: (c: Connection, value: unknown) => c.send(value),
    recv: (c: Connection) => c.recv(),
    sendBytes: (c: Connection, data: Uint8Array | Int32Array, offset?: number, size?: number) =>
      c.sendBytes(data, offset, size),
    recvBytes: (c: Connection) => c.recvBytes(),
    recvBytesInto: (c: Connection, target: Uint8Array | Int32Array, offset?: number) =>
      c.recvBytesInto(target, offset),
    poll: (c: Connection, timeout?: number) => c.poll(timeout),
  },
  blocking: {
    send: async (c: Connection, value: unknown) => c.sendSync(value),
    recv: async (c: Connection) => c.recvSync(),
    sendBytes: async (c: Connection, data: Uint8Array | Int32Array, offset?: number, size?: number) =>
      c.sendBytesSync(data, offset, size),
    recvBytes: async (c: Connection) => c.recvBytesSync(),
    recvBytesInto: async (c: Connection, target: Uint8Array | Int32Array, offset?: number) =>
      c.recvBytesIntoSync(target, offset),
    poll: async (c: Connection, timeout?: number) => c.pollSync(timeout),
  },
} satisfies Record<string, unknown>;

/** Sends each message's bytes back, until an empty one. */
const echo = (c: Connection): void => {
  for (;;) {
    const bytes = c.recvBytesSync();
    if (bytes.length === 0) break;
    c.sendBytesSync(bytes);
  }
  c.close();
};

/** A child that echoes, started; its end of the pipe is still open here, too. */
function echoing(): { conn: Connection; childConn: Connection; child: Process } {
  const [conn, childConn] = Pipe();
  const child = new Process({ target: echo, args: [childConn], daemon: true });
  child.start();
  return { conn, childConn, child };
}

for (const [form, { send, recv, sendBytes, recvBytes, recvBytesInto, poll }] of Object.entries(forms)) {
  describe(`${form} calls`, () => {
    test('_TestConnection.test_connection', async (t) => {
      const { conn, childConn, child } = echoing();
      await t.test('objects', async () => {
        assert.equal(await send(conn, [1, 2.25, null]), undefined);
        assert.deepEqual(await recv(conn), [1, 2.25, null]);
      });
      await t.test('bytes', async () => {
        const message = Buffer.from('hello world');
        assert.equal(await sendBytes(conn, message), undefined);
        assert.deepEqual(await recvBytes(conn), message);
      });
      await t.test('recvBytesInto', async () => {
        const numbers = new Int32Array([0, 1, 2, 3]);
        const target = new Int32Array(10);
        await sendBytes(conn, numbers);
        assert.equal(await recvBytesInto(conn, target), 16);
        assert.deepEqual([...target], [0, 1, 2, 3, 0, 0, 0, 0, 0, 0]);
        target.fill(0);
        await sendBytes(conn, numbers);
        assert.equal(await recvBytesInto(conn, target, 12), 16);
        assert.deepEqual([...target], [0, 0, 0, 0, 1, 2, 3, 0, 0, 0]);
      });
      await t.test('BufferTooShort', async () => {
        const message = Buffer.from('hello world'.repeat(10));
        await sendBytes(conn, message);
        await assert.rejects(recvBytesInto(conn, new Uint8Array(40)), (e) => {
          assert.ok(e instanceof BufferTooShort && e instanceof ProcessError);
          assert.deepEqual(e.args, [message]);
          return true;
        });
      });
      await t.test('poll empty', async () => {
        assert.equal(await poll(conn), false);
        assert.equal(await poll(conn, -1), false);
        const begun = performance.now();
        assert.equal(await poll(conn, 100), false);
        assert.ok(performance.now() - begun >= 99);
      });
      await t.test('poll message', async () => {
        await send(conn, null);
        assert.equal(await poll(conn, 30_000), true);
        assert.equal(await recv(conn), null);
      });
      await t.test('16 MiB', async () => {
        const message = Buffer.alloc(16_777_216, 'X');
        await sendBytes(conn, message);
        assert.ok((await recvBytes(conn)).equals(message));
      });
      await t.test('end of file', async () => {
        await sendBytes(conn, Buffer.alloc(0));
        childConn.close();
        await child.join();
        assert.deepEqual([conn.readable, conn.writable], [true, true]);
        await assert.rejects(recv(conn), EOFError);
        await assert.rejects(recvBytes(conn), EOFError);
      });
    });

    test('_TestConnection.test_duplex_false', async () => {
      const [reader, writer] = Pipe(false);
      await send(writer, 1);
      assert.equal(await recv(reader), 1);
      assert.deepEqual(
        [reader.readable, reader.writable, writer.readable, writer.writable],
        [true, false, false, true],
      );
      const readOnly = { name: 'OSError', message: 'connection is read-only' };
      const writeOnly = { name: 'OSError', message: 'connection is write-only' };
      await assert.rejects(async () => send(reader, 2), readOnly);
      await assert.rejects(async () => recv(writer), writeOnly);
      await assert.rejects(async () => poll(writer), writeOnly);
    });

    test('_TestConnection.test_spawn_close', async () => {
      const { conn, childConn, child } = echoing();
      childConn.close();
      const message = Buffer.from('hello');
      await sendBytes(conn, message);
      assert.deepEqual(await recvBytes(conn), message);
      await sendBytes(conn, Buffer.alloc(0));
      conn.close();
      await child.join();
      assert.equal(child.exitcode, 0);
    });

    test('_TestConnection.test_sendbytes', async (t) => {
      const m = Buffer.from('abcdefghijklmnopqrstuvwxyz');
      const [a, b] = Pipe();
      await t.test('ranges', async () => {
        const ranges: [number[], string][] = [
          [[], String(m)],
          [[5], 'fghijklmnopqrstuvwxyz'],
          [[7, 8], 'hijklmno'],
          [[26], ''],
          [[26, 0], ''],
        ];
        for (const [range, wanted] of ranges) {
          await sendBytes(a, m, ...range);
          assert.equal(String(await recvBytes(b)), wanted);
        }
      });
      await t.test('errors', async () => {
        for (const [range, message] of [
          [[27], 'buffer length < offset'],
          [[22, 5], 'buffer length < offset + size'],
          [[26, 1], 'buffer length < offset + size'],
          [[-1], 'offset is negative'],
          [[4, -1], 'size is negative'],
        ] as [number[], string][]) {
          await assert.rejects(async () => sendBytes(a, m, ...range), { name: 'ValueError', message });
        }
        assert.equal(await poll(b), false);
      });
    });

    test('_TestConnection.test_context', async () => {
      const [a, b] = Pipe();
      {
        using first = a;
        using second = b;
        await send(first, 1729);
        assert.equal(await recv(second), 1729);
        assert.deepEqual([a.closed, b.closed], [false, false]);
      }
      assert.deepEqual([a.closed, b.closed], [true, true]);
      await assert.rejects(async () => recv(a), { name: 'OSError', message: 'handle is closed' });
      await assert.rejects(async () => recv(b), { name: 'OSError', message: 'handle is closed' });
    });

    test('TestIgnoreEINTR.test_ignore', async () => {
      const length = 16 * 2 ** 20 + 1;
      const [conn, childConn] = Pipe();
      const child = new Process({
        target: async (c: Connection) => {
          let handled = 0;
          // Not SIGUSR2: under the test runner of Node 24 it makes a process write a report.
          process.on('SIGHUP', () => handled++);
          await send(c, 'ready');
          await send(c, await recv(c));
          await sendBytes(c, Buffer.alloc(length, 'x'));
          // A thread that blocked lets its handlers run now.
          while (handled < 2) await new Promise((done) => setTimeout(done, 5));
        },
        args: [childConn],
        daemon: true,
      });
      child.start();
      childConn.close();
      const pause = (): Promise<void> => new Promise((done) => setTimeout(done, 100));
      try {
        assert.equal(await recv(conn), 'ready');
        await pause();
        process.kill(child.pid!, 'SIGHUP');
        await pause();
        await send(conn, 1234);
        assert.equal(await recv(conn), 1234);
        await pause();
        process.kill(child.pid!, 'SIGHUP');
        await pause();
        assert.ok((await recvBytes(conn)).equals(Buffer.alloc(length, 'x')));
        await child.join();
        assert.equal(child.exitcode, 0);
      } finally {
        conn.close();
        child.kill();
      }
    });

    test('_TestPoll.test_empty_string', async () => {
      const [a, b] = Pipe();
      assert.equal(await poll(a), false);
      await sendBytes(b, Buffer.alloc(0));
      assert.equal(await poll(a), true);
      assert.equal(await poll(a), true);
    });

    test('_TestPoll.test_strings', async () => {
      const strings = ['hello', '', 'a', 'b', '', 'bye', '', 'lop'];
      const [a, b] = Pipe();
      const child = new Process({
        target: async (c: Connection, strings: string[]) => {
          for (const text of strings) {
            await new Promise((resolve) => setTimeout(resolve, 20));
            c.sendBytesSync(Buffer.from(text));
          }
          c.close();
        },
        args: [b, strings],
        daemon: true,
      });
      child.start();
      for (const text of strings) {
        while (!(await poll(a, 10)));
        assert.equal(String(await recvBytes(a)), text);
      }
      await child.join();
    });

    test('_TestPoll.test_dont_merge', async () => {
      const [a, b] = Pipe();
      assert.equal(await poll(a, 0), false);
      assert.equal(await poll(a, 100), false);
      const child = new Process({
        target: (c: Connection) => {
          for (const text of ['a', 'b', 'cd']) c.sendBytesSync(Buffer.from(text));
          c.close();
        },
        args: [b],
        daemon: true,
      });
      child.start();
      assert.equal(String(await recvBytes(a)), 'a');
      assert.deepEqual([await poll(a, 1000), await poll(a, 1000)], [true, true]);
      assert.equal(String(await recvBytes(a)), 'b');
      assert.deepEqual([await poll(a, 1000), await poll(a, 1000), await poll(a, 0)], [true, true, true]);
      assert.equal(String(await recvBytes(a)), 'cd');
      await child.join();
    });
  });
}

test('TestInvalidHandle.test_invalid_handles', () => {
  for (const handle of [44_977_608, -1]) assert.throws(() => new Connection(handle), ValueError);
});
