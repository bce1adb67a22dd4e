/** With the built library: the helper thread of the sender is one of its files. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import http from 'node:http';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import tls from 'node:tls';
import type * as InTransit from '../../src/channel/descriptors-in-transit.ts';
import type * as Table from '../../src/channel/transit-table.ts';
import type * as Codec from '../../src/codec/index.ts';
import type * as Library from '../../src/index.ts';
import type * as Descriptors from '../../src/platform/descriptors.ts';
import { Peer } from '../fixtures/peer.ts';
import { nothingStaysOpen, openedSince, openFds } from '../support/fds.ts';
import { temporaryDirectory, until } from '../support/run.ts';

const built = createRequire(import.meta.url);
const { JoinableQueue, Pipe, Pool, Process, Queue, SerializationError, shareHandle, SimpleQueue } = built(
  '../../dist/cjs/index.js',
) as typeof Library;
const { fetchDescriptor, offerDescriptor } = built(
  '../../dist/modules/channel/descriptors-in-transit.js',
) as typeof InTransit;
const { TransitTable } = built('../../dist/modules/channel/transit-table.js') as typeof Table;
const { decode, encode } = built('../../dist/modules/codec/index.js') as typeof Codec;
const { closeFd, duplicate, isOpen } = built(
  '../../dist/modules/platform/descriptors.js',
) as typeof Descriptors;
type Connection = Library.Connection;
type ForChild = Library.Queue<net.Socket>;

/** For a `Peer`, which would not know an object of the built library: its handle, which it does. */
const handleOf = <T extends object>(shared: T): T => shareHandle(shared) as unknown as T;

const sockets = new Set<net.Socket>();

/** A listening server; the sockets that it accepts read nothing by themselves. */
async function listen(
  t: TestContext,
  options: net.ServerOpts = { pauseOnConnect: true },
): Promise<net.Server> {
  const server = net.createServer(options).listen(0, '127.0.0.1');
  t.after(() => {
    server.close();
    // Those that a test that failed has left open: the program would not end.
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  });
  await once(server, 'listening');
  return server;
}

const portOf = (server: net.Server): number => (server.address() as net.AddressInfo).port;

/** A client of `server`, and the server's side of it. */
async function connect(server: net.Server): Promise<{ client: net.Socket; accepted: net.Socket }> {
  const client = net.connect({ port: portOf(server), host: '127.0.0.1', allowHalfOpen: true });
  const [accepted] = (await once(server, 'connection')) as [net.Socket];
  sockets.add(client).add(accepted);
  return { client, accepted };
}

async function textOf(socket: net.Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

/** Waits until bytes that were sent to it are with the kernel, and no thread has read them. */
const settle = (): Promise<void> => new Promise((done) => setTimeout(done, 30));

/** What children do with a socket: read what comes, answer it in capitals and with their pid. */
const answer = async (socket: net.Socket): Promise<void> => {
  const [line] = (await once(socket, 'data')) as [Buffer];
  await new Promise<void>((done) => socket.end(`${String(line).toUpperCase()} ${process.pid}`, done));
  socket.destroy();
};

test('a child accepts on a server that it was given as an argument', async (t) => {
  const server = await listen(t, { allowHalfOpen: true });
  server.maxConnections = 7;
  const address = server.address();
  const [mine, theirs] = Pipe();
  const child = new Process({
    target: async (given: net.Server, results: Connection) => {
      const listening = given.listening;
      await once(given, 'listening');
      const { allowHalfOpen } = given as unknown as { allowHalfOpen: boolean };
      results.sendSync([listening, given.address(), given.maxConnections, allowHalfOpen]);
      const [socket] = (await once(given, 'connection')) as [net.Socket];
      socket.end(`child ${process.pid}`);
      given.close();
    },
    args: [server, theirs],
  });
  child.start();
  theirs.close();
  server.close();
  assert.deepEqual(await mine.recv(), [true, address, 7, true]);
  const client = net.connect((address as net.AddressInfo).port, '127.0.0.1');
  assert.equal(await textOf(client), `child ${child.pid}`);
  await child.join();
  assert.equal(child.exitcode, 0);
});

test('several children share a server, each by a message; it can serve HTTP', async (t) => {
  const server = await listen(t);
  const port = portOf(server);
  const [mine, theirs] = Pipe();
  const children = [1, 2].map(
    () =>
      new Process({
        target: async (c: Connection) => {
          const given = (await c.recv()) as net.Server;
          // Each request connects anew: one on a connection to a child that was just killed would fail.
          const web = http.createServer((_, response) =>
            response.setHeader('connection', 'close').end(String(process.pid)),
          );
          web.listen(given);
          await once(web, 'listening');
          await c.send('up');
        },
        args: [theirs],
        daemon: true,
      }),
  );
  for (const child of children) child.start();
  theirs.close();
  for (const _ of children) {
    await mine.send(server);
    assert.equal(await mine.recv(), 'up');
  }
  server.close();
  const pids = children.map(({ pid }) => pid);
  const alone = children[0]!;
  for (let i = 0; i < 3; i++) {
    const response = await fetch(`http://127.0.0.1:${port}/`);
    assert.ok(pids.includes(Number(await response.text())));
  }
  children[1]!.kill();
  await children[1]!.join();
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), String(alone.pid));
  alone.kill();
  await alone.join();
  await assert.rejects(fetch(`http://127.0.0.1:${port}/`));
});

