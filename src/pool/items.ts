/** The inputs of a pool's calls. */
import { show, typeError } from '../base/validate.ts';

/** What `map` takes its items from. */
export type Items<T> = Iterable<T> | AsyncIterable<T>;

export function isAsyncIterable<T>(items: Items<T>): items is AsyncIterable<T> {
  return typeof (items as Partial<AsyncIterable<T>> | null)?.[Symbol.asyncIterator] === 'function';
}

export function checkIterable<T>(items: Iterable<T>): Iterable<T> {
  if (typeof (items as Partial<Iterable<T>> | null)?.[Symbol.iterator] !== 'function') {
    throw typeError(`Cannot map a function: items must be iterable, got ${show(items)}`);
  }
  return items;
}

export function checkSync<T>(items: Iterable<T>): Iterable<T> {
  if (isAsyncIterable(items as Items<T>)) {
    throw typeError(
      'Cannot map a function: an async iterable cannot be read while the thread is blocked; use map() instead of mapSync()',
    );
  }
  return items;
}

/** Reads all, or until `enough`: then the input is left. */
export async function collect<T>(items: AsyncIterable<T>, enough: () => boolean): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) {
    if (enough()) break;
    all.push(item);
  }
  return all;
}
