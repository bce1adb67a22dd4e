/**
 * Records in shared memory: what ctypes structures are for in Python.
 *
 * `struct({ x: 'd', y: 'd' })` describes one; a record of it is a live object whose properties read and write the
 * memory. Laid out as C does: each field aligned to its size, the whole to its largest. Fields are not atomic together:
 * hold the value's lock to change two of them.
 */
import { inspect } from 'node:util';
import { ValueError } from '../base/errors.ts';
import { deserialize, registerTravelClass, serialize } from '../base/travel.ts';
import { show, typeError } from '../base/validate.ts';
import { openRaw, type RawHandle, rawHandle } from './raw-memory.ts';
import { type CellType, cellType, type Typecode, type ValueOfTypecode } from './typecodes.ts';

/** Names and typecodes of a record's fields. */
export type Fields = Readonly<Record<string, Typecode>>;

/** A record of these fields: `{ x: number, y: number }`. */
export type RecordOf<F extends Fields> = { -readonly [K in keyof F]: ValueOfTypecode[F[K]] };

interface Field {
  readonly name: string;
  readonly type: CellType;
  readonly offset: number;
}

const accessors = {
  Int8Array: ['getInt8', 'setInt8'],
  Uint8Array: ['getUint8', 'setUint8'],
  Int16Array: ['getInt16', 'setInt16'],
  Uint16Array: ['getUint16', 'setUint16'],
  Int32Array: ['getInt32', 'setInt32'],
  Uint32Array: ['getUint32', 'setUint32'],
  BigInt64Array: ['getBigInt64', 'setBigInt64'],
  BigUint64Array: ['getBigUint64', 'setBigUint64'],
  Float32Array: ['getFloat32', 'setFloat32'],
  Float64Array: ['getFloat64', 'setFloat64'],
} as const;

/** A kind of record; made by {@link struct}. */
export class StructType<F extends Fields = Fields> {
  readonly fields: F;
  /** Length of one record, padding included. */
  readonly bytes: number;
  readonly #fields: readonly Field[];
  readonly #Live: new (
    view: DataView,
    offset: number,
  ) => RecordOf<F>;

  constructor(fields: F) {
    const entries = Object.entries(fields);
    if (entries.length === 0)
      throw new ValueError('Cannot make a struct: it has no fields; name at least one');
    let offset = 0;
    let alignment = 1;
    this.#fields = entries.map(([name, code]) => {
      const type = cellType(code);
      offset = Math.ceil(offset / type.bytes) * type.bytes;
      alignment = Math.max(alignment, type.bytes);
      const field = { name, type, offset };
      offset += type.bytes;
      return field;
    });
    this.fields = fields;
    this.bytes = Math.ceil(offset / alignment) * alignment;
    this.#Live = liveClass(fields, this.#fields) as new (view: DataView, offset: number) => RecordOf<F>;
  }

  /** The record at `offset`, live. */
  at(view: DataView, offset: number): RecordOf<F> {
    return new this.#Live(view, offset);
  }

  /**
   * Sets the fields of a record, by name or, as in Python, in their order.
   *
   * @throws {ValueError} For too many values, or a name that is no field.
   */
  fill(record: RecordOf<F>, init: Partial<RecordOf<F>> | readonly unknown[]): void {
    const target = record as Record<string, unknown>;
    if (Array.isArray(init)) {
      if (init.length > this.#fields.length) {
        throw new ValueError(
          `Cannot fill a struct of ${this.#fields.length} fields with ${init.length} values; give fewer`,
        );
      }
      for (const [i, value] of init.entries()) target[this.#fields[i]!.name] = value;
      return;
    }
    if (typeof init !== 'object' || init === null) {
      throw typeError(`Cannot fill a struct: it takes an object or an array of values, got ${show(init)}`);
    }
    for (const [name, value] of Object.entries(init)) {
      if (!Object.hasOwn(this.fields, name)) {
        throw new ValueError(`Cannot fill a struct: it has no field ${show(name)}; see struct()`);
      }
      target[name] = value;
    }
  }

  static [serialize](type: StructType): Fields {
    return type.fields;
  }

  static [deserialize](fields: Fields): StructType {
    return kindOf(fields) as StructType;
  }
}

registerTravelClass('memory/StructType', StructType);

/** What travels in the place of a record: where it is. */
interface RecordData {
  readonly fields: Fields;
  readonly raw: RawHandle;
  readonly offset: number;
}

function liveClass(kind: Fields, fields: readonly Field[]): new (view: DataView, offset: number) => object {
  class Struct {
    readonly #view: DataView;
    readonly #offset: number;

    constructor(view: DataView, offset: number) {
      this.#view = view;
      this.#offset = offset;
    }

    /** A plain copy, for JSON and for printing. */
    toJSON(): Record<string, unknown> {
      return Object.fromEntries(fields.map(({ name }) => [name, (this as Record<string, unknown>)[name]]));
    }

    [inspect.custom](): Record<string, unknown> {
      return this.toJSON();
    }

    static [serialize](record: Struct): RecordData {
      return { fields: kind, raw: rawHandle(record.#view.buffer)!, offset: record.#offset };
    }

    static [deserialize]({ fields, raw, offset }: RecordData): object {
      return (kindOf(fields) as StructType).at(new DataView(openRaw(raw)), offset);
    }

    static {
      for (const { name, type, offset } of fields) {
        const [getter, setter] = accessors[type.Cells.name as keyof typeof accessors];
        Object.defineProperty(Struct.prototype, name, {
          enumerable: true,
          get(this: Struct) {
            const stored = this.#view[getter](this.#offset + offset, true);
            return type.decode === undefined ? stored : type.decode(stored);
          },
          set(this: Struct, value: unknown) {
            this.#view[setter](this.#offset + offset, type.encode(value) as never, true);
          },
        });
      }
    }
  }
  registerTravelClass('memory/Record', Struct);
  return Struct;
}

// For a process that gets a record before it has described any.
liveClass({}, []);

/**
 * Describes a record for `Value` and `Array`.
 *
 * @example
 * const Point = struct({ x: 'd', y: 'd' });
 * const p = new Value(Point, { x: 1, y: 2 });
 * p.value.x += 0.5;
 * @throws {ValueError} Without fields, or for a letter that is no typecode.
 */
export function struct<const F extends Fields>(fields: F): StructType<F> {
  return new StructType(fields);
}

/** What a cell can hold: a number of some kind, or a record. */
export type CellKind = Typecode | StructType;

/** What `.value` of a cell of this kind is. */
export type ValueOf<C extends CellKind> = C extends Typecode
  ? ValueOfTypecode[C]
  : C extends StructType<infer F>
    ? RecordOf<F>
    : never;

/** What a cell of this kind may be set to at first. */
export type InitOf<C extends CellKind> = C extends Typecode
  ? ValueOfTypecode[C] | number
  : C extends StructType<infer F>
    ? Partial<RecordOf<F>> | readonly unknown[]
    : never;

/** What travels in the place of a kind. */
export type KindData = Typecode | Fields;

/** Plain data for a kind. */
export function kindData(kind: CellKind): KindData {
  return kind instanceof StructType ? kind.fields : kind;
}

const known = new Map<string, StructType>();

/** The kind for {@link kindData}; records of the same fields share one. */
export function kindOf(data: KindData): CellKind {
  if (typeof data === 'string') return data;
  const name = JSON.stringify(data);
  let type = known.get(name);
  if (type === undefined) {
    type = new StructType(data);
    known.set(name, type);
  }
  return type;
}