for (const [what, make] of [
  ['a Queue', () => new Queue<net.Socket>()],
  ['a JoinableQueue', () => new JoinableQueue<net.Socket>()],
  ['a SimpleQueue', () => new SimpleQueue<net.Socket>()],
] as const) {
  test(`a connected socket goes through ${what}, and the child answers on it`, async (t) => {
    const server = await listen(t);
    const queue = make() as ForChild;
    const child = new Process({
      target: async (q: ForChild, reply: typeof answer) => {
        for (let i = 0; i < 2; i++) await reply(await q.get());
      },
      args: [queue, answer],
    });
    child.start();
    for (const word of ['one', 'two']) {
      const { client, accepted } = await connect(server);
      client.write(word);
      await settle();
      await queue.put(accepted);
      accepted.destroy();
      assert.equal(await textOf(client), `${word.toUpperCase()} ${child.pid}`);
      client.destroy();
    }
    await child.join();
    assert.equal(child.exitcode, 0);
  });
}

test('through a Pipe in both directions and forms; the sender’s socket stays usable', async (t) => {
  const server = await listen(t);
  const [mine, theirs] = Pipe();
  const child = new Process({
    target: (c: Connection) => {
      const socket = c.recvSync() as net.Socket;
      // Sent on as it came: nothing of it was read here.
      c.sendSync(socket);
      c.recvSync();
    },
    args: [theirs],
  });
  child.start();
  theirs.close();
  const { client, accepted } = await connect(server);
  client.write('to whom it concerns');
  await settle();
  mine.sendSync(accepted);
  const back = mine.recvSync() as net.Socket;
  assert.ok(back instanceof net.Socket && back !== accepted);
  assert.equal(back.remotePort, client.localPort);
  assert.equal(String((await once(back, 'data'))[0]), 'to whom it concerns');
  await new Promise((done) => accepted.write('from the first, ', done));
  await new Promise((done) => back.write('from the second', done));
  back.destroy();
  accepted.resume();
  client.end('bye');
  assert.equal(String((await once(accepted, 'data'))[0]), 'bye', 'it reads on when it resumes');
  accepted.end();
  assert.equal(await textOf(client), 'from the first, from the second');
  mine.sendSync(null);
  await child.join();
});

test('the sender stops reading, also where its socket had begun to', async (t) => {
  const server = await listen(t, {});
  const { client, accepted } = await connect(server);
  const [a, b] = Pipe();
  const seen: string[] = [];
  accepted.on('data', (chunk) => seen.push(String(chunk)));
  client.write('1');
  await once(accepted, 'data');
  await a.send(accepted);
  client.write('2');
  const received = (await b.recv()) as net.Socket;
  assert.equal(received.readableFlowing, null);
  assert.equal(String((await once(received, 'data'))[0]), '2');
  received.destroy();
  accepted.resume();
  client.end('3');
  await once(accepted, 'end');
  assert.deepEqual(seen, ['1', '3']);
});

