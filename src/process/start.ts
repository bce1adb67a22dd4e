/**
 * Starting a child: what it is told, and with which descriptors.
 *
 * The message is written into a memfd that the child inherits, so that starting never waits for the child to read, at
 * any size, and nothing is left behind however either side dies. Layout: length of the preparation (u32, little endian), the
 * preparation (JSON, readable before any of our modules or the user's is loaded), the encoded process object.
 *
 * Descriptors of a child: 0 /dev/null · 1, 2 ours · 3 lifeline · 4 message · further ones as `extra` asks.
 */
import { closeSync, existsSync, openSync, writeSync } from 'node:fs';
import { bootstrapFile } from '../base/package.ts';
import { movedTo, startDirectory } from '../base/working-directory.ts';
import { encode, mainUrls, sendOnce } from '../codec/index.ts';
import { collectCargo } from '../memory/inheritance.ts';
import { type Child, launch } from '../platform/launch.ts';
import { koffiFile } from '../platform/libc.ts';
import { killOnClose } from '../platform/lifeline.ts';
import { createMemoryFile } from '../platform/mmap.ts';
import { createOwned } from '../platform/thread-end.ts';
import { trackerHandle } from '../platform/tracker.ts';
import { noteDeath } from '../sync/parking.ts';
import { inheritedEnv, inheritedExecArgv } from './exec-argv.ts';
import { childEnded, childStarted } from './exit.ts';
import { lifelineForChild } from './lifeline-source.ts';
import { LIFELINE_FD, MESSAGE_FD, type PlainJob, type Preparation } from './message.ts';
import { type ProcessRecord, state } from './state.ts';

/** Descriptors that a child inherits besides, child's number → ours. */
export type ExtraDescriptors = ReadonlyMap<number, number>;

function writeAll(fd: number, ...parts: readonly Uint8Array[]): void {
  for (const part of parts) {
    for (let at = 0; at < part.length; ) at += writeSync(fd, part, at);
  }
}

function messageFile(
  record: ProcessRecord,
  inherited: readonly number[],
  plain: boolean,
  cwd: string | undefined,
  payload: Uint8Array,
): number {
  const preparation: Preparation = {
    path: record.path,
    name: record.name,
    daemon: record.daemon,
    nestable: record.nestable,
    authkey: record.authkey.toString('hex'),
    parentPid: process.pid,
    parentName: state.current.name,
    argv: process.argv,
    mains: mainUrls(),
    inherited,
    plain,
    tracker: trackerHandle(),
    koffi: koffiFile(),
    cwd,
  };
  const json = Buffer.from(JSON.stringify(preparation));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  const [fd] = createOwned(1, () => [createMemoryFile('multiproc-start')]) as [number];
  try {
    writeAll(fd, length, json, payload);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}

/**
 * Starts a child that runs `object.run()`, or just `job`, where that is all that it does.
 *
 * @throws {SerializationError} Before anything is started, when the object cannot travel.
 * @throws {OSError} When the kernel refuses.
 */
export function startChild(
  object: object,
  record: ProcessRecord,
  job: PlainJob | undefined,
  extra: ExtraDescriptors = new Map(),
): Child {
  const {
    result: payload,
    fds: shared,
    bind,
    cancel,
    release,
  } = collectCargo(() =>
    sendOnce(() => (job === undefined ? encode(object, { root: 'process' }) : encode(job, { root: '' }))),
  );
  let message: number | undefined;
  const ours: number[] = [];
  const own = (fd: number): number => {
    ours.push(fd);
    return fd;
  };
  try {
    const lifeline = own(lifelineForChild());
    const empty = own(openSync('/dev/null', 'r'));
    const fds = new Map([
      [0, empty],
      [1, 1],
      [2, 2],
      [LIFELINE_FD, lifeline],
    ]);
    for (const [theirs, fd] of extra) fds.set(theirs, fd);
    // A number that is taken stays out: the child then opens it through /proc.
    const inheritable = shared.filter((fd) => fd !== MESSAGE_FD && !fds.has(fd));
    for (const fd of inheritable) fds.set(fd, fd);
    const execArgv = inheritedExecArgv();
    const env = inheritedEnv();
    const cwd = execArgv.length > 0 || env.NODE_OPTIONS ? placeToGo() : undefined;
    message = messageFile(record, inheritable, job !== undefined, cwd, payload);
    fds.set(MESSAGE_FD, message);
    const child = launch({
      file: process.execPath,
      args: [process.execPath, ...execArgv, bootstrapFile()],
      env,
      fds,
      cwd: cwd === undefined ? undefined : startDirectory,
    });
    bind(child.pid);
    if (record.daemon) killOnClose(lifeline, child.pid);
    remember(object, record, child);
    child.onExit(cancel);
    return child;
  } catch (error) {
    cancel();
    throw error;
  } finally {
    release();
    for (const fd of ours) closeSync(fd);
    if (message !== undefined) closeSync(message);
  }
}

/** Where a child has to go that starts where this program did; undefined when it starts where this program is by now. */
function placeToGo(): string | undefined {
  const cwd = movedTo();
  return cwd !== undefined && existsSync(startDirectory!) ? cwd : undefined;
}

function remember(object: object, record: ProcessRecord, child: Child): void {
  childStarted();
  state.children.set(child.pid, { child, record, process: object });
  child.onExit(() => {
    state.children.delete(child.pid);
    childEnded();
    noteDeath(child.pid);
  });
  // A program's end waits for its children, but for daemons.
  if (record.daemon) child.unref();
}
