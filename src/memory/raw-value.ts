/**
 * Python's `multiprocessing.sharedctypes.RawValue`: one cell of shared memory, without a lock.
 *
 * Reading and writing a number is atomic; `value += 1` is two steps, {@link RawValue.add} is one.
 */
import { inspect } from 'node:util';
import { ValueError } from '../base/errors.ts';
import { deserialize, registerTravelClass, serialize } from '../base/travel.ts';
import { show, typeError } from '../base/validate.ts';
import { type Arena, allocate, type Block, type BlockHandle, openBlock } from './arena.ts';
import { allocateRaw, openRaw, type RawHandle, rawHandle } from './raw-memory.ts';
import {
  type CellKind,
  type InitOf,
  type KindData,
  kindData,
  kindOf,
  StructType,
  type ValueOf,
} from './struct.ts';
import { type CellArray, type CellType, cellType, type Typecode } from './typecodes.ts';

/** One typed array over all of an arena for each kind of cell; never handed out. */
const arenaCells = new WeakMap<Arena, Map<unknown, CellArray>>();

function overArena(arena: Arena, Cells: CellType['Cells']): CellArray {
  let views = arenaCells.get(arena);
  if (views === undefined) {
    views = new Map();
    arenaCells.set(arena, views);
  }
  let view = views.get(Cells);
  if (view === undefined) {
    view = new Cells(arena.segment.buffer);
    views.set(Cells, view);
  }
  return view;
}

/** What travels in the place of a cell. */
type RawValueData =
  | { readonly kind: KindData; readonly block: BlockHandle }
  | { readonly kind: KindData; readonly raw: RawHandle };

let arriving: RawValueData | undefined;

/**
 * A number, boolean, character or record in shared memory.
 *
 * @example
 * const flag = new RawValue('i', 0);
 * flag.value = 1;
 */
export class RawValue<C extends CellKind = CellKind> {
  readonly #kind: CellKind;
  /** Of a number. */
  readonly #type: CellType | undefined;
  readonly #cells: CellArray | undefined;
  readonly #index: number = 0;
  readonly #block: Block | undefined;
  /** Of a record: it keeps its bytes, for it may be kept without this object. */
  readonly #record: object | undefined;
  readonly #bytes: ArrayBuffer | undefined;

  /**
   * @param kind A typecode or a `struct()`.
   * @throws {ValueError} For no such typecode. @throws {TypeError} For a value of a wrong kind.
   * @throws {RangeError} For a value out of range.
   */
  constructor(kind: C, init?: InitOf<C>) {
    const from = arriving;
    arriving = undefined;
    const actual: CellKind = from === undefined ? kind : kindOf(from.kind);
    this.#kind = actual;
    if (actual instanceof StructType) {
      this.#bytes = from !== undefined && 'raw' in from ? openRaw(from.raw) : allocateRaw(actual.bytes);
      this.#record = actual.at(new DataView(this.#bytes), 0);
    } else {
      this.#type = cellType(actual);
      const { bytes, Cells } = this.#type;
      this.#block =
        from !== undefined && 'block' in from ? openBlock(from.block, bytes) : allocate(bytes).ownedBy(this);
      this.#cells = overArena(this.#block.arena, Cells);
      this.#index = this.#block.offset / bytes;
    }
    if (init !== undefined && from === undefined) this.value = init as ValueOf<C>;
  }

  /** What it holds now; a record is live. */
  get value(): ValueOf<C> {
    if (this.#record !== undefined) return this.#record as ValueOf<C>;
    const stored = this.#cells![this.#index]!;
    const decode = this.#type!.decode;
    return (decode === undefined ? stored : decode(stored)) as ValueOf<C>;
  }

  /** @throws {TypeError} For a value of a wrong kind. @throws {RangeError} For one out of range. */
  set value(value: ValueOf<C>) {
    if (this.#type === undefined) (this.#kind as StructType).fill(this.#record as never, value as never);
    else this.#cells![this.#index] = this.#type.encode(value) as never;
  }

  /**
   * Adds in one step that no other thread or process can come between. Wraps around like C. Integer typecodes only.
   *
   * @returns what it held before.
   */
  add(n: ValueOf<C>): ValueOf<C> {
    return Atomics.add(this.#atomic(n), this.#index, n as never) as ValueOf<C>;
  }

  /** Subtracts in one step; see {@link add}. @returns what it held before. */
  sub(n: ValueOf<C>): ValueOf<C> {
    return Atomics.sub(this.#atomic(n), this.#index, n as never) as ValueOf<C>;
  }

  /** Sets in one step. @returns what it held before. */
  exchange(value: ValueOf<C>): ValueOf<C> {
    const stored = this.#type?.encode(value) as never;
    return Atomics.exchange(this.#atomic(stored), this.#index, stored) as ValueOf<C>;
  }

  /** Sets to `value` if it holds `expected`, in one step. @returns what it held before. */
  compareExchange(expected: ValueOf<C>, value: ValueOf<C>): ValueOf<C> {
    const stored = this.#type?.encode(value) as never;
    return Atomics.compareExchange(
      this.#atomic(stored),
      this.#index,
      expected as never,
      stored,
    ) as ValueOf<C>;
  }

  /** The cells to work on; `n` must be of their kind, for `Atomics` would round a fraction silently. */
  #atomic(n: unknown): Int32Array {
    const type = this.#type;
    if (type === undefined || !type.integer) {
      throw new ValueError(
        `Cannot change '${type?.code ?? 'a struct'}' in one step: only integers can; hold the lock instead`,
      );
    }
    if (type.bytes === 8 ? typeof n !== 'bigint' : !Number.isInteger(n)) {
      const what = type.bytes === 8 ? 'a bigint' : 'an integer';
      throw typeError(`Cannot change '${type.code}' by ${show(n)}: it must be ${what}`);
    }
    return this.#cells as Int32Array;
  }

  /** Its typecode or `struct()`. */
  get kind(): C {
    return this.#kind as C;
  }

  /** `c_int(7)`, as Python prints it. */
  [inspect.custom](): string {
    if (this.#type === undefined) return `struct(${inspect(this.#record)})`;
    return `${this.#type.ctype}(${inspect(this.value).replace(/n$/, '')})`;
  }

  toString(): string {
    return this[inspect.custom]();
  }

  static [serialize](value: RawValue): RawValueData {
    const kind = kindData(value.#kind);
    return value.#block === undefined
      ? { kind, raw: rawHandle(value.#bytes!)! }
      : { kind, block: value.#block.handle() };
  }

  static [deserialize](data: RawValueData): RawValue {
    arriving = data;
    return new RawValue('i' as Typecode) as unknown as RawValue;
  }
}

registerTravelClass('memory/RawValue', RawValue);
