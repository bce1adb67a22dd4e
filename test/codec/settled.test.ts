/** Variables that only the function around gives values: they are read once when that is over, and each time while it is under way. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { runInThisContext, Script } from 'node:vm';
import { encode } from '../../src/codec/index.ts';
import { recover } from '../../src/codec/price.ts';
import { Pool } from '../../src/index.ts';
import { questions } from '../support/inspector.ts';

// No look is declined for want of time here.
recover(1e6);

const pool = new Pool(1);
after(() => pool.terminate());

/** What it gives in another process: here, it would be the one that was sent. */
function there<R>(f: () => R): Awaited<R> {
  return pool.applySync(f);
}

test('a variable that was only given values by the function around is read once when that is over', () => {
  const kinds: Record<string, () => () => unknown> = {
    parameter: (options?: { a: number }) => {
      options ??= { a: 1 };
      return () => options;
    },
    local: () => {
      let x: number;
      if (Date.now() > 0) x = 1;
      else x = 2;
      return () => x;
    },
    loop: () => {
      const list: (() => number)[] = [];
      for (let i = 0; i < 3; i++) list.push(() => i);
      return list[1]!;
    },
    shared: () => {
      let x = 1;
      x += 1;
      const inner = (): number => x;
      return () => [inner(), x];
    },
    never: () => {
      let x: number | undefined;
      if (Date.now() < 0) x = 1;
      return () => x;
    },
    method: () =>
      new (class {
        make(n: number): () => number {
          n++;
          return () => n;
        }
      })().make(1),
  };
  // Then the source of this script is known.
  encode(() => kinds);
  for (const [kind, make] of Object.entries(kinds)) {
    const f = make();
    const value = f();
    const first = questions(() => encode(f));
    assert.ok(first.includes('Runtime.getProperties') && !first.includes('Debugger.enable'), kind);
    assert.deepEqual(
      questions(() => encode(f)),
      [],
      kind,
    );
    assert.deepEqual(there(f), value, kind);
    assert.deepEqual(there(make()), value, `${kind}: another one of the literal`);
  }
});

test('it is read anew while the function around is under way', () => {
  const seen: unknown[] = [];
  const direct = (): void => {
    let n = 0;
    const f = (): number => n;
    for (; n < 3; n++) seen.push(there(f));
    seen.push(there(f));
  };
  direct();
  const recursive = (depth: number): (() => number) => {
    let n = depth;
    const f = (): number => n;
    const inner = depth > 0 ? recursive(depth - 1) : f;
    seen.push(there(f));
    n += 10;
    seen.push(there(f), there(inner));
    return f;
  };
  recursive(1);
  const throughOthers = (): void => {
    let n = 0;
    const f = (): number => n;
    [1, 2].map(() => [1].map(() => seen.push(there(f))));
    n = 5;
    [1].map(() => seen.push(there(f)));
  };
  throughOthers();
  assert.deepEqual(seen, [0, 1, 2, 3, 0, 10, 10, 1, 11, 10, 0, 0, 5]);
});

test('it is read anew, too, where the stack is too deep to be looked at, or its limit cannot be changed', () => {
  const far = (depth: number, f: () => number): number => (depth > 0 ? far(depth - 1, f) : there(f));
  const around = (): number[] => {
    let n = 1;
    const f = (): number => n;
    const before = far(400, f);
    n = 2;
    return [before, far(400, f)];
  };
  assert.deepEqual(around(), [1, 2]);
  const near = (): number[] => {
    let n = 1;
    const f = (): number => n;
    const before = far(5, f);
    n = 2;
    return [before, far(5, f)];
  };
  const limit = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')!;
  Object.defineProperty(Error, 'stackTraceLimit', { ...limit, value: 2, writable: false });
  try {
    assert.deepEqual(near(), [1, 2]);
  } finally {
    Object.defineProperty(Error, 'stackTraceLimit', limit);
  }
});

test('it is read anew where the function around can go on later', async () => {
  const waits = async (seen: unknown[]): Promise<void> => {
    let n = 1;
    const f = (): number => n;
    await null;
    seen.push(there(f));
    n = 2;
    await null;
    seen.push(there(f));
  };
  const seen: unknown[] = [];
  await waits(seen);
  assert.deepEqual(seen, [1, 2]);
  const yields = function* (): Generator<() => number> {
    let n = 1;
    const f = (): number => n;
    yield f;
    n = 2;
    yield f;
  };
  assert.deepEqual([...yields()].length, 2);
  const steps = yields();
  const f = steps.next().value as () => number;
  assert.equal(there(f), 1);
  steps.next();
  assert.equal(there(f), 2);
});

