import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { Event, shareHandle } from '../../src/index.ts';
import type { Arena } from '../../src/memory/arena.ts';
import { head, participantBytes, participantOffset } from '../../src/memory/layout.ts';
import { Participants } from '../../src/memory/participants.ts';
import { Peer } from '../fixtures/peer.ts';

const arenaOf = (object: object): Arena => (object as { block: { arena: Arena } }).block.arena;

/** Puts the entries of threads of a process that is gone into an arena's table. */
function enterDead(arena: Arena, count: number): void {
  const { pid } = spawnSync('true');
  for (let n = 0; n < count; n++) {
    Atomics.add(arena.i32, head.participantHint, 1);
    const index = arena.participants.index + 1 + n;
    const at = (participantOffset + index * participantBytes) >> 2;
    // LIVE, by a thread that started at time 1.
    arena.i32.set([2, pid, pid, 1], at);
    arena.i32[head.participantTop] = index;
  }
}

test('entries of threads that are gone are found when handles are made', () => {
  const event = new Event();
  const arena = arenaOf(event);
  const before = arena.participants.count();
  enterDead(arena, 600);
  assert.equal(arena.participants.count(), before + 600);
  shareHandle(event);
  assert.equal(arena.participants.count(), before);
});

test('a thread has one entry in an arena, however often it opens it', () => {
  const { i32, participants } = arenaOf(new Event());
  const again = new Participants(i32);
  assert.equal(again.index, participants.index);
  assert.equal(again.tag, participants.tag);
  assert.equal(again.isAlive(participants.tag), true);
  assert.equal(again.pidOf(participants.tag), process.pid);
});

test('a tag outlives the use of its entry: the next user is somebody else', () => {
  const arena = arenaOf(new Event());
  enterDead(arena, 1);
  const index = arena.participants.index + 1;
  const tag = arena.participants.tagAt(index);
  const pid = arena.participants.pidOf(tag);
  assert.equal(arena.participants.isAlive(tag), false);
  arena.participants.reap(() => {});
  assert.notEqual(arena.participants.tagAt(index), tag);
  assert.equal(arena.participants.pidOf(tag), pid, 'whose it was is still known');
  assert.equal(arena.participants.isAlive(tag), false);
});

test('who finds another one cleaning up leaves it to that one, and when that dies does all of its work', async () => {
  const event = new Event();
  const arena = arenaOf(event);
  enterDead(arena, 3);
  const peer = await Peer.start();
  const theirs = await peer.run(
    (_mp, event) => (event as unknown as { block: { arena: Arena } }).block.arena.tag,
    event,
  );
  Atomics.store(arena.i32, head.reaper, theirs);
  assert.equal(
    arena.participants.reap(() => assert.fail('the other is at it')),
    0,
  );
  assert.equal(Atomics.load(arena.i32, head.reapAgain), 1, 'it looks once more when it is done');
  await peer.kill();
  const swept: number[] = [];
  // Of a process that has nothing here: what the dead one was to look at is done, too.
  arena.participants.reap((index) => swept.push(index), process.pid);
  assert.ok(swept.length >= 4, `the peer and three others: ${swept}`);
  assert.equal(Atomics.load(arena.i32, head.reaper), 0);
  assert.equal(Atomics.load(arena.i32, head.reapAgain), 0);
});

test('who was asked to look once more meanwhile, does', () => {
  const arena = arenaOf(new Event());
  enterDead(arena, 2);
  const swept: number[] = [];
  const pid = spawnSync('true').pid;
  arena.participants.reap((index) => {
    swept.push(index);
    // As another thread does that has seen the first one's reaper at work.
    if (swept.length === 1) Atomics.store(arena.i32, head.reapAgain, 1);
    enterDead(arena, 1);
  });
  assert.ok(swept.length >= 3, `${swept}, ${pid}`);
  arena.participants.reap(() => {});
});

test('who comes is counted, and seen among the others with its thread', async () => {
  const event = new Event();
  const { participants } = arenaOf(event);
  const before = participants.arrivals;
  await using peer = await Peer.start();
  await peer.run((_mp, event) => event.isSet(), event);
  assert.equal(participants.arrivals, before + 1);
  const them = participants.others().filter(({ pid }) => pid === peer.pid);
  assert.deepEqual(
    them.map(({ tid }) => tid),
    [peer.pid],
  );
  assert.ok(participants.others().every(({ pid, tid }) => pid !== process.pid || tid !== process.pid));
});
