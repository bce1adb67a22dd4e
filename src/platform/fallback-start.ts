/**
 * Starting programs where the fast start is not: through `node:child_process`, in a helper thread of its own, so that
 * failures are known at once and every call can block, as with the fast start.
 *
 * What `child_process` has no means for is refused: process groups, supplementary groups, sizes of pipes, signals left
 * ignored, and bytes that are not UTF-8. It closes what Node opened in the child, whatever `closeFds` says; a descriptor
 * that other native code made inheritable stays open there.
 */
import { openSync } from 'node:fs';
import os, { devNull } from 'node:os';
import path from 'node:path';
import { NotSupportedError, osError } from '../base/errors.ts';
import { isMainThread } from '../base/thread.ts';
import { type Child, signalNumber } from './child.ts';
import { type CString, checkCString, environmentEntries } from './cstrings.ts';
import { ExitListeners } from './exit-listeners.ts';
import { isUnmarkedText } from './fallback-format.ts';
import { enroll, type Hearer, hearNow, strike, tell, waitUntil } from './fallback-link.ts';
import { HelperReader, HelperWriter } from './fallback-pipes.ts';
import type { FromHelper, Refusal, StreamSource } from './fallback-protocol.ts';
import { startError } from './launch-error.ts';
import type { PipeReader } from './pipe-end.ts';
import { isOpenInNode } from './standard-output.ts';
import type { Started, StartRequest, Target } from './start-request.ts';