test('what is at its end or was ended stays so', async (t) => {
  const server = await listen(t, { allowHalfOpen: true });
  const { client, accepted } = await connect(server);
  const [a, b] = Pipe();
  client.end();
  accepted.resume();
  await once(accepted, 'end');
  await a.send(accepted);
  const received = (await b.recv()) as net.Socket;
  assert.equal(received.readable, false);
  assert.equal(received.allowHalfOpen, true);
  received.end('last words');
  assert.equal(await textOf(client), 'last words');
  accepted.destroy();
});

test('a local socket travels too', async (t) => {
  const file = path.join(temporaryDirectory(t), 'socket');
  const server = net.createServer({ pauseOnConnect: true }).listen(file);
  t.after(() => server.close());
  await once(server, 'listening');
  const client = net.connect(file);
  const [accepted] = (await once(server, 'connection')) as [net.Socket];
  const [a, b] = Pipe();
  await a.send([accepted, server]);
  accepted.destroy();
  const [socket, again] = (await b.recv()) as [net.Socket, net.Server];
  // It comes soon, and only once.
  const listening = once(again, 'listening');
  socket.end('local');
  assert.equal(await textOf(client), 'local');
  await listening;
  again.close();
});

test('a file handle arrives with the position and the flags that it has', async (t) => {
  const file = path.join(temporaryDirectory(t), 'file');
  const [mine, theirs] = Pipe();
  const child = new Process({
    target: async (c: Connection, first: FileHandle, forms: readonly ['recv' | 'recvSync', number][]) => {
      await first.write('argument, ');
      await first.close();
      c.sendSync(null);
      for (const [form] of forms) {
        const given = (await c[form]()) as FileHandle;
        await given.write(`${form}, `);
        await given.close();
        c.sendSync(null);
      }
    },
    args: [
      theirs,
      await open(file, 'a+').then((h) => {
        t.after(() => h.close());
        return h;
      }),
      [
        ['recv', 0],
        ['recvSync', 0],
      ],
    ],
  });
  child.start();
  theirs.close();
  await mine.recv();
  for (const _ of [1, 2]) {
    const handle = await open(file, 'r+');
    // The position is a part of the open file, which both have.
    await handle.read(Buffer.alloc(100), 0, 100, null);
    await mine.send(handle);
    await mine.recv();
    await handle.write('sender, ');
    await handle.close();
  }
  await child.join();
  assert.equal(readFileSync(file, 'utf8'), 'argument, recv, sender, recvSync, sender, ');
});

test('a file handle is one of Node’s: it reads, tells of its file, and closes', async (t) => {
  const file = path.join(temporaryDirectory(t), 'file');
  const handle = await open(file, 'wx+');
  await handle.write('text');
  const [a, b] = Pipe();
  a.sendSync({ handle, twice: handle });
  const { handle: received, twice } = b.recvSync() as { handle: FileHandle; twice: FileHandle };
  assert.equal(received, twice);
  assert.equal(received.constructor, handle.constructor);
  assert.equal((await received.stat()).ino, (await handle.stat()).ino);
  assert.equal((await received.read(Buffer.alloc(10), 0, 10, 0)).bytesRead, 4);
  await handle.close();
  await received.write('!', 4);
  const { fd } = received;
  await received.close();
  assert.equal(isOpen(fd), false);
  assert.equal(readFileSync(file, 'utf8'), 'text!');
});

test('it is handed over while the sender’s thread is blocked', async (t) => {
  const server = await listen(t);
  const [mine, theirs] = Pipe();
  const child = new Process({
    target: async (c: Connection, reply: typeof answer) => {
      await c.send('ready');
      // By now the sender is blocked in recvSync, unless it is slower than this.
      await new Promise((done) => setTimeout(done, 200));
      const socket = (await c.recv()) as net.Socket;
      await c.send('got it');
      await reply(socket);
    },
    args: [theirs, answer],
  });
  child.start();
  theirs.close();
  assert.equal(await mine.recv(), 'ready');
  const { client, accepted } = await connect(server);
  mine.sendSync(accepted);
  assert.equal(mine.recvSync({ timeout: 20_000 }), 'got it');
  accepted.destroy();
  client.write('x');
  assert.equal(await textOf(client), `X ${child.pid}`);
  await child.join();
});

