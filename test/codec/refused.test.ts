/** What cannot travel: refused at once, with the path to it and what to do, and nothing is started. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import net from 'node:net';
import { after, test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { encode } from '../../src/codec/index.ts';
import { activeChildren, Lock, Pool, Process, SerializationError } from '../../src/index.ts';
import { Popen } from '../../src/subprocess.ts';

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

test('what to do says something that helps', async () => {
  const pool = new Pool(1);
  const result = pool.applyAsync(() => 1);
  const items = pool.imap((x: number) => x, [1]);
  const running = new Popen(['true']);
  const guard = await new Lock().guard();
  class Mine extends Pool {}
  const mine = new Mine(1);
  try {
    for (const [value, advice] of [
      [pool, 'make another one inside the function'],
      [mine, 'make another one inside the function'],
      [result, 'await it first and send what it gives'],
      [items, 'send what it gives, item by item'],
      [running, 'start the program inside the function'],
      [guard, 'send the lock itself'],
    ] as const) {
      assert.throws(() => encode([value]), {
        name: 'SerializationError',
        message: `Cannot send value → [0] → ${value.constructor.name}: it belongs to the process that made it; ${advice}`,
      });
    }
    const above = { name: (): string => 'above' };
    const object = {
      __proto__: above,
      name(): string {
        return super.name();
      },
    };
    for (const [value, advice] of [
      [new Blob(['x']), /: it belongs to this process; make it inside the function$/],
      [new WeakMap(), /tell it to target ES2022/],
      [object, /write the object as a class, or make it inside the function$/],
      [
        new (class Local extends net.Socket {})(),
        /or give its class \[serialize\]|in the process that uses it$/,
      ],
    ] as const) {
      assert.throws(() => encode(value), advice);
    }
  } finally {
    guard.release();
    await items.next();
    await running.wait();
    for (const each of [pool, mine]) {
      await each.terminate();
      await each.join();
    }
  }
});

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
  assert.throws(
    () => p.start(),
    (error) => {
      assert.ok(error instanceof SerializationError);
      assert.deepEqual(error.path, ['args', '[0]', 'property "bad"']);
      assert.match(error.message, /RangeError: from the getter; see the cause$/);
      assert.ok(error.cause instanceof RangeError);
      return true;
    },
  );
  assert.equal(p.pid, null);
});

function troubleOf(value: unknown): SerializationError {
  try {
    encode(value, { root: 'args' });
  } catch (error) {
    assert.ok(error instanceof SerializationError, String(error));
    return error;
  }
  assert.fail('it was sent');
}

test('whatever is thrown while a value is looked at comes as the cause, with the path to where it was', () => {
  const revoked = Proxy.revocable({}, {});
  const revokedFunction = Proxy.revocable(() => {}, {});
  revoked.revoke();
  revokedFunction.revoke();
  const trapped = new Proxy(
    {},
    {
      getPrototypeOf() {
        throw new Error('from a trap');
      },
    },
  );
  const unshowable = {
    toString(): never {
      throw new Error('no text');
    },
  };
  const thrower = (what: unknown): object => ({
    get bad(): never {
      throw what;
    },
    [Symbol.for('more')]: 1,
  });
  const list = Object.defineProperty([0], 0, {
    get(): never {
      throw new Error('in a captured array');
    },
  });
  for (const [value, path, cause] of [
    [revoked.proxy, [], TypeError],
    [[{ a: revoked.proxy }], ['[0]', 'property "a"'], TypeError],
    [new Map([['k', revoked.proxy]]), ['value at "k"'], TypeError],
    [new Set([trapped]), ['member of a Set'], Error],
    [[thrower(new RangeError('x'))], ['[0]', 'property "bad"'], RangeError],
    [() => list, ['closure variable "list"', '[0]'], Error],
  ] as const) {
    const error = troubleOf(value);
    assert.deepEqual(error.path, ['args', ...path]);
    assert.ok(error.cause instanceof cause);
  }
  assert.deepEqual(troubleOf([revokedFunction.proxy]).path, ['args', '[0]', 'Proxy']);
  assert.equal(troubleOf(thrower(unshowable)).cause, unshowable);
});

test('the path to what a captured method, or a function in a function, captured begins at the start', () => {
  let changing = (): unknown => socket;
  const object = { method: () => socket };
  class Owner {
    method(): unknown {
      return socket;
    }
  }
  const [one, map] = [() => object.method(), new Map([['key', { object }]])];
  const two = (): unknown => one();
  const end = ['closure variable "socket"', 'Socket'];
  const method = ['closure variable "object"', 'property "method"', ...end];
  for (const [value, path] of [
    [() => object.method(), method],
    [[{ deep: two }], ['[0]', 'property "deep"', 'closure variable "one"', ...method]],
    [
      () => map,
      ['closure variable "map"', 'value at "key"', 'property "object"', 'property "method"', ...end],
    ],
    [() => new Owner(), ['closure variable "Owner"', ...end]],
    [() => changing(), ['closure variable "changing"', ...end]],
  ] as const) {
    assert.deepEqual(troubleOf(value).path, ['args', ...path]);
  }
  changing = () => 1;
  assert.equal(changing(), 1);
});

test('a listener that was added with once() is refused, and what to do said', () => {
  const emitter = new EventEmitter().on('other', () => {}).once('event', () => {});
  const error = troubleOf([emitter]);
  assert.deepEqual(error.path, ['args', '[0]', 'listener of "event"']);
  assert.match(error.message, /once\(\).*on\(\)/);
});

test('iterators of the engine are refused, whatever they go over', () => {
  for (const iterator of [[1].values(), 'a'[Symbol.iterator](), 'a'.matchAll(/a/g), new Map().keys()]) {
    assert.throws(() => encode({ iterator }), {
      name: 'SerializationError',
      message: /"iterator".*Iterator: it cannot be copied/s,
    });
  }
});
