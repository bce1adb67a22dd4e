/**
 * Python's `multiprocessing.JoinableQueue`: a Queue that can be waited for until all that was put is done.
 *
 * The tasks that are not done are what was put (PUTS, which commits a message) less DONE, so a producer that is killed
 * can never leave a task that nobody has.
 *
 * https://docs.python.org/3/library/multiprocessing.html#multiprocessing.JoinableQueue
 */
import { ValueError } from '../base/errors.ts';
import { registerTravelClass } from '../base/travel.ts';
import type { SyncWaitOptions, WaitOptions } from '../base/validate.ts';
import { limitsOf } from './arguments.ts';
import { word } from './layout.ts';
import { Queue } from './queue.ts';
import { EMPTY } from './ring.ts';
import { attemptNow, type Want, wait, waitSync } from './waiting.ts';

/**
 * A {@link Queue} whose consumers say when they are done with a message.
 *
 * @example
 * const q = new JoinableQueue<string>();
 * // consumers: for await (const job of q) { await work(job); q.taskDone(); }
 * await q.put('job');
 * await q.join();
 */
export class JoinableQueue<T = unknown> extends Queue<T> {
  #unfinished(): number {
    const { i32, at } = this.ring;
    const finished = Atomics.load(i32, at + word.done);
    return (Atomics.load(i32, at + word.puts) - finished) | 0;
  }

  /**
   * Says that one message that was got has been dealt with.
   *
   * @throws {ValueError} When that was said of all messages already.
   */
  taskDone(): void {
    this.#finish(1);
  }

  #finish(tasks: number): void {
    const { i32, at } = this.ring;
    for (;;) {
      const finished = Atomics.load(i32, at + word.done);
      const left = (Atomics.load(i32, at + word.puts) - finished) | 0;
      if (left < tasks) throw new ValueError('task_done() called too many times');
      if (Atomics.compareExchange(i32, at + word.done, finished, (finished + tasks) | 0) !== finished)
        continue;
      if (left === tasks && Atomics.exchange(i32, at + word.joiners, 0) !== 0) {
        this.ring.lot.wake(this.ring.doneKey, Number.POSITIVE_INFINITY);
      }
      return;
    }
  }

  protected override dropAll(): number {
    const dropped = super.dropAll();
    if (dropped > 0) this.#finish(dropped);
    return dropped;
  }

  /**
   * Waits until every message that was put is done.
   *
   * @returns `true`, or `false` when time is up.
   */
  async join(options?: WaitOptions): Promise<boolean> {
    const limits = limitsOf(options);
    const want = this.#allDone();
    return attemptNow(want) !== EMPTY || (await wait(want, limits)) !== EMPTY;
  }

  /** As {@link join}, blocking this thread. */
  joinSync(options?: SyncWaitOptions): boolean {
    return waitSync(this.#allDone(), limitsOf(options).deadline) !== EMPTY;
  }

  #allDone(): Want<true> {
    const { ring } = this;
    const ready = (): boolean => this.#unfinished() === 0;
    return {
      ring,
      key: ring.doneKey,
      flag: word.joiners,
      attempt: () => (ready() ? true : EMPTY),
      ready,
      over: (sure) => {
        if (sure) this.lookForDead();
        return undefined;
      },
      fromElsewhere: () => this.sharedElsewhere,
      underWay: () => this.underWay,
    };
  }
}

registerTravelClass('channel/JoinableQueue', JoinableQueue);