test('it is read anew where something else can give it a value', () => {
  // As scripts: not strict.
  const kinds = {
    'a function inside': '(n) => { n++; return { get: () => n, set: (v) => { n = v } }; }',
    'a class inside':
      '(n) => { n++; class A { static set(v) { n = v } }; return { get: () => n, set: A.set }; }',
    'a field of a class':
      '(n) => { n++; return { get: () => n, set: (v) => { new (class { x = (n = v) })() } }; }',
    eval: '(n) => { n++; return { get: () => n, set: (v) => eval("n = v") }; }',
    arguments:
      '(function (n) { n++; const a = arguments; return { get: () => n, set: (v) => { a[0] = v } }; })',
  };
  for (const [kind, text] of Object.entries(kinds)) {
    const { get, set } = runInThisContext(`(${text})(1)`) as { get: () => number; set(v: number): void };
    assert.equal(there(get), 2, kind);
    set(5);
    assert.equal(there(get), 5, kind);
    set(6);
    assert.equal(there(get), 6, kind);
  }
});

/** A function whose variable is changed while the one around it is under way, as a script with this name. */
function aroundIn(filename: string): (there: typeof sent) => unknown {
  const text = `(there) => {
    let x = 0;
    const f = () => x, deep = (n) => n ? deep(n - 1) : there(f);
    const a = deep(20);
    x = 1;
    return [a, deep(20)];
  }`;
  return new Script(text, { filename }).runInThisContext() as ReturnType<typeof aroundIn>;
}

const sent = (f: () => unknown): unknown => there(f);

test('calls are known whatever their script is called', () => {
  for (const name of [
    '/a/b.js',
    '/a/./b%20c.js',
    '/a/..',
    '/a/.',
    '/a\nb.js',
    '/a\tb.js',
    '/a\\b',
    '/a//b',
    'a b',
    '',
  ]) {
    assert.deepEqual(aroundIn(name)(sent), [0, 1], JSON.stringify(name));
  }
});

test('calls are known whatever has become of Error, or nothing is settled', () => {
  const own = globalThis.Error;
  const [limit, prepare] = ['stackTraceLimit', 'prepareStackTrace'].map((key) =>
    Object.getOwnPropertyDescriptor(Error, key),
  );
  const changes: Record<string, () => void> = {
    replaced: () => {
      globalThis.Error = class extends own {} as ErrorConstructor;
    },
    short: () => {
      own.stackTraceLimit = 2;
    },
    'no limit': () => {
      Reflect.deleteProperty(own, 'stackTraceLimit');
    },
    'a getter': () => {
      Object.defineProperty(own, 'prepareStackTrace', {
        configurable: true,
        get: () => (_: unknown, sites: unknown[]) => sites.slice(0, 2),
      });
    },
    prepared: () => {
      own.prepareStackTrace = (_, sites) => sites.slice(0, 2);
    },
  };
  for (const [kind, change] of Object.entries(changes)) {
    try {
      change();
      const before = ['stackTraceLimit', 'prepareStackTrace'].map((key) =>
        Object.getOwnPropertyDescriptor(own, key),
      );
      assert.deepEqual(aroundIn('/error.js')(sent), [0, 1], kind);
      const after = ['stackTraceLimit', 'prepareStackTrace'].map((key) =>
        Object.getOwnPropertyDescriptor(own, key),
      );
      assert.deepEqual(after, before, kind);
    } finally {
      globalThis.Error = own;
      Object.defineProperty(own, 'stackTraceLimit', limit!);
      if (prepare === undefined) Reflect.deleteProperty(own, 'prepareStackTrace');
      else Object.defineProperty(own, 'prepareStackTrace', prepare);
    }
  }
});

test('a `var` that is given a value again by its declaration is no constant', () => {
  const kinds: Record<string, [text: string, seen: unknown[]]> = {
    'in a loop': [
      'let i = 0; const f = () => x; while (i < 3) { var x = i * 10; seen(f); i++ }',
      [0, 10, 20],
    ],
    'for of': ['const f = () => x; for (var x of [1, 2, 3]) seen(f)', [1, 2, 3]],
    'for in': ['const f = () => x; for (var x in { a: 1, b: 2 }) seen(f)', ['a', 'b']],
    'a pattern': ['const f = () => x; for (var [x] of [[1], [2]]) seen(f)', [1, 2]],
    'in a block in a loop': ['const f = () => x; for (const y of [1, 2]) { { var x = y } seen(f) }', [1, 2]],
    caught: ['try { throw 1 } catch (e) { const f = () => e; seen(f); var e = 2; seen(f) }', [1, 2]],
    'a parameter': ['((x) => { const f = () => x; seen(f); var x = 2; seen(f) })(1)', [1, 2]],
  };
  for (const strict of ['', '"use strict";']) {
    for (const [kind, [text, expected]] of Object.entries(kinds)) {
      const values: unknown[] = [];
      const run = runInThisContext(`(seen) => { ${strict} ${text} }`) as (
        seen: (f: () => unknown) => void,
      ) => void;
      run((f) => values.push(there(f)));
      assert.deepEqual(values, expected, `${kind} ${strict}`);
    }
  }
});

test('what the body of a function declares is not taken for what the defaults of its parameters mean', () => {
  const f = runInThisContext(
    '(() => { const n = 1; return (a = () => n) => { var n = 7; return [a(), n]; } })()',
  );
  assert.deepEqual(there(f as () => unknown), [1, 7]);
});
