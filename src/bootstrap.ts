/**
 * The main script of every child: reads its message, becomes the process that it is told to be, and runs it.
 *
 * Kept lean, since every child waits for it: a plain function runs without the library's own classes being loaded.
 */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { thisIsMainThread } from './base/thread.ts';
import { decodeAsync } from './codec/decode.ts';
import { setLibraryLoader } from './codec/decoder.ts';
import { addMain } from './codec/main.ts';
import { setInherited } from './memory/inheritance.ts';
import { offerKoffi } from './platform/koffi-offer.ts';
import { offerTracker } from './platform/tracker-offer.ts';
import { callTarget } from './process/call.ts';
import { childrenEnded, childrenEndedSync } from './process/exit.ts';
import { Lifeline } from './process/lifeline.ts';
import { LIFELINE_FD, MESSAGE_FD, type PlainJob, type Preparation } from './process/message.ts';
import { reportUncaught } from './process/report.ts';
import { state } from './process/state.ts';
import { setOwnerName } from './sync/owner.ts';

function readMessage(): { preparation: Preparation; payload: Buffer } {
  const bytes = Buffer.allocUnsafe(fstatSync(MESSAGE_FD).size);
  for (let at = 0; at < bytes.length; ) at += readSync(MESSAGE_FD, bytes, at, bytes.length - at, at);
  closeSync(MESSAGE_FD);
  const end = 4 + bytes.readUInt32LE(0);
  return {
    preparation: JSON.parse(bytes.toString('utf8', 4, end)) as Preparation,
    payload: bytes.subarray(end),
  };
}

function become(preparation: Preparation): void {
  thisIsMainThread();
  if (preparation.cwd !== undefined) process.chdir(preparation.cwd);
  state.current = { ...preparation, authkey: Buffer.from(preparation.authkey, 'hex') };
  setOwnerName(() => state.current.name);
  state.lifeline = new Lifeline(LIFELINE_FD);
  // A daemon whose parent died while it was being started: nobody else would end it.
  if (preparation.daemon && !state.lifeline.parentAlive) process.exit(1);
  for (const url of preparation.mains) addMain(url);
  process.argv.splice(1, process.argv.length - 1, ...preparation.argv.slice(1));
  setInherited(preparation.parentPid, preparation.inherited);
  if (preparation.tracker !== undefined) offerTracker(preparation.tracker);
  if (preparation.koffi !== undefined) offerKoffi(preparation.koffi);
}

/** Errors outside the target: printed as the target's own are, unless the user handles them. */
function handleUncaught(error: unknown): void {
  if (process.listenerCount('uncaughtException') > 1) return;
  const code = reportUncaught(error);
  childrenEndedSync();
  process.exit(code);
}

/** The folders whose classes announce how they travel. */
const foldersThatTravel = new Set(['memory', 'sync', 'channel', 'process', 'pool']);

class LibraryNeeded extends Error {}

/**
 * Decodes; of the library's own classes only those are loaded whose objects the message holds, or later ones.
 *
 * The package has each folder of the sources in one CommonJS file (see `scripts/parts.mjs`), which is loaded in the midst of decoding.
 * Run from the sources, which are ES modules and have to be awaited, a child loads all of them, and decodes anew.
 */
async function decodeMessage(payload: Buffer): Promise<unknown> {
  if (typeof require === 'function') {
    setLibraryLoader((name) => {
      const folder = name.slice(0, name.indexOf('/'));
      const part = `./parts/${folder}.js`;
      if (foldersThatTravel.has(folder)) require(part);
    });
    return decodeAsync(payload);
  }
  setLibraryLoader(() => {
    throw new LibraryNeeded();
  });
  try {
    return await decodeAsync(payload);
  } catch (error) {
    if (!(error instanceof LibraryNeeded)) throw error;
    await import('./index.ts');
    setLibraryLoader(() => {});
    return await decodeAsync(payload);
  }
}

async function run({ plain }: Preparation, payload: Buffer): Promise<unknown> {
  if (plain) {
    const { target, args, kwargs } = (await decodeMessage(payload)) as PlainJob;
    return target === undefined ? undefined : callTarget(target, args, kwargs);
  }
  const { runSubclass } = await import('./process/own-copy.ts');
  return runSubclass(await decodeMessage(payload));
}

async function main(): Promise<void> {
  const { preparation, payload } = readMessage();
  become(preparation);
  process.on('uncaughtException', handleUncaught);
  // Held while the target runs: what it awaits may be something that holds no event loop itself. Nobody would ever end an
  // orphan whose target awaits what cannot come.
  const letGo = state.lifeline!.hold();
  try {
    await run(preparation, payload);
  } catch (error) {
    const code = reportUncaught(error);
    await childrenEnded();
    process.exit(code);
  } finally {
    letGo();
  }
}

void main();
