/** The ring by itself: any writes and reads against a plain list, growth and back, bounds, and deaths before the commit. */
import assert from 'node:assert/strict';
import { fstatSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { createExtents, extentFor, extentUnits, largestMessage } from '../../src/channel/extents.ts';
import { kind, pipeBytes, word } from '../../src/channel/layout.ts';
import { EMPTY, type Place, Ring } from '../../src/channel/ring.ts';
import { allocate, type Block } from '../../src/memory/arena.ts';

const blocks = new Set<Block>();

/** @param counts What PUTS and GETS begin with. */
function newRing({ bounded = false, limit = 0, counts = 0 } = {}): Ring {
  const block = allocate(pipeBytes);
  blocks.add(block);
  const ring = new Ring(block.arena, block.offset >> 2, createExtents(), bounded);
  ring.i32[ring.at + word.limit] = limit;
  ring.i32[ring.at + word.puts] = counts;
  ring.i32[ring.at + word.gets] = counts;
  return ring;
}

/** A message whose every byte tells its number and place. */
function message(number: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  const step = Math.max(1, Math.floor(size / 512));
  if (step > 1) bytes.fill(number & 0xff);
  for (let i = 0; i < size; i += step) bytes[i] = (number * 31 + i / step) & 0xff;
  return bytes;
}

const put = (ring: Ring, bytes: Buffer): boolean => ring.write(kind.bytes, bytes.length, bytes);
const copyOf = ({ memory: { bytes }, from, number }: Place): Buffer =>
  Buffer.from(bytes.subarray(from, from + (number >>> 0)));
const take = (ring: Ring): Buffer | typeof EMPTY => ring.read(copyOf);

/** The same ring as another thread sees it, which remembers other things about it. */
function another({ arena, at, extents, bounded }: Ring): Ring {
  return new Ring(arena, at, extents, bounded);
}

function same(got: Buffer | typeof EMPTY, wanted: Buffer): void {
  assert.ok(got !== EMPTY, 'there is a message');
  if (!got.equals(wanted)) assert.deepEqual([got.length, got], [wanted.length, wanted]);
}

/** Bytes of memory that the file takes. */
const resident = (ring: Ring): number => fstatSync(ring.extents.segment.fd).blocks * 512;

const size = fc.oneof(
  { weight: 6, arbitrary: fc.nat(64) },
  { weight: 4, arbitrary: fc.nat(5000) },
  { weight: 3, arbitrary: fc.integer({ min: 10_000, max: 70_000 }) },
  // Around the units that an extent of 64 KiB leaves over.
  { weight: 2, arbitrary: fc.integer({ min: 65_480, max: 65_540 }) },
  { weight: 1, arbitrary: fc.integer({ min: 100_000, max: 1_500_000 }) },
);
type Step =
  | { write: number }
  | { read: number }
  | { drain: true }
  | { dieWriting: number }
  | { dieReading: true };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: size.map((write) => ({ write })) },
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 6 }).map((read) => ({ read })) },
  { weight: 1, arbitrary: fc.constant({ drain: true as const }) },
  { weight: 1, arbitrary: size.map((dieWriting) => ({ dieWriting })) },
  { weight: 1, arbitrary: fc.constant({ dieReading: true as const }) },
);
/** Each step is done by one of three threads. */
const steps = fc.array(fc.tuple(fc.nat(2), step), { minLength: 1, maxLength: 120, size: 'max' });

/** Does the steps, and what a list would do, and compares. */
function runSteps(
  first: Ring,
  program: readonly (readonly [number, Step])[],
  refuses: (waiting: number) => boolean,
): void {
  const rings = [first, another(first), another(first)];
  const list: Buffer[] = [];
  let ring = first;
  let number = 0;
  const read = (): void => {
    const got = take(ring);
    if (list.length === 0) assert.equal(got, EMPTY);
    else same(got, list.shift()!);
  };
  for (const [who, one] of program) {
    ring = rings[who]!;
    if ('write' in one) {
      const bytes = message(++number, one.write);
      if (put(ring, bytes)) {
        assert.ok(!refuses(list.length), 'there was no room');
        list.push(bytes);
      } else assert.ok(ring.bounded ? list.length > 0 : refuses(list.length), 'there was room');
    } else if ('read' in one) for (let n = 0; n < one.read; n++) read();
    else if ('drain' in one) while (list.length > 0) read();
    else if ('dieWriting' in one) {
      // Killed just before the store that commits: everything else has been written.
      const puts = ring.i32[ring.at + word.puts]!;
      put(another(ring), message(0, one.dieWriting));
      ring.i32[ring.at + word.puts] = puts;
    } else if (list.length > 0) {
      const gets = ring.i32[ring.at + word.gets]!;
      same(take(another(ring)), list[0]!);
      ring.i32[ring.at + word.gets] = gets;
    }
    assert.equal(ring.size, list.length);
  }
  while (list.length > 0) read();
  read();
}

test('any writes and reads of any sizes give the same messages in order, also around deaths', () => {
  fc.assert(
    fc.property(steps, fc.constantFrom(0, 2 ** 31 - 20, -7), (program, counts) =>
      runSteps(newRing({ counts }), program, () => false),
    ),
    { numRuns: 250 },
  );
});

test('with a limit it holds exactly that many messages', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 7 }), (program, limit) =>
      runSteps(newRing({ limit }), program, (waiting) => waiting >= limit),
    ),
    { numRuns: 100 },
  );
});

test('a bounded ring refuses only while something waits in it, and takes any message when nothing does', () => {
  fc.assert(
    fc.property(steps, (program) => runSteps(newRing({ bounded: true }), program, () => false)),
    { numRuns: 100 },
  );
});

