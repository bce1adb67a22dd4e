/**
 * A map: its items cut into tasks. Long inputs are cut as time allows, since a caller's event loop must go on turning; what
 * cannot travel is found before anything runs, as far as that takes no longer than a moment.
 */
import { encodeList } from '../codec/index.ts';
import type { Feed } from './feeder.ts';
import { MapJob, type Progress } from './jobs.ts';
import type { Settle } from './settlement.ts';
import type { Task } from './task.ts';

/** How a {@link MapCall} reaches its pool. */
export interface MapContext {
  /** Sends a task of so many items to the workers. */
  submit(job: MapJob<unknown>, index: number, count: number, body: Buffer): Task;
  /** Calls back when there is time to make more tasks. */
  feed(feed: Feed): void;
  /** Forgets a task whose result is not wanted any more. */
  drop(task: Task): void;
  /** Gives a task up, also when it runs. */
  cancel(task: Task, error: unknown): void;
}

/** How long the caller is kept before anything runs, in milliseconds. */
const firstMs = 1;

/** See the file's header. */
export class MapCall<R> {
  readonly #context: MapContext;
  readonly #job: MapJob<R>;
  readonly #items: readonly unknown[];
  readonly #chunksize: number;
  #next = 0;

  /** @throws {SerializationError} When one of the first items cannot travel. */
  constructor(
    context: MapContext,
    items: readonly unknown[],
    chunksize: number,
    settle: Settle<R[]>,
    onProgress: ((progress: Progress) => void) | undefined,
  ) {
    this.#context = context;
    this.#items = items;
    this.#chunksize = chunksize;
    this.#job = new MapJob(items.length, chunksize, settle, onProgress);
    const bodies: Buffer[] = [];
    const until = performance.now() + firstMs;
    for (; this.#next < items.length && performance.now() < until; this.#next += chunksize) {
      bodies.push(this.#encode(this.#next));
    }
    for (const [i, body] of bodies.entries()) this.#submit(i * chunksize, body);
    if (this.#next < items.length) {
      context.feed({
        make: (enough) => this.#feed(enough),
        giveUp: (error) => this.#job.giveUp(error),
      });
    }
  }

  /** Fails the call; tasks that run are told, and those that have not begun never will. */
  abort(error: unknown): void {
    this.#job.giveUp(error);
    for (const task of this.#job.tasks) this.#context.cancel(task, error);
  }

  #feed(enough: () => boolean): boolean {
    const more = (): boolean => this.#next < this.#items.length && !this.#job.over;
    try {
      for (; more() && !enough(); this.#next += this.#chunksize) {
        this.#submit(this.#next, this.#encode(this.#next));
      }
    } catch (error) {
      this.#job.giveUp(error);
      for (const task of this.#job.tasks) this.#context.drop(task);
    }
    return more();
  }

  #encode(from: number): Buffer {
    return encodeList(this.#items.slice(from, from + this.#chunksize), { root: 'items', first: from });
  }

  #submit(from: number, body: Buffer): void {
    const count = Math.min(this.#chunksize, this.#items.length - from);
    this.#job.add(this.#context.submit(this.#job, from / this.#chunksize, count, body));
  }
}
