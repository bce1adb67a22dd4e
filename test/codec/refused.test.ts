/** What cannot travel: refused at once, with the path to it and what to do, and nothing is started. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import net from 'node:net';
import { after, test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { activeChildren, Pool, Process, SerializationError } from '../../src/index.ts';

const socket = new net.Socket();
const { port1 } = new MessageChannel();
const handle = await open('/dev/null');
await handle.close();
const program = spawn('true');
const stream = createReadStream('/dev/null');
after(() => {
  socket.destroy();
  port1.close();
  stream.destroy();
});
class Secret {
  #hidden = 1;
  get(): number {
    return this.#hidden;
  }
  closure(): () => number {
    return () => this.#hidden;
  }
}
class Base {
  hello(): string {
    return 'base';
  }
}
class Derived extends Base {
  override hello(): string {
    return `${super.hello()}!`;
  }
  closure(): () => string {
    return () => super.hello();
  }
}
function outerArguments(..._: number[]): () => unknown {
  // biome-ignore lint/complexity/noArguments: what is tested
  return () => arguments[0];
}
const generator = (function* () {
  yield 1;
})();

const cases: readonly (readonly [what: string, value: unknown, path: RegExp])[] = [
  ['a socket that is not connected', socket, /Socket/],
  ['a server that does not listen', net.createServer(), /Server/],
  ['a server of HTTP', createServer(), /Server/],
  ['a closed file handle', handle, /FileHandle/],
  ['a stream', stream, /ReadStream/],
  ['a child process', program, /ChildProcess/],
  ['a message port', port1, /MessagePort/],
  ['a hash that is being made', createHash('sha1'), /Hash/],
  ['a key', generateKeyPairSync('ed25519').privateKey, /Key/],
  ['a promise', Promise.resolve(), /Promise/],
  ['a weak map', new WeakMap(), /WeakMap/],
  ['a weak set', new WeakSet(), /WeakSet/],
  ['a weak reference', new WeakRef({}), /WeakRef/],
  ['a registry', new FinalizationRegistry(() => {}), /FinalizationRegistry/],
  ['a proxy', new Proxy({}, {}), /Proxy/],
  ['a proxy of a function', new Proxy(() => {}, {}), /Proxy/],
  ['a symbol', Symbol('mine'), /Symbol\(mine\)/],
  ['shared memory of threads', new SharedArrayBuffer(8), /SharedArrayBuffer/],
  ['a view of it', new Uint8Array(new SharedArrayBuffer(8)), /SharedArrayBuffer/],
  ['a generator at work', generator, /Generator/],
  ['an iterator', new Map().keys(), /Iterator/],
  ['a timer', setTimeout(() => {}, 0), /Timeout/],
  ['an abort controller', new AbortController(), /AbortController/],
  ['a response', new Response('x'), /Response/],
  ['headers', new Headers({ a: 'b' }), /Headers/],
  ['a blob', new Blob(['x']), /Blob/],
  ['private state', new Secret(), /Secret/],
  ['a function that touches private state', new Secret().closure(), /./],
  ['a function that uses super', new Derived().closure(), /./],
  ['a method that uses super', Derived.prototype.hello, /./],
  ['a function that uses the arguments of another', outerArguments(1), /./],
  ['an instance of a class that extends a class of Node', new (class Mine extends net.Socket {})(), /Mine/],
  ['a module of a pool', new Pool(1), /Pool/],
];

for (const [what, value, pattern] of cases) {
  test(`${what} is refused, as an argument and as a captured variable, with the path to it and what to do`, () => {
    const captured = { deep: [value] };
    const before = activeChildren().length;
    for (const [p, path] of [
      [
        new Process({ target: (_: unknown) => {}, args: [{ deep: [value] }] }),
        ['args', '[0]', 'property "deep"', '[0]'],
      ],
      [
        new Process({ target: () => void captured }),
        ['target', 'closure variable "captured"', 'property "deep"', '[0]'],
      ],
    ] as const) {
      assert.throws(
        () => p.start(),
        (error) => {
          assert.ok(error instanceof SerializationError, String(error));
          assert.deepEqual(error.path.slice(0, 4), path, error.message);
          assert.match(error.message, /^Cannot send (target|args) → .*: .*; .*$/s);
          assert.match(error.message, pattern);
          return true;
        },
      );
      assert.equal(p.pid, null);
      assert.equal(p.exitcode, null);
    }
    assert.equal(activeChildren().length, before);
  });
}

test('a getter that throws, and a toJSON that lies, are the caller’s errors and leave nothing behind', () => {
  const value = {
    get bad(): never {
      throw new RangeError('from the getter');
    },
  };
  const p = new Process({ target: (_: unknown) => {}, args: [value] });
  assert.throws(() => p.start(), /from the getter/);
  assert.equal(p.pid, null);
});
