/**
 * Ringing the bells (bell.ts) of other threads and processes: the write ends of their pipes, opened through `/proc/<pid>/fd`, once,
 * and checked by their inode, so that a number that was used again is never written to.
 *
 * A bell that cannot be opened is that of one who is gone; those who wait for him learn of it. Or it is this process that has no
 * descriptors left, or no right to: then nobody in the arena relies on being rung any more, and it is tried again.
 */
import type { Participants } from '../memory/participants.ts';
import { pollFds } from '../platform/blocking-poll.ts';
import { POLLERR } from '../platform/descriptors.ts';
import { fileStatus } from '../platform/files.ts';
import { closeQuietly, openForeignPipe, ring } from '../platform/wake-pipe.ts';

interface Foreign {
  readonly pid: number;
  readonly fd: number;
}

const oneByte = new Uint8Array(1);

/** Write ends of others' bells, by the pipe's inode. */
const foreign = new Map<number, Foreign>();

/** Of so many it is looked which are of the dead. */
const fewBells = 32;
let mostBells = fewBells;

/** Why a bell of somebody who lives cannot be opened: for now, or ever. */
const outOfRoom = new Set<unknown>(['EMFILE', 'ENFILE', 'ENOMEM']);
const forbidden = new Set<unknown>(['EACCES', 'EPERM']);

/** Wakes the event loop of a participant, or the thread if it rests, unless that was done already and not yet heard. */
export function ringBell(participants: Participants, index: number): void {
  if (participants.markRung(index)) ringOut(participants, index);
}

/**
 * As {@link ringBell} for one who has just come: in any case. Who is killed between the mark and the ring leaves all who come after
 * him silent until his death is heard of; but nobody watches a newcomer yet.
 */
export function greet(participants: Participants, index: number): void {
  ringOut(participants, index);
}

function ringOut(participants: Participants, index: number): void {
  const { pid, fd, inode } = participants.bellOf(index);
  if (fd < 0) return;
  const known = foreign.get(inode);
  if (known !== undefined && known.pid === pid && ring(known.fd, oneByte)) return;
  const end = openBell(participants, index, pid, fd, inode);
  if (end !== undefined) ring(end, oneByte);
}

function openBell(
  participants: Participants,
  index: number,
  pid: number,
  fd: number,
  inode: number,
): number | undefined {
  forget(inode);
  let end: number;
  try {
    end = openForeignPipe(pid, fd);
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (outOfRoom.has(code)) {
      participants.markUnreachable();
      ringLater(participants, index);
    } else if (forbidden.has(code)) participants.markUnreachable();
    return undefined;
  }
  if (fileStatus(end).ino !== inode) {
    closeQuietly(end);
    return undefined;
  }
  foreign.set(inode, { pid, fd: end });
  if (foreign.size > mostBells) dropDeadBells();
  return end;
}

function forget(inode: number): void {
  const known = foreign.get(inode);
  if (known === undefined) return;
  closeQuietly(known.fd);
  foreign.delete(inode);
}

/** Closes what was opened to wake a process that is gone. */
export function dropForeignBell(pid: number): void {
  for (const [inode, known] of foreign) if (known.pid === pid) forget(inode);
}

/** Of threads, and of processes that are not children, nobody tells when they are gone; but nobody has their read ends any more. */
function dropDeadBells(): void {
  const all = [...foreign];
  const events = pollFds(
    all.map(([, { fd }]) => ({ fd, events: 0 })),
    0,
  );
  for (const [n, [inode]] of all.entries()) if ((events[n]! & POLLERR) !== 0) forget(inode);
  mostBells = Math.max(fewBells, foreign.size * 2);
}

interface Unrung {
  readonly participants: Participants;
  readonly index: number;
  readonly tag: number;
}

/** Bells to be rung when there are descriptors again. */
let unrung: Unrung[] = [];
const retryMilliseconds = 100;
let retry: NodeJS.Timeout | undefined;

function ringLater(participants: Participants, index: number): void {
  participants.unmarkRung(index);
  if (!unrung.some((one) => one.participants === participants && one.index === index)) {
    unrung.push({ participants, index, tag: participants.tagAt(index) });
  }
  retry ??= setTimeout(ringAgain, retryMilliseconds).unref();
}

/** Rings the bells that could not be rung, if there are any. @returns whether there are such still. */
export function ringAgain(): boolean {
  if (unrung.length === 0) return false;
  clearTimeout(retry);
  retry = undefined;
  const all = unrung;
  unrung = [];
  for (const { participants, index, tag } of all) {
    if (participants.tagAt(index) === tag) ringBell(participants, index);
  }
  return unrung.length > 0;
}
