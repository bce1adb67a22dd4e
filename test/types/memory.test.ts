/** What the compiler infers of shared values; `tsc` is the test, running it only shows that nothing throws. */
import { test } from 'node:test';
import { expectTypeOf } from 'expect-type';
import { copy, Array as MpArray, RawArray, RawValue, SharedArray, struct, Value } from '../../src/index.ts';

test('a value is typed by its typecode', () => {
  expectTypeOf(new Value('i', 0).value).toEqualTypeOf<number>();
  expectTypeOf(new Value('q', 0n).value).toEqualTypeOf<bigint>();
  expectTypeOf(new Value('?', false).value).toEqualTypeOf<boolean>();
  expectTypeOf(new Value('u', 'x').value).toEqualTypeOf<string>();
  expectTypeOf(new RawValue('d').value).toEqualTypeOf<number>();
  expectTypeOf(new Value('q').add(1n)).toEqualTypeOf<bigint>();
  const check = (): void => {
    // @ts-expect-error a string is no number
    new Value('i', 'x');
    // @ts-expect-error no typecode
    new Value('x', 0);
    // @ts-expect-error a number is no bigint
    new Value('q').value = 1;
  };
  void check;
});

test('a record is typed by its fields', () => {
  const Point = struct({ x: 'd', n: 'q', ok: '?' });
  const p = new Value(Point, { x: 1 });
  expectTypeOf(p.value).toEqualTypeOf<{ x: number; n: bigint; ok: boolean }>();
  expectTypeOf(p.value.x).toEqualTypeOf<number>();
  expectTypeOf(p.getObj().value.n).toEqualTypeOf<bigint>();
  p.value.x += 0.5;
  expectTypeOf(new SharedArray(Point, 2).at(0)).toEqualTypeOf<
    { x: number; n: bigint; ok: boolean } | undefined
  >();
  expectTypeOf(RawArray(Point, 1)).toEqualTypeOf<readonly { x: number; n: bigint; ok: boolean }[]>();
  const check = (): void => {
    // @ts-expect-error no such field
    p.value.z;
    // @ts-expect-error a field of another kind
    new Value(Point, { x: 'x' });
    // @ts-expect-error no typecode
    struct({ x: 'z' });
  };
  void check;
});

test('an array is typed by its typecode', () => {
  expectTypeOf(new SharedArray('d', 10).array).toEqualTypeOf<Float64Array>();
  expectTypeOf(new MpArray('q', 10).at(0)).toEqualTypeOf<bigint | undefined>();
  expectTypeOf(RawArray('i', 10)).toEqualTypeOf<Int32Array>();
  expectTypeOf(RawArray('L', 1)).toEqualTypeOf<BigUint64Array>();
  expectTypeOf(copy(RawArray('i', 1))).toEqualTypeOf<Int32Array>();
  expectTypeOf([...new SharedArray('u', 'x')]).toEqualTypeOf<string[]>();
  expectTypeOf(new SharedArray('u', 'x').value).toEqualTypeOf<string>();
  expectTypeOf(new SharedArray('c', 'x').value).toEqualTypeOf<Buffer>();
});
