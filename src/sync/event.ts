/**
 * Python's `Event`: a flag that processes and threads can wait for.
 *
 *     word 0  the flag, 0 or 1 | word 1  1 when somebody may wait
 *
 * `set()` writes the flag and then wakes everybody in line; who was woken goes on even if the flag was cleared since.
 *
 * https://docs.python.org/3/library/threading.html#threading.Event
 */
import { inspect } from 'node:util';
import { deserialize, registerTravelClass, serialize } from '../base/travel.ts';
import type { SyncWaitOptions, WaitOptions } from '../base/validate.ts';
import type { BlockHandle } from '../memory/arena.ts';
import { resolveAcquire } from './options.ts';
import { registerKind, type Wait } from './parking.ts';
import { SharedWords } from './shared-words.ts';
import { type SlotState, WOKEN } from './slots.ts';

const eventBytes = 16;
const eventKind = 5;

// All that wait are told at once: there is nothing to pass on, and who came later was not meant.
registerKind(eventKind, { grants: false, isPersonal: true, passOn: () => {} });

/**
 * A flag for all threads and processes, unset at first.
 *
 * @example
 * const ready = new Event();
 * // one process: ready.set();   others: await ready.wait();
 */
class SharedEvent extends SharedWords {
  constructor() {
    const from = arriving;
    arriving = undefined;
    super(eventBytes, from);
  }

  /** Whether the flag is set. */
  isSet(): boolean {
    return Atomics.load(this.i32, this.at) === 1;
  }

  /** Sets the flag; everybody who waits goes on. */
  set(): void {
    Atomics.store(this.i32, this.at, 1);
    if (Atomics.exchange(this.i32, this.at + 1, 0) === 1) this.lot.wake(this.key, Number.POSITIVE_INFINITY);
  }

  /** Clears the flag: from now on `wait` waits. */
  clear(): void {
    Atomics.store(this.i32, this.at, 0);
  }

  /**
   * Waits until the flag is set.
   *
   * @param options `timeout` in milliseconds, `signal`.
   * @returns `true` when it was set, `false` when time is up.
   */
  async wait(options?: WaitOptions): Promise<boolean> {
    const o = resolveAcquire(options);
    if (o.signal?.aborted) throw o.signal.reason;
    if (this.isSet()) return true;
    return !o.once && (await this.lot.wait(this.#wait(), o)) === true;
  }

  /** As {@link wait}, blocking this thread and its event loop. */
  waitSync(options?: SyncWaitOptions): boolean {
    const o = resolveAcquire(options);
    if (this.isSet()) return true;
    return !o.once && this.lot.waitSync(this.#wait(), o.deadline) === true;
  }

  #wait(): Wait<true> {
    return {
      key: this.key,
      kind: eventKind,
      attempt: (state: SlotState) => {
        Atomics.store(this.i32, this.at + 1, 1);
        return state === WOKEN || this.isSet() ? true : undefined;
      },
    };
  }

  /** `<Event at 0x7f20 unset>`, as Python prints it. */
  override [inspect.custom](): string {
    return `<Event at ${this.addressText} ${this.isSet() ? 'set' : 'unset'}>`;
  }

  static [serialize](event: SharedEvent): BlockHandle {
    return event.block.handle();
  }

  static [deserialize](data: BlockHandle): SharedEvent {
    arriving = data;
    return new SharedEvent();
  }
}

let arriving: BlockHandle | undefined;

Object.defineProperty(SharedEvent, 'name', { value: 'Event' });
registerTravelClass('sync/Event', SharedEvent);

export { SharedEvent as Event };
