/**
 * Descriptors that were sent and not fetched yet: a table in memory that a thread shares with its helper
 * (descriptor-thread.ts), so that the helper can answer while that thread is blocked.
 *
 * word | name | who writes it
 * -----+------+--------------------------------------------------------------------------------------------
 * 0    | FD   | 0: free. n: descriptor n - 1, in transit. The sending thread sets it, last of all; the helper clears
 *      |      | it, and whoever clears it (one exchange) closes the descriptor
 * 1    | AGE  | sweeps that it has outlived; 0 at first, counted by the helper
 * 2-5  | KEY  | what the receiver has to show; written by the sending thread while FD is 0
 *
 * The word after the last slot is SWEEPING: 1 while the helper looks through the table now and then. It stops when the table is
 * empty, and looks once more after saying so; the sending thread asks for it again when it has added something and finds 0.
 * So whatever is added is swept, and an idle helper sleeps.
 */
import { closeFd } from '../platform/descriptors.ts';

const FD = 0;
const AGE = 1;
const KEY = 2;
const words = 6;
const slots = 4096;
const SWEEPING = slots * words;

/** Length of a key in bytes. */
export const keyBytes = 16;

/** See the file's header. */
export class TransitTable {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  #next = 0;

  /** A new table, or the other side's. */
  constructor(memory = new SharedArrayBuffer((slots * words + 1) * 4)) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
    this.#bytes = new Uint8Array(memory);
  }

  /** Enters a descriptor, which the table owns from now on. @returns its slot, or -1 when there is none free. */
  add(fd: number, key: Uint8Array): number {
    for (let i = 0; i < slots; i++) {
      const slot = (this.#next + i) % slots;
      const at = slot * words;
      if (Atomics.load(this.#words, at + FD) !== 0) continue;
      this.#next = slot + 1;
      this.#bytes.set(key, (at + KEY) * 4);
      Atomics.store(this.#words, at + AGE, 0);
      Atomics.store(this.#words, at + FD, fd + 1);
      return slot;
    }
    return -1;
  }

  /** The descriptor in a slot, for who has its key. */
  find(slot: number, key: Uint8Array): number | undefined {
    if (slot >= slots) return undefined;
    const at = slot * words;
    const fd = Atomics.load(this.#words, at + FD) - 1;
    if (fd < 0) return undefined;
    let differs = 0;
    for (let i = 0; i < keyBytes; i++) differs |= this.#bytes[(at + KEY) * 4 + i]! ^ key[i]!;
    return differs === 0 ? fd : undefined;
  }

  /** Frees a slot and closes what was in it. */
  close(slot: number): void {
    const fd = Atomics.exchange(this.#words, slot * words + FD, 0) - 1;
    if (fd >= 0) closeFd(fd);
  }

  /** For the sending thread, after it has added something: whether the helper must be asked to sweep. */
  needsSweeping(): boolean {
    return Atomics.exchange(this.#words, SWEEPING, 1) === 0;
  }

  /** Closes what has outlived `sweeps` of these calls. @returns whether to go on. */
  sweep(sweeps: number): boolean {
    if (this.#sweep(sweeps)) return true;
    Atomics.store(this.#words, SWEEPING, 0);
    if (this.#isEmpty()) return false;
    Atomics.store(this.#words, SWEEPING, 1);
    return true;
  }

  #isEmpty(): boolean {
    for (let slot = 0; slot < slots; slot++) {
      if (Atomics.load(this.#words, slot * words + FD) !== 0) return false;
    }
    return true;
  }

  /** @returns whether anything is left. */
  #sweep(sweeps: number): boolean {
    let left = false;
    for (let slot = 0; slot < slots; slot++) {
      const at = slot * words;
      if (Atomics.load(this.#words, at + FD) === 0) continue;
      if (Atomics.add(this.#words, at + AGE, 1) >= sweeps) this.close(slot);
      else left = true;
    }
    return left;
  }

  /** Closes all that are in transit. */
  closeAll(): void {
    for (let slot = 0; slot < slots; slot++) this.close(slot);
  }
}
