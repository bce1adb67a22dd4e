/** Timers that a thread can also heed while it blocks. */
import { timerMs } from '../base/validate.ts';

interface Alarm {
  /** On the clock of `performance.now()`. */
  readonly at: number;
  readonly ring: () => void;
  readonly timer: NodeJS.Timeout;
}

/** One alarm for each key. */
export class Alarms<K extends object> {
  readonly #alarms = new Map<K, Alarm>();

  has(key: K): boolean {
    return this.#alarms.has(key);
  }

  /** Calls `ring` in `ms` milliseconds, unless it is cleared or set anew before. */
  set(key: K, ms: number, ring: () => void): void {
    this.clear(key);
    const timer = setTimeout(() => this.#ring(key), timerMs(ms));
    this.#alarms.set(key, { at: performance.now() + ms, ring, timer });
  }

  clear(key: K): void {
    const alarm = this.#alarms.get(key);
    if (alarm === undefined) return;
    clearTimeout(alarm.timer);
    this.#alarms.delete(key);
  }

  /** When the first one rings; undefined when none is set. */
  get next(): number | undefined {
    let first: number | undefined;
    for (const { at } of this.#alarms.values()) if (first === undefined || at < first) first = at;
    return first;
  }

  /** For a thread that blocks: what the event loop would do if it could. */
  ringDue(): void {
    const now = performance.now();
    for (const [key, { at }] of [...this.#alarms]) if (at <= now) this.#ring(key);
  }

  #ring(key: K): void {
    const alarm = this.#alarms.get(key);
    if (alarm === undefined) return;
    this.clear(key);
    alarm.ring();
  }
}
