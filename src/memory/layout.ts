/**
 * How an arena's bytes are used. Every number here is part of what processes agree on: they check {@link magic}.
 *
 *     offset     bytes      what
 *     0          64         head: see below
 *     1,024      2,048      512 words by what somebody rests for (sync/rest.ts): 1 while it may be that one does
 *     4,096      262,144    participants: 4,096 entries of 64 bytes, entry 0 unused
 *     266,240    1,048,576  parking slots: 65,536 of 16 bytes
 *     1,314,816  …          blocks: the words of locks, values, small arrays
 *
 * The file is sparse: only pages that were touched take memory.
 *
 * Head, in 32-bit words: 0 magic | 1 tickets: the next turn | 2 top: slots in use lie below it | 3 reaper: the tag of
 * who cleans up after the dead, 0 for nobody | 4 highest participant in use | 5 where to look for a free participant |
 * 6 when it was last looked for the dead | 7 a count of participants that came | 8 1: the reaper is to look once more |
 * 9 1: a bell could not be rung.
 *
 * `src/memory/participants.ts` has the table for participants, `src/sync/slots.ts` the one for slots.
 */

/** 'MPA' and a version: of another layout an arena is refused. */
export const magic = 0x4d504104;

/** Length of an arena. */
export const arenaBytes = 4 * 2 ** 20;

/** Words of the head. */
export const head = {
  magic: 0,
  tickets: 1,
  top: 2,
  reaper: 3,
  participantTop: 4,
  participantHint: 5,
  patrol: 6,
  arrivals: 7,
  reapAgain: 8,
  unreachable: 9,
} as const;

/** The word that says whether somebody may rest for `key`; several keys share one. */
export function restWord(key: number): number {
  return 256 + ((key >>> 2) & 511);
}

/** Where the table of participants begins. */
export const participantOffset = 4096;
/** Length of a participant's entry. */
export const participantBytes = 64;
/** Entries of the table; the first one is unused. */
export const participantCount = 4096;

/** Where the parking slots begin. */
export const slotOffset = participantOffset + participantCount * participantBytes;
/** Length of a slot. */
export const slotBytes = 16;
/** How many may wait at a time. */
export const slotCount = 65_536;

/** Where blocks begin. */
export const blockOffset = slotOffset + slotCount * slotBytes;
