/** What becomes of the memory of large messages: reused while they come, the system's when none do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startProgram } from '../support/run.ts';

const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
const skip = report?.header?.glibcVersionRuntime === undefined && 'the C library is not glibc';

const head = `
  import v8 from 'node:v8';
  import vm from 'node:vm';
  import { Pipe } from LIBRARY;
  const [left, right] = Pipe();
  const data = Buffer.alloc(2 ** 20, 1);
  const message = () => {
    left.sendBytesSync(data);
    return right.recvBytesSync();
  };
`;

test('large messages that come one after another reuse the memory of those that were dropped', {
  skip,
}, async (t) => {
  const { stdout } = await startProgram(
    t,
    'messages.mjs',
    `${head}
    for (let i = 0; i < 300; i++) message();
    const before = process.resourceUsage().minorPageFault;
    for (let i = 0; i < 300; i++) message();
    console.log(process.resourceUsage().minorPageFault - before);`,
  ).ended;
  const each = Number(stdout) / 300;
  assert.ok(each < 64, `${each} pages of 256 were fresh in each message`);
});

test('memory of dropped messages goes to the system when no more come, also from between what is kept', {
  skip,
}, async (t) => {
  const { stdout } = await startProgram(
    t,
    'messages.mjs',
    `${head}
    let messages = [];
    const kept = [];
    for (let i = 0; i < 200; i++) {
      messages.push(message());
      kept.push(Buffer.allocUnsafeSlow(5000).fill(1));
    }
    const most = process.memoryUsage.rss();
    messages = undefined;
    v8.setFlagsFromString('--expose-gc');
    vm.runInNewContext('gc')();
    const waiting = setInterval(() => {
      if (performance.now() > 20_000) process.exit(1);
      if (process.memoryUsage.rss() > most - 150 * 2 ** 20) return;
      clearInterval(waiting);
      console.log('given back', kept.length);
    }, 50);`,
  ).ended;
  assert.equal(stdout, 'given back 200\n');
});
