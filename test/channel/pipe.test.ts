import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  BrokenPipeError,
  BufferTooShort,
  type Connection,
  EOFError,
  NotSupportedError,
  OSError,
  Pipe,
  Process,
  SharedMemory,
  TimeoutError,
  ValueError,
} from '../../src/index.ts';

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

describe('in one process', () => {
  test('both ends send and receive; one way only as asked', async () => {
    const [a, b] = Pipe();
    await a.send({ x: 1 });
    b.sendSync('back');
    assert.deepEqual(await b.recv(), { x: 1 });
    assert.equal(a.recvSync(), 'back');
    const [reader, writer] = Pipe(false);
    assert.deepEqual(
      [reader.readable, reader.writable, writer.readable, writer.writable],
      [true, false, false, true],
    );
    await assert.rejects(reader.send(1), OSError);
    await assert.rejects(writer.recv(), OSError);
  });

  test('bytes are bytes', async () => {
    const [a, b] = Pipe();
    await a.sendBytes(Buffer.from('hello'));
    assert.equal(String(await b.recvBytes()), 'hello');
    await a.sendBytes(Buffer.from('abcdef'), 2, 3);
    assert.equal(String(b.recvBytesSync()), 'cde');
    await a.sendBytes(new Float64Array([1.5]));
    const target = new Float64Array(2);
    assert.equal(await b.recvBytesInto(target, 8), 8);
    assert.equal(target[1], 1.5);
    await a.sendBytes(Buffer.alloc(10));
    await assert.rejects(b.recvBytesInto(Buffer.alloc(5)), BufferTooShort);
    await assert.rejects(a.sendBytes(Buffer.alloc(3), 4), ValueError);
    await assert.rejects(a.sendBytes('text' as never), TypeError);
    await a.sendBytes(Buffer.alloc(0));
    assert.equal(await b.poll(), true);
    assert.equal((await b.recvBytes()).length, 0);
  });

  test('poll says whether there is something, and takes nothing', async () => {
    const [a, b] = Pipe();
    assert.equal(await a.poll(), false);
    assert.equal(a.pollSync(10), false);
    await b.send(1);
    assert.equal(await a.poll(1000), true);
    assert.equal(a.pollSync(null), true);
    assert.equal(await a.recv(), 1);
    b.close();
    assert.equal(await a.poll(), true, 'the end can be received');
  });

  test('the end of the other side is told, after what it had sent', async () => {
    const [a, b] = Pipe();
    await b.send(1);
    b.close();
    assert.equal(await a.recv(), 1);
    await assert.rejects(a.recv(), EOFError);
    assert.throws(() => a.recvSync(), EOFError);
    await assert.rejects(a.send(1), BrokenPipeError);
    a.close();
    a.close();
    assert.equal(a.closed, true);
    await assert.rejects(a.send(1), OSError);
    await assert.rejects(a.recv(), OSError);
  });

  test('closing ends what waits, here and there', async () => {
    const [a, b] = Pipe();
    const here = a.recv();
    const there = b.recv();
    await sleep(10);
    a.close();
    await assert.rejects(here, OSError);
    await assert.rejects(there, EOFError);
  });

  test('time is up, and nothing was taken', async () => {
    const [a, b] = Pipe();
    await assert.rejects(a.recv({ timeout: 10 }), TimeoutError);
    assert.throws(() => a.recvSync({ timeout: 10 }), TimeoutError);
    await b.send(1);
    assert.equal(await a.recv({ timeout: 10 }), 1);
  });

  test('there is no descriptor, and it says what to do instead', () => {
    const [a, b] = Pipe();
    assert.throws(() => a.fileno(), NotSupportedError);
    assert.throws(() => b.fileno(), NotSupportedError);
  });
});

describe('between processes', () => {
  const echo = async (c: Connection): Promise<void> => {
    try {
      for (;;) await c.send(await c.recv());
    } catch (e) {
      if (!(e instanceof Error && e.name === 'EOFError')) throw e;
    }
  };

  test('there and back, until the end', async () => {
    const [a, b] = Pipe();
    const p = new Process({ target: echo, args: [b] });
    p.start();
    b.close();
    for (let i = 0; i < 300; i++) {
      await a.send({ i });
      assert.deepEqual(i % 2 === 0 ? await a.recv() : a.recvSync(), { i });
    }
    a.close();
    await p.join();
    assert.equal(p.exitcode, 0);
  });

  test('a writer is held back by a long backlog, and nothing is lost', async () => {
    const [reader, writer] = Pipe(false);
    const p = new Process({
      target: (c: Connection) => {
        for (let i = 0; i < 50; i++) c.sendBytesSync(Buffer.alloc(300_000, i));
      },
      args: [writer],
    });
    p.start();
    writer.close();
    for (let i = 0; i < 50; i++) {
      const bytes = await reader.recvBytes();
      assert.ok(bytes.length === 300_000 && bytes[299_999] === i);
    }
    await assert.rejects(reader.recv(), EOFError);
    await p.join();
  });

  test('a killed peer is told as the end, to those who read and to those who write', async () => {
    const [a, b] = Pipe();
    const p = new Process({
      target: (c: Connection) => {
        c.sendSync('up');
        c.recvSync();
        process.kill(process.pid, 'SIGKILL');
      },
      args: [b],
    });
    p.start();
    b.close();
    assert.equal(await a.recv(), 'up');
    await a.send('die');
    await assert.rejects(a.recv({ timeout: 20_000 }), EOFError);
    await p.join();
    await assert.rejects(async () => {
      for (let n = 0; n < 100; n++) await a.send(n);
    }, BrokenPipeError);
  });

  test('connections and shared memory travel through connections', async () => {
    const [a, b] = Pipe();
    const p = new Process({
      target: async (c: Connection) => {
        const { inner, memory } = (await c.recv()) as { inner: Connection; memory: SharedMemory };
        memory.buf[0] = 42;
        await inner.send('through the inner one');
        memory.close();
      },
      args: [b],
    });
    p.start();
    const [c, d] = Pipe();
    const memory = new SharedMemory({ create: true, size: 16 });
    await a.send({ inner: d, memory });
    assert.equal(await c.recv(), 'through the inner one');
    await p.join();
    assert.equal(memory.buf[0], 42);
    memory.close();
    memory.unlink();
  });
});
