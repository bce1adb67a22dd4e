import assert from 'node:assert/strict';
import { writeSync } from 'node:fs';
import { test } from 'node:test';
import { closeFd, openPipe } from '../../src/platform/descriptors.ts';
import { FdReader, FdWriter } from '../../src/platform/fd-pipes.ts';
import { WOULD_BLOCK } from '../../src/platform/pipe-end.ts';
import { Communication, checkInput, checkMaxOutput } from '../../src/subprocess/communicate.ts';
import { ProcessInput } from '../../src/subprocess/input-stream.ts';
import { ProcessOutput } from '../../src/subprocess/output-stream.ts';
import { PIPE, Popen, run, runSync } from '../../src/subprocess.ts';

const TEXT = { encoding: 'utf-8', errors: 'strict' };
const MB = 1 << 20;

/** The streams of a program that the test plays itself. */
function streams(text: boolean) {
  const mode = text ? TEXT : undefined;
  const [input, output, errors] = [openPipe(), openPipe(), openPipe()];
  return {
    ends: {
      stdin: new ProcessInput(new FdWriter(input.write), mode),
      stdout: new ProcessOutput(new FdReader(output.read), mode, 65_536),
      stderr: new ProcessOutput(new FdReader(errors.read), mode, 65_536),
    },
    reads: new FdReader(input.read),
    says: (bytes: string | Uint8Array) => void writeSync(output.write, Buffer.from(bytes as string)),
    complains: (bytes: string) => void writeSync(errors.write, bytes),
    finishes() {
      for (const fd of [output.write, errors.write]) closeFd(fd);
    },
  };
}

const soon = (): number => performance.now() + 50;

test('stopped by time, it goes on where it was, waiting or blocking; nothing is lost or there twice', async () => {
  for (const text of [false, true]) {
    const program = streams(text);
    const exchange = new Communication(program.ends, Infinity, 'input');
    program.says('one ');
    program.complains('x');
    assert.equal(exchange.runSync(soon()), false);
    assert.deepEqual(exchange.partial().map(String), ['one ', 'x']);
    program.says('two ');
    const two = async (): Promise<void> => {
      while (String(exchange.partial()[0]) !== 'one two ') await new Promise(setImmediate);
    };
    assert.equal(await exchange.run(two()), false);
    assert.deepEqual(exchange.partial().map(String), ['one two ', 'x']);
    const into = Buffer.alloc(10);
    assert.equal(into.toString('utf8', 0, program.reads.read(into)), 'input');
    assert.equal(program.reads.read(into), 0, 'its input ended');
    program.says('three');
    program.finishes();
    assert.equal(await exchange.run(undefined), true);
    assert.ok(exchange.done);
    const result = exchange.result();
    assert.deepEqual(
      result,
      text ? ['one two three', 'x'] : [Buffer.from('one two three'), Buffer.from('x')],
    );
    program.reads.close();
  }
});

test('more input than the pipe holds goes on in the next call, from where it was', async () => {
  const program = streams(false);
  const bytes = Buffer.alloc(3 * MB, 'abcdefg');
  const exchange = new Communication(program.ends, Infinity, bytes);
  assert.equal(exchange.runSync(soon()), false);
  program.finishes();
  const rest = exchange.run(undefined);
  const got: Buffer[] = [];
  for (;;) {
    const into = Buffer.alloc(MB);
    const n = program.reads.read(into);
    if (n === 0) break;
    if (n === WOULD_BLOCK) await new Promise((resolve) => setImmediate(resolve));
    else got.push(into.subarray(0, n));
  }
  assert.equal(await rest, true);
  assert.ok(Buffer.concat(got).equals(bytes));
  program.reads.close();
});

test('a program that takes no input any more is no error', async () => {
  for (const form of ['run', 'runSync'] as const) {
    const program = streams(false);
    program.reads.close();
    program.says('what it says all the same');
    const exchange = new Communication(program.ends, Infinity, Buffer.alloc(MB));
    program.finishes();
    assert.equal(await (form === 'run' ? exchange.run(undefined) : exchange.runSync(Infinity)), true);
    assert.equal(String(exchange.result()[0]), 'what it says all the same');
  }
});

