/** Classes that a module exports though another has made them, or inside of an object: the receiver has its own, and instances are its. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Pool } from '../../src/index.ts';
import { root } from '../support/run.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'multiproc-'));
const pool = new Pool(1);
after(() => {
  pool.terminate();
  rmSync(directory, { recursive: true });
});

function write(name: string, text: string): string {
  const file = path.join(directory, name);
  writeFileSync(file, text);
  return pathToFileURL(file).href;
}

async function load<T>(name: string, text: string): Promise<T> {
  return (await import(write(name, text))) as T;
}

type AnyClass = new (x?: unknown) => object;

interface Module {
  /** Gives the class itself. */
  look(): AnyClass;
  isOne(o: unknown): boolean;
  make(): object;
}

/** Instances go there and come home as instances of the module's own class, on both sides. */
async function travelsAsOwn({ look, isOne, make }: Module): Promise<void> {
  const cls = look();
  assert.equal(await pool.apply(isOne, [new cls('x')]), true);
  assert.equal(await pool.apply(isOne, [make()]), true);
  const home = await pool.apply(make);
  assert.equal(isOne(home), true);
  assert.equal(home.constructor, cls);
  const [same, back] = await pool.apply(
    (c: AnyClass, f: () => AnyClass) => [c === f(), c] as const,
    [cls, look],
  );
  assert.deepEqual([same, back], [true, cls]);
}

write('factory.mjs', 'export const errorClass = (code) => class CodeError extends Error { code = code; };');
write('factory.cjs', 'exports.errorClass = (code) => class CodeError extends Error { code = code; };');

test('a class that another module’s function has made', async () => {
  const m = await load<Module & { fail(): never }>(
    'errors.mjs',
    `import { errorClass } from './factory.mjs';
    export const NotFound = errorClass('E_NOT_FOUND');
    export const look = () => NotFound, isOne = (o) => o instanceof NotFound, make = () => new NotFound('made');
    export const fail = () => { throw new NotFound('failed'); };`,
  );
  await travelsAsOwn(m);
  await assert.rejects(
    pool.apply(m.fail),
    (e) => m.isOne(e) && (e as { code: string }).code === 'E_NOT_FOUND',
  );
});

test('a class that is known by what the sending module imports', async () => {
  write(
    'imported.mjs',
    `import { errorClass } from './factory.mjs';
    export const Named = errorClass(1), kinds = 2;
    export default errorClass(3);`,
  );
  write('through.mjs', `export * as inner from './imported.mjs';`);
  type Uses = { pairs(): [AnyClass, (o: unknown) => boolean][] };
  const uses = await load<Uses>(
    'uses.mjs',
    `import Default, { Named as Other } from './imported.mjs';
    import * as all from './through.mjs';
    const isDefault = (o) => o instanceof Default && all.inner.kinds === 2, isOther = (o) => o instanceof Other;
    const isInner = (o) => o instanceof all.inner.Named;
    export const pairs = () => [[Default, isDefault], [Other, isOther], [all.inner.Named, isInner]];`,
  );
  for (const [cls, isOne] of uses.pairs()) assert.equal(await pool.apply(isOne, [new cls('x')]), true);
});

test('a class that is known by a namespace of a namespace', async () => {
  write('deep.mjs', `import { errorClass } from './factory.mjs'; export const Deep = errorClass(1);`);
  write('outer.mjs', `export * as inner from './deep.mjs';`);
  const uses = await load<{ cls(): AnyClass; isOne(o: unknown): boolean }>(
    'uses-deep.mjs',
    `import * as all from './outer.mjs';
    const one = (o) => o instanceof all.inner.Deep;
    export const cls = () => all.inner.Deep, isOne = (o) => one(o);`,
  );
  assert.equal(await pool.apply(uses.isOne, [new (uses.cls())('x')]), true);
});

test('a class that another CommonJS module’s function has made', async () => {
  const { default: m } = await load<{ default: Module }>(
    'errors.cjs',
    `const { errorClass } = require('./factory.cjs');
    exports.NotFound = errorClass(1);
    exports.look = () => exports.NotFound;
    exports.isOne = (o) => o instanceof exports.NotFound;
    exports.make = () => new exports.NotFound('made');`,
  );
  await travelsAsOwn(m);
});

test('a function in the old style that makes instances, and that another module’s function has made', async () => {
  write('old.mjs', 'export const make = (n) => { function Made(x) { this.x = x + n; } return Made; };');
  const m = await load<Module>(
    'uses-old.mjs',
    `import { make as makeClass } from './old.mjs';
    export const Made = makeClass(1);
    export const look = () => Made, isOne = (o) => o instanceof Made, make = () => new Made('made');`,
  );
  assert.equal(await pool.apply(m.isOne, [m.make()]), true);
  assert.equal(m.isOne(await pool.apply(m.make)), true);
});

