/** SharedMemory and ShareableList together with CPython's, both ways; needs python3, numpy for one test. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Shareable, ShareableList, SharedMemory } from '../../src/shared-memory.ts';
import { Conversation, python, pythons } from '../support/python.ts';
import { until } from '../support/run.ts';
import { exists, freshName } from '../support/shm.ts';

/** For a CPython that attaches: before 3.13 its tracker removes what it only attached to, see `docs/shared-memory.md`. */
const attach = `
import sys
from multiprocessing import shared_memory, resource_tracker
def attach(name, cls=shared_memory.SharedMemory):
    if sys.version_info >= (3, 13):
        if cls is shared_memory.SharedMemory:
            return cls(name, track=False)
    memory = cls(name=name)
    shm = memory if cls is shared_memory.SharedMemory else memory.shm
    resource_tracker.unregister(shm._name, 'shared_memory')
    return memory
`;

for (const { file, version } of pythons) {
  describe(`CPython ${version}`, () => {
    test('opens our memory, sees its exact size, and what either side writes the other reads', async () => {
      const memory = new SharedMemory({ name: freshName(), create: true, size: 5000 });
      memory.buf.write('from node');
      const { stdout, stderr } = await python(
        file,
        `${attach}
m = attach(sys.argv[1])
print(m.size, len(m.buf), bytes(m.buf[:9]).decode())
m.buf[4999] = 7
m.close()`,
        memory.name,
      );
      assert.deepEqual([stdout, stderr], ['5000 5000 from node\n', '']);
      assert.equal(memory.buf[4999], 7);
      assert.equal(exists(memory.name), true, 'its end leaves the memory alone');
      memory.close();
      memory.unlink();
    });

    test('makes memory that we open; it stays until CPython unlinks it', async () => {
      await using python = new Conversation(
        file,
        `import sys
from multiprocessing import shared_memory
m = shared_memory.SharedMemory(create=True, size=4097)
m.buf[0] = 42
print(m.name)
for line in sys.stdin:
    print(m.buf[4096])
m.close(); m.unlink()`,
      );
      const name = await python.line();
      {
        using memory = new SharedMemory(name);
        assert.equal(memory.size, 4097);
        assert.equal(memory.buf[0], 42);
        memory.buf[4096] = 99;
      }
      assert.equal(await python.ask('look'), '99');
      assert.equal(exists(name), true);
      assert.equal(await python.end(), '', 'nothing to warn of');
      assert.equal(exists(name), false);
    });

    test('may be the one to unlink ours: nobody warns', async () => {
      const memory = new SharedMemory({ name: freshName(), create: true, size: 100 });
      const { stderr } = await python(
        file,
        `import sys
from multiprocessing import shared_memory
m = shared_memory.SharedMemory(sys.argv[1]); m.close(); m.unlink()`,
        memory.name,
      );
      assert.equal(stderr, '');
      assert.throws(() => memory.unlink(), { name: 'FileNotFoundError' });
      assert.equal(memory.buf.length, 100, 'we keep what we have mapped');
      memory.close();
    });

    const items: Shareable[] = ['howdy', Buffer.from('HoWdY'), -273.154, 100, null, true, 42];

    test('a ShareableList of ours is, byte for byte, the one that CPython makes', async () => {
      const name = freshName();
      const theirs = new Conversation(
        file,
        `import sys
from multiprocessing import shared_memory
a = shared_memory.ShareableList(["howdy", b"HoWdY", -273.154, 100, None, True, 42], name=sys.argv[1])
print('made')
for line in sys.stdin:
    a[4] = "some"; a[2] = None; a[5] = 7; a[6] = 2.5
    print('changed')
a.shm.close(); a.shm.unlink()`,
        name,
      );
      await theirs.line();
      const ours = new ShareableList(items);
      const bytes = (n: string) => readFileSync(`/dev/shm/${n}`).toString('hex');
      assert.equal(bytes(ours.shm.name), bytes(name));
      await theirs.ask('change');
      for (const [i, value] of [
        [4, 'some'],
        [2, null],
        [5, 7],
        [6, 2.5],
      ] as const)
        ours.set(i, value);
      assert.equal(bytes(ours.shm.name), bytes(name));
      assert.equal(ours.format, '8s8sxxxxxx?xq8sqd');
      ours.shm.close();
      ours.shm.unlink();
      assert.equal(await theirs.end(), '');
    });

    test('reads our list and we read its, whatever either side put in', async () => {
      await using peer = new Conversation(
        file,
        `import sys, json
from multiprocessing import shared_memory
lists = {}
def plain(x):
    return {'bytes': x.hex()} if isinstance(x, bytes) else {'float': x.hex()} if isinstance(x, float) else {'int': str(x)} if type(x) is int else x
def back(x):
    if not isinstance(x, dict): return x
    if 'bytes' in x: return bytes.fromhex(x['bytes'])
    if 'float' in x: return float.fromhex(x['float'])
    return int(x['int'])
for line in sys.stdin:
    command, name, values = json.loads(line)
    if command == 'read':
        a = shared_memory.ShareableList(name=name)
        print(json.dumps([plain(x) for x in a]))
        a.shm.close()
        a.shm.unlink()
    else:
        a = shared_memory.ShareableList([back(x) for x in values], name=name)
        a.shm.close()
        print('made')`,
      );
      const float = (value: number): string => {
        const bytes = Buffer.alloc(8);
        bytes.writeDoubleBE(value);
        return bytes.toString('hex');
      };
      /** What both sides print of a value; floats by their bits. */
      const seen = (value: Shareable): unknown => {
        if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') };
        if (typeof value === 'bigint') return { int: String(value) };
        if (typeof value === 'number')
          return Number.isSafeInteger(value) && !Object.is(value, -0)
            ? { int: String(value) }
            : { float: value };
        return value;
      };
      const noTrailingZeros = (b: Uint8Array | string) =>
        typeof b === 'string' ? !b.endsWith('\0') : b[b.length - 1] !== 0;
      const item = fc.oneof(
        fc
          .string({ unit: fc.integer({ min: 0, max: 126 }).map((n) => String.fromCharCode(n)) })
          .filter(noTrailingZeros),
        fc.uint8Array({ maxLength: 40 }).filter(noTrailingZeros),
        fc.integer(),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.double({ noNaN: true, noDefaultInfinity: true, noInteger: true }),
        fc.boolean(),
        fc.constant(null),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(item, { maxLength: 12 }), async (values) => {
          const name = freshName();
          const list = new ShareableList(values, { name });
          const told = JSON.parse(await peer.ask(JSON.stringify(['read', name, null]))) as Record<
            string,
            string
          >[];
          list.shm.close();
          assert.equal(told.length, values.length);
          for (const [i, value] of values.entries()) {
            const expected = seen(value) as Record<string, unknown> | null;
            if (typeof expected === 'object' && expected !== null && 'float' in expected) {
              assert.equal(float(hexFloat(told[i]!.float!)), float(expected.float as number));
            } else assert.deepEqual(told[i], expected);
          }
        }),
        { numRuns: 60 },
      );
      await fc.assert(
        fc.asyncProperty(fc.array(item, { maxLength: 12 }), async (values) => {
          const sent = values.map((v) => {
            const s = seen(v) as Record<string, unknown> | null;
            return typeof s === 'object' && s !== null && 'float' in s
              ? { float: toHexFloat(s.float as number) }
              : s;
          });
          const name = freshName();
          await peer.ask(JSON.stringify(['make', name, sent]));
          const list = new ShareableList(null, { name });
          assert.deepEqual([...list].map(seen), values.map(seen));
          list.shm.close();
          list.shm.unlink();
        }),
        { numRuns: 60 },
      );
    });

    test('memory of a CPython that was killed goes with it, though we had it open', async () => {
      await using python = new Conversation(
        file,
        `import sys
from multiprocessing import shared_memory
m = shared_memory.SharedMemory(create=True, size=64)
print(m.name)
sys.stdin.read()`,
      );
      const name = await python.line();
      const memory = new SharedMemory({ name, track: false });
      await python.kill();
      await until(() => !exists(name), 'its tracker removed it');
      memory.buf[0] = 1;
      memory.close();
    });
  });
}