test('what was read by the streams before belongs to the result', async () => {
  for (const text of [false, true]) {
    const program = streams(text);
    const { stdout } = program.ends;
    program.says('first\nsec');
    assert.equal(String(await stdout.readline()), 'first\n');
    program.says('ond\n');
    program.finishes();
    const exchange = new Communication(program.ends, Infinity, undefined);
    await exchange.run(undefined);
    assert.equal(String(exchange.result()[0]), 'second\n');
    program.reads.close();
  }
});

test('a character that is cut between two calls is one character', () => {
  const program = streams(true);
  const exchange = new Communication(program.ends, Infinity, undefined);
  program.says(Buffer.from([0xc3]));
  assert.equal(exchange.runSync(soon()), false);
  program.says(Buffer.from([0xa9, 0x0d]));
  assert.equal(exchange.runSync(soon()), false);
  program.says('\n');
  program.finishes();
  assert.equal(exchange.runSync(Number.POSITIVE_INFINITY), true);
  assert.deepEqual(exchange.result(), ['é\n', '']);
  program.reads.close();
});

test('a bound keeps the beginning of each stream and counts the rest; text ends with a whole character', () => {
  const program = streams(true);
  const exchange = new Communication(program.ends, 3, undefined);
  program.says('ééé');
  program.complains('12345');
  program.finishes();
  assert.equal(exchange.runSync(Number.POSITIVE_INFINITY), true);
  assert.deepEqual(exchange.result(), ['é', '123']);
  assert.deepEqual(exchange.dropped(), [3, 2]);
  program.reads.close();
  const wrong = { name: 'UnicodeDecodeError' };
  assert.throws(() => runSync(['printf', 'a\\303'], { stdout: PIPE, text: true, maxOutput: 2 }), wrong);
});

test('only whole numbers of bytes are a bound; nothing is started for others', async () => {
  assert.deepEqual([undefined, null, 0, 7, Infinity].map(checkMaxOutput), [
    Infinity,
    Infinity,
    0,
    7,
    Infinity,
  ]);
  for (const [max, name] of [
    [-1, 'RangeError'],
    [1.5, 'RangeError'],
    [Number.NaN, 'RangeError'],
    ['5', 'TypeError'],
  ] as const) {
    assert.throws(() => checkMaxOutput(max), { name, message: /maxOutput/ });
    const maxOutput = max as number;
    await assert.rejects(run('nonexisting_i_hope', { maxOutput }), { name, message: /maxOutput/ });
    await using p = new Popen('true', { stdout: PIPE });
    await assert.rejects(p.communicate(undefined, { maxOutput }), { name });
    assert.throws(() => p.communicateSync(undefined, { maxOutput }), { name });
  }
});

test('input is text or bytes; anything else is refused, and nothing is started for it', async () => {
  assert.deepEqual(checkInput(new Uint16Array([0x6161])), new Uint8Array([0x61, 0x61]));
  for (const wrong of [5, 0, true, {}, [1], new ArrayBuffer(3)]) {
    const refused = { name: 'TypeError', message: /must be a string or a Buffer/ };
    assert.throws(() => checkInput(wrong), refused);
    const input = wrong as unknown as string;
    await assert.rejects(run('nonexisting_i_hope', { input }), refused);
    assert.throws(() => runSync('nonexisting_i_hope', { input }), refused);
  }
});

test('input that the encoding does not have is an error of the call, not silence', async () => {
  const refused = { name: 'UnicodeEncodeError' };
  for (const options of [
    { text: true, input: 'a\udcff' },
    { encoding: 'ascii', input: 'é' },
  ] as const) {
    await assert.rejects(run('cat', { ...options, stdout: PIPE }), refused);
    assert.throws(() => runSync('cat', { ...options, stdout: PIPE }), refused);
  }
});

test('after the end it refuses what it cannot do any more, as Python does', async () => {
  const reads = new Popen('cat', { stdin: PIPE, stdout: PIPE });
  await reads.communicate('x');
  await assert.rejects(reads.communicate(), { name: 'ValueError', message: /^read of closed file/ });
  const { fd } = process.stderr;
  const writes = new Popen(['sh', '-c', 'cat >/dev/null'], { stdin: PIPE, stdout: fd });
  assert.deepEqual(await writes.communicate('x'), [null, null]);
  assert.deepEqual(await writes.communicate(), [null, null]);
  assert.throws(() => writes.communicateSync('y'), { name: 'ValueError', message: /^write to closed file/ });
});
