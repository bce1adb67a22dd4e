import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { test } from 'node:test';
import { closeFd, isOpen, openPipe } from '../../src/platform/descriptors.ts';
import { FdReader, FdWriter } from '../../src/platform/fd-pipes.ts';
import { WOULD_BLOCK } from '../../src/platform/pipe-end.ts';
import { watchFd } from '../../src/platform/watch.ts';
import { ProcessOutput } from '../../src/subprocess/output-stream.ts';
import { until } from '../support/run.ts';

const TEXT = { encoding: 'utf-8', errors: 'strict' };

interface Piped {
  readonly stdout: ProcessOutput;
  /** The program's end, a bare descriptor. */
  readonly fd: number;
  say(bytes: string | Uint8Array): void;
  end(): void;
}

function piped(form: 'text' | 'bytes' = 'text', highWaterMark = 65_536): Piped {
  const { read, write } = openPipe();
  return {
    stdout: new ProcessOutput(new FdReader(read), form === 'text' ? TEXT : undefined, highWaterMark),
    fd: write,
    say: (bytes) => void writeSync(write, Buffer.from(bytes as string)),
    end: () => closeFd(write),
  };
}

/** Lets the stream take what is there: it comes in a turn of the event loop. */
const taken = (stdout: ProcessOutput): Promise<void> => until(() => stdout.readableLength > 0, 'it was read');