test('as an argument and as a result of a Pool’s task', async (t) => {
  const server = await listen(t);
  await using pool = new Pool(1);
  const { client, accepted } = await connect(server);
  client.write('task');
  const pid = await pool.apply(
    async (socket: net.Socket, reply: typeof answer) => {
      await reply(socket);
      return process.pid;
    },
    [accepted, answer],
  );
  accepted.destroy();
  assert.equal(await textOf(client), `TASK ${pid}`);
  const connecting = once(server, 'connection') as Promise<[net.Socket]>;
  const result = await pool.apply(
    async (port: number) => {
      const socket = net.connect(port, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    },
    [portOf(server)],
  );
  const [other] = await connecting;
  other.end('result');
  assert.equal(await textOf(result as net.Socket), 'result');
});

test('worker threads send and receive', async (t) => {
  const server = await listen(t);
  const queue = new Queue<net.Socket>();
  const back = new Queue<[net.Socket, FileHandle]>();
  await using thread = await Peer.startThread();
  const { client, accepted } = await connect(server);
  queue.putNowait(accepted);
  accepted.destroy();
  await thread.run(
    async (_, { from, to }) => {
      const { promises } = process.getBuiltinModule('node:fs');
      const handle = await promises.open('/dev/null', 'r');
      await to.put([await from.get(), handle]);
      await handle.close();
    },
    { from: handleOf(queue), to: handleOf(back) },
  );
  const [socket, handle] = await back.get();
  socket.end('through a thread');
  assert.equal(await textOf(client), 'through a thread');
  assert.ok((await handle.stat()).isCharacterDevice());
  await handle.close();
});

test('what a worker thread sent is closed when it ends', async () => {
  await using thread = await Peer.startThread();
  const queue = new Queue<FileHandle>();
  const opened = await thread.run(
    async (_, { q }) => {
      const fs = process.getBuiltinModule('node:fs');
      const handle = await fs.promises.open('/dev/null', 'r');
      for (let i = 0; i < 50; i++) await q.put(handle);
      await handle.close();
      const kept = fs.readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return fs.readlinkSync(`/proc/self/fd/${fd}`) === '/dev/null';
        } catch {
          return false;
        }
      });
      setTimeout(() => process.exit(), 50);
      return kept.length;
    },
    { q: handleOf(queue) },
  );
  assert.ok(opened >= 50, `${opened} are kept for those who get them`);
  const ofNull = (): number => [...openFds()].filter((fd) => fd.endsWith(' /dev/null')).length;
  await until(() => ofNull() <= opened - 50, 'they are closed');
});

for (const [how, end] of [
  ['was killed', 'kill'],
  ['has ended', 'terminate'],
] as const) {
  test(`the sender ${how}: an error that says so, at once, and the channel goes on`, async () => {
    const [mine, theirs] = Pipe();
    const [told, tell] = Pipe(false);
    const child = new Process({
      target: async (c: Connection, sent: Connection, file: string) => {
        const { promises } = process.getBuiltinModule('node:fs');
        await c.send(await promises.open(file, 'r'));
        await c.send('after');
        await sent.send('both');
        setTimeout(() => {}, 60_000);
      },
      args: [theirs, tell, '/dev/null'],
    });
    child.start();
    theirs.close();
    assert.equal(await told.recv(), 'both');
    child[end]();
    await child.join();
    const before = openFds();
    const start = performance.now();
    await assert.rejects(mine.recv(), {
      name: 'ConnectionRefusedError',
      code: 'ECONNREFUSED',
      message: new RegExp(`process ${child.pid}, which sent it, has ended; .*`),
    });
    assert.ok(performance.now() - start < 6000);
    assert.deepEqual(openedSince(before), []);
    assert.equal(await mine.recv(), 'after');
  });
}

