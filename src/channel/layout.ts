/**
 * The shared words of channels, and the records in their memory. Every number here is part of what processes agree on.
 *
 * A channel has one block in an arena, and for each direction a memfd with the messages.
 *
 *     bytes        a pipe                       a queue
 *     0-255        ring from end 0 to end 1     its ring
 *     256-511      ring from end 1 to end 0     –
 *     512-…        holders of end 0 (1,792)     holders (3,584)
 *     2,304-4,095  holders of end 1             –
 *     4,096-8,191  –                            lists of keys, see key-table.ts
 *
 * Words of a ring; writers' and readers' words are in cache lines of their own:
 *
 *     0  WRITE_LOCK  tag of the thread that writes, see side-lock.ts
 *     1  PUTS        messages written so far. **Storing it is what commits a message**
 *     2  two places to write at, (extent, position) each: the one at 2 + 2 × (PUTS & 1) counts, the other is scratch
 *     16 READ_LOCK
 *     17 GETS        messages taken so far. Storing it is what takes a message
 *     18 two places to read at, chosen by GETS & 1 in the same way
 *     32 READERS     1 when somebody may wait for a message
 *     33 WRITERS     1 when somebody may wait for room
 *     34 LIMIT       a queue's maxsize; 0 for none
 *     35 MODE        OPEN, DRAINING (shut down; what is in it may be taken) or SHUT (shut down at once)
 *     36 DONE        tasks of a JoinableQueue that are done
 *     37 JOINERS     1 when somebody may wait for all tasks to be done
 *     38 PRODUCERS   objects that have put something, ever
 *     39 LOOKED      when somebody who waits last looked for dead holders: milliseconds, 31 bits
 *
 * So a process may be killed between any two instructions, with a lock or without: what it had not committed does not
 * exist, what it had committed is whole, and the next one goes on from the places that count. Nothing is to be repaired.
 *
 * A record begins with two words, at a multiple of 8 bytes: a number (length in bytes, or a small integer itself), and
 * its kind in bits 0-7 with something more above. Two kinds are no messages: WRAP says that the next record is at the
 * beginning of the extent, MOVE that it is at the beginning of the extent that the number names.
 */

export const pipeBytes = 4096;
export const queueBytes = 8192;

/** Offsets in bytes inside a channel's block. */
export const place = { ring0: 0, ring1: 256, holders: 512, holders1: 2304, keys: 4096, end: 8192 } as const;

/** Words of a ring. */
export const word = {
  writeLock: 0,
  puts: 1,
  writeAt: 2,
  readLock: 16,
  gets: 17,
  readAt: 18,
  readers: 32,
  writers: 33,
  limit: 34,
  mode: 35,
  done: 36,
  joiners: 37,
  producers: 38,
  looked: 39,
} as const;

export const OPEN = 0;
export const DRAINING = 1;
export const SHUT = 2;

/** Kinds of records. */
export const kind = {
  wrap: 1,
  move: 2,
  /** The number is the value. */
  int: 3,
  /** The number chooses one of {@link constants}. */
  constant: 4,
  float: 5,
  ascii: 6,
  utf8: 7,
  /** What `sendBytes` was given. */
  bytes: 8,
  /** A value that the codec has encoded. */
  coded: 9,
  /** A typed array by itself; the upper bits choose one of `arrays` in values.ts. */
  array: 10,
} as const;

export const kindMask = 0xff;
export const moreShift = 8;

/** Values that are a record by themselves. */
export const constants = [undefined, null, false, true, -0] as const;
