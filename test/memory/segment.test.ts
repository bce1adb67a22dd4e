import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { collectCargo, isInherited, setInherited } from '../../src/memory/inheritance.ts';
import { openSegment, Segment, segmentOf } from '../../src/memory/segment.ts';
import { Peer } from '../fixtures/peer.ts';
import { openedSince, openFds } from '../support/fds.ts';
import { root } from '../support/run.ts';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

function memoryFiles(label: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes(`memfd:${label}`);
    } catch {
      return false;
    }
  }).length;
}

test('Segment: another process maps the same memory by its handle, and sees it grow', async () => {
  const segment = Segment.create(4096, { reserve: 1 << 20 });
  const words = new Int32Array(segment.buffer);
  words[0] = 7;
  await using peer = await Peer.start();
  const seen = await peer.run(async (_mp, handle, state) => {
    const { openSegment } = (await import(
      `${process.cwd()}/dist/modules/memory/segment.js`
    )) as typeof import('../../src/memory/segment.ts');
    const there = openSegment(handle);
    state.there = there;
    const view = new Int32Array(there.buffer);
    view[1] = view[0]! + 1;
    return there === openSegment(handle);
  }, segment.handle());
  assert.equal(seen, true);
  assert.equal(words[1], 8);
  segment.grow(8192);
  assert.equal(segment.size, 8192);
  assert.equal(words[0], 7, 'views made before see the old part');
  new Int32Array(segment.buffer)[2047] = 99;
  const last = await peer.run((_mp, _a, state) => {
    const there = state.there as import('../../src/memory/segment.ts').Segment;
    return [there.refresh(), new Int32Array(there.buffer)[2047]];
  });
  assert.deepEqual(last, [8192, 99]);
  assert.throws(() => segment.grow(2 << 20), { name: 'RangeError' });
  segment.close();
});

test('Segment: after close() old views read zeros, and it may be closed twice', () => {
  const segment = Segment.create(4096);
  const view = new Uint8Array(segment.buffer);
  view.fill(1);
  segment.close();
  segment.close();
  assert.equal(view.length, 4096);
  assert.equal(view[0], 0);
  view[0] = 5; // harmless
  assert.equal(segment.buffer.byteLength, 0);
  assert.throws(() => segment.handle(), { name: 'ValueError' });
  assert.throws(() => segment.grow(1), { name: 'ValueError' });
});

test('Segment: what nobody holds any more is unmapped and closed', async () => {
  const label = 'collect-me';
  (() => {
    for (let i = 0; i < 20; i++) new Uint8Array(Segment.create(4096, { label }).buffer)[0] = 1;
  })();
  assert.equal(memoryFiles(label), 20);
  for (let n = 0; n < 100 && memoryFiles(label) > 0; n++) {
    gc();
    await turn();
  }
  assert.equal(memoryFiles(label), 0);
});

test('Segment: a view keeps the memory, and can still be shared', async () => {
  const view = (() => new Uint8Array(Segment.create(4096, { label: 'kept' }).buffer))();
  view[0] = 3;
  for (let n = 0; n < 5; n++) {
    gc();
    await turn();
  }
  assert.equal(view[0], 3);
  const segment = segmentOf(view.buffer)!;
  assert.equal(openSegment(segment.handle()), segment);
});

test('Segment: the memory of a process that is gone is a FileNotFoundError', async () => {
  const peer = await Peer.start();
  const handle = await peer.run(async (_mp, _a, state) => {
    const { Segment } = (await import(
      `${process.cwd()}/dist/modules/memory/segment.js`
    )) as typeof import('../../src/memory/segment.ts');
    const made = Segment.create(4096);
    state.made = made;
    return made.handle();
  });
  await peer.kill();
  assert.throws(() => openSegment(handle), { name: 'FileNotFoundError', code: 'ENOENT' });
  const other = Segment.create(4096);
  assert.throws(() => openSegment({ ...other.handle(), ino: 123_456_789 }), { name: 'FileNotFoundError' });
});

test('Segment: bad sizes are refused and leave nothing', () => {
  const before = openFds();
  for (const size of [0, -1, 1.5, Number.NaN])
    assert.throws(() => Segment.create(size), { name: 'RangeError' });
  assert.throws(() => Segment.create(2 ** 50), { code: 'ENOMEM' });
  assert.deepEqual(openedSince(before), []);
});

test('collectCargo: notes the descriptors of the handles made meanwhile, also when nested', () => {
  const [a, b] = [Segment.create(4096), Segment.create(4096)];
  b.handle();
  const outer = collectCargo(() => {
    const inner = collectCargo(() => a.handle());
    assert.deepEqual(inner.fds, [a.fd]);
    b.handle();
    return inner.result;
  });
  assert.deepEqual(outer.fds.sort(), [a.fd, b.fd].sort());
  assert.equal(outer.result.fd, a.fd);
});

test('setInherited: a descriptor of the parent is used under its number, once', () => {
  const segment = Segment.create(4096);
  setInherited(4_000_000, [segment.fd]);
  assert.equal(isInherited(4_000_000, segment.fd), true);
  assert.equal(isInherited(1, segment.fd), false);
  // Known by its inode already: the same object.
  assert.equal(openSegment({ ...segment.handle(), pid: 4_000_000 }), segment);
});

test('without descriptors left it is EMFILE, and when there are some again everything works', () => {
  const program = `
    import { closeSync, openSync, readdirSync } from 'node:fs';
    import { Lock, RawArray, SharedMemory } from './dist/index.js';
    const lock = new Lock();
    new SharedMemory({ create: true, size: 1 }).unlink();
    const fill = [];
    const errors = [];
    for (const free of [0, 1]) {
      for (;;) { try { fill.push(openSync('/dev/null')); } catch { break; } }
      for (let n = 0; n < free; n++) closeSync(fill.pop());
      for (const make of [() => RawArray('d', 100_000), () => new SharedMemory({ create: true, size: 10 })]) {
        try { make().unlink?.(); } catch (error) { errors.push(error.code); }
      }
      lock.acquireSync();
      lock.release();
    }
    for (const fd of fill) closeSync(fd);
    RawArray('d', 100_000)[0] = 1;
    const memory = new SharedMemory({ create: true, size: 10 });
    memory.close();
    memory.unlink();
    console.log(JSON.stringify([errors, readdirSync('/dev/shm').filter((f) => f.startsWith('psm_')).length]));`;
  const before = readdirSync('/dev/shm').filter((f) => f.startsWith('psm_')).length;
  const { status, stdout, stderr } = spawnSync(
    'sh',
    ['-c', 'ulimit -n 64; exec "$0" --input-type=module -e "$1"', process.execPath, program],
    { encoding: 'utf8', cwd: root },
  );
  assert.equal(status, 0, stderr);
  const [errors, files] = JSON.parse(stdout) as [string[], number];
  assert.ok(errors.length >= 2 && errors.every((code) => code === 'EMFILE'), String(errors));
  assert.ok(files <= before, 'no file is left');
});
