/**
 * The helper thread that runs programs through `node:child_process`, for threads that may block meanwhile.
 *
 * `child_process` needs an event loop to notice ends and to move bytes; the thread that wants `waitSync` or
 * `communicateSync` has none to give. So the children live here.
 */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import type net from 'node:net';
import os from 'node:os';
import { workerData } from 'node:worker_threads';
import { type End, openPipes } from './fallback-ends.ts';
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
  /** Our ends by the child's number; undefined once closed. */
  readonly ends: (End | undefined)[];
  /** Bytes of each output that may still be sent. */
  readonly credit: [number, number, number];
  readonly reading: [boolean, boolean, boolean];
  /** Writes that are under way. */
  writing: number;
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

async function start(message: StartMessage): Promise<void> {
  const { id } = message;
  const ends: (End | undefined)[] = [];
  const theirs: End[] = [];
  const givenAway: [Program, OutputIndex][] = [];
  try {
    const pipes = await openPipes(message.pipes, message.addresses);
    const stdio: (net.Socket | number | 'ignore')[] = [];
    for (const [n, source] of message.stdio.entries()) {
      if (source.kind === 'ignore') stdio.push('ignore');
      else if (source.kind === 'fd') stdio.push(source.fd);
      else if (source.kind === 'stdout') stdio.push(stdio[1]!);
      else if (source.kind === 'program') {
        const other = programs.get(source.id)!;
        givenAway.push([other, source.stream]);
        stdio.push(other.ends[source.stream]!.forChild);
      } else {
        const { read, write } = pipes.shift()!;
        const their = n === 0 ? read : write;
        ends[n] = n === 0 ? write : read;
        theirs.push(their);
        stdio.push(their.forChild);
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
    for (const end of theirs) end.close();
    const program: Program = {
      child,
      ends,
      credit: [0, 0, 0],
      reading: [false, false, false],
      writing: 0,
      exited: false,
    };
    programs.set(id, program);
    lookForStolen();
    for (const [other, stream] of givenAway) close(other, stream);
    child.on('exit', (code, signal) => ended(id, program, code ?? -os.constants.signals[signal!]));
    reply({ op: 'started', id, pid: child.pid, fds: [0, 1, 2].map((n) => ends[n]?.fd ?? -1) });
  } catch (error) {
    for (const end of [...ends, ...theirs]) end?.close();
    reply({ op: 'failed', id, error: refusal(error) });
  }
}

function ended(id: number, program: Program, returncode: number): void {
  program.exited = true;
  reply({ op: 'exit', id, returncode });
  forget(id, program);
}

/** So many more bytes of an output are wanted. */
function read(id: number, stream: OutputIndex, bytes: number): void {
  const program = programs.get(id);
  const socket = program?.ends[stream]?.stream;
  if (program === undefined || socket === undefined) return;
  program.credit[stream] += bytes;
  if (!program.reading[stream]) {
    program.reading[stream] = true;
    listen(id, program, stream, socket);
  }
  if (program.credit[stream] > 0) socket.resume();
}

function listen(id: number, program: Program, stream: OutputIndex, socket: net.Socket): void {
  socket.on('data', (chunk: Buffer) => {
    program.credit[stream] -= chunk.length;
    if (program.credit[stream] <= 0) socket.pause();
    // A chunk that fills its memory goes over without a copy.
    const whole = chunk.length === chunk.buffer.byteLength;
    reply({ op: 'data', id, stream, bytes: chunk }, whole ? [chunk.buffer as ArrayBuffer] : []);
  });
  socket.on('error', () => {}); // it is the end of what can be read
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    reply({ op: 'end', id, stream });
    close(program, stream);
    forget(id, program);
  };
  socket.on('end', end);
  socket.on('close', end);
}

function close(program: Program, stream: 0 | OutputIndex): void {
  program.ends[stream]?.close();
  program.ends[stream] = undefined;
}

/** Nothing is said of a program after `gone`: not before the last write is over, which may be for a program of its own. */
function forget(id: number, program: Program): void {
  const over = program.exited && program.writing === 0 && program.ends.every((end) => end === undefined);
  if (over && programs.delete(id)) reply({ op: 'gone', id });
}

function write(id: number, bytes: Uint8Array): void {
  const program = programs.get(id);
  const socket = program?.ends[0]?.stream;
  const answer = (failed: boolean): void => {
    const { EPIPE } = os.constants.errno;
    reply({
      op: 'wrote',
      id,
      bytes: bytes.length,
      error: failed ? { code: 'EPIPE', errno: -EPIPE, message: 'broken pipe, write' } : undefined,
    });
  };
  if (program === undefined || socket === undefined || socket.destroyed) {
    answer(true);
    return;
  }
  if (socket.listenerCount('error') === 0) socket.on('error', () => {}); // the write says it
  let tried = false;
  program.writing++;
  socket.write(bytes, (error) => {
    tried = true;
    program.writing--;
    // A write that was under way when the socket was destroyed is called back without an error.
    answer(error != null || socket.destroyed);
    forget(id, program);
  });
  // What the kernel took or refused at once is known by then.
  setImmediate(() => {
    if (!tried) reply({ op: 'wrote', id, bytes: 0, error: undefined });
  });
}

function kill(id: number, signal: number): void {
  const program = programs.get(id);
  const child = program?.child;
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
  if (program !== undefined && !sent && error === undefined) stolen(id, program);
  reply({ op: 'killed', id, sent, error });
}

/**
 * There is no such process, yet Node has not seen it end: somebody else has collected it, and Node never will. The code is
 * lost; Python says 0 then.
 */
function stolen(id: number, program: Program): void {
  if (program.exited) return;
  program.child.unref();
  ended(id, program, 0);
}

/** So often it is looked whether somebody else has collected a program: nothing tells of that. */
const LOOK_MS = 500;
let looking: NodeJS.Timeout | undefined;

/** Looks for as long as programs run. On Windows nobody can collect what is ours. */
function lookForStolen(): void {
  if (looking !== undefined || process.platform === 'win32') return;
  looking = setInterval(() => {
    let running = false;
    for (const [id, program] of programs) {
      if (program.exited) continue;
      if (isGone(program.child.pid!)) stolen(id, program);
      else running = true;
    }
    if (running) return;
    clearInterval(looking);
    looking = undefined;
  }, LOOK_MS);
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

port.on('message', (message: ToHelper) => {
  const { id } = message;
  switch (message.op) {
    case 'start':
      void start(message);
      break;
    case 'read':
      read(id, message.stream, message.bytes);
      break;
    case 'write':
      write(id, message.bytes);
      break;
    case 'close': {
      const program = programs.get(id);
      if (program === undefined) break;
      if (message.stream === 0) {
        program.ends[0]?.finish();
        program.ends[0] = undefined;
      } else close(program, message.stream);
      forget(id, program);
      break;
    }
    case 'kill':
      kill(id, message.signal);
      break;
  }
});