test('the sender is stopped: an error after five seconds', async (t) => {
  const [mine, theirs] = Pipe();
  const child = new Process({
    target: async (c: Connection) => {
      const { promises } = process.getBuiltinModule('node:fs');
      await c.send(await promises.open('/dev/null', 'r'));
      setTimeout(() => {}, 60_000);
    },
    args: [theirs],
  });
  child.start();
  theirs.close();
  t.after(() => child.kill());
  await until(() => mine.pollSync(0), 'it is there');
  process.kill(child.pid!, 'SIGSTOP');
  const before = openFds();
  assert.throws(() => mine.recvSync(), {
    name: 'ConnectionError',
    code: 'ETIMEDOUT',
    message: /see whether it is stopped/,
  });
  assert.deepEqual(openedSince(before), []);
});

test('each descriptor is given to one receiver, and only for its key', async () => {
  const fd = openSync('/dev/null', 'r');
  const handle = offerDescriptor(fd);
  assert.ok('key' in handle);
  const offered = openFds();
  const stale = { name: 'ConnectionError', code: 'ESTALE', message: /send it once to each/ };
  assert.throws(() => fetchDescriptor({ ...handle, key: '00'.repeat(16) }), stale);
  assert.throws(() => fetchDescriptor({ ...handle, slot: handle.slot + 1 }), stale);
  assert.throws(() => fetchDescriptor({ ...handle, slot: 2 ** 32 - 1 }), stale);
  const received = fetchDescriptor(handle);
  assert.throws(() => fetchDescriptor(handle), stale);
  closeFd(received);
  closeSync(fd);
  await nothingStaysOpen(offered);
});

test('one for a child that is being started is not there for anybody else', () => {
  assert.throws(() => fetchDescriptor({ pid: process.pid, fd: 0 }), { code: 'ESTALE' });
});

test('nothing stays open at either side', async (t) => {
  const server = await listen(t);
  const [mine, theirs] = Pipe();
  const child = new Process({
    target: async (c: Connection, reply: typeof answer) => {
      let before: Set<string> | undefined;
      const travelled = /socket:|\/dev\/null/;
      for (let i = 0; ; i++) {
        const got = (await c.recv()) as [net.Socket, FileHandle] | null;
        if (got === null) break;
        await got[1].close();
        await reply(got[0]);
        if (i === 2) before = openFds();
        await c.send(null);
      }
      await nothingStaysOpen(before!, travelled);
      await c.send('nothing');
    },
    args: [theirs, answer],
  });
  child.start();
  theirs.close();
  let before: Set<string> | undefined;
  for (let i = 0; i < 20; i++) {
    const { client, accepted } = await connect(server);
    const handle = await open('/dev/null', 'r');
    await mine.send([accepted, handle]);
    accepted.destroy();
    await handle.close();
    client.write('x');
    await textOf(client);
    client.destroy();
    await mine.recv();
    // The first few start the helpers.
    if (i === 2) {
      await settle();
      before = openFds();
    }
  }
  await mine.send(null);
  assert.equal(await mine.recv(), 'nothing');
  await child.join();
  await nothingStaysOpen(before!, /socket:|\/dev\/null/);
});

test('nothing stays open when the start of a child fails, or when it has inherited', async (t) => {
  const server = await listen(t);
  const before = openFds();
  assert.throws(
    () => new Process({ target: (..._: unknown[]) => {}, args: [server, new WeakMap()] }).start(),
    SerializationError,
  );
  assert.deepEqual(openedSince(before), []);
  const child = new Process({ target: (s: net.Server) => void s.close(), args: [server] });
  child.start();
  await child.join();
  assert.equal(child.exitcode, 0);
  const after = new Process({ target: () => {} });
  after.start();
  const started = openFds();
  await after.join();
  const again = new Process({ target: (s: net.Server) => void s.close(), args: [server] });
  again.start();
  await nothingStaysOpen(started);
  await again.join();
});

