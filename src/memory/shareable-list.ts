/**
 * Python's `multiprocessing.shared_memory.ShareableList`: a list of fixed length in named memory, with CPython's layout
 * (3.9 and later), so that either side reads and writes what the other made.
 *
 * All integers are signed, of 64 bits, little-endian. With N items:
 *
 *     0               8            N
 *     8               8 · (N + 1)  where each slot begins in the data, and where the data ends
 *     8 · (N + 2)     …            data: one slot for each item, a multiple of 8 bytes that never changes
 *     …               8 · N        format of each item as Python's struct module writes it, padded with NUL
 *     …               N            how to read it back: 0 as it is, 1 as text, 2 as bytes, 3 as None
 *
 * https://docs.python.org/3/library/multiprocessing.shared_memory.html#multiprocessing.shared_memory.ShareableList
 */
import { inspect } from 'node:util';
import { IndexError, ValueError } from '../base/errors.ts';
import { deserialize, registerTravelClass, serialize } from '../base/travel.ts';
import { rangeError, show, typeError } from '../base/validate.ts';
import { SharedMemory } from './shared-memory.ts';

/** What a list may hold. Bytes are read as a Buffer; integers beyond 2^53 as bigint. */
export type Shareable = string | number | bigint | boolean | null | Uint8Array;

const AS_IS = 0;
const TEXT = 1;
const BYTES = 2;
const NONE = 3;

const boolFormat = 'xxxxxxx?';
const noneFormat = 'xxxxxx?x';
/** A format has 8 characters, the last of text and bytes is an `s`. */
const largestSlot = 9_999_992;

interface Packed {
  readonly format: string;
  readonly transform: number;
  readonly bytes: Buffer;
}

function int64(value: bigint): Buffer {
  if (BigInt.asIntN(64, value) !== value) {
    throw rangeError(`Cannot store ${show(value)} in a ShareableList: integers have 64 bits`);
  }
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
}

function float64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

/** How a value is stored. Numbers with a fraction are floats; the others are integers unless the slot holds a float. */
function pack(value: Shareable, present?: string): Packed {
  if (value === null) return { format: noneFormat, transform: NONE, bytes: Buffer.alloc(8) };
  if (typeof value === 'boolean') {
    const bytes = Buffer.alloc(8);
    bytes[7] = value ? 1 : 0;
    return { format: boolFormat, transform: AS_IS, bytes };
  }
  if (typeof value === 'bigint') return { format: 'q', transform: AS_IS, bytes: int64(value) };
  if (typeof value === 'number') {
    const integer = present !== 'd' && Number.isSafeInteger(value) && !Object.is(value, -0);
    return integer
      ? { format: 'q', transform: AS_IS, bytes: int64(BigInt(value)) }
      : { format: 'd', transform: AS_IS, bytes: float64(value) };
  }
  if (typeof value === 'string' || value instanceof Uint8Array) {
    const bytes = Buffer.from(value as string);
    return { format: 's', transform: typeof value === 'string' ? TEXT : BYTES, bytes };
  }
  throw typeError(
    `Cannot store ${show(value)} in a ShareableList: it holds strings, bytes, numbers, bigints, booleans and null`,
  );
}

/** Bytes of the slot for text and bytes, as CPython sizes it: there is always room for a NUL. */
function slotSize({ format, bytes }: Packed): number {
  if (format !== 's') return 8;
  const size = 8 * (Math.floor(bytes.length / 8) + 1);
  if (size > largestSlot) {
    throw new ValueError(
      `Cannot store ${bytes.length} bytes in a ShareableList: at most ${largestSlot - 1} fit`,
    );
  }
  return size;
}

/** Options of `new ShareableList()`. */
export interface ShareableListOptions {
  /** The name of the memory: to attach to, without a sequence; to create, with one. */
  readonly name?: string | null | undefined;
}

/**
 * A list of fixed length that processes share by its name.
 *
 * @example
 * const a = new ShareableList(['howdy', 100, true, null]);
 * const b = new ShareableList(null, { name: a.shm.name }); // the same list
 * b.set(1, 42);
 * a.shm.close(); a.shm.unlink();
 */
