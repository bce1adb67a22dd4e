/** Computed keys of methods, which V8 has forgotten, and methods that are gone. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Pool, SerializationError } from '../../src/index.ts';

const pool = new Pool(1);
after(() => pool.terminate());

type AnyKeys = new () => object;

function make(name: string, symbol: symbol, n: number): AnyKeys {
  return class {
    [name as 'foo'](): string {
      return 'method';
    }
    static [`${name}Static` as 'fooStatic'](): string {
      return 'static';
    }
    get [`${name}Pair` as 'fooPair'](): string {
      return 'got';
    }
    set [`${name}Pair` as 'fooPair'](x: string) {
      Object.assign(this, { given: x });
    }
    [symbol as typeof Symbol.iterator](): string {
      return 'symbol';
    }
    static get [n++ as 3](): number {
      return n;
    }
  };
}

test('keys that only a computed key has used are those of the class', async () => {
  const key = Symbol.for('multiproc.test');
  const cls = make('foo', key, 3);
  const seen = await pool.apply(() => {
    const o = new cls() as unknown as Record<string, unknown> & Record<symbol, () => string>;
    const statics = cls as unknown as Record<string, unknown> & { fooStatic(): string };
    o.fooPair = 'x';
    return [
      (o as unknown as { foo(): string }).foo(),
      statics.fooStatic(),
      o.fooPair,
      o.given,
      o[key]!(),
      statics[3],
      Reflect.ownKeys(cls.prototype).map(String),
    ];
  });
  const keys = ['constructor', 'foo', 'fooPair', 'Symbol(multiproc.test)'];
  assert.deepEqual(seen, ['method', 'static', 'got', 'x', 'symbol', 4, keys]);
});

test('two classes of one literal have each their own keys', async () => {
  const [a, b] = [make('a', Symbol.iterator, 0), make('b', Symbol.iterator, 0)];
  const names = (c: AnyKeys): string[] => Object.getOwnPropertyNames(c.prototype);
  assert.deepEqual(await pool.apply(() => [names(a), names(b)]), [names(a), names(b)]);
});

test('where the method is gone, or the key is a field’s, it is refused', async () => {
  const cls = make('gone', Symbol.iterator, 0);
  Reflect.deleteProperty(cls.prototype, 'gone');
  await assert.rejects(
    pool.apply(() => cls),
    (e) =>
      e instanceof SerializationError && /a computed key: its method is not there any more/.test(e.message),
  );
  const Field = ((key: string) =>
    class {
      [key] = 1;
    })('x');
  await assert.rejects(
    pool.apply(() => Field),
    /closure variable "key": only the computed key of a field uses it/,
  );
});

test('methods and static methods that were deleted stay so', async () => {
  class Cut {
    a(): number {
      return 1;
    }
    get b(): number {
      return 2;
    }
    c(): number {
      return 3;
    }
    static d(): number {
      return 4;
    }
    static e(): number {
      return 5;
    }
  }
  for (const key of ['a', 'b']) Reflect.deleteProperty(Cut.prototype, key);
  Reflect.deleteProperty(Cut, 'd');
  const look = (): unknown[] => [
    'a' in Cut.prototype,
    'b' in Cut.prototype,
    new Cut().c(),
    'd' in Cut,
    Cut.e(),
  ];
  assert.deepEqual(await pool.apply(look), [false, false, 3, false, 5]);
  Reflect.deleteProperty(Cut.prototype, 'c');
  assert.equal(await pool.apply(() => 'c' in Cut.prototype), false);
});
