/** Small arrays with a place for each element: one that grows takes memory for seventeen. */
const makers: readonly (() => unknown[])[] = [
  () => [],
  () => [undefined],
  () => [undefined, undefined],
  () => [undefined, undefined, undefined],
  () => [undefined, undefined, undefined, undefined],
  () => [undefined, undefined, undefined, undefined, undefined],
  () => [undefined, undefined, undefined, undefined, undefined, undefined],
  () => [undefined, undefined, undefined, undefined, undefined, undefined, undefined],
  () => [undefined, undefined, undefined, undefined, undefined, undefined, undefined, undefined],
];

export const mostPlaces = makers.length - 1;

/** An array of `n` elements, up to {@link mostPlaces}, each undefined; an empty one for more. */
export function smallArray(n: number): unknown[] {
  return n <= mostPlaces ? makers[n]!() : [];
}
