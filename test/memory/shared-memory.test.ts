import assert from 'node:assert/strict';
import { constants } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import {
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { RawArray, SharedMemory } from '../../src/index.ts';
import { Peer } from '../fixtures/peer.ts';
import { openedSince, openFds } from '../support/fds.ts';
import { root, until } from '../support/run.ts';
import { exists, freshName } from '../support/shm.ts';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('bad input is refused with a typed error, and leaves no file and no descriptor', () => {
  new SharedMemory({ create: true, size: 1 }).unlink(); // the tracker runs now
  const before = openFds();
  const name = freshName();
  const refused: [object | string, object][] = [
    [
      { create: true },
      { name: 'ValueError', message: /'size' must be a positive number different from zero/ },
    ],
    [{ create: true, size: 0 }, { name: 'ValueError' }],
    [
      { create: true, size: -1 },
      { name: 'ValueError', message: /'size' must be a positive integer/ },
    ],
    [{ create: true, size: 1.5 }, { name: 'TypeError' }],
    [{ create: true, size: '10' }, { name: 'TypeError' }],
    [{ create: true, size: Number.NaN }, { name: 'TypeError' }],
    [{}, { name: 'ValueError', message: /'name' can only be None if create=True/ }],
    [{ name: 7 }, { name: 'TypeError' }],
    [{ name: '' }, { code: 'EINVAL', syscall: 'shm_open' }],
    [
      { name: 'a/b', create: true, size: 1 },
      { code: 'EINVAL', syscall: 'shm_open' },
    ],
    [{ name: '//a', create: true, size: 1 }, { code: 'EINVAL' }],
    [{ name: '..', create: true, size: 1 }, { code: 'EINVAL' }],
    [
      { name: 'a\0b', create: true, size: 1 },
      { name: 'ValueError', message: /embedded null character/ },
    ],
    [{ name: 'x'.repeat(256), create: true, size: 1 }, { code: 'ENAMETOOLONG' }],
    [{ name: '€'.repeat(86), create: true, size: 1 }, { code: 'ENAMETOOLONG' }],
    [
      { name, create: true, size: 2 ** 50 },
      { name: 'OSError', code: 'ENOSPC' },
    ],
    [{ name }, { name: 'FileNotFoundError', code: 'ENOENT' }],
    [name, { name: 'FileNotFoundError', code: 'ENOENT' }],
  ];
  for (const [options, error] of refused) {
    assert.throws(() => new SharedMemory(options as never), error, JSON.stringify(options));
  }
  // Not by their number: other programs make and remove files there, too.
  const tried = refused.map(([o]) => (typeof o === 'string' ? o : String((o as { name?: unknown }).name)));
  const found = readdirSync('/dev/shm').filter((file) => tried.includes(file) || tried.includes(`/${file}`));
  assert.deepEqual(found, []);
  assert.deepEqual(openedSince(before), []);
});

test('what no buffer can show is refused, and leaves nothing', (t) => {
  const most = constants.MAX_LENGTH;
  if (most >= os.totalmem()) {
    t.skip('buffers have no limit here that memory reaches');
    return;
  }
  const before = openFds();
  const name = freshName();
  const tooMuch = { name: 'RangeError', message: /several pieces/ };
  assert.throws(() => new SharedMemory({ name, create: true, size: most + 1 }), tooMuch);
  assert.equal(exists(name), false);
  assert.throws(() => RawArray('b', most + 1), tooMuch);
  // Without pages: only its length is too much.
  writeFileSync(`/dev/shm/${name}`, '');
  truncateSync(`/dev/shm/${name}`, most + 1);
  assert.throws(() => new SharedMemory(name), tooMuch);
  truncateSync(`/dev/shm/${name}`, most);
  const memory = new SharedMemory({ name, track: false });
  memory.buf[most - 1] = 1;
  memory.close();
  memory.unlink();
  assert.deepEqual(openedSince(before), []);
});

test('memory is private to the user, exact in size, and zero', () => {
  using memory = new SharedMemory({ create: true, size: 4097 });
  const status = statSync(`/dev/shm/${memory.name}`);
  assert.equal(status.mode & 0o777, 0o600);
  assert.equal(status.size, 4097);
  assert.match(memory.name, /^psm_[0-9a-f]{8}$/);
  assert.ok(memory.buf.every((b) => b === 0));
  memory.unlink();
});

test('one slash at the beginning of a name is tolerated, as by shm_open', () => {
  const name = freshName();
  using memory = new SharedMemory({ name: `/${name}`, create: true, size: 8 });
  assert.equal(memory.name, name);
  new SharedMemory(`/${name}`).close();
  memory.unlink();
});

test('an empty file and a symbolic link are no shared memory', () => {
  const empty = freshName();
  writeFileSync(`/dev/shm/${empty}`, '');
  assert.throws(() => new SharedMemory(empty), { name: 'ValueError', message: /cannot mmap an empty file/ });
  unlinkSync(`/dev/shm/${empty}`);
  const link = freshName();
  symlinkSync('/etc/hostname', `/dev/shm/${link}`);
  assert.throws(() => new SharedMemory(link), { code: 'ELOOP' });
  unlinkSync(`/dev/shm/${link}`);
});

test('after close() a kept view reads zeros and may be written; the object says that it is closed', () => {
  const memory = new SharedMemory({ create: true, size: 100 });
  const view = memory.buf;
  const words = new Uint32Array(view.buffer, 0, 25);
  view.fill(7);
  memory.close();
  memory.close();
  assert.equal(memory.closed, true);
  assert.throws(() => memory.buf, { name: 'ValueError', message: /is closed/ });
  assert.equal(memory.size, 100);
  assert.ok(view.every((b) => b === 0));
  words[3] = 5;
  assert.equal(words[3], 5);
  using again = new SharedMemory(memory.name);
  assert.equal(again.buf[12], 7, 'the memory itself is as it was left');
  memory.unlink();
  assert.throws(() => memory.unlink(), { name: 'FileNotFoundError' });
  again.buf[0] = 1;
});

test('a view alone keeps its memory readable through any number of collections', async () => {
  const view = (() => {
    const memory = new SharedMemory({ create: true, size: 4096 });
    memory.unlink();
    return memory.buf.subarray(10, 20);
  })();
  view.fill(3);
  for (let n = 0; n < 10; n++) {
    gc();
    await turn();
  }
  assert.ok(view.every((b) => b === 3));
});

for (const use of ['written to', 'only made'] as const) {
  test(`what was ${use} and dropped without close() is unmapped and its descriptor closed`, async () => {
    const before = openFds();
    const mappedBefore = mapped();
    const name = freshName();
    (() => {
      for (let i = 0; i < 50; i++) {
        const memory = new SharedMemory({ name, create: true, size: 4096 });
        if (use === 'written to') memory.buf[0] = 1;
        memory.unlink();
      }
    })();
    assert.ok(openedSince(before).length >= 50);
    assert.ok(mapped() >= 50, `${mapped()} are mapped`);
    for (let n = 0; n < 100 && openedSince(before).length > 2; n++) {
      gc();
      await turn();
    }
    assert.ok(openedSince(before).length <= 2, openedSince(before).join());
    assert.ok(mapped() <= mappedBefore, `${mapped()} are mapped, of ${mappedBefore} before`);
  });

  test(`what was ${use} and closed is not mapped any more`, async () => {
    const name = freshName();
    const before = mapped();
    (() => {
      for (let i = 0; i < 20; i++) {
        const memory = new SharedMemory({ name, create: true, size: 1 << 20 });
        if (use === 'written to') memory.buf[0] = 1;
        memory.close();
        memory.unlink();
      }
    })();
    assert.equal(mapped(), before, 'nothing of it is mapped after close()');
    // What is collected later unmaps nothing that was mapped at the same place since.
    using other = new SharedMemory({ create: true, size: 20 << 20 });
    other.buf.fill(1);
    for (let n = 0; n < 10; n++) {
      gc();
      await turn();
    }
    assert.ok(other.buf.every((b) => b === 1));
    other.unlink();
  });
}

/** Not by name: the kernel shows none, since it is given last. */
function mapped(): number {
  return readFileSync('/proc/self/maps', 'utf8').match(/ \/dev\/shm\//g)?.length ?? 0;
}

for (const how of ['ends', 'fails', 'is killed'] as const) {
  test(`when the only process that uses it ${how}, memory without unlink() is removed`, async () => {
    const peer = await Peer.start();
    const name = freshName();
    const other = freshName();
    await peer.run(
      (mp, { name, other }, state) => {
        state.memory = new mp.SharedMemory({ name, create: true, size: 1000 });
        new mp.SharedMemory({ name: other, create: true, size: 1000, track: false });
      },
      { name, other },
    );
    assert.equal(exists(name), true);
    if (how === 'is killed') await peer.kill();
    else
      await peer
        .run((_mp, code) => void setImmediate(() => process.exit(code)), how === 'ends' ? 0 : 3)
        .catch(() => {});
    await until(() => !exists(name), 'the tracker removed it');
    assert.equal(exists(other), true, 'what is not tracked stays');
    unlinkSync(`/dev/shm/${other}`);
  });
}

test('what a worker thread had when it was terminated is removed when its process ends', async () => {
  const name = freshName();
  const program = `
    import { once } from 'node:events';
    import { Worker } from 'node:worker_threads';
    const code = \`
      const { SharedMemory } = require('./dist/cjs/index.js');
      globalThis.memory = new SharedMemory({ name: '${name}', create: true, size: 100 });
      memory.buf[0] = 1;
      const { parentPort } = require('node:worker_threads');
      parentPort.on('message', () => {});
      parentPort.postMessage('made');\`;
    const worker = new Worker(code, { eval: true, execArgv: [] });
    await once(worker, 'message');
    await worker.terminate();
    // Time for a tracker that does not wait for this process to come to its end.
    setTimeout(() => {}, 500);`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  assert.equal(status, 0, stderr);
  await until(() => !exists(name), 'the tracker removed it');
});

test('memory lives as long as one of the processes that use it, SIGKILL of the others included', async () => {
  const name = freshName();
  const [maker, user] = (await Peer.startMany(2)) as [Peer, Peer];
  await maker.run((mp, name, state) => {
    state.memory = new mp.SharedMemory({ name, create: true, size: 1000 });
  }, name);
  await user.run((mp, name, state) => {
    state.memory = new mp.SharedMemory(name);
  }, name);
  await maker.kill();
  await new Promise((resolve) => setTimeout(resolve, 300)); // the maker's tracker has looked by then
  assert.equal(exists(name), true);
  assert.equal(
    await user.run((_mp, _a, state) => {
      const memory = state.memory as SharedMemory;
      memory.buf[0] = 9;
      return memory.buf[0];
    }),
    9,
  );
  await user.kill();
  await until(() => !exists(name), "the user's tracker removed it");
});

test('a name that was taken again by somebody else is left alone', async () => {
  const name = freshName();
  const peer = await Peer.start();
  await peer.run((mp, name, state) => {
    state.memory = new mp.SharedMemory({ name, create: true, size: 10 });
  }, name);
  unlinkSync(`/dev/shm/${name}`);
  writeFileSync(`/dev/shm/${name}`, 'another one');
  await peer.kill();
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(exists(name), true);
  unlinkSync(`/dev/shm/${name}`);
});

test('a full /dev/shm is ENOSPC, and nothing is left in it', (t) => {
  const program = `
    import { readdirSync } from 'node:fs';
    import { SharedMemory, ShareableList } from './dist/index.js';
    const kept = new SharedMemory({ create: true, size: 900_000 });
    const errors = [];
    for (const make of [() => new SharedMemory({ create: true, size: 900_000 }), () => new ShareableList(['x'.repeat(900_000)])]) {
      try { make(); } catch (error) { errors.push(error.name + ' ' + error.code); }
    }
    console.log(JSON.stringify([errors, readdirSync('/dev/shm').length]));
    kept.close(); kept.unlink();`;
  const script = `mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$0" --input-type=module -e "$1"`;
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    ['-m', 'sh', '-c', script, process.execPath, program],
    {
      cwd: root,
      encoding: 'utf8',
    },
  );
  if (status !== 0 && /unshare|mount/.test(stderr)) {
    t.skip('a small /dev/shm cannot be mounted here');
    return;
  }
  assert.deepEqual(JSON.parse(stdout), [['OSError ENOSPC', 'OSError ENOSPC'], 1], stderr);
});

test('the tracker keeps up with thousands of names, whatever characters they hold', async () => {
  const peer = await Peer.start();
  const names = [freshName(), `${freshName()} with blanks *?[a]$(x)`, `${freshName()}\\"'é`];
  await peer.run((mp, names, state) => {
    for (let n = 0; n < 2000; n++) {
      const memory = new mp.SharedMemory({ create: true, size: 1 });
      memory.close();
      memory.unlink();
    }
    const long = '\u6f22'.repeat(84);
    for (let n = 0; n < 20; n++) {
      const memory = new mp.SharedMemory({ name: `${n % 10}${long}`, create: true, size: 1 });
      memory.close();
      memory.unlink();
    }
    state.kept = names.map((name) => new mp.SharedMemory({ name, create: true, size: 1 }));
    for (let n = 0; n < 500; n++) new mp.SharedMemory(names[0]!).close();
  }, names);
  assert.ok(names.every(exists));
  await peer.kill();
  await until(() => !names.some(exists), 'the tracker removed them all');
});
