/** A channel that is none: it gives lists of keys numbers, and keeps the messages. */
import { decodeData, encodeLent, type NumberedKeys } from '../../src/codec/index.ts';
import { type KeyList, keyListOf } from '../../src/codec/key-lists.ts';
import type { TreeMemory } from '../../src/codec/tree-readers.ts';

let channels = 1_000_000;

export class Channel implements NumberedKeys {
  readonly id = ++channels;
  readonly #words: Int32Array[] = [];
  readonly #lists: KeyList[] = [];
  readonly #most: number;

  /** @param most How many lists get a number. */
  constructor(most = 256) {
    this.#most = most;
  }

  numberOf(words: Int32Array): number {
    const known = this.#words.indexOf(words);
    if (known >= 0 || this.#words.length === this.#most) return known;
    return this.#words.push(words) - 1;
  }

  listOf(number: number): KeyList | undefined {
    const words = this.#words[number];
    if (words !== undefined) this.#lists[number] ??= keyListOf(words);
    return this.#lists[number];
  }

  /** One with the same numbers, for whose lists no code is ever compiled. */
  withoutCode(): Channel {
    const other = new Channel(this.#most);
    for (const words of this.#words) {
      const { tree } = other.listOf(other.numberOf(words))!;
      Object.assign(tree!, { missed() {} });
    }
    return other;
  }

  /** As the memory of a ring that holds one message, and something after it. */
  write(value: unknown): { memory: TreeMemory; end: number } {
    const message = encodeLent(value, {}, this);
    const { length } = message;
    const bytes = Buffer.alloc(Math.ceil(length / 8) * 8 + 64, 0xff);
    if ('units' in message) bytes.set(new Uint8Array(message.units.buffer, 0, length));
    else bytes.set(message);
    return { memory: memoryOf(bytes), end: length };
  }

  read({ memory, end }: { memory: TreeMemory; end: number }): unknown {
    return decodeData(memory, 0, end, this);
  }

  copy<T>(value: T): T {
    return this.read(this.write(value)) as T;
  }
}

export function memoryOf(bytes: Buffer): TreeMemory {
  const { buffer, byteOffset, length } = bytes;
  return { bytes, view: new DataView(buffer, byteOffset, length) };
}