test('a bounded ring holds its writers back after about a MiB, or a few messages', () => {
  for (const bytes of [8, 1000, 70_000, 300_000, 3 * 2 ** 20]) {
    const ring = newRing({ bounded: true });
    let held = 0;
    while (put(ring, message(held, bytes))) held++;
    assert.ok(held >= 3, `${held} messages of ${bytes} bytes`);
    assert.ok(held * bytes <= Math.max(4 * 2 ** 20, 32 * bytes), `${held} messages of ${bytes} bytes`);
    for (let i = 0; i < held; i++) same(take(ring), message(i, bytes));
    assert.equal(put(ring, message(0, bytes)), true);
  }
});

test('every length around the end of an extent goes through', () => {
  const end = extentUnits(0) * 8;
  for (let begin = 0; begin <= 64; begin += 8) {
    for (let bytes = end - 100; bytes <= end + 20; bytes++) {
      const ring = near(begin);
      put(ring, message(1, bytes));
      put(ring, message(2, 3));
      same(take(ring), message(1, bytes));
      same(take(ring), message(2, 3));
      assert.equal(take(ring), EMPTY);
    }
  }
  /** One memory for all, as a thread finds it that has done nothing there yet: its place is a few units from the beginning. */
  function near(begin: number): Ring {
    shared = another(shared ?? newRing());
    for (const place of [word.writeAt, word.readAt]) {
      for (let i = 0; i < 4; i += 2) {
        shared.i32[shared.at + place + i] = 0;
        shared.i32[shared.at + place + i + 1] = begin / 8;
      }
    }
    return shared;
  }
});
let shared: Ring | undefined;

test('a backlog grows from extent to extent, and gives its memory back when it was worked off', () => {
  const ring = newRing();
  const bytes = 500_000;
  const count = 130;
  for (let i = 0; i < count; i++) assert.equal(put(ring, message(i, bytes)), true);
  assert.equal(ring.size, count);
  assert.ok(resident(ring) >= count * bytes);
  for (let i = 0; i < count; i++) same(take(ring), message(i, bytes));
  assert.equal(take(ring), EMPTY);
  // The extents below 16 MiB are kept.
  assert.ok(resident(ring) < 34 * 2 ** 20, `${resident(ring)} bytes are left`);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < count; i++) put(ring, message(i, bytes));
    for (let i = 0; i < count; i++) same(take(ring), message(i, bytes));
  }
  assert.ok(resident(ring) < 34 * 2 ** 20, `${resident(ring)} bytes are left`);
});

test('after one large message small ones go through small memory again', () => {
  const ring = newRing();
  const large = message(1, 40 * 2 ** 20);
  put(ring, large);
  assert.ok(resident(ring) >= large.length);
  same(take(ring), large);
  assert.ok(resident(ring) < 2 ** 20, `${resident(ring)} bytes are left`);
  for (let i = 0; i < 10_000; i++) {
    put(ring, message(i, 100));
    same(take(ring), message(i, 100));
  }
  assert.ok(resident(ring) < 2 ** 20, `${resident(ring)} bytes are left`);
});

test('a steady flow behind a backlog of small messages goes through small memory again', () => {
  const ring = newRing();
  const extentBytes = (): number => {
    const { i32, at } = ring;
    return extentUnits(i32[at + word.writeAt + (i32[at + word.puts]! & 1) * 2]!) * 8;
  };
  const backlog = 40_000;
  for (let i = 0; i < backlog; i++) put(ring, message(i, 100));
  assert.ok(extentBytes() > 2 ** 20);
  for (let i = 0; i < backlog; i++) {
    put(ring, message(backlog + i, 100));
    same(take(ring), message(i, 100));
  }
  assert.ok(extentBytes() > 2 ** 20, 'while the backlog lasts');
  for (let i = 0; i < backlog; i++) same(take(ring), message(backlog + i, 100));
  for (let i = 0; i < 10_000; i++) {
    put(ring, message(i, 100));
    same(take(ring), message(i, 100));
  }
  assert.ok(extentBytes() <= 2 ** 20, `${extentBytes()} bytes`);
});

test('what does not fit any extent is refused, and the ring goes on', () => {
  const ring = newRing();
  put(ring, message(1, 10));
  assert.throws(() => ring.write(kind.bytes, largestMessage + 100, message(2, 10)), {
    name: 'RuntimeError',
    message: /of 42949673.. bytes: the largest has 4294967232/,
  });
  put(ring, message(3, 10));
  same(take(ring), message(1, 10));
  same(take(ring), message(3, 10));
});

test('when the reader of a message fails, the message stays and the locks are free', () => {
  const ring = newRing();
  put(ring, message(1, 10));
  assert.throws(() => ring.read(() => assert.fail('on purpose')), /on purpose/);
  assert.equal(ring.size, 1);
  same(take(ring), message(1, 10));
  put(ring, message(2, 10));
  same(take(ring), message(2, 10));
});

test('extents double up to 4 GiB, and the smallest that has room is chosen', () => {
  assert.deepEqual(
    [0, 1, 2, 3, 17, 18].map((n) => extentUnits(n) * 8),
    [65_536, 65_536, 131_072, 262_144, 2 ** 32, 2 ** 32],
  );
  assert.equal(extentFor(8192, 0), 0);
  assert.equal(extentFor(8193, 0), 2);
  assert.equal(extentFor(1, 5), 5);
  assert.throws(() => extentFor(1, 64), { name: 'RuntimeError', message: /wait in it already/ });
});
