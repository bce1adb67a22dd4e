/**
 * The helper thread that runs programs through `node:child_process`, for threads that may block meanwhile.
 *
 * `child_process` needs an event loop to notice ends and to move bytes; the thread that wants `waitSync` or
 * `communicateSync` has none to give. So the children live here. Pipes are connections over a local socket instead of
 * `'pipe'`: only so can standard output and error be one stream, and can an output stay unread until it is given to
 * another program.
 */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import os from 'node:os';
import { workerData } from 'node:worker_threads';
import type {
  FromHelper,
  HelperData,
  OutputIndex,
  Refusal,
  StartMessage,
  ToHelper,
} from './fallback-protocol.ts';

const { port, bell } = workerData as HelperData;

interface Program {
  child: ChildProcess;
  /** Our ends by the child's number. */
  readonly sockets: (net.Socket | undefined)[];
  /** Bytes of each output that may still be sent. */
  readonly credit: [number, number, number];
  exited: boolean;
}

const programs = new Map<number, Program>();

function reply(message: FromHelper, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
  Atomics.add(bell, 0, 1);
  Atomics.notify(bell, 0);
}

function refusal(error: unknown): Refusal {
  const { code = 'EIO', errno = -os.constants.errno.EIO, message } = error as NodeJS.ErrnoException;
  return { code, errno, message };
}

/** Two ends of one connection: ours, of which nothing has been read, and the child's. */
async function connection(address: string): Promise<{ ours: net.Socket; theirs: net.Socket }> {
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
  try {
    const listening = once(server, 'listening');
    server.listen(address);
    await listening;
    const accepted = once(server, 'connection') as Promise<[net.Socket]>;
    const theirs = net.connect({ path: address, allowHalfOpen: true });
    // Without descriptors left the accepting side hangs up instead of saying so.
    const refused = once(theirs, 'close').then(() => {
      const { EMFILE } = os.constants.errno;
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE', errno: -EMFILE });
    });
    refused.catch(() => {});
    const [ours] = await Promise.race([accepted, refused]);
    if (theirs.connecting) await Promise.race([once(theirs, 'connect'), refused]);
    ours.on('error', () => {}); // reported by the write that failed, or as the end of what is read
    theirs.on('error', () => {});
    return { ours, theirs };
  } finally {
    server.close();
  }
}

async function start(message: StartMessage): Promise<void> {
  const { id } = message;
  const sockets: (net.Socket | undefined)[] = [];
  const theirs: net.Socket[] = [];
  const givenAway: [Program, OutputIndex][] = [];
  try {
    const addresses = [...message.addresses];
    const stdio: (net.Socket | number | 'ignore')[] = [];
    for (const [n, source] of message.stdio.entries()) {
      if (source.kind === 'ignore') stdio.push('ignore');
      else if (source.kind === 'fd') stdio.push(source.fd);
      else if (source.kind === 'stdout') stdio.push(stdio[1]!);
      else if (source.kind === 'program') {
        const other = programs.get(source.id)!;
        givenAway.push([other, source.stream]);
        stdio.push(other.sockets[source.stream]!);
      } else {
        const pair = await connection(addresses.shift()!);
        sockets[n] = pair.ours;
        theirs.push(pair.theirs);
        stdio.push(pair.theirs);
      }
    }
    const child = spawn(message.file, message.args.slice(1), {
      argv0: message.args[0]!,
      cwd: message.cwd,
      env: message.env,
      stdio: stdio as StdioOptions,
      detached: message.detached,
      windowsHide: true,
      windowsVerbatimArguments: message.verbatim,
      ...(message.uid === undefined ? {} : { uid: message.uid }),
      ...(message.gid === undefined ? {} : { gid: message.gid }),
    });
    if (child.pid === undefined) {
      const [error] = (await once(child, 'error')) as [Error];
      throw error;
    }
    for (const [other, stream] of givenAway) {
      other.sockets[stream]?.destroy();
      other.sockets[stream] = undefined;
    }
    const program: Program = { child, sockets, credit: [0, 0, 0], exited: false };
    programs.set(id, program);
    for (const stream of [1, 2] as const) listen(id, program, stream);
    sockets[0]?.on('close', () => {
      sockets[0] = undefined;
      forget(id, program);
    });
    child.on('exit', (code, signal) => {
      program.exited = true;
      const returncode = code ?? -os.constants.signals[signal!];
      reply({ op: 'exit', id, returncode });
      forget(id, program);
    });
    reply({ op: 'started', id, pid: child.pid, fds: [0, 1, 2].map((n) => descriptor(sockets[n])) });
  } catch (error) {
    for (const socket of [...sockets, ...theirs]) socket?.destroy();
    reply({ op: 'failed', id, error: refusal(error) });
  } finally {
    for (const socket of theirs) socket.destroy();
  }
}

function descriptor(socket: net.Socket | undefined): number {
  const { _handle } = (socket ?? {}) as { readonly _handle?: { readonly fd?: number } };
  return _handle?.fd ?? -1;
}

function listen(id: number, program: Program, stream: OutputIndex): void {
  const socket = program.sockets[stream];
  if (socket === undefined) return;
  socket.on('data', (chunk: Buffer) => {
    program.credit[stream] -= chunk.length;
    if (program.credit[stream] <= 0) socket.pause();
    // A chunk that fills its memory goes over without a copy.
    const whole = chunk.length === chunk.buffer.byteLength;
    reply({ op: 'data', id, stream, bytes: chunk }, whole ? [chunk.buffer as ArrayBuffer] : []);
  });
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    reply({ op: 'end', id, stream });
  };
  socket.on('end', () => {
    end();
    socket.destroy();
  });
  socket.on('close', () => {
    end();
    program.sockets[stream] = undefined;
    forget(id, program);
  });
}

function forget(id: number, program: Program): void {
  if (program.exited && program.sockets.every((socket) => socket === undefined) && programs.delete(id)) {
    reply({ op: 'gone', id });
  }
}

function write(id: number, bytes: Uint8Array): void {
  const socket = programs.get(id)?.sockets[0];
  const done = (error?: Error | null): void => {
    const failed = error != null || socket === undefined;
    const { EPIPE } = os.constants.errno;
    reply({
      op: 'wrote',
      id,
      bytes: bytes.length,
      error: failed ? { code: 'EPIPE', errno: -EPIPE, message: 'broken pipe, write' } : undefined,
    });
  };
  if (socket === undefined || socket.destroyed) done(new Error());
  else socket.write(bytes, done);
}

function kill(id: number, signal: number): void {
  const child = programs.get(id)?.child;
  let error: Refusal | undefined;
  const note = (e: Error): void => {
    error = refusal(e);
  };
  let sent = false;
  child?.on('error', note);
  try {
    sent = child?.kill(signal) ?? false;
  } catch (e) {
    note(e as Error);
  }
  child?.off('error', note);
  reply({ op: 'killed', id, sent, error });
}

port.on('message', (message: ToHelper) => {
  const { id } = message;
  switch (message.op) {
    case 'start':
      void start(message);
      break;
    case 'read': {
      const program = programs.get(id);
      const socket = program?.sockets[message.stream];
      if (program === undefined || socket === undefined) break;
      program.credit[message.stream] += message.bytes;
      if (program.credit[message.stream] > 0) socket.resume();
      break;
    }
    case 'write':
      write(id, message.bytes);
      break;
    case 'close': {
      const socket = programs.get(id)?.sockets[message.stream];
      // Input that was written goes out first.
      if (message.stream === 0) socket?.end(() => socket.destroy());
      else socket?.destroy();
      break;
    }
    case 'kill':
      kill(id, message.signal);
      break;
  }
});
