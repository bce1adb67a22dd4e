/**
 * Values and records: what `put` and `send` write, and what `get` and `recv` make of it.
 *
 * Most messages of most programs are numbers, short texts and blocks of bytes. These are written straight into shared
 * memory, without an encoder and without allocating: one copy in, one out. Everything else is the codec's.
 *
 * A value is written in two steps, so that waiting for room does not encode it twice: {@link prepare} leaves it in
 * {@link prepared}, from where {@link send} writes it or {@link keep} takes a copy for later.
 */
import { describeSharedView } from '../base/travel.ts';
import {
  decode,
  decodeAsync,
  decodeData,
  encode,
  encodeLent,
  isData,
  type NumberedKeys,
} from '../codec/index.ts';
import { expectLarge } from '../platform/malloc.ts';
// Sockets, servers and file handles travel wherever values do.
import './node-descriptors.ts';
import { constants, kind, kindMask, moreShift } from './layout.ts';
import { moreOf, type Payload, type Place, type Ring } from './ring.ts';

/** A message ready to be written, see {@link Ring.write}. */
export interface Outgoing {
  kindAndMore: number;
  number: number;
  payload: Payload;
}

/** In every Node since 20, not yet in the types of ES2023. */
type WellFormed = string & { isWellFormed(): boolean };
/** What `toString` calls after looking at its arguments. */
type Sliced = Buffer & {
  latin1Slice(from: number, to: number): string;
  utf8Slice(from: number, to: number): string;
};

const prepared: Outgoing = { kindAndMore: 0, number: 0, payload: undefined };

const asMessage = { root: 'message' } as const;

/** Text up to this length is looked at for being ASCII. */
const shortText = 256;

/** Typed arrays that travel as their bytes. Their place in this list is part of what processes agree on. */
const arrays = [
  Buffer,
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
] as const;
type AnyArray = InstanceType<(typeof arrays)[number]>;
const arrayNumber = new Map<unknown, number>(arrays.map((c, i) => [c, i]));

