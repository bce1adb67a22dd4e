import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { Event, shareHandle } from '../../src/index.ts';
import type { Arena } from '../../src/memory/arena.ts';
import { head, participantBytes, participantOffset } from '../../src/memory/layout.ts';
import { Participants } from '../../src/memory/participants.ts';

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
