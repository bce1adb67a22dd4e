/**
 * Pipes without a call that makes them, for the helper thread: FIFOs made by `mkfifo` and unlinked at once, or
 * connections over a local socket (on Windows, a named pipe), which a program can tell from pipes.
 *
 * Not child_process's own `'pipe'`: it is a socket (a program that writes to one nobody reads sees other errors than on
 * a pipe, and may not open `/dev/stdin`), standard output and error could not share one, and it is read at once, so that
 * it could not be given to another program any more.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, unlinkSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';

/** One end of a pipe: a bare descriptor until somebody reads or writes it. */
export class End {
  readonly #fd: number;
  readonly #writable: boolean;
  #socket: net.Socket | undefined;
  #closed = false;

  constructor(end: { readonly fd: number; readonly writable: boolean } | { readonly socket: net.Socket }) {
    this.#fd = 'fd' in end ? end.fd : -1;
    this.#writable = 'writable' in end && end.writable;
    this.#socket = 'socket' in end ? end.socket : undefined;
  }

  /** -1 where there is none. */
  get fd(): number {
    return this.#fd;
  }

  /** For the `stdio` of `spawn`. */
  get forChild(): number | net.Socket {
    return this.#socket ?? this.#fd;
  }

  /** To read or write; undefined once closed. */
  get stream(): net.Socket | undefined {
    if (this.#closed) return undefined;
    this.#socket ??= new net.Socket({ fd: this.#fd, readable: !this.#writable, writable: this.#writable });
    return this.#socket;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#socket === undefined) closeSync(this.#fd);
    else this.#socket.destroy();
  }

  /** As `close`, after what was written has gone out. */
  finish(): void {
    if (this.#closed || this.#socket === undefined) this.close();
    else this.#socket.end(() => this.close());
  }
}

/** Both ends of a pipe. */
export interface Ends {
  readonly read: End;
  readonly write: End;
}

/** @param addresses Unused names, one for each pipe. */
export async function openPipes(kind: 'fifo' | 'socket', addresses: readonly string[]): Promise<Ends[]> {
  if (addresses.length === 0) return [];
  return kind === 'socket' ? connections(addresses) : fifos(addresses);
}

async function fifos(paths: readonly string[]): Promise<Ends[]> {
  const maker = spawn('mkfifo', ['-m', '600', ...paths], { stdio: 'ignore' });
  const [code] = (await once(maker, 'exit')) as [number | null];
  const made: Ends[] = [];
  const open = (path: string, mode: number): End =>
    new End({ fd: openSync(path, mode | constants.O_NONBLOCK), writable: mode === constants.O_WRONLY });
  try {
    if (code !== 0) throw failure('EIO', `mkfifo ended with ${code}`);
    for (const path of paths) {
      const read = open(path, constants.O_RDONLY);
      try {
        made.push({ read, write: open(path, constants.O_WRONLY) });
      } catch (error) {
        read.close();
        throw error;
      }
    }
    return made;
  } catch (error) {
    for (const { read, write } of made) for (const end of [read, write]) end.close();
    throw error;
  } finally {
    for (const path of paths) {
      try {
        unlinkSync(path);
      } catch {
        // It was not made.
      }
    }
  }
}

function failure(code: 'EIO' | 'EMFILE', message: string): Error {
  return Object.assign(new Error(message), { code, errno: -os.constants.errno[code] });
}

async function connections(names: readonly string[]): Promise<Ends[]> {
  const made: Ends[] = [];
  try {
    for (const name of names) made.push(await connection(name));
    return made;
  } catch (error) {
    for (const { read, write } of made) for (const end of [read, write]) end.close();
    throw error;
  }
}

/** Two ends of one connection; what is read first has not been read from yet. */
async function connection(name: string): Promise<Ends> {
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
  try {
    const listening = once(server, 'listening');
    server.listen(name);
    await listening;
    const accepted = once(server, 'connection') as Promise<[net.Socket]>;
    const client = net.connect({ path: name, allowHalfOpen: true });
    const refused = Promise.race([once(client, 'close'), once(client, 'end')]).then(() => {
      throw failure('EMFILE', 'too many open files');
    });
    refused.catch(() => {});
    const [accept] = await Promise.race([accepted, refused]);
    if (client.connecting) await Promise.race([once(client, 'connect'), refused]);
    return { read: new End({ socket: accept }), write: new End({ socket: client }) };
  } finally {
    server.close();
  }
}