test('a line, a character and a line end that come in pieces are put together', async () => {
  const { stdout, say, end } = piped();
  const lines: string[] = [];
  const read = (async () => {
    for await (const line of stdout) lines.push(line);
  })();
  // "é" and "\r\n" are cut in two.
  for (const piece of [
    'on',
    'e\ntw',
    Buffer.from([0x6f, 0xc3]),
    Buffer.from([0xa9, 0x0d]),
    '\nthr',
    'ee\r',
  ]) {
    say(piece);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  say('\n\nlast');
  end();
  await read;
  assert.deepEqual(lines, ['one\n', 'twoé\n', 'three\n', '\n', 'last']);
});

test('pieces that were given out stay as they were', async () => {
  const { stdout, say, end } = piped('bytes');
  const pieces: Buffer[] = [];
  stdout.on('data', (piece: Buffer) => pieces.push(piece));
  for (const letter of 'abc') {
    say(letter.repeat(1000));
    await until(() => Buffer.concat(pieces).includes(letter), 'it came');
  }
  end();
  await once(stdout, 'end');
  assert.equal(String(Buffer.concat(pieces)), 'a'.repeat(1000) + 'b'.repeat(1000) + 'c'.repeat(1000));
});

for (const form of ['text', 'bytes'] as const) {
  test(`lines one by one, waiting and blocking by turns, then the rest without a newline (${form})`, async () => {
    const { stdout, say, end } = piped(form);
    say('a\nb\n');
    assert.equal(String(stdout.readlineSync()), 'a\n');
    say('c\nd');
    assert.equal(String(await stdout.readline()), 'b\n');
    assert.equal(String(stdout.readlineSync()), 'c\n');
    say('e\nend');
    end();
    assert.equal(String(await stdout.readline()), 'de\n');
    assert.equal(String(stdout.readlineSync()), 'end');
    for (let i = 0; i < 2; i++) {
      assert.equal(stdout.readlineSync().length, 0);
      assert.equal((await stdout.readline()).length, 0);
      assert.equal((await stdout.readAll()).length, 0);
      assert.equal(stdout.readAllSync().length, 0);
    }
    assert.ok(stdout.fd === null);
  });

  for (const first of ['readline', 'readlineSync'] as const) {
    test(`after ${first}() an iteration goes on from there, to the end that comes later (${form})`, async () => {
      const { stdout, say, end } = piped(form);
      say('a\nb\nc');
      assert.equal(String(await stdout[first]()), 'a\n');
      setImmediate(() => {
        say('d\n');
        end();
      });
      let rest = '';
      for await (const piece of stdout) rest += piece;
      assert.equal(rest, 'b\ncd\n');
    });

    test(`after ${first}() has taken all there was, listeners hear of what comes later (${form})`, async () => {
      for (const event of ['readable', 'data', 'end']) {
        const { stdout, say, end } = piped(form);
        say('a\nb\n');
        assert.equal(String(await stdout[first]()), 'a\n');
        assert.equal(String(await stdout[first]()), 'b\n');
        const heard = once(stdout, event);
        if (event === 'end') stdout.resume();
        else say('c\n');
        end();
        await heard;
        stdout.destroy();
      }
    });
  }
}

test('after a blocking call nothing keeps the program alive', () => {
  const { stdout, say, end } = piped();
  say('a\nb\n');
  for (const line of ['a\n', 'b\n']) {
    assert.equal(stdout.readlineSync(), line);
    // A descriptor that is being watched is refused a second watch.
    watchFd(stdout.fileno(), 'readable', () => {}).stop();
  }
  end();
  stdout.destroy();
});

test('a reader that does not keep up stops the reading: the rest waits in the kernel', async () => {
  const { stdout, fd, end } = piped('bytes', 1000);
  const writer = new FdWriter(fd);
  let taken = 0;
  const fill = (): void => {
    for (let n = 0; n !== WOULD_BLOCK; n = writer.write(Buffer.alloc(4096))) taken += n;
  };
  fill();
  stdout.on('data', () => stdout.pause());
  await once(stdout, 'pause');
  for (let i = 0; i < 20; i++) {
    fill();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.ok(taken < 1 << 20, `${taken} bytes`);
  stdout.destroy();
  end();
});

test('leaving a loop early closes the pipe at once: the program gets EPIPE', async () => {
  const { stdout, fd, say } = piped();
  say('a\nb\n');
  for await (const line of stdout) {
    assert.equal(line, 'a\n');
    break;
  }
  const writer = new FdWriter(fd);
  assert.throws(() => writer.write(Buffer.from('x')), { code: 'EPIPE' });
  writer.close();
});

const reads: Record<string, (stdout: ProcessOutput) => Promise<unknown>> = {
  readline: (stdout) => stdout.readline(),
  readAll: (stdout) => stdout.readAll(),
  readlineSync: async (stdout) => stdout.readlineSync(),
  readAllSync: async (stdout) => stdout.readAllSync(),
  'a loop': async (stdout) => {
    for await (const _ of stdout);
  },
};

for (const form of ['text', 'bytes'] as const) {
  const closed = { name: 'ValueError', message: /^I\/O operation on closed file: .*leaving a loop/ };

  test(`reading on after a loop was left early, or after destroy(), is an error (${form})`, async () => {
    for (const ended of [false, true]) {
      for (const [name, read] of Object.entries(reads)) {
        const left = piped(form);
        left.say('a\nb\n');
        if (ended) left.end();
        for await (const _ of left.stdout) break;
        await assert.rejects(read(left.stdout), closed, name);
        const destroyed = piped(form);
        destroyed.say('a\nb\n');
        if (ended) destroyed.end();
        assert.equal(String(await destroyed.stdout.readline()), 'a\n');
        destroyed.stdout.destroy();
        await assert.rejects(read(destroyed.stdout), closed, name);
        if (!ended) for (const { end } of [left, destroyed]) end();
      }
    }
  });

  test(`who waits for more when it is closed gets the error, not a part for the whole (${form})`, async () => {
    for (const read of [reads.readline!, reads.readAll!]) {
      const { stdout, say, end } = piped(form);
      say('part');
      const reading = read(stdout);
      setImmediate(() => stdout.destroy());
      await assert.rejects(reading, closed);
      end();
    }
  });
}

test('closing in the middle, and again: one close, and the number is not used after it', async () => {
  const { stdout, say, end } = piped();
  const number = stdout.fileno();
  say('a\n');
  stdout.on('readable', () => {});
  await taken(stdout);
  stdout.destroy();
  stdout.destroy();
  assert.deepEqual([stdout.fd, stdout.destroyed], [null, true]);
  assert.throws(() => stdout.fileno(), { name: 'ValueError' });
  await until(() => !isOpen(number), 'the number is free');
  end();
});

test('bytes that are no text are an error of whoever reads, in every form', async () => {
  const wrong = { name: 'UnicodeDecodeError', code: 'ERR_MULTIPROC_UNICODE_DECODE' };
  for (const way of Object.values(reads)) {
    const { stdout, say, end } = piped();
    say(Buffer.from([0x61, 0xff]));
    end();
    await assert.rejects(way(stdout), wrong);
    stdout.destroy();
  }
});

test('given away only while the kernel still has everything', async () => {
  const { stdout, say, end } = piped();
  say('a\n');
  assert.equal(stdout.giveAway().fd, stdout.fd);
  assert.equal(await stdout.readline(), 'a\n');
  assert.throws(() => stdout.giveAway(), { name: 'ValueError', message: /reading has begun/ });
  stdout.destroy();
  assert.throws(() => stdout.giveAway(), { name: 'ValueError', message: /it is closed/ });
  end();
});

test('who takes over gets what was read ahead, and the stream reads no more', async () => {
  const { stdout, say, end } = piped();
  say('ahead');
  stdout.on('readable', () => {});
  await taken(stdout);
  const { pipe, ahead } = stdout.takeOver();
  assert.equal(ahead, 'ahead');
  say(' rest');
  await new Promise((resolve) => setTimeout(resolve, 5));
  const into = Buffer.alloc(10);
  assert.equal(pipe.read(into), 5);
  assert.equal(into.toString('utf8', 0, 5), ' rest');
  stdout.destroy();
  end();
});

test('what was cut off by a bound is no error at the cut', () => {
  const half = Buffer.from([0x61, 0xc3]);
  const { stdout, end } = piped();
  assert.equal(stdout.decodeRest(half, true), 'a');
  stdout.destroy();
  end();
  const whole = piped();
  assert.throws(() => whole.stdout.decodeRest(half, false), { name: 'UnicodeDecodeError' });
  whole.stdout.destroy();
  whole.end();
});