function set(kindAndMore: number, number: number, payload: Outgoing['payload']): void {
  prepared.kindAndMore = kindAndMore;
  prepared.number = number;
  prepared.payload = payload;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/**
 * @param keys The ring's, if it has some.
 * @throws {SerializationError} For what cannot travel.
 */
export function prepare(value: unknown, keys?: NumberedKeys): void {
  switch (typeof value) {
    case 'number':
      if ((value | 0) === value && (value !== 0 || !Object.is(value, -0))) set(kind.int, value, undefined);
      else set(kind.float, 8, value);
      return;
    case 'string':
      if (value.length <= shortText && isAscii(value)) set(kind.ascii, value.length, value);
      else if ((value as WellFormed).isWellFormed()) set(kind.utf8, Buffer.byteLength(value), value);
      else prepareCoded(value, keys);
      return;
    case 'boolean':
      set(kind.constant, value ? 3 : 2, undefined);
      return;
    case 'undefined':
      set(kind.constant, 0, undefined);
      return;
    case 'object':
      if (value === null) set(kind.constant, 1, undefined);
      else if (!ArrayBuffer.isView(value) || !prepareArray(value)) prepareCoded(value, keys);
      return;
    default:
      prepareCoded(value, keys);
  }
}

function prepareCoded(value: unknown, keys: NumberedKeys | undefined): void {
  const message = encodeLent(value, asMessage, keys);
  set(kind.coded, message.length, 'units' in message ? message.units : message);
}

/** A typed array over ordinary memory; one over shared memory travels as that memory, which is the codec's. */
function prepareArray(view: ArrayBufferView): boolean {
  const n = arrayNumber.get(view.constructor);
  if (n === undefined || !(view.buffer instanceof ArrayBuffer)) return false;
  if (describeSharedView(view) !== undefined) return false;
  set(kind.array | (n << moreShift), view.byteLength, asBytes(view));
  return true;
}

/** For `sendBytes`. */
export function prepareBytes(bytes: Uint8Array): void {
  set(kind.bytes, bytes.length, bytes);
}

/** Writes what was prepared. `false` when there is no room: {@link keep} it before anything else is prepared. */
export function send(ring: Ring): boolean {
  let isKept = false;
  try {
    isKept = !ring.write(prepared.kindAndMore, prepared.number, prepared.payload);
  } finally {
    if (!isKept) prepared.payload = undefined;
  }
  return !isKept;
}

/** Writes what was kept. */
export function sendKept(ring: Ring, { kindAndMore, number, payload }: Outgoing): boolean {
  return ring.write(kindAndMore, number, payload);
}

/** What was prepared, to be written while the thread waits: nobody can change the caller's bytes meanwhile. */
export function borrow(): Outgoing {
  const { kindAndMore, number, payload } = prepared;
  prepared.payload = undefined;
  // The encoder's memory is its next message's.
  const own = payload instanceof BigInt64Array ? Buffer.from(payload.buffer.slice(0, number)) : payload;
  return { kindAndMore, number, payload: own };
}

/** What was prepared, to be written later. Bytes of the caller are copied, since it may change them meanwhile. */
export function keep(): Outgoing {
  const outgoing = borrow();
  const { kindAndMore, payload } = outgoing;
  if ((kindAndMore & kindMask) !== kind.coded && payload instanceof Uint8Array)
    outgoing.payload = Buffer.from(payload);
  return outgoing;
}

/** The bytes of any view or buffer. */
export function asBytes(view: ArrayBufferView | ArrayBufferLike): Uint8Array {
  if (view instanceof Uint8Array) return view;
  if (ArrayBuffer.isView(view)) return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return new Uint8Array(view);
}

/** A value that still has to be decoded, outside the lock of the ring. */
export class Coded {
  readonly bytes: Buffer;
  readonly keys: NumberedKeys | undefined;

  constructor(bytes: Buffer, keys: NumberedKeys | undefined) {
    this.bytes = bytes;
    this.keys = keys;
  }
}

/** A loop beats the call that copies for a few bytes. */
const fewBytes = 48;

function copyOut({ memory: { bytes }, from, number }: Place): Buffer {
  const length = number >>> 0;
  expectLarge(length);
  const copy = Buffer.allocUnsafe(length);
  if (length > fewBytes) copy.set(bytes.subarray(from, from + length));
  else for (let i = 0; i < length; i++) copy[i] = bytes[from + i]!;
  return copy;
}

function arrayOut(place: Place): AnyArray {
  const { from } = place;
  const { bytes } = place.memory;
  const length = place.number >>> 0;
  const cls = arrays[moreOf(place.kindAndMore)]!;
  if (cls === Buffer) return copyOut(place);
  expectLarge(length);
  // Of its own, and not filled with zeros first.
  const copy = Buffer.allocUnsafeSlow(length);
  copy.set(bytes.subarray(from, from + length));
  const array = cls as Exclude<typeof cls, typeof Buffer>;
  return new array(copy.buffer as ArrayBuffer, 0, length / array.BYTES_PER_ELEMENT);
}

/** Up to this length a message of data is decoded where it is: that takes a few microseconds, and saves a copy. */
const shortMessage = 1024;

function codedOut(place: Place): unknown {
  const { memory, from, number } = place;
  if (number <= shortMessage && number >= 0 && isData(memory.bytes, from)) {
    try {
      return decodeData(memory, from, from + number, place.keys);
    } catch {
      // It throws again when it is decoded after it was taken: else it would be in everybody's way for ever.
    }
  }
  return new Coded(copyOut(place), place.keys);
}

/** For {@link Ring.read}: the value, or {@link Coded} for {@link finish}. */
export function takeValue(place: Place): unknown {
  switch (place.kindAndMore & kindMask) {
    case kind.int:
      return place.number;
    case kind.float:
      return place.memory.f64[place.from >>> 3];
    case kind.constant:
      return constants[place.number];
    case kind.ascii:
      return (place.memory.bytes as Sliced).latin1Slice(place.from, place.from + place.number);
    case kind.utf8:
      return (place.memory.bytes as Sliced).utf8Slice(place.from, place.from + (place.number >>> 0));
    case kind.array:
      return arrayOut(place);
    case kind.coded:
      return codedOut(place);
    default:
      return new Coded(copyOut(place), undefined);
  }
}

/** For {@link Ring.read}: the bytes of a message as `sendBytes` was given them, or as the codec would write the value. */
export function takeBytes(place: Place): Buffer {
  const k = place.kindAndMore & kindMask;
  if (k === kind.bytes || k === kind.coded) return copyOut(place);
  return encode(takeValue(place));
}

/** For {@link Ring.read}: writes a message's bytes into `room` and gives their number; gives them when they do not fit. */
export function takeBytesInto(room: Uint8Array): (place: Place) => number | Buffer {
  return (place) => {
    const k = place.kindAndMore & kindMask;
    const length = place.number >>> 0;
    if ((k !== kind.bytes && k !== kind.coded) || length > room.length) return takeBytes(place);
    place.memory.bytes.copy(room, 0, place.from, place.from + length);
    return length;
  };
}

/** For {@link Ring.read}: takes a message of which only its place counts. */
export function takeNothing(): true {
  return true;
}

/** Decodes what is not decoded yet. @throws {SerializationError} With the path, when it cannot be rebuilt here. */
export function finish(taken: unknown): unknown {
  return taken instanceof Coded ? decode(taken.bytes, taken.keys) : taken;
}

/** As {@link finish}, where what the value needs may have to be loaded first. */
export function finishAsync(taken: unknown): unknown {
  return taken instanceof Coded ? decodeAsync(taken.bytes, taken.keys) : taken;
}
