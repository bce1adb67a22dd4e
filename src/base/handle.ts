/**
 * Shared objects between worker threads, through `workerData` and `postMessage`.
 *
 * Structured clone strips an instance to its bare fields, so it carries a handle: plain data that names the class and
 * holds what {@link serialize} gives. Not needed for what this library sends itself.
 */
import {
  describeSharedView,
  deserialize,
  serialize,
  sharedViewName,
  type TravelClass,
  travelClass,
  travelName,
} from './travel.ts';
import { show, typeError } from './validate.ts';

/** Plain data that stands for a shared object; made by {@link shareHandle}. */
export interface ShareHandle {
  /** The name of the object's class. */
  readonly multiproc: string;
  readonly data: unknown;
}

/**
 * Plain data from which another thread, or process, gets the same shared object, or array of such. May be cloned and sent
 * as JSON.
 *
 * @example new Worker(file, { workerData: { lock: shareHandle(lock) } });
 * // there: const lock = fromHandle<Lock>(workerData.lock);
 * @throws {TypeError} For what is not a shared object of this library.
 */
export function shareHandle(object: object): ShareHandle {
  if (ArrayBuffer.isView(object)) {
    const data = describeSharedView(object);
    if (data !== undefined) return { multiproc: sharedViewName, data };
  }
  // The records of a RawArray.
  if (Array.isArray(object) && object.length > 0 && object.every(isShared)) {
    return { multiproc: listName, data: object.map(pack) };
  }
  const cls: unknown = object.constructor;
  const name = typeof cls === 'function' ? travelName(cls) : undefined;
  if (name === undefined) {
    throw typeError(
      `Cannot make a handle: ${show(object)} is no shared object of multiproc; send it as it is`,
    );
  }
  return { multiproc: name, data: pack((cls as unknown as TravelClass)[serialize](object)) };
}

/** The shared object that a handle stands for. @throws {TypeError} For anything else. */
export function fromHandle<T extends object>(handle: ShareHandle): T {
  if (isHandle(handle) && handle.multiproc === listName) return unpack(handle.data) as T;
  const cls = isHandle(handle) ? travelClass(handle.multiproc) : undefined;
  if (cls === undefined) {
    throw typeError(
      'Cannot use the handle: it was not made by shareHandle(), or its class was never imported here',
    );
  }
  return cls[deserialize](unpack(handle.data) as never) as T;
}

/** Names an array of shared objects. */
const listName = 'list';

function isShared(value: unknown): boolean {
  return typeof value === 'object' && value !== null && travelName(value.constructor) !== undefined;
}

function isHandle(value: unknown): value is ShareHandle {
  return (
    typeof value === 'object' && value !== null && 'multiproc' in value && typeof value.multiproc === 'string'
  );
}

/** Shared objects inside what an object is made of (a Condition's lock) become handles too. */
function pack(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (travelName(value.constructor) !== undefined) return shareHandle(value);
  if (ArrayBuffer.isView(value)) return describeSharedView(value) === undefined ? value : shareHandle(value);
  if (Array.isArray(value)) return value.map(pack);
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, pack(v)]));
}

function unpack(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (isHandle(value)) return fromHandle(value);
  if (Array.isArray(value)) return value.map(unpack);
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, unpack(v)]));
}