export class ShareableList implements Iterable<Shareable> {
  /** The memory, to be closed and unlinked. */
  readonly shm: SharedMemory;
  readonly #length: number;

  /**
   * @param sequence What it holds; absent or null to attach to the list of `name`.
   * @throws {TypeError} @throws {RangeError} For a value that it cannot hold.
   * @throws {FileExistsError} @throws {FileNotFoundError} As {@link SharedMemory}.
   */
  constructor(sequence?: Iterable<Shareable> | null, options: ShareableListOptions | string = {}) {
    const name = typeof options === 'string' ? options : (options.name ?? undefined);
    if ((sequence === undefined || sequence === null) && name !== undefined) {
      // Not tracked before it is known to be a list: other people's memory is not ours to remove.
      using memory = new SharedMemory({ name, track: false });
      this.#length = lengthOfList(memory);
      this.shm = new SharedMemory({ name });
      return;
    }
    const items = [...(sequence ?? [])].map((value) => pack(value));
    const sizes = items.map(slotSize);
    const data = sizes.reduce((a, b) => a + b, 0);
    const n = items.length;
    this.#length = n;
    this.shm = new SharedMemory({ name, create: true, size: 8 * (n + 2) + data + 9 * n });
    const { buf } = this.shm;
    buf.writeBigInt64LE(BigInt(n), 0);
    let offset = 0;
    for (const [i, size] of sizes.entries()) {
      buf.writeBigInt64LE(BigInt(offset), 8 + 8 * i);
      offset += size;
    }
    // The last one says where the formats begin: before any item is written.
    buf.writeBigInt64LE(BigInt(offset), 8 + 8 * n);
    for (const [i, item] of items.entries()) this.#write(i, item);
  }

  /** How many items; never changes. */
  get length(): number {
    return this.#length;
  }