/** @throws As `startProgram`. */
export function fallbackStart(request: StartRequest): Started {
  refuse(request);
  fillStandardStreams();
  const env = Object.fromEntries(
    environmentEntries(request.env ?? process.env).map((entry) => {
      const at = entry.indexOf('=');
      return [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
  const program = new HelperProgram(request, env);
  const { stdin, stdout, stderr } = program;
  return { child: program, stdin, stdout, stderr };
}

function refuse({ pgroup, extraGroups, pipesize, restoreSignals, umask }: StartRequest): void {
  const reasons: readonly [boolean, string, string][] = [
    [pgroup !== undefined, 'processGroup', 'use startNewSession'],
    [extraGroups !== undefined, 'extraGroups', 'use group'],
    [pipesize !== undefined, 'pipesize', 'leave it out'],
    [restoreSignals === false, 'restoreSignals: false', 'leave it out'],
    [umask !== undefined && !isMainThread(), 'umask in a worker thread', 'start it from the main thread'],
  ];
  for (const [given, what, instead] of reasons) {
    if (given) {
      throw new NotSupportedError(
        `Cannot start with ${what}: node:child_process, which runs programs on this platform, has no means for it; ${instead}`,
      );
    }
  }
}

/** `child_process` takes text only. */
function text(value: CString, what: string): string {
  checkCString(value, what);
  if (typeof value === 'string') return value;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
  } catch (cause) {
    throw new NotSupportedError(
      `Cannot pass ${what}: its bytes are no UTF-8, and node:child_process, which runs programs on this platform, takes text only`,
      { cause },
    );
  }
}

function source(target: Target, n: number): StreamSource {
  switch (target.kind) {
    case 'inherit':
      return { kind: 'fd', fd: n };
    case 'devnull':
      return { kind: 'ignore' };
    case 'fd':
      return { kind: 'fd', fd: target.fd };
    case 'reader':
      return { kind: 'program', ...(target.reader as HelperReader).source };
    default:
      return { kind: target.kind };
  }
}

/**
 * libuv ends the whole program when one of its own descriptors is numbered 0, 1 or 2, so none of these may be free for
 * it; Node fills them in the same way when it starts.
 */
function fillStandardStreams(): void {
  for (const fd of [0, 1, 2]) if (!isOpenInNode(fd)) openSync(devNull, 'r+');
}

let lastAddress = 0;

/** A name for a pipe that exists for a moment. */
function pipeAddress(): string {
  const name = `multiproc-${process.pid}-${Math.random().toString(36).slice(2)}-${++lastAddress}`;
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : path.join(os.tmpdir(), name);
}

type Killed = { readonly sent: boolean; readonly error?: Refusal | undefined };

/** A program that the helper thread runs. */
class HelperProgram implements Child, Hearer {
  readonly pid: number;
  readonly stdin: HelperWriter | null = null;
  readonly stdout: HelperReader | null = null;
  readonly stderr: HelperReader | null = null;
  readonly #id: number;
  readonly #exit = new ExitListeners();
  #outcome: Extract<FromHelper, { op: 'started' | 'failed' }> | undefined;
  #killed: Killed | undefined;

  constructor(request: StartRequest, env: Readonly<Record<string, string>>) {
    const file = text(request.file, 'the program');
    const args = request.args.map((arg, i) => text(arg, `argument ${i}`));
    const cwd = request.cwd === undefined ? undefined : text(request.cwd, 'cwd');
    const { ENOENT, ENOEXEC } = os.constants.errno;
    if (file === '' || cwd === '') throw startError(ENOENT, file, cwd);
    if (isUnmarkedText(file, env.PATH, cwd)) throw startError(ENOEXEC, file, cwd);
    const stdio: StreamSource[] = request.stdio.map(source);
    for (const fd of request.passFds) {
      while (stdio.length <= fd) stdio.push({ kind: 'ignore' });
      if (fd > 2) stdio[fd] = { kind: 'fd', fd };
    }
    this.#id = enroll(this);
    const before = request.umask === undefined ? undefined : process.umask(request.umask);
    try {
      tell({
        op: 'start',
        id: this.#id,
        file,
        args,
        verbatim: request.verbatim ?? false,
        env,
        cwd,
        stdio,
        detached: request.setsid ?? false,
        uid: request.user,
        gid: request.group,
        // Node counts what fs opens in a helper of a worker thread and closes it again at that thread's end.
        pipes: process.platform === 'win32' || !isMainThread() ? 'socket' : 'fifo',
        addresses: stdio.filter((s) => s.kind === 'pipe').map(pipeAddress),
      });
      waitUntil(() => this.#outcome !== undefined);
    } finally {
      if (before !== undefined) process.umask(before);
    }
    const outcome = this.#outcome!;
    if (outcome.op === 'failed') {
      strike(this.#id);
      throw startError(-outcome.error.errno, file, cwd);
    }
    this.pid = outcome.pid;
    for (const target of request.stdio) {
      if (target.kind === 'reader') (target.reader as PipeReader & HelperReader).givenAway();
    }
    const [toIn, fromOut, fromErr] = outcome.fds;
    if (request.stdio[0].kind === 'pipe') this.stdin = new HelperWriter(this.#id, toIn!);
    if (request.stdio[1].kind === 'pipe') this.stdout = new HelperReader(this.#id, 1, fromOut!);
    if (request.stdio[2].kind === 'pipe') this.stderr = new HelperReader(this.#id, 2, fromErr!);
  }

  hear(message: FromHelper): void {
    switch (message.op) {
      case 'started':
      case 'failed':
        this.#outcome = message;
        break;
      case 'data':
        (message.stream === 1 ? this.stdout : this.stderr)?.take(message.bytes);
        break;
      case 'end':
        (message.stream === 1 ? this.stdout : this.stderr)?.end();
        break;
      case 'wrote':
        this.stdin?.wrote(message.bytes, message.error);
        break;
      case 'killed':
        this.#killed = message;
        break;
      case 'exit':
        this.#exit.end(message.returncode);
        this.#exit.tellSoon();
        break;
      case 'gone':
        strike(this.#id);
        break;
    }
  }

  get returncode(): number | null {
    return this.#exit.returncode;
  }

  poll(): number | null {
    if (this.returncode === null) hearNow();
    return this.returncode;
  }

  waitSync(timeout?: number): number | null {
    waitUntil(() => this.returncode !== null, timeout);
    return this.returncode;
  }

  onExit(
    listener: (returncode: number) => void,
    { ref = true }: { readonly ref?: boolean } = {},
  ): () => void {
    return this.#exit.add(listener, ref);
  }

  ref(): void {
    this.#exit.refd = true;
  }

  unref(): void {
    this.#exit.refd = false;
  }

  kill(signal: number | NodeJS.Signals): boolean {
    const number = signalNumber(signal);
    if (this.poll() !== null) return false;
    const { sent, error } = this.#signal(number) ?? { sent: false };
    if (error !== undefined)
      throw osError(error.message, { code: error.code, errno: error.errno, syscall: 'kill' });
    return sent;
  }

  /** What came of a signal; undefined when it ended meanwhile, which may be the last that is heard of it. */
  #signal(signal: number): Killed | undefined {
    this.#killed = undefined;
    tell({ op: 'kill', id: this.#id, signal });
    waitUntil(() => this.#killed !== undefined || this.returncode !== null);
    return this.#killed;
  }
}
