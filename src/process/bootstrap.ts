/**
 * The main script of every child: reads its message, becomes the process that it is told to be, and runs it.
 *
 * Kept lean, since every child waits for it: nothing is imported that decoding and running do not need.
 */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { decodeAsync, setLibraryLoader } from '../codec/index.ts';
import { setInherited } from '../memory/inheritance.ts';
import { setCurrentProcess } from './current.ts';
import { Lifeline } from './lifeline.ts';
import { LIFELINE_FD, MESSAGE_FD, type Preparation } from './message.ts';
import { becomeCurrent, type Process } from './process.ts';
import { reportUncaught } from './report.ts';
import { state } from './state.ts';

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
  state.current = { ...preparation, authkey: Buffer.from(preparation.authkey, 'hex') };
  state.lifeline = new Lifeline(LIFELINE_FD);
  // A daemon whose parent died while it was being started: nobody else would end it.
  if (preparation.daemon && !state.lifeline.parentAlive) process.exit(1);
  process.argv.splice(1, process.argv.length - 1, ...preparation.argv.slice(1));
  setInherited(preparation.parentPid, preparation.inherited);
}

/** Errors outside the target: printed as the target's own are, unless the user handles them. */
function handleUncaught(error: unknown): void {
  if (process.listenerCount('uncaughtException') > 1) return;
  process.exit(reportUncaught(error));
}

async function main(): Promise<void> {
  const { preparation, payload } = readMessage();
  become(preparation);
  process.on('uncaughtException', handleUncaught);
  // Held while the target runs: what it awaits may be something that holds no event loop itself.
  const busy = setInterval(() => {}, 2 ** 30);
  try {
    const me = (await decodeAsync(payload)) as Process;
    becomeCurrent(me);
    setCurrentProcess(me);
    await me.run();
  } catch (error) {
    process.exit(reportUncaught(error));
  } finally {
    clearInterval(busy);
  }
}

setLibraryLoader(() => import('../index.ts'));
void main();