test('a class that a function of a module has put into an exported variable later travels by value', async () => {
  const m = await load<{ set(): AnyClass; value(): unknown }>(
    'later.mjs',
    `import { errorClass } from './factory.mjs';
    export let Now = errorClass(1);
    export const set = () => Now = errorClass(2), value = () => new Now('x').code;`,
  );
  // So that the module is known, with what it exports by now.
  const cls = m.set();
  assert.equal(await pool.apply(m.value), 1);
  assert.equal(
    await pool.apply((c: AnyClass, _: unknown) => (new c('x') as { code: number }).code, [cls, m.value]),
    2,
  );
});

for (const [what, exports] of [
  ['an object', 'export const models = { User };'],
  ['an object in a frozen object', 'export const models = Object.freeze({ all: { "the user": User } });'],
  ['the default export', 'export default { User };'],
] as const) {
  test(`a class that is exported inside of ${what}`, async () => {
    const name = `members-${what.replaceAll(' ', '-')}.mjs`;
    await travelsAsOwn(
      await load<Module>(
        name,
        `class User { constructor(n) { this.n = n; } }
        ${exports}
        export const look = () => User, isOne = (o) => o instanceof User, make = () => new User(1);`,
      ),
    );
  });
}

test('a class that is written where it is exported, inside of an object', async () => {
  const m = await load<Module>(
    'anonymous.mjs',
    `export const models = { User: class { constructor(n) { this.n = n; } } };
    export const look = () => models.User, isOne = (o) => o instanceof models.User, make = () => new models.User(1);`,
  );
  await travelsAsOwn(m);
});

for (const [what, exports] of [
  ['an object', 'module.exports = { models: { User }, look, isOne, make };'],
  ['one of the exports', 'exports.models = { User }; Object.assign(exports, { look, isOne, make });'],
] as const) {
  test(`a class of CommonJS that is exported inside of ${what}`, async () => {
    const { default: m } = await load<{ default: Module }>(
      `members-${what.replaceAll(' ', '-')}.cjs`,
      `class User { constructor(n) { this.n = n; } }
      const look = () => User, isOne = (o) => o instanceof User, make = () => new User(1);
      ${exports}`,
    );
    await travelsAsOwn(m);
  });
}

for (const [what, extension, exports] of [
  ['ES modules', 'mjs', 'export var Geo;'],
  [
    'CommonJS',
    'cjs',
    'var Geo; Object.defineProperty(exports, "Geo", { get: () => Geo, enumerable: true });',
  ],
] as const) {
  test(`a class of a namespace of TypeScript's, as ${what}`, async () => {
    const loaded = await load<Module & { default: Module }>(
      `namespaces.${extension}`,
      `${exports}
      (function (Geo) {
        let Inner;
        ((Inner2) => { class Point { constructor(x) { this.x = x; } } Inner2.Point = Point; })(Inner = Geo.Inner || (Geo.Inner = {}));
      })(Geo || (Geo = {}));
      const look = () => Geo.Inner.Point, isOne = (o) => o instanceof Geo.Inner.Point, make = () => new Geo.Inner.Point(1);
      ${extension === 'mjs' ? 'export { look, isOne, make };' : 'Object.assign(exports, { look, isOne, make });'}`,
    );
    await travelsAsOwn(extension === 'mjs' ? loaded : loaded.default);
  });
}

test('a class that another module has made and that is exported inside of an object', async () => {
  write(
    'table.mjs',
    `import { errorClass } from './factory.mjs';
    export const errors = { NotFound: errorClass(404), list: [1, errorClass(405)] };`,
  );
  const m = await load<{ pairs(): [AnyClass, (o: unknown) => boolean, () => object][] }>(
    'uses-table.mjs',
    `import { errors } from './table.mjs';
    const all = [errors.NotFound, errors.list[1]];
    export const pairs = () => [
      [errors.NotFound, (o) => o instanceof errors.NotFound, () => new errors.NotFound('x')],
      [errors.list[1], (o) => o instanceof errors.list[1], () => new errors.list[1]('x')],
    ];`,
  );
  for (const [cls, isOne, make] of m.pairs()) {
    assert.equal(await pool.apply(isOne, [new cls('x')]), true);
    assert.equal(isOne(await pool.apply(make)), true);
  }
});

test('a class that another module has made and that is exported beside a function of the module', async () => {
  const m = await load<{ errors: { NotFound: AnyClass }; isOne(o: unknown): boolean }>(
    'own-table.mjs',
    `import { errorClass } from './factory.mjs';
    const errors = { NotFound: errorClass(404) };
    export { errors, isOne };
    function isOne(o) { return o instanceof errors.NotFound; }`,
  );
  const send = (): Promise<boolean> => pool.apply(m.isOne, [new m.errors.NotFound('x')]);
  await pool.apply(m.isOne, [1]);
  assert.equal(await send(), true);
});

