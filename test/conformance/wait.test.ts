/** CPython's `TestWait`: waiting for several connections, sockets and sentinels. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { wait } from '../../src/connection.ts';
import { type Connection, EOFError, OSError, Pipe, Process, Semaphore, ValueError } from '../../src/index.ts';

async function fourWriters(slow: boolean): Promise<void> {
  const readers: Connection[] = [];
  const processes: Process[] = [];
  const send = async (writer: Connection, pause: boolean): Promise<void> => {
    for (let i = 0; i < 10; i++) {
      if (pause) await new Promise((done) => setTimeout(done, Math.random() * 100));
      await writer.send([i, process.pid]);
    }
    writer.close();
  };
  for (let n = 0; n < 4; n++) {
    const [reader, writer] = Pipe(false);
    const p = new Process({ target: send, args: [writer, slow], daemon: true });
    p.start();
    writer.close();
    readers.push(reader);
    processes.push(p);
  }
  const messages: [number, number][] = [];
  while (readers.length > 0) {
    for (const reader of await wait(readers)) {
      try {
        messages.push((await reader.recv()) as [number, number]);
      } catch (error) {
        assert.ok(error instanceof EOFError);
        readers.splice(readers.indexOf(reader), 1);
        reader.close();
      }
    }
  }
  const order = (a: [number, number], b: [number, number]): number => a[0] - b[0] || a[1] - b[1];
  const expected = processes.flatMap((p) =>
    Array.from({ length: 10 }, (_, i): [number, number] => [i, p.pid!]),
  );
  assert.deepEqual(messages.sort(order), expected.sort(order));
  for (const p of processes) await p.join();
}

test('TestWait.test_wait: all pairs of four writers are received', () => fourWriters(false));
test('TestWait.test_wait_slow: also from writers that pause', () => fourWriters(true));

async function fourSockets(slow: boolean): Promise<void> {
  const server = net.createServer({ pauseOnConnect: true });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as net.AddressInfo;
  const sockets: net.Socket[] = [];
  const accepted = new Promise<void>((done) => {
    server.on('connection', (socket) => {
      socket.on('error', () => {});
      if (sockets.push(socket) === 4) done();
    });
  });
  const talk = async (to: number, pause: boolean): Promise<void> => {
    const socket = (await import('node:net')).connect(to, '127.0.0.1');
    for (let i = 0; i < 10; i++) {
      if (pause) await new Promise((done) => setTimeout(done, Math.random() * 100));
      socket.write(`${i}\n`);
    }
    socket.end();
  };
  const processes = Array.from(
    { length: 4 },
    () => new Process({ target: talk, args: [port, slow], daemon: true }),
  );
  for (const p of processes) p.start();
  await accepted;
  const texts = new Map(sockets.map((socket) => [socket, '']));
  const open = [...sockets];
  while (open.length > 0) {
    for (const socket of await wait(open)) {
      const data = socket.read(Math.min(32, socket.readableLength || 32)) as Buffer | null;
      if (data !== null) texts.set(socket, texts.get(socket)! + data);
      else if (socket.readableEnded || socket.destroyed) open.splice(open.indexOf(socket), 1);
      else await new Promise((done) => setImmediate(done));
    }
  }
  for (const text of texts.values()) assert.equal(text, '0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n');
  for (const socket of sockets) socket.destroy();
  server.close();
  for (const p of processes) await p.join();
}

test('TestWait.test_wait_socket: raw sockets are accepted', () => fourSockets(false));
test('TestWait.test_wait_socket_slow: also from clients that pause', () => fourSockets(true));

test('TestWait.test_wait_timeout: nothing while idle, the connection at once after a message', async () => {
  const [a, b] = Pipe();
  const begin = performance.now();
  assert.deepEqual(await wait([a, b], 500), []);
  assert.ok(performance.now() - begin >= 490, 'not early');
  await b.send(null);
  assert.deepEqual(await wait([a, b], 20_000), [a]);
});

test('TestWait.test_wait_integer: a sentinel is waited for like a connection, and stays ready', async () => {
  const [a, b] = Pipe();
  const started = new Semaphore(0);
  const p = new Process({
    target: async (s: Semaphore) => {
      s.release();
      await new Promise((done) => setTimeout(done, 500));
    },
    args: [started],
  });
  p.start();
  const { sentinel } = p;
  assert.ok(Number.isInteger(sentinel));
  assert.equal(await started.acquire({ timeout: 20_000 }), true);
  assert.deepEqual(await wait([a, sentinel, b], 23_000), [sentinel]);
  await a.send(null);
  assert.deepEqual(await wait([a, sentinel, b], 20_000), [sentinel, b]);
  await b.send(null);
  assert.deepEqual(await wait([a, sentinel, b], 20_000), [a, sentinel, b]);
  await p.join();
});

test('TestWait.test_neg_timeout: a negative timeout is none', async () => {
  const [a, b] = Pipe();
  assert.deepEqual(await wait([a], -1), []);
  assert.deepEqual(await wait([b], -1), []);
});

test('wait: order of the list, closed and double objects, the empty list', async () => {
  const [a, b] = Pipe();
  await a.send(1);
  await b.send(1);
  assert.deepEqual(await wait([b, a]), [b, a]);
  await assert.rejects(wait([a, a]), ValueError);
  a.close();
  await assert.rejects(wait([a]), OSError);
  assert.deepEqual(await wait([], 10), []);
});
