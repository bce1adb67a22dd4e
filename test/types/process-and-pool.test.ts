/** What the compiler infers; `tsc` is the test, running it only shows that nothing throws. */
import { test } from 'node:test';
import { expectTypeOf } from 'expect-type';
import { type AsyncResult, type Pool, Process } from '../../src/index.ts';

type P = Pool;

test('a pool infers results and items from the function', () => {
  const check = (pool: P): void => {
    expectTypeOf(pool.map((x: number) => String(x), [1])).toEqualTypeOf<Promise<string[]>>();
    expectTypeOf(pool.map(async (x: number) => x > 1, [1])).toEqualTypeOf<Promise<boolean[]>>();
    expectTypeOf(pool.mapAsync((x: string) => x.length, ['a'])).toEqualTypeOf<AsyncResult<number[]>>();
    expectTypeOf(pool.apply((a: number, b: string) => [a, b] as const, [1, 'b'])).toEqualTypeOf<
      Promise<readonly [number, string]>
    >();
    expectTypeOf(pool.starmap((a: number, b: number) => a * b, [[1, 2] as const])).toEqualTypeOf<
      Promise<number[]>
    >();
    expectTypeOf(pool.imap((x: number) => ({ x }), [1]).next()).toEqualTypeOf<
      Promise<IteratorResult<{ x: number }, undefined>>
    >();
    expectTypeOf(pool.applyAsync((a: number) => a * 2, [1])).toEqualTypeOf<AsyncResult<number>>();
    expectTypeOf(pool.starmapAsync((a: number, b: string) => b + a, [[1, 'b'] as const])).toEqualTypeOf<
      AsyncResult<string[]>
    >();
    expectTypeOf(pool.imapUnordered(async (x: string) => x.length, ['a']).next()).toEqualTypeOf<
      Promise<IteratorResult<number, undefined>>
    >();
    expectTypeOf(pool.mapSync((x: number) => [x], [1])).toEqualTypeOf<number[][]>();
    expectTypeOf(pool.applySync(async (a: number) => String(a), [1])).toEqualTypeOf<string>();
    expectTypeOf(pool.applyAsync(Math.sqrt, [4]).get()).toEqualTypeOf<Promise<number>>();
    expectTypeOf(pool.applyAsync(Math.sqrt, [4]).getSync()).toEqualTypeOf<number>();
    const length = (x: string): number => x.length;
    pool.mapAsync(length, ['a'], { callback: (all) => expectTypeOf(all).toEqualTypeOf<number[]>() });
    async function* lines(): AsyncGenerator<string> {}
    expectTypeOf(pool.map(length, lines())).toEqualTypeOf<Promise<number[]>>();
    // @ts-expect-error the items are strings
    pool.imap((x: number) => x, lines());
    // @ts-expect-error the function wants numbers
    void pool.map((x: number) => x, ['a']);
    // @ts-expect-error one argument is missing
    void pool.apply((a: number, b: number) => a + b, [1]);
    // @ts-expect-error the argument is missing
    void pool.apply((a: number) => a);
    // @ts-expect-error the function wants a number
    pool.applySync((a: number, { k }: { k: number }) => a + k, [1], { kwargs: { k: 'x' } });
    // @ts-expect-error there is no last argument to take them
    pool.applyAsync((a: number) => a, [1], { kwargs: { k: 1 } });
    const scaled = (a: number, { by }: { by: number }): string => String(a * by);
    expectTypeOf(pool.apply(scaled, [1], { kwargs: { by: 2 } })).toEqualTypeOf<Promise<string>>();
    expectTypeOf(pool.applySync(scaled, [1], { kwargs: { by: 2 } })).toEqualTypeOf<string>();
    expectTypeOf(pool.applyAsync(scaled, [1], { kwargs: { by: 2 }, retries: 1 })).toEqualTypeOf<
      AsyncResult<string>
    >();
    expectTypeOf(pool.apply((o: { k: number }) => o.k, [], { kwargs: { k: 2 } })).toEqualTypeOf<
      Promise<number>
    >();
    expectTypeOf(pool.apply((a?: number) => a ?? 0)).toEqualTypeOf<Promise<number>>();
    expectTypeOf(pool.apply(() => 1, undefined, { timeout: 1 })).toEqualTypeOf<Promise<number>>();
    expectTypeOf(pool.apply({ module: 'node:path', name: 'join' }, ['a', 'b'])).toEqualTypeOf<
      Promise<unknown>
    >();
  };
  void check;
});

test('a process checks its arguments against the target', () => {
  new Process({ target: (a: number, b?: string) => [a, b], args: [1] });
  new Process({ target: () => 1 });
  new Process({ target: (a: number, options: { b: string }) => [a, options], args: [1], kwargs: { b: 'x' } });
  new Process();
  // @ts-expect-error a string is no number
  new Process({ target: (a: number) => a, args: ['x'] });
  // @ts-expect-error the argument is missing
  new Process({ target: (a: number) => a });
  // @ts-expect-error too many
  new Process({ target: () => 1, args: [1] });
  expectTypeOf(new Process().exitcode).toEqualTypeOf<number | null>();
});