test('an exported object that a function replaces later is not what the source says', async () => {
  const { default: m } = await load<{ default: { models: { A: AnyClass }; swap(): void } }>(
    'swaps.cjs',
    `exports.models = { A: class { x = 1; } };
    exports.swap = () => { exports.models = { A: class { x = 2; } }; };`,
  );
  m.swap();
  assert.equal(await pool.apply((c: AnyClass) => (new c() as { x: number }).x, [m.models.A]), 2);
});

test('a class that another CommonJS module has made and that is exported inside of an object', async () => {
  const { default: m } = await load<{
    default: { errors: Record<string, AnyClass>; isOne(o: unknown): boolean; make(): object };
  }>(
    'table.cjs',
    `const { errorClass } = require('./factory.cjs');
    module.exports = {
      errors: { NotFound: errorClass(404) },
      isOne: (o) => o instanceof module.exports.errors.NotFound,
      make: () => new module.exports.errors.NotFound('x'),
    };`,
  );
  assert.equal(await pool.apply(m.isOne, [new m.errors.NotFound!('x')]), true);
  assert.equal(m.isOne(await pool.apply(m.make)), true);
});

test('what modules have put into another module’s object is not looked for there', async () => {
  const m = await load<{ plugins: { a: AnyClass }; names(): string[] }>(
    'plugins.mjs',
    `export const plugins = {}, names = () => Object.keys(plugins);
    export const register = (name, cls) => { plugins[name] = cls; };`,
  );
  await load('plugin.mjs', `import { register } from './plugins.mjs'; register('a', class A { x = 1; });`);
  assert.deepEqual([m.names(), await pool.apply(m.names)], [['a'], []]);
  const [name, x] = await pool.apply(
    (o: object) => [o.constructor.name, (o as { x: number }).x],
    [new m.plugins.a()],
  );
  assert.deepEqual([name, x], ['A', 1]);
});

test('what the program has put into an exported object is not looked for in the receiver’s', async () => {
  const m = await load<{ registry: Record<string, AnyClass>; define(name: string): AnyClass }>(
    'registry.mjs',
    `export const registry = {};
    export const define = (name) => registry[name] = class { name = name; };`,
  );
  const cls = m.define('late');
  const name = await pool.apply(
    (o: { name: string }, c: AnyClass) => [o.name, o instanceof c],
    [new cls() as { name: string }, cls],
  );
  assert.deepEqual(name, ['late', true]);
});

test('a namespace that says nothing of itself is known by who imports it', async () => {
  write('part.mjs', 'export const n = 1;');
  write('only.mjs', `export { n } from './part.mjs'; export { errorClass } from './factory.mjs';`);
  const m = await load<{ bound(): unknown; direct(): () => number }>(
    'uses-only.mjs',
    `import * as all from './only.mjs';
    export const direct = () => { const held = { all }; return () => held.all.n; };`,
  );
  assert.equal(await pool.apply(m.direct()), 1);
});

test('a namespace may export itself', async () => {
  const m = await load<{ f(): () => unknown; isOne(o: unknown): boolean }>(
    'cycle.mjs',
    `import * as self from './cycle.mjs';
    export { self };
    class Inner {}
    export const f = () => { const o = new Inner(); return () => [self.self === self, o.constructor.name]; };
    export const isOne = (o) => o instanceof Inner;`,
  );
  assert.equal(await pool.apply(m.isOne, [1]), false);
  assert.deepEqual(await pool.apply(m.f()), [true, 'Inner']);
});

test('what the main script exports is not looked for in a module: that would run it again', async () => {
  write('slots.cjs', 'exports.filled = () => Object.keys(exports);');
  write('main-factory.cjs', 'exports.make = () => class Made { x = 1; };');
  const main = write(
    'main.cjs',
    `const { Pool } = require(${JSON.stringify(path.join(root, 'dist', 'cjs', 'index.js'))});
    const Made = require('./main-factory.cjs').make();
    module.exports = { Made, models: { Made } };
    function Old() { this.x = 2; }
    function Met() { this.x = 3; }
    Object.assign(require('./slots.cjs'), { Old, Met });
    console.log('main runs');
    (async () => {
      const pool = new Pool(1);
      console.log(await pool.apply((o) => [o.x, o instanceof Made], [new Made()]), (await pool.apply(() => new Made())) instanceof Made);
      console.log(await pool.apply((o) => [o.x, o instanceof Old], [new Old()]));
      console.log(await pool.apply((o) => o.x, [new Met()]));
      await pool.terminate();
    })();`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(main)]);
  assert.equal(stdout, 'main runs\n[ 1, true ] true\n[ 2, true ]\n3\n');
});