  /** The formats of all items in a row, as Python's struct module writes them. */
  get format(): string {
    return globalThis.Array.from({ length: this.#length }, (_, i) => this.#format(i)).join('');
  }

  /**
   * The item at `index`; a negative one counts from the end.
   *
   * @throws {IndexError} Beyond the ends.
   */
  at(index: number): Shareable {
    const i = this.#index(index, 'index out of range');
    const { buf } = this.shm;
    const [start, end] = this.#slot(i);
    const format = this.#format(i);
    if (format.endsWith('s')) {
      const stored = buf.subarray(start, Math.min(end, start + Number.parseInt(format, 10)));
      let length = stored.length;
      while (length > 0 && stored[length - 1] === 0) length--;
      const used = stored.subarray(0, length);
      return this.#transform(i) === TEXT ? used.toString('utf8') : Buffer.from(used);
    }
    if (this.#transform(i) === NONE) return null;
    if (format === boolFormat) return buf[start + 7] !== 0;
    if (format === 'd') return buf.readDoubleLE(start);
    if (format !== 'q') throw new ValueError(`Cannot read item ${i}: its format ${show(format)} is unknown`);
    const value = buf.readBigInt64LE(start);
    return BigInt(Number(value)) === value && Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  /**
   * Replaces the item at `index`; a negative one counts from the end. Anything that fits the slot may take its place.
   *
   * @throws {IndexError} Beyond the ends.
   * @throws {ValueError} For text or bytes longer than the slot; nothing is changed then.
   */
  set(index: number, value: Shareable): void {
    const i = this.#index(index, 'assignment index out of range');
    const [start, end] = this.#slot(i);
    const item = pack(value, this.#format(i));
    if (item.bytes.length > end - start) {
      throw new ValueError(
        `bytes/str item exceeds available storage: cannot store ${item.bytes.length} bytes in the ${end - start} of item ${i}`,
      );
    }
    this.#write(i, item);
  }

  #write(i: number, { format, transform, bytes }: Packed): void {
    const { buf } = this.shm;
    const [start, end] = this.#slot(i);
    const present = this.#format(i);
    const text = format === 's' ? (present.endsWith('s') ? present : `${end - start}s`) : format;
    const base = this.#formats();
    buf.fill(0, base + 8 * i, base + 8 * i + 8);
    buf.write(text, base + 8 * i, 'latin1');
    buf.writeInt8(transform, base + 8 * this.#length + i);
    bytes.copy(buf, start);
    if (format === 's')
      buf.fill(0, start + bytes.length, start + Math.min(end - start, Number.parseInt(text, 10)));
  }

  /** How often an item equal to `value` occurs. */
  count(value: Shareable): number {
    let n = 0;
    for (const item of this) if (same(item, value)) n++;
    return n;
  }

  /** Where the first item equal to `value` is. @throws {ValueError} When there is none. */
  index(value: Shareable): number {
    for (let i = 0; i < this.#length; i++) if (same(this.at(i), value)) return i;
    throw new ValueError(`${show(value)} not in this container: cannot give its index; ask count() first`);
  }

  *[Symbol.iterator](): IterableIterator<Shareable> {
    for (let i = 0; i < this.#length; i++) yield this.at(i);
  }

  #index(index: unknown, message: string): number {
    if (typeof index !== 'number' || !Number.isInteger(index)) {
      throw typeError(`Cannot use ${show(index)} as an index of a ShareableList: it must be an integer`);
    }
    const i = index < 0 ? index + this.#length : index;
    if (i >= 0 && i < this.#length) return i;
    throw new IndexError(`${message}: cannot use item ${index} of ${this.#length}; stay within`);
  }

  /** Where the slot of item i begins and ends in the memory. */
  #slot(i: number): [number, number] {
    const { buf } = this.shm;
    const base = 8 * (this.#length + 2);
    return [base + Number(buf.readBigInt64LE(8 + 8 * i)), base + Number(buf.readBigInt64LE(16 + 8 * i))];
  }

  /** Where the formats begin. */
  #formats(): number {
    return 8 * (this.#length + 2) + Number(this.shm.buf.readBigInt64LE(8 + 8 * this.#length));
  }

  #format(i: number): string {
    const base = this.#formats() + 8 * i;
    return this.shm.buf.toString('latin1', base, base + 8).replace(/\0+$/, '');
  }

  #transform(i: number): number {
    return this.shm.buf.readInt8(this.#formats() + 8 * this.#length + i);
  }

  /** `ShareableList(['howdy', 100], name='psm_…')`, as Python prints it. */
  [inspect.custom](): string {
    return `ShareableList([${[...this].map(python).join(', ')}], name='${this.shm.name}')`;
  }

  toString(): string {
    return this[inspect.custom]();
  }

  static [serialize](list: ShareableList): { readonly shm: SharedMemory } {
    return { shm: list.shm };
  }

  static [deserialize]({ shm }: { readonly shm: SharedMemory }): ShareableList {
    const list = new ShareableList(null, { name: shm.name });
    shm.close();
    return list;
  }
}

/** How many items the list in this memory has. Memory of something else must not send us out of its bounds. */
function lengthOfList({ buf, size, name }: SharedMemory): number {
  const n = size < 16 ? -1 : Number(buf.readBigInt64LE(0));
  const fits = n >= 0 && 17 * n + 16 <= size;
  const data = fits ? Number(buf.readBigInt64LE(8 + 8 * n)) : -1;
  if (fits && data >= 0 && 8 * (n + 2) + data + 9 * n <= size) return n;
  throw new ValueError(`Cannot attach to ${show(name)}: it holds no ShareableList of Python 3.9 or later`);
}

function same(a: Shareable, b: Shareable): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  const integer = (x: Shareable) => (Number.isInteger(x) ? BigInt(x as number) : x);
  if (typeof a === 'bigint' || typeof b === 'bigint') return integer(a) === integer(b);
  return a === b;
}

/** A value as Python writes it. */
function python(value: Shareable): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (value instanceof Uint8Array) return `b${inspect(Buffer.from(value).toString('latin1'))}`;
  return typeof value === 'string' ? inspect(value) : String(value);
}

registerTravelClass('memory/ShareableList', ShareableList);