/** Python's `float.hex()`, exactly. */
function toHexFloat(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  const bits = bytes.readBigUInt64BE();
  const sign = bits >> 63n ? '-' : '';
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const mantissa = (bits & (2n ** 52n - 1n)).toString(16).padStart(13, '0');
  return exponent === 0 ? `${sign}0x0.${mantissa}p-1022` : `${sign}0x1.${mantissa}p${exponent - 1023}`;
}

function hexFloat(text: string): number {
  const [, sign, whole, fraction, exponent] = /^(-?)0x(\d)\.([0-9a-f]*)p([+-]?\d+)$/.exec(text)!;
  const mantissa = Number(BigInt(`0x${whole}${fraction}`));
  // In two steps, for a subnormal number.
  const power = Number(exponent) - 4 * fraction!.length;
  const half = Math.trunc(power / 2);
  return (sign === '-' ? -1 : 1) * mantissa * 2 ** half * 2 ** (power - half);
}

const withNumpy = await Promise.all(
  pythons.map(async (p) => {
    const found = await python(p.file, 'import numpy').then(
      () => true,
      () => false,
    );
    return found ? p.file : undefined;
  }),
);
const numpy = withNumpy.find((f) => f !== undefined);

test('64 MiB of numbers: numpy adds them up in place, and we read what it wrote', {
  skip: numpy === undefined,
}, async () => {
  const count = 8 * 2 ** 20;
  const memory = new SharedMemory({ name: freshName(), create: true, size: count * 8 });
  const cells = new Float64Array(memory.buf.buffer, memory.buf.byteOffset, count);
  for (let i = 0; i < count; i++) cells[i] = i;
  const { stdout } = await python(
    numpy!,
    `${attach}
import numpy
m = attach(sys.argv[1])
a = numpy.ndarray((${count},), dtype=numpy.float64, buffer=m.buf)
print(int(a.sum()))
a *= 2
a[-1] = -1
del a
m.close()`,
    memory.name,
  );
  assert.equal(Number(stdout), (count * (count - 1)) / 2);
  assert.equal(cells[12345], 24690);
  assert.equal(cells[count - 1], -1);
  memory.close();
  memory.unlink();
});
