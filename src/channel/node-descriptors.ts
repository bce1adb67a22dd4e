/**
 * How `net.Socket`, `net.Server` and the `FileHandle` of `node:fs/promises` travel: as the same open socket or file, as Python
 * sends its sockets. The sender's object stays usable; closing is each process's own affair.
 *
 * Only what the kernel knows travels. What Node keeps in JavaScript (bytes that were read ahead, listeners, a TLS session)
 * cannot, so that where it would matter the object is refused.
 */
import type { FileHandle } from 'node:fs/promises';
import net from 'node:net';
import { deserialize, registerForeignClass, serialize } from '../base/travel.ts';
import { Trouble } from '../codec/trouble.ts';
import { closeFd, replaceDescriptor } from '../platform/descriptors.ts';
import { emptyFileHandle } from './descriptor-helper.ts';
import { type DescriptorHandle, fetchDescriptor, offerDescriptor } from './descriptors-in-transit.ts';

/** What Node has behind a socket or a server; there is no public way to its descriptor. */
interface Native {
  readonly fd?: number;
  reading?: boolean;
  readStart(): number;
  readStop(): number;
}

function nativeOf(o: net.Socket | net.Server): Native | undefined {
  return (o as unknown as { readonly _handle?: Native | null })._handle ?? undefined;
}

function descriptorOf(o: net.Socket | net.Server): number {
  return nativeOf(o)?.fd ?? -1;
}

/** Runs `make`, which takes the descriptor over; closes that when it fails. */
function takingOver<T>(handle: DescriptorHandle, make: (fd: number) => T): T {
  const fd = fetchDescriptor(handle);
  try {
    return make(fd);
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

// Sockets

interface SocketData {
  readonly handle: DescriptorHandle;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly allowHalfOpen: boolean;
}

/** `manualStart`: nothing is read before the program asks for it, so that it can be sent on; not in Node's types. */
type SocketOptions = net.SocketConstructorOpts & { readonly manualStart: boolean };

function checkSocket(socket: net.Socket): void {
  const refuse = (why: string, advice: string): Trouble => new Trouble('Socket', why, advice);
  if (socket.destroyed) throw refuse('it is destroyed', 'send it before it is closed');
  if (socket.connecting) throw refuse('it is still connecting', "send it after its event 'connect'");
  if (descriptorOf(socket) < 0)
    throw refuse('it is not connected', "connect it, and send it after its event 'connect'");
  if ((socket as { parser?: unknown }).parser != null) {
    throw refuse(
      "it is in use by Node's HTTP",
      'send the net.Server that accepts, and serve HTTP in the receiver',
    );
  }
  const { readableLength, writableLength } = socket;
  if (readableLength > 0) {
    throw refuse(
      `it holds ${readableLength} bytes that have come and were not read, which would be lost`,
      'read them first, or create its server with { pauseOnConnect: true }',
    );
  }
  if (writableLength > 0 || (socket.writableEnded && !socket.writableFinished)) {
    throw refuse(
      `it holds ${writableLength} bytes that are not written yet`,
      'send it when they are: in the callback of write()',
    );
  }
}

/** What comes from now on is the receiver's. The sender reads on when it resumes. */
function stopReading(socket: net.Socket): void {
  socket.pause();
  const native = nativeOf(socket)!;
  if (native.reading !== true) return;
  native.reading = false;
  native.readStop();
  socket.once('resume', () => {
    if (nativeOf(socket) !== native || native.reading === true) return;
    native.reading = true;
    native.readStart();
  });
}

registerForeignClass<net.Socket, SocketData>('channel/net.Socket', {
  className: 'Socket',
  isOne: (o): o is net.Socket => Object.getPrototypeOf(o) === net.Socket.prototype,
  [serialize](socket) {
    checkSocket(socket);
    const { readable, writable, allowHalfOpen } = socket;
    const handle = offerDescriptor(descriptorOf(socket));
    stopReading(socket);
    return { handle, readable, writable, allowHalfOpen };
  },
  [deserialize]({ handle, readable, writable, allowHalfOpen }) {
    return takingOver(handle, (fd) => {
      const options: SocketOptions = { fd, readable, writable, allowHalfOpen, manualStart: true };
      return new net.Socket(options);
    });
  },
});

// Servers

interface ServerData {
  readonly handle: DescriptorHandle;
  readonly options: net.ServerOpts;
  readonly maxConnections: number | undefined;
}

const serverOptions = [
  'allowHalfOpen',
  'pauseOnConnect',
  'noDelay',
  'keepAlive',
  'keepAliveInitialDelay',
  'highWaterMark',
] as const;

registerForeignClass<net.Server, ServerData>('channel/net.Server', {
  className: 'Server',
  isOne: (o): o is net.Server => Object.getPrototypeOf(o) === net.Server.prototype,
  [serialize](server) {
    if (!server.listening || descriptorOf(server) < 0) {
      throw new Trouble('Server', 'it does not listen', "send it after its event 'listening'");
    }
    const known = server as unknown as Record<string, unknown>;
    const options: Record<string, unknown> = {};
    for (const name of serverOptions) if (known[name] !== undefined) options[name] = known[name];
    return {
      handle: offerDescriptor(descriptorOf(server)),
      options: options as net.ServerOpts,
      maxConnections: server.maxConnections as number | undefined,
    };
  },
  [deserialize]({ handle, options, maxConnections }) {
    return takingOver(handle, (fd) => {
      const server = new net.Server(options);
      if (maxConnections !== undefined) server.maxConnections = maxConnections;
      // Of its own, also in a worker of node:cluster. 'listening' comes later, as with every server.
      return server.listen({ fd, exclusive: true });
    });
  },
});

// File handles

/** Node exports neither the class nor a way to make one from a descriptor. */
function isFileHandle(o: object): o is FileHandle {
  if (typeof (o as { fd?: unknown }).fd !== 'number') return false;
  const key = Object.getOwnPropertySymbols(o).find(({ description }) => description === 'kHandle');
  const inner = key === undefined ? undefined : (o as Record<symbol, object | null>)[key];
  // A closed one has nothing inside any more.
  return inner === null || inner?.constructor.name === 'FileHandle';
}

registerForeignClass<FileHandle, DescriptorHandle>('channel/FileHandle', {
  className: 'FileHandle',
  isOne: isFileHandle,
  [serialize](file) {
    if (file.fd < 0) throw new Trouble('FileHandle', 'it is closed', 'send it before it is closed');
    return offerDescriptor(file.fd);
  },
  [deserialize](handle) {
    // One over something else, made to name this file: position and flags stay those of the sender.
    const fd = fetchDescriptor(handle);
    try {
      const file = emptyFileHandle();
      replaceDescriptor(fd, file.fd);
      return file;
    } finally {
      closeFd(fd);
    }
  },
});