test('in transit: a key opens its slot, what is left is closed after so many sweeps, and what is closed is free again', () => {
  const table = new TransitTable();
  const other = new TransitTable(table.memory);
  const null0 = openSync('/dev/null', 'r');
  const [first, second] = [duplicate(null0), duplicate(null0)];
  const [key1, key2] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
  const slot1 = table.add(first, key1);
  const slot2 = table.add(second, key2);
  assert.equal(table.needsSweeping(), true);
  assert.equal(table.needsSweeping(), false);
  assert.equal(other.find(slot1, key1), first);
  assert.equal(other.find(slot1, key2), undefined);
  assert.equal(other.find(slot2, key2), second);
  other.close(slot1);
  assert.equal(other.find(slot1, key1), undefined);
  assert.equal(isOpen(first), false);
  for (let i = 0; i < 3; i++) {
    assert.equal(other.sweep(3), true);
    assert.equal(isOpen(second), true);
  }
  assert.equal(other.sweep(3), false);
  assert.equal(isOpen(second), false);
  assert.equal(table.needsSweeping(), true, 'the next one is swept again');
  const slots = new Set<number>();
  for (let slot = 0; slot >= 0; ) {
    slot = table.add(99_999, key1);
    if (slot >= 0) slots.add(slot);
  }
  assert.equal(slots.size, 4096);
  closeSync(null0);
});

const certificateless = { isServer: true } as const;

for (const [what, make, advice] of [
  [
    'that holds bytes which were not read',
    async (t) => {
      const { client, accepted } = await connect(await listen(t, {}));
      client.write('early');
      await until(() => accepted.readableLength > 0, 'they are there');
      return accepted;
    },
    /Socket: it holds 5 bytes that have come and were not read.*pauseOnConnect/,
  ],
  [
    'with bytes that are not written',
    async (t) => {
      const { accepted } = await connect(await listen(t));
      while (accepted.writableLength === 0) accepted.write(Buffer.alloc(1 << 20));
      return accepted;
    },
    /Socket: it holds \d+ bytes that are not written yet; .*write\(\)/,
  ],
  [
    'that is destroyed',
    async (t) => (await connect(await listen(t))).accepted.destroy(),
    /Socket: it is destroyed; /,
  ],
  [
    'that is connecting',
    async (t) => net.connect(portOf(await listen(t)), '127.0.0.1'),
    /Socket: it is still connecting; .*'connect'/,
  ],
  ['that was never connected', async () => new net.Socket(), /Socket: it is not connected; /],
  [
    'of TLS',
    async (t) => new tls.TLSSocket((await connect(await listen(t))).accepted, certificateless),
    /TLSSocket: it belongs to this process; open it inside the function/,
  ],
  [
    'in use by HTTP',
    async (t) => {
      const web = http.createServer().listen(0);
      t.after(() => web.close());
      await once(web, 'listening');
      const client = net.connect((web.address() as net.AddressInfo).port);
      t.after(() => client.destroy());
      const [accepted] = (await once(web, 'connection')) as [net.Socket];
      return accepted;
    },
    /Socket: it is in use by Node's HTTP; /,
  ],
] satisfies [string, (t: TestContext) => Promise<net.Socket>, RegExp][]) {
  test(`a socket ${what} is refused, and nothing of it is changed`, async (t) => {
    const socket = await make(t);
    t.after(() => socket.destroy());
    socket.on('error', () => {});
    const before = { open: openFds(), paused: socket.isPaused() };
    assert.throws(
      () => encode([socket]),
      (error) => {
        assert.ok(error instanceof SerializationError);
        assert.match(error.message, advice);
        return true;
      },
    );
    assert.deepEqual([openedSince(before.open), socket.isPaused()], [[], before.paused]);
  });
}

test('a class of a program that is called as one of Node’s travels as it always did', () => {
  class Socket {
    fd = 1;
  }
  class FileHandle {
    fd = 1;
  }
  assert.deepEqual({ ...(decode(encode(new Socket())) as object) }, { fd: 1 });
  assert.deepEqual({ ...(decode(encode(new FileHandle())) as object) }, { fd: 1 });
});
