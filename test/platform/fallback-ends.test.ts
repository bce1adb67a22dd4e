import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { type End, openPipes } from '../../src/platform/fallback-ends.ts';
import { nothingStaysOpen, openFds } from '../support/fds.ts';
import { temporaryDirectory } from '../support/run.ts';

/** Everything that comes up to the end. */
async function all(end: End): Promise<string> {
  let text = '';
  for await (const chunk of end.stream!) text += String(chunk);
  return text;
}

for (const kind of ['fifo', 'socket'] as const) {
  test(`${kind}: what goes in comes out, no name stays, and nothing is open afterwards`, async (t) => {
    const root = temporaryDirectory(t);
    const before = openFds();
    const pipes = await openPipes(kind, [path.join(root, 'a'), path.join(root, 'b')]);
    assert.equal(pipes.length, 2);
    assert.deepEqual(readdirSync(root), []);
    for (const [i, { read, write }] of pipes.entries()) {
      assert.equal(read.fd >= 0, kind === 'fifo');
      write.stream!.write(`some text ${i}, `);
      write.stream!.write('x'.repeat(200_000));
      write.finish();
      assert.equal(await all(read), `some text ${i}, ${'x'.repeat(200_000)}`);
      for (const end of [read, write]) {
        end.close();
        end.close();
        assert.equal(end.stream, undefined);
      }
    }
    await nothingStaysOpen(before, /fifo|pipe|socket/);
  });

  test(`${kind}: who writes learns that nobody reads any more`, async (t) => {
    const [pipe] = await openPipes(kind, [path.join(temporaryDirectory(t), 'a')]);
    const { read, write } = pipe!;
    // A socket that was never read from is closed by the event loop.
    read.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const failed = once(write.stream!, 'error');
    write.stream!.write('x');
    assert.match(String((await failed)[0]), /EPIPE|ECONNRESET/);
    write.close();
  });

  test(`${kind}: a place where none can be made is an error that leaves nothing`, async (t) => {
    const root = temporaryDirectory(t);
    const before = openFds();
    await assert.rejects(openPipes(kind, [path.join(root, 'a'), path.join(root, 'none', 'b')]));
    assert.deepEqual(
      readdirSync(root).filter((name) => name !== 'a' || kind === 'socket'),
      [],
    );
    await nothingStaysOpen(before, /fifo|pipe|socket/);
  });
}

test('an end that was never used is closed as the descriptor it is', async (t) => {
  const before = openFds();
  const [pipe] = await openPipes('fifo', [path.join(temporaryDirectory(t), 'a')]);
  pipe!.read.finish();
  pipe!.write.close();
  await nothingStaysOpen(before, /fifo|pipe/);
  assert.deepEqual(await openPipes('fifo', []), []);
});
